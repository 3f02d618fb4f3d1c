"""The same bytes in other pieces, and how connections end."""

import contextlib
import hashlib
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import peers
from peers import PATIENCE, Broker, Mqtt, WebSocket, run, tcp, tls_context
from world import TLS12, TLS13, Case, world

HERE = Path(__file__).resolve().parent


class Streams(Case):
    """The same bytes in other pieces."""

    def test_a_client_hello_byte_by_byte(self):
        context, incoming, outgoing = tls_context(world.ca.pem), ssl.MemoryBIO(), ssl.MemoryBIO()
        secret = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        stream = self.tcp("tls")
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def send():
            for byte in outgoing.read():
                stream.sendall(bytes([byte]))

        while True:
            try:
                secret.do_handshake()
                break
            except ssl.SSLWantReadError:
                send()
                incoming.write(stream.recv(65536))
        secret.write(peers.connect("slow-hello"))
        send()
        got = b""
        while len(got) < 4:
            try:
                got += secret.read(100)
            except ssl.SSLWantReadError:
                incoming.write(stream.recv(65536))
        self.assertEqual(got, b"\x20\x02\0\0")

    def test_many_packets_in_one_record_and_one_over_many(self):
        for most in (TLS12, TLS13):
            client = Mqtt(self.tls(most=most))
            client.subscribe("records")
            client.send(b"".join(peers.publish("records", b"%d" % i) for i in range(1000)))  # one record
            for i in range(1000):
                self.assertEqual(client.receive(), ("records", b"%d" % i, 0))
            large = peers.publish("records", bytes(range(256)) * 40)
            for at in range(0, len(large), 7):  # a record each
                client.send(large[at:at + 7])
            self.assertEqual(client.receive()[1], bytes(range(256)) * 40)
            client.ping()
            client.end()

    def test_more_in_one_burst_than_is_read_at_once(self):
        for make in (lambda: self.tls(), lambda: self.ws("wss"), lambda: self.ws()):
            client, publisher = Mqtt(make()), Mqtt(make())  # one SSL object is not for two threads at once
            client.subscribe("burst")
            burst = b"".join(peers.publish("burst", b"%06d" % i + bytes(994)) for i in range(600))
            sender = threading.Thread(target=publisher.send, args=(burst,))
            sender.start()
            for i in range(600):
                self.assertEqual(client.receive()[1][:6], b"%06d" % i)
            sender.join()
            client.end()
            publisher.end()

    def test_a_packet_in_many_frames_and_many_in_one(self):
        for name in ("ws", "wss"):
            client = Mqtt(self.ws(name))
            stream, frame = client.stream.stream, WebSocket.frame
            client.subscribe("frames")
            client.send(b"".join(peers.publish("frames", b"%d" % i) for i in range(1000)))
            for i in range(1000):
                self.assertEqual(client.receive()[1], b"%d" % i)
            whole = peers.publish("frames", bytes(3000))
            for at in range(0, len(whole), 5):
                stream.sendall(frame(whole[at:at + 5]) + frame(b""))
            self.assertEqual(client.receive()[1], bytes(3000))
            # fragments, with a ping in the middle of the message
            stream.sendall(frame(whole[:10], 2, False) + frame(b"are you there", 9) + frame(b"", 0, False) + frame(whole[10:], 0))
            self.assertEqual(client.receive()[1], bytes(3000))
            self.assertEqual(client.stream.controls, [(10, b"are you there")])
            for byte in frame(b"x", 9) + frame(peers.PING):
                stream.sendall(bytes([byte]))
            client.expect(peers.PONG)
            self.assertEqual(client.stream.controls[1:], [(10, b"x")])
            client.end()

    def test_mqtt_may_follow_the_request_at_once(self):
        for name in ("ws", "wss"):
            stream = self.ws(name, first=WebSocket.frame(peers.connect("early")) + WebSocket.frame(peers.PING))
            self.assertEqual(peers.recv_exactly(stream, 6), b"\x20\x02\0\0" + peers.PONG)

    def test_a_burst_behind_connect_follows_it_to_the_reactor_of_its_session(self):
        burst = b"".join(peers.publish("behind", bytes(1000), 1, i) for i in range(1, 201))
        answers = b"\x20\x02\0\0" + b"".join(peers.ack(peers.PUBACK, i) for i in range(1, 201))
        for make in (lambda: self.tls(), lambda: self.ws("wss"), lambda: self.ws()):
            for i in range(8):
                stream = make()
                stream.sendall(peers.connect(f"behind-{i}") + burst)
                self.assertEqual(peers.recv_exactly(stream, len(answers)), answers)
                stream.close()

    def test_new_keys_in_the_middle(self):
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{world.ports['tls13']}"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            said = b""
            for line in [b"K\n", b"k\n"] * 20 + [peers.connect("keys") + peers.PING]:
                process.stdin.write(line)
                process.stdin.flush()
                while line[1:] == b"\n" and said.count(b"KEYUPDATE") < 1:
                    said += process.stdout.read1(65536)
                said = said.replace(b"KEYUPDATE", b"", 1) if line[1:] == b"\n" else said
            while peers.PONG not in said and (more := process.stdout.read1(65536)):
                said += more
            process.kill()
        self.assertIn(b"\x20\x02\0\0" + peers.PONG, said)

    def test_new_keys_by_the_thousand_hold_nobody_up_and_lose_nothing(self):
        program = world.folder / "tls_burst"
        run("cc", "-O1", HERE / "tls_burst.c", "-o", program, "-lssl", "-lcrypto")
        bursts = [subprocess.Popen([program, str(world.ports["tls13"]), str(keys)]) for keys in [1, 8, 9] + [5000] * 20]
        self.works()
        for burst in bursts:
            self.assertEqual(burst.wait(PATIENCE), 0)

    def test_more_small_records_than_one_read_takes(self):
        client = Mqtt(self.tls())
        client.subscribe("records")
        for byte in b"".join(peers.publish("records", b"%03d" % i) for i in range(300)):
            client.send(bytes([byte]))
        for i in range(300):
            self.assertEqual(client.receive(), ("records", b"%03d" % i, 0))
        client.ping()
        client.end()

    def test_a_backlog_goes_out_right_after_connect(self):
        for make in (lambda: self.tls(), lambda: self.tls(most=TLS12), lambda: self.ws("wss"), lambda: self.ws()):
            client = Mqtt(make(), "backlog", clean=False)
            client.subscribe("backlog", 1)
            client.end()
            publisher = Mqtt(self.tcp())
            for i in range(300):
                publisher.publish("backlog", b"%03d" % i + bytes(5000), 1)
            client = Mqtt(make(), "backlog", clean=False)
            self.assertTrue(client.present)
            for i in range(300):
                self.assertEqual(client.receive()[1][:3], b"%03d" % i)
            client.end()
            Mqtt(make(), "backlog").end()


class Ends(Case):
    """How connections end."""

    def test_close_notify_behind_packets_is_answered(self):
        for most in (TLS12, TLS13):
            client = Mqtt(self.tls(most=most))
            raw = self.keep(peers.below(client.stream))
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)  # both in one segment
            client.send(peers.PING)
            with contextlib.suppress(ssl.SSLError):  # PINGRESP comes before close_notify
                client.stream.unwrap()
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            self.closes(raw)

    def test_a_close_frame_is_answered_after_the_packets_before_it(self):
        for name in ("ws", "wss"):
            client = Mqtt(self.ws(name))
            frame = WebSocket.frame
            client.stream.stream.sendall(frame(peers.PING) + frame(b"\x03\xe8bye", 8) + frame(peers.PING))
            self.assertEqual(client.stream.read_frame(), (2, peers.PONG))
            self.assertEqual(client.stream.read_frame(), (8, b"\x03\xe8"))
            self.assertEqual(self.closes(client.stream.stream), b"")

    def test_a_close_frame_alone_is_answered(self):
        for name in ("ws", "wss"):
            client = Mqtt(self.ws(name))
            client.stream.stream.sendall(WebSocket.frame(b"", 8))
            self.assertEqual(client.stream.read_frame(), (8, b""))
            self.assertEqual(self.closes(client.stream.stream), b"")

    def test_a_close_frame_right_behind_the_request_is_answered(self):
        for name in ("ws", "wss"):
            stream = self.ws(name, first=WebSocket.frame(b"\x03\xe9", 8))
            self.assertEqual(stream.read_frame(), (8, b"\x03\xe9"))
            self.assertEqual(self.closes(stream.stream), b"")

    def test_what_breaks_the_rules_of_frames_is_told_so_once(self):
        frame = WebSocket.frame
        for code, data in {1003: [frame(b"hello", 1)], 1002: [b"\x82\x01x", frame(b"x", 3), frame(b"", 0), b"\xc2\x80\0\0\0\0",
                                                            frame(b"x", 9, False), frame(b"x", 8)]}.items():
            for bad in data:
                for before in (b"", frame(peers.PING)):
                    client = Mqtt(self.ws())
                    client.stream.stream.sendall(before + bad)
                    if before:
                        self.assertEqual(client.stream.read_frame(), (2, peers.PONG))
                    self.assertEqual(client.stream.read_frame(), (8, struct.pack(">H", code)), bad)
                    self.assertEqual(self.closes(client.stream.stream), b"")
                stream = self.ws(first=bad)
                self.assertEqual(stream.read_frame(), (8, struct.pack(">H", code)), bad)
                self.assertEqual(self.closes(stream.stream), b"")

    def test_the_broker_closes_a_websocket_with_a_close_frame(self):
        client = Mqtt(self.ws())
        client.send(peers.DISCONNECTING)
        self.assertEqual(client.stream.read_frame(), (8, b"\x03\xe8"))
        self.assertEqual(self.closes(client.stream.stream), b"")

    def test_the_broker_ends_tls_with_close_notify(self):
        client = Mqtt(self.tls())
        client.stream.suppress_ragged_eofs = False
        client.send(peers.DISCONNECTING)
        self.assertEqual(client.stream.recv(100), b"")

    def test_half_a_close_leaves_the_answers(self):
        stream = self.tcp()
        stream.sendall(peers.connect("half") + peers.PING)
        stream.shutdown(socket.SHUT_WR)
        self.assertEqual(self.closes(stream), b"\x20\x02\0\0" + peers.PONG)
        stream = self.ws().stream
        stream.sendall(WebSocket.frame(peers.connect("half")) + WebSocket.frame(peers.PING))
        stream.shutdown(socket.SHUT_WR)
        self.assertTrue(self.closes(stream).startswith(b"\x82"))

    def test_garbage(self):
        noise = hashlib.shake_128(b"noise").digest(100_000)
        for name in world.ports:
            for data in (noise, b"\x16\x03\x01" + noise, b"GET / HTTP/1.1\r\n" + noise, b"\0" * 70_000, peers.connect("x"),
                         b"\x16\x03\x01\xff\xff", b"\r\n\r\n\0\r\nQUIT\n" + noise):
                stream = self.tcp(name)
                with contextlib.suppress(OSError):
                    stream.sendall(data)
                    stream.shutdown(socket.SHUT_WR)
                self.closes(stream)
        self.works()

    def test_garbage_inside_tls_and_frames(self):
        for make in (lambda: self.tls(), lambda: self.ws(), lambda: self.ws("wss")):
            stream = make()
            with contextlib.suppress(OSError):
                stream.sendall(hashlib.shake_128(b"more noise").digest(100_000))
            self.closes(stream if isinstance(stream, ssl.SSLSocket) else stream.stream)
        client = Mqtt(self.tls())
        raw = self.keep(peers.below(client.stream))
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))  # a record that nobody encrypted
        with self.assertRaisesRegex(ssl.SSLError, "(?i)bad record mac"):
            client.stream.recv(100)
        self.assertEqual(self.closes(raw), b"")

    def test_a_bad_record_behind_a_good_one_ends_the_connection(self):
        client = Mqtt(self.tls())
        raw = self.keep(peers.below(client.stream))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        client.send(peers.PING)
        raw.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        self.closes(raw)

    def test_clients_that_hang_up_while_they_are_written_to(self):
        publisher = Mqtt(self.tcp())
        for make in (lambda: self.tls(buffer=8192), lambda: self.ws("wss"), lambda: self.ws()):
            for kind in ("close", "reset"):
                client = Mqtt(make())
                client.subscribe("hang-up")
                for _ in range(40):
                    publisher.publish("hang-up", bytes(100_000))
                publisher.ping()
                below = getattr(client.stream, "stream", client.stream)
                if kind == "reset":
                    below.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                below.close()
        publisher.ping()
        self.works()

    def test_the_broker_stops_whatever_state_its_clients_are_in(self):
        certificate, key = world.server
        tls = f"certfile {certificate}\nkeyfile {key}\n"
        with tempfile.TemporaryDirectory() as folder:
            broker = Broker(folder, [("tls", tls), ("ws", f"protocol websockets\nhttp_dir {world.folder / 'pages'}\n"),
                                     ("proxy", "enable_proxy_protocol 1\n")])
            at = broker.ports
            open_ones = [self.keep(tcp(at[name])) for name in at]
            for stream, begun in zip(open_ones, (b"\x16\x03", b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n", b"PRO")):
                stream.sendall(begun)
            secret = Mqtt(self.keep(tls_context(world.ca.pem).wrap_socket(tcp(at["tls"]), server_hostname="localhost")))
            secret.stream.suppress_ragged_eofs = False
            web = Mqtt(WebSocket(self.keep(tcp(at["ws"]))))
            broker.stop()
            self.assertEqual(secret.stream.recv(100), b"")
            self.assertEqual(web.stream.read_frame()[0], 8)

    def test_time_is_up(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = world.server
            tls = f"certfile {certificate}\nkeyfile {key}\n"
            broker = Broker(folder, [("tcp", ""), ("tls", tls), ("ws", "protocol websockets\n"), ("wss", tls +
                            "protocol websockets\n"), ("proxy1", "enable_proxy_protocol 1\n"), ("proxy2",
                            "enable_proxy_protocol 2\n")], "handshake_timeout 1\nconnect_timeout 2\n")
            try:
                began = time.monotonic()
                waiting = {}
                for name in broker.ports:
                    waiting[name, "nothing"] = tcp(broker.ports[name])
                for name, bytes_ in {"tls": b"\x16\x03\x01\x01\x00\x01\x00", "wss": b"\x16", "proxy1": b"PROXY TCP4 1.2",
                                     "proxy2": b"\r\n\r\n\0\r\nQUI", "ws": b"GET /mqtt HTTP/1.1\r\nHost: x\r\nX:"}.items():
                    waiting[name, "a part"] = tcp(broker.ports[name])
                    waiting[name, "a part"].sendall(bytes_)
                context = tls_context(world.ca.pem)
                secret = context.wrap_socket(tcp(broker.ports["tls"]), server_hostname="localhost")
                waiting["tls", "the handshake"] = secret
                secret = context.wrap_socket(tcp(broker.ports["wss"]), server_hostname="localhost")
                secret.sendall(b"GET / HTTP")
                waiting["wss", "the handshake"] = secret
                opened = WebSocket(tcp(broker.ports["ws"]))
                waiting["ws", "the request"] = opened.stream
                busy = WebSocket(tcp(broker.ports["ws"]))
                waiting["ws", "pongs"] = busy.stream
                threading.Thread(target=self.pongs, args=(busy,), daemon=True).start()
                for (name, what), stream in waiting.items():
                    peers.recv_all(stream)
                    self.assertGreater(time.monotonic() - began, 0.9, (name, what))
                    stream.close()
                self.assertLess(time.monotonic() - began, 6)
                broker.logged("did not end its handshake in time", times=10)  # of one address no more need be logged
                broker.logged("did not send CONNECT in time", times=4)
            finally:
                broker.stop()

    @staticmethod
    def pongs(client):
        """Until the broker closes: frames, and no MQTT in them."""
        burst = client.frame(b"", 10) * 50_000
        with contextlib.suppress(OSError):
            while True:
                client.stream.sendall(burst)
