"""Clients that read slowly, and many of them at once."""

import concurrent.futures
import threading
import time

import peers
from peers import Mqtt, WebSocket, tcp, tls_context
from world import Case, world


class Slow(Case):
    """Clients that read slowly, or not at all."""

    def slow(self, make):
        """Megabytes wait in the session and on the connection: nothing is lost, all in order, memory is bounded."""
        client = Mqtt(make())
        client.subscribe("slow", 1)
        publisher = Mqtt(self.tcp())
        before = world.broker.rss()
        count, size = 600, 50_000
        payload = bytes(size - 6)
        for i in range(count):
            publisher.send(peers.publish("slow", b"%06d" % i + payload, 1, i + 1))
        for i in range(count):
            publisher.expect(peers.ack(peers.PUBACK, i + 1))
        self.works()
        if not world.broker.sanitized():
            self.assertLess(world.broker.rss() - before, 3 * count * size)
        for i in range(count):
            self.assertEqual(client.receive(), ("slow", b"%06d" % i + payload, 1))
        client.ping()
        client.end()
        publisher.end()

    def test_tls(self):
        self.slow(lambda: self.tls(buffer=16384))

    def test_websocket_on_tls(self):
        self.slow(lambda: WebSocket(self.tls("wss", buffer=16384)))

    def test_websocket(self):
        self.slow(lambda: WebSocket(self.tcp("ws", buffer=16384)))


class Crowds(Case):
    def test_200_handshakes_while_a_plain_pair_works(self):
        pair = Mqtt(self.tcp())
        pair.subscribe("pair", 1)
        done, worst = threading.Event(), [0.0, 0]

        def converse():
            while not done.is_set():
                began = time.monotonic()
                pair.publish("pair", b"x")
                pair.receive()
                worst[0] = max(worst[0], time.monotonic() - began)
                worst[1] += 1

        thread = threading.Thread(target=converse)
        thread.start()
        opened = [tcp(world.ports[name]) for name in ("tls", "tls13", "wss", "dh") * 50]

        def handshake(stream):
            with tls_context(world.ca.pem).wrap_socket(stream, server_hostname="localhost") as secret:
                web = secret.getpeername()[1] == world.ports["wss"]
                Mqtt(WebSocket(secret) if web else secret).ping()

        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            list(pool.map(handshake, opened))
        done.set()
        thread.join()
        self.assertGreater(worst[1], 20)
        self.assertLess(worst[0], 5)

    def test_many_slow_and_quick_ones_together(self):
        """QoS 1 from eight publishers over every transport to eight readers: nothing lost, each publisher's order kept."""
        makes = [lambda: self.tcp(), lambda: self.tls(), lambda: self.ws(), lambda: self.ws("wss")] * 2
        readers, publishers = [Mqtt(make()) for make in makes], [Mqtt(make()) for make in makes]
        for reader in readers:
            reader.subscribe("crowd/#", 1)

        def publish(number):
            for i in range(60):
                publishers[number].publish(f"crowd/{number}", b"%03d" % i + bytes(3000), 1)

        def read(reader):
            seen = {}
            for _ in range(60 * len(publishers)):
                topic, payload, _ = reader.receive()
                self.assertEqual(int(payload[:3]), seen.get(topic, -1) + 1)
                seen[topic] = int(payload[:3])

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            work = [*(pool.submit(read, reader) for reader in readers),
                    *(pool.submit(publish, number) for number in range(len(publishers)))]
            for each in work:
                each.result()
        for reader in readers:
            reader.ping()
