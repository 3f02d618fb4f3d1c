"""Messages by every transport, with the clients that people use."""

import queue
import stat
import threading
import unittest

import peers
from peers import PATIENCE, Mosquitto, Mqtt, Relay, SecretStream, run
from world import KEY, PROXY_SAYS, PSK, Case, world

try:
    import paho.mqtt.client as paho
except ImportError:
    paho = None


class RoundTrips(Case):
    def mosquitto(self, *words):
        if not Mosquitto.installed:
            self.skipTest("mosquitto-clients is not installed")
        for qos in (0, 1, 2):
            Mosquitto(*words).round_trip(f"{self.id()}/{qos}", qos, world.payloads)

    def relayed(self, name, header):
        relay = self.keep(Relay(world.ports[name], header))
        since = world.broker.mark()
        self.mosquitto("-p", relay.port)
        world.broker.logged(rf"connected from {PROXY_SAYS}:4711 ", since)

    def over_tls(self, name, *words):
        return ("-h", "localhost", "-p", world.ports[name], "--cafile", world.ca.pem, *words)

    def test_tcp_mosquitto(self):
        self.mosquitto("-p", world.ports["tcp"])

    def test_tls_1_2_mosquitto(self):
        self.mosquitto(*self.over_tls("tls", "--tls-version", "tlsv1.2"))

    def test_tls_1_3_mosquitto(self):
        self.mosquitto(*self.over_tls("tls13", "--tls-version", "tlsv1.3"))

    def test_client_certificate_mosquitto(self):
        certificate, key = world.alice
        self.mosquitto(*self.over_tls("mtls", "--cert", certificate, "--key", key))

    def test_psk_1_2_mosquitto(self):
        self.mosquitto("-p", world.ports["psk"], "--psk", KEY, "--psk-identity", "sensor", "--tls-version", "tlsv1.2")

    def test_unix_mosquitto(self):
        self.mosquitto("--unix", world.unix)
        self.assertEqual(stat.S_IMODE(world.unix.stat().st_mode), 0o600)

    def test_proxy_1_mosquitto(self):
        self.relayed("proxy1", peers.proxy_v1())

    def test_proxy_2_mosquitto(self):
        self.relayed("proxy2", peers.proxy_v2())

    def test_proxy_2_with_tls_mosquitto(self):
        self.relayed("proxy2_tls", peers.proxy_v2(tlvs=peers.tls_tlv("alice")))

    def test_raw_clients_over_what_mosquitto_cannot(self):
        for what, make in {
            "WebSocket": lambda: self.ws(),
            "WebSocket on TLS": lambda: self.ws("wss"),
            "PSK, 1.2": lambda: self.keep(SecretStream(world.ports["psk"], "-tls1_2", *PSK, "-psk", KEY)),
            "PSK, 1.3": lambda: self.keep(SecretStream(world.ports["psk"], "-tls1_3", *PSK, "-psk", KEY)),
        }.items():
            publisher, reader = Mqtt(make()), Mqtt(make())
            for qos in (0, 1, 2):
                reader.subscribe(f"raw/{qos}", qos)
                for path in world.payloads:
                    publisher.publish(f"raw/{qos}", path.read_bytes(), qos)
                    self.assertEqual(reader.receive(), (f"raw/{qos}", path.read_bytes(), qos), what)
            publisher.end()
            reader.end()

    @unittest.skipUnless(paho, "Paho Python is not installed")
    def test_paho(self):
        for name, transport in (("tls", "tcp"), ("mtls", "tcp"), ("ws", "websockets"), ("wss", "websockets")):
            for version in (4, 5):
                with self.subTest(listener=name, version=version):
                    self.paho_round_trip(name, transport, version)

    def paho_round_trip(self, name, transport, version):
        client = paho.Client(f"paho-{name}-{version}", transport=transport, protocol=version)
        messages, subscribed = queue.Queue(), threading.Event()
        client.on_message = lambda _, __, message: messages.put((message.qos, message.payload))
        client.on_connect = lambda *_: client.subscribe(f"paho/{name}/{version}", 2)
        client.on_subscribe = lambda *_: subscribed.set()
        if name != "ws":
            client.tls_set(str(world.ca.pem), *(map(str, world.alice) if name == "mtls" else ()))
        client.connect("localhost", world.ports[name])
        client.loop_start()
        try:
            self.assertTrue(subscribed.wait(PATIENCE))
            for qos in (0, 1, 2):
                for path in world.payloads:
                    client.publish(f"paho/{name}/{version}", path.read_bytes(), qos).wait_for_publish(PATIENCE)
                    self.assertEqual(messages.get(timeout=PATIENCE), (qos, path.read_bytes()))
        finally:
            client.disconnect()
            client.loop_stop()
