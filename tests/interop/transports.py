#!/usr/bin/python3
"""What clients get over TCP, TLS, WebSocket, Unix sockets and behind a proxy: round trips with real clients, and clients
that are hostile, slow or odd.

    tests/interop/transports.py [NAME ...]

NAME chooses tests, as unittest knows them: Certificates.test_a_revoked_one. BRAMBLE_BIN is the broker's binary; without
it build/release/bin/bramble. Ends with `N passed, N failed`.
"""

import concurrent.futures
import contextlib
import hashlib
import http.client
import os
import pty
import queue
import re
import select
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest
from pathlib import Path

import peers
from peers import PATIENCE, Authority, Broker, Mosquitto, Mqtt, Relay, SecretStream, WebSocket, run, tcp, tls_context

try:
    import paho.mqtt.client as paho
except ImportError:
    paho = None
HERE = Path(__file__).resolve().parent
TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
KEY, PSK = "000102030405060708090a0b0c0d0e0f", ("-psk_identity", "sensor")
SIZES = (5, 16 * 1024, 1024 * 1024)
PROXY_SAYS = "203.0.113.7"


class World:
    """One broker with a listener of each kind, and the files it reads. Made once."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, self.foreign = Authority(folder, "ours"), Authority(folder, "foreign")
        ours = self.ca.sign
        self.server = ours("server", "/CN=localhost", names="DNS:localhost,IP:127.0.0.1")
        self.other = ours("other", "/CN=other", names="DNS:other.test,DNS:*.many.test")
        self.rsa = ours("rsa", "/CN=localhost", names="DNS:localhost,IP:127.0.0.1", key=("rsa:2048",))
        self.alice = ours("alice", "/O=Bramble/CN=alice")
        self.revoked = ours("revoked", "/CN=revoked")
        self.expired = ours("expired", "/CN=expired", dates=("-startdate", "200101000000Z", "-enddate", "200102000000Z"))
        self.stranger = self.foreign.sign("stranger", "/CN=alice")
        crl = self.ca.revoke("revoked")
        (folder / "keys").write_text(f"# keys\r\nsensor:{KEY}\r\n\r\nadmin:ffff\n")
        dh = folder / "dh.pem"
        run("openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072", "-out", dh)
        self.make_pages(folder / "pages")
        self.payloads = [folder / f"payload-{size}" for size in SIZES]
        for path, size in zip(self.payloads, SIZES):
            path.write_bytes(hashlib.shake_128(b"payload").digest(size))
        tls = "certfile {}\nkeyfile {}\n"
        server, clients = tls.format(*self.server), f"cafile {self.ca.pem}\nrequire_certificate true\n"
        psk = f"psk_hint hint\npsk_file {folder / 'keys'}\nuse_identity_as_username true\n"
        web = f"protocol websockets\nhttp_dir {folder / 'pages'}\n"
        self.unix = folder / "socket"
        self.broker = Broker(folder, [
            ("tcp", ""),
            ("tls", server + tls.format(*self.other)),
            ("tls13", server + "tls_version tlsv1.3\n"),
            ("mtls", server + clients + f"crlfile {crl}\nuse_identity_as_username true\n"),
            ("undated", server + clients + "disable_client_cert_date_checks true\nuse_subject_as_username true\n"),
            ("psk", psk),
            ("psk_or_certificate", server + psk),
            ("suites", server + "ciphers ECDHE-ECDSA-CHACHA20-POLY1305\nciphers_tls1.3 TLS_CHACHA20_POLY1305_SHA256\n"
             "tls_curves X448:P-384\n"),
            ("dh", tls.format(*self.rsa) + f"ciphers DHE-RSA-AES256-GCM-SHA384\ndhparamfile {dh}\n"),
            ("ws", web + "trusted_proxies 127.0.0.1\n"),
            ("untrusting", web),
            ("origin", web + "websockets_origin https://example.org\nwebsockets_origin http://localhost:8080\n"),
            ("wss", server + web),
            ("unix", f"{self.unix}\nunix_socket_mode 0600\n"),
            ("proxy1", "enable_proxy_protocol 1\n"),
            ("proxy2", "enable_proxy_protocol 2\n"),
            ("proxy2_names", "enable_proxy_protocol 2\nuse_identity_as_username true\nallow_anonymous false\n"),
            ("proxy2_tls", "enable_proxy_protocol 2\nproxy_protocol_v2_require_tls true\n"),
            ("proxy1_tls", server + "enable_proxy_protocol 1\n"),
            ("proxy2_tls_names", server + "enable_proxy_protocol 2\nuse_identity_as_username true\n"),
            ("proxy2_ws", web + f"enable_proxy_protocol 2\ntrusted_proxies {PROXY_SAYS}\n"),
        ], "max_queued_messages 100000\nmax_queued_bytes 0\n")
        self.ports = self.broker.ports

    @staticmethod
    def make_pages(pages):
        (pages / "folder").mkdir(parents=True)
        (pages / "index.html").write_text("<p>hello")
        (pages / "folder" / "index.html").write_text("inside")
        (pages / "large").write_bytes(hashlib.shake_128(b"page").digest(24 * 1024 * 1024))
        (pages / "inner").symlink_to("folder/index.html")
        (pages / "outer").symlink_to("/etc/passwd")
        (pages / "up").symlink_to("..")
        (pages.parent / "pages-beside").mkdir()
        (pages.parent / "pages-beside" / "secret").write_text("secret")
        os.mkfifo(pages / "fifo")

    def tls(self, name="tls", pair=None, least=TLS12, most=TLS13, buffer=None, host="localhost"):
        context = tls_context(self.ca.pem, pair, least, most)
        return context.wrap_socket(tcp(self.ports[name], buffer), server_hostname=host)

    def connected_as(self, stream):
        """The user name that the broker takes the client for, as its log says."""
        client = Mqtt(stream)
        line = self.broker.logged(f" as {client.id} ")
        client.end()
        return re.search(r"u'(.*)'", line).group(1)

    def refused(self, connect):
        """What the client is told, by TLS or with a CONNACK."""
        try:
            client = connect()
            client.sendall(peers.connect("refused"))
            answer = client.recv(100)
        except (ssl.SSLError, ConnectionError) as error:
            return str(error)
        return answer.hex()


world = None


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    def keep(self, stream):
        self.stack.callback(stream.close)
        return stream

    def tcp(self, name="tcp", **more):
        return self.keep(tcp(world.ports[name], **more))

    def tls(self, name="tls", *words, **more):
        return self.keep(world.tls(name, *words, **more))

    def ws(self, name="ws", **more):
        return WebSocket(self.tls(name) if name == "wss" else self.tcp(name), **more)

    def closes(self, stream):
        """What still comes before the broker closes."""
        return peers.recv_all(stream)

    def works(self):
        """A plain pair of clients."""
        client = Mqtt(self.tcp())
        client.subscribe("works")
        client.publish("works", b"yes")
        self.assertEqual(client.receive(), ("works", b"yes", 0))
        client.end()


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

    @unittest.skipUnless(shutil.which("node") and Path("/usr/share/nodejs/mqtt").exists(), "mqtt.js is not installed")
    def test_mqtt_js(self):
        environment = {**os.environ, "NODE_PATH": "/usr/share/nodejs", "NODE_EXTRA_CA_CERTS": str(world.ca.pem)}
        for name, url in (("tls13", "mqtts://localhost:{}"), ("ws", "ws://localhost:{}/mqtt"),
                          ("wss", "wss://localhost:{}/mqtt")):
            said = run("node", HERE / "mqtt_js_client.js", url.format(world.ports[name]), "5", env=environment)
            self.assertEqual(said.splitlines()[-1], "ok", said)


class Tls(Case):
    def s_client(self, name, *words):
        """What `openssl s_client` says of a connection on which it gets a CONNACK, or of its failure."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{world.ports[name]}", "-nocommands", "-CAfile",
                   str(world.ca.pem), *map(str, words)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(peers.connect("s_client"))
                process.stdin.flush()
            said = b""
            while b"\x20\x02\0\0" not in said and (more := process.stdout.read1(65536)):
                said += more
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            said += process.stdout.read()
        return said.decode(errors="replace")

    def accepted(self, name, *words):
        said = self.s_client(name, *words)
        self.assertIn("\x20\x02\0\0", said)
        return said

    def test_versions(self):
        self.assertIn("Protocol  : TLSv1.2", self.accepted("tls", "-tls1_2"))
        self.assertIn("New, TLSv1.3", self.accepted("tls", "-tls1_3"))
        self.assertIn("New, TLSv1.3", self.accepted("tls13"))
        self.assertIn("alert protocol version", self.s_client("tls13", "-tls1_2"))
        for old in ("-tls1", "-tls1_1"):
            self.assertIn("alert protocol version", self.s_client("tls", old, "-cipher", "ALL:@SECLEVEL=0"))

    def test_a_session_is_resumed_by_its_ticket(self):
        for version in ("-tls1_2", "-tls1_3"):
            for name, more in (("tls", ()), ("mtls", ("-cert", world.alice[0], "-key", world.alice[1]))):
                with self.subTest(version=version, listener=name):
                    file = world.folder / f"session{version}{name}"
                    self.assertIn("New, TLSv", self.accepted(name, version, "-sess_out", file, *more))
                    since = world.broker.mark()
                    self.assertIn("Reused, TLSv", self.accepted(name, version, "-sess_in", file, *more))
                    if more:
                        world.broker.logged(r"as s_client .*u'alice'", since)

    def test_a_session_is_of_its_listener_alone(self):
        file = world.folder / "session-elsewhere"
        self.accepted("tls", "-tls1_2", "-sess_out", file)
        certificate, key = world.alice
        self.assertIn("New, TLSv1.2", self.accepted("mtls", "-tls1_2", "-sess_in", file, "-cert", certificate, "-key", key))

    def test_the_certificate_is_that_of_the_name_asked_for(self):
        for asked, subject in (("localhost", "localhost"), ("other.test", "other"), ("one.many.test", "other"),
                               ("nobody.test", "localhost")):
            for version in ("-tls1_2", "-tls1_3"):
                self.assertIn(f"subject=CN = {subject}\n", self.accepted("tls", version, "-servername", asked))
        self.assertIn("subject=CN = localhost\n", self.accepted("tls", "-noservername"))
        self.assertIn("subject=CN = localhost\n", self.accepted("tls", "-servername", "x" * 250))

    def test_alpn(self):
        self.assertIn("ALPN protocol: mqtt", self.accepted("tls", "-alpn", "h2,mqtt"))
        self.assertIn("No ALPN negotiated", self.accepted("tls", "-alpn", "h2"))
        self.assertIn("ALPN protocol: http/1.1", self.s_client("wss", "-alpn", "http/1.1,mqtt"))

    def test_ciphers_and_curves(self):
        self.assertIn("Cipher is ECDHE-ECDSA-CHACHA20-POLY1305", self.accepted("suites", "-tls1_2"))
        said = self.accepted("suites", "-tls1_3")
        self.assertIn("Cipher is TLS_CHACHA20_POLY1305_SHA256", said)
        self.assertIn("Server Temp Key: X448", said)
        self.assertIn("ECDH, secp384r1", self.accepted("suites", "-tls1_3", "-groups", "P-384"))
        for words in (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("-groups", "X25519"),
                      ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256")):
            self.assertIn("alert handshake failure", self.s_client("suites", *words))

    def test_diffie_hellman_parameters(self):
        said = self.accepted("dh", "-tls1_2", "-cipher", "DHE")
        self.assertIn("Cipher is DHE-RSA-AES256-GCM-SHA384", said)
        self.assertIn("Server Temp Key: DH, 3072 bits", said)

    def test_renegotiation_is_refused(self):
        with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{world.ports['tls']}", "-tls1_2"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            said = b""
            while b"Verify return code" not in said:
                said += process.stdout.read1(65536)
            process.stdin.write(b"R\n")
            process.stdin.flush()
            while b"no renegotiation" not in said and (more := process.stdout.read1(65536)):
                said += more
            process.kill()
        self.assertIn(b"no renegotiation", said)

    def test_psk(self):
        for version in ("-tls1_2", "-tls1_3"):
            self.assertEqual(world.connected_as(SecretStream(world.ports["psk"], version, *PSK, "-psk", KEY)), "sensor")
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk", version, *PSK, "-psk", "00" * 16))
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk", version, "-psk_identity", "x", "-psk", KEY))
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk", version))
        self.works()

    def test_who_offers_a_key_and_does_not_prove_it_is_nobody(self):
        for words in ((), ("-psk_identity", "admin", "-psk", "00" * 16, "-ciphersuites", "TLS_AES_256_GCM_SHA384")):
            for version in ("-tls1_2", "-tls1_3"):
                self.assertNotIn("\x20\x02\0\0", self.s_client("psk_or_certificate", version, *words))
        for version in ("-tls1_2", "-tls1_3"):
            words = (version, "-cipher", "PSK", *PSK, "-psk")  # of TLS 1.2, where the certificate would go first
            stream = SecretStream(world.ports["psk_or_certificate"], *words, KEY)
            self.assertEqual(world.connected_as(stream), "sensor")
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk_or_certificate", *words, "00" * 16))

    def test_an_encrypted_key_asks_for_its_passphrase(self):
        certificate, key = world.server
        locked = world.folder / "locked.key"
        run("openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:open sesame")
        for phrase, good in (("open sesame", True), ("wrong", False)):
            listeners = [("tls", f"certfile {certificate}\nkeyfile {locked}\n" * 2)]
            broker = Broker(world.folder, listeners, start=False)
            pid, terminal = pty.fork()
            if pid == 0:
                os.execv(peers.BINARY, [peers.BINARY, "-c", broker.config])
            said = b""
            while b"Passphrase of" not in said:
                said += os.read(terminal, 4096)
            while termios.tcgetattr(terminal)[3] & termios.ECHO:
                os.sched_yield()
            os.write(terminal, phrase.encode() + b"\n")
            with contextlib.suppress(OSError):
                if good:
                    while b" listens on " not in said:
                        said += os.read(terminal, 4096)
                    os.kill(pid, 15)
                while more := os.read(terminal, 4096):
                    said += more
            os.close(terminal)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            self.assertEqual(status == 0, good, said)
            self.assertEqual(said.count(b"Passphrase of"), 1, said)  # two certificates with one key ask once
            self.assertNotIn(phrase.encode(), said)
            if not good:
                self.assertRegex(said.decode(), r"keyfile: .*locked.key.*cannot be used")


class Certificates(Case):
    def test_the_user_is_the_common_name_or_the_subject(self):
        for most in (TLS12, TLS13):
            self.assertEqual(world.connected_as(world.tls("mtls", world.alice, most=most)), "alice")
            self.assertEqual(world.connected_as(world.tls("undated", world.alice, most=most)), "CN=alice,O=Bramble")

    def refusal(self, pair, most, listener="mtls"):
        return world.refused(lambda: self.tls(listener, pair, most=most))

    def test_those_that_are_refused(self):
        cases = (("revoked", world.revoked), ("expired", world.expired), ("unknown", world.stranger))
        for most in (TLS12, TLS13):
            for words, pair in cases:
                self.assertRegex(self.refusal(pair, most), f"(?i)alert.*{words}")
            self.assertRegex(self.refusal(None, most), "(?i)alert.*(handshake failure|required)")
            self.assertRegex(self.refusal(world.stranger, most, "undated"), "(?i)alert.*unknown")

    def test_dates_may_be_left_unchecked(self):
        self.assertEqual(world.connected_as(world.tls("undated", world.expired)), "CN=expired")

    def test_the_log_says_what_was_wrong(self):
        since = world.broker.mark()
        self.refusal(world.revoked, TLS13)
        world.broker.logged(r"Client 127\.0\.0\.1:\d+ disconnected: certificate verify failed", since)


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
            client = Mqtt(make())
            client.subscribe("burst")
            sender = threading.Thread(
                target=lambda: client.send(b"".join(peers.publish("burst", b"%06d" % i + bytes(994)) for i in range(3000))))
            sender.start()
            for i in range(3000):
                self.assertEqual(client.receive()[1][:6], b"%06d" % i)
            sender.join()
            client.end()

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
                with contextlib.suppress(ConnectionError):
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
                for (name, what), stream in waiting.items():
                    peers.recv_all(stream)
                    self.assertGreater(time.monotonic() - began, 0.9, (name, what))
                    stream.close()
                self.assertLess(time.monotonic() - began, 6)
                broker.logged("did not end its handshake in time", times=10)  # of one address no more need be logged
                broker.logged("did not send CONNECT in time", times=3)
            finally:
                broker.stop()


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


class Web(Case):
    def get(self, path, name="ws", method="GET", headers=()):
        connection = http.client.HTTPConnection("127.0.0.1", world.ports[name], timeout=PATIENCE)
        connection.putrequest(method, path, skip_accept_encoding=True)
        for header in headers:
            connection.putheader(*header)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    def test_subprotocols(self):
        for protocol in ("mqtt", "mqttv3.1", "x, mqtt", "mqtt, mqttv3.1"):
            chosen = "mqttv3.1" if protocol == "mqttv3.1" else "mqtt"
            self.assertIn(f"Sec-WebSocket-Protocol: {chosen}\r\n", self.ws(protocol=protocol).answer)
        for protocol in ("", "chat", "MQTT"):
            self.assertEqual(self.ws(protocol=protocol).status, 400)

    def test_origins(self):
        for origin, status in (("https://example.org", 101), ("HTTP://LOCALHOST:8080", 101), ("https://evil.org", 403),
                               ("https://example.org.evil.org", 403), ("null", 403), ("", 403)):
            headers = f"Origin: {origin}\r\n" if origin else ""
            self.assertEqual(self.ws("origin", headers=headers).status, status, origin)
        self.assertEqual(self.ws(headers="Origin: https://evil.org\r\n").status, 101)

    def test_pages(self):
        answer, body = self.get("/")
        self.assertEqual((answer.status, body), (200, b"<p>hello"))
        self.assertEqual(self.get("/", headers=[("If-None-Match", answer.getheader("ETag"))])[0].status, 304)
        answer, body = self.get("/index.html", method="HEAD")
        self.assertEqual((answer.status, answer.getheader("Content-Length"), body), (200, "8", b""))
        for path, inside in (("/folder/", b"inside"), ("/folder/index.html?x=..", b"inside"), ("/inner", b"inside"),
                             ("//folder//./x/../index.html", b"inside"), ("/%66older/", b"inside")):
            self.assertEqual(self.get(path)[1], inside, path)

    def test_tricks_with_paths(self):
        for path in ("/../pages-beside/secret", "/%2e%2e/pages-beside/secret", "/..%2fpages-beside/secret", "/outer",
                     "/up/pages-beside/secret", "/up/keys", "/folder/../../keys", "/folder", "/fifo", "/none", "/index.html/",
                     "/..\\keys", "/%00", "/index.html%00.css", "/-beside/secret", "/%c0%ae%c0%ae/keys", "/" + "x" * 3000,
                     "/" + "x/" * 1500):
            answer, body = self.get(path)
            self.assertIn(answer.status, (400, 404), path)
            self.assertNotIn(b"secret", body)
        for request in (b"GET ../keys HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /index.html HTTP/1.1\r\n\r\n",
                        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
                        b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", b"GET /" + b"x" * 10_000, b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n"):
            stream = self.tcp("ws")
            stream.sendall(request)
            self.assertRegex(self.closes(stream), rb"^HTTP/1.1 4|^HTTP/1.1 505")
        self.works()

    def test_large_pages_arrive_whole_however_slowly_they_are_read(self):
        large = (world.folder / "pages" / "large").read_bytes()
        for stream in (self.tcp("ws", buffer=8192), self.tls("wss", buffer=8192)):
            stream.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            head = peers.recv_exactly(stream, 100)
            self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
            self.works()  # meanwhile its socket is full
            body = (head + b"".join(iter(lambda: stream.recv(65536), b""))).partition(b"\r\n\r\n")[2]
            self.assertEqual(len(body), len(large))
            self.assertTrue(body == large)

    def test_a_page_may_take_longer_than_a_handshake(self):
        with tempfile.TemporaryDirectory() as folder:
            web = f"protocol websockets\nhttp_dir {world.folder / 'pages'}\n"
            broker = Broker(folder, [("ws", web)], "handshake_timeout 1\nconnect_timeout 1\n")
            stream = self.keep(tcp(broker.ports["ws"], buffer=65536))
            stream.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            began, size = time.monotonic(), 0
            while more := stream.recv(65536):
                size += len(more)
                while time.monotonic() - began < size / 10_000_000:  # 10 MB a second
                    select.select([], [], [], 0.005)
            broker.logged("was sent a file by HTTP")
            stalled = self.keep(tcp(broker.ports["ws"], buffer=65536))
            stalled.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            broker.logged("did not end its handshake in time")
            broker.stop()
        self.assertGreater(size, 24 * 1024 * 1024)

    def test_who_goes_on_sending_after_the_answer_is_closed(self):
        for name in ("ws", "wss"):
            stream = self.tls(name) if name == "wss" else self.tcp(name)
            began = time.monotonic()
            with contextlib.suppress(OSError):
                stream.sendall(b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n")
                while time.monotonic() - began < PATIENCE:
                    stream.sendall(bytes(10_000))
            self.assertLess(time.monotonic() - began, 3)

    def peer_of(self, stream):
        client = Mqtt(stream)
        line = world.broker.logged(f" as {client.id} ")
        client.end()
        return re.search("connected from (.*) as", line).group(1)

    def test_forwarded_for(self):
        said = "X-Forwarded-For: 198.51.100.1, 192.0.2.44\r\n"
        self.assertRegex(self.peer_of(self.ws(headers=said)), r"^192\.0\.2\.44$")
        self.assertRegex(self.peer_of(self.ws(headers="X-Forwarded-For: 2001:db8::7\r\n")), r"^\[?2001:db8::7\]?$")
        self.assertRegex(self.peer_of(self.ws("untrusting", headers=said)), r"^127\.0\.0\.1:\d+$")
        self.assertRegex(self.peer_of(self.ws()), r"^127\.0\.0\.1:\d+$")
        for junk in ("unknown", "1.2.3.4 as x", "\xe9", ","):
            self.assertRegex(self.peer_of(self.ws(headers=f"X-Forwarded-For: {junk}\r\n")), r"^127\.0\.0\.1:\d+$")

    def test_forwarded_for_behind_a_proxy_header(self):
        stream = self.tcp("proxy2_ws")
        stream.sendall(peers.proxy_v2())
        self.assertEqual(self.peer_of(WebSocket(stream, headers="X-Forwarded-For: 192.0.2.44\r\n")), "192.0.2.44")


class Proxies(Case):
    def told(self, name, header):
        """What the broker answers to a CONNECT behind this header."""
        stream = self.tcp(name)
        stream.sendall(header + peers.connect("told"))
        with contextlib.suppress(ConnectionError):
            return stream.recv(100)
        return b""

    good = b"\x20\x02\0\0"

    def test_headers_that_are_taken(self):
        for name, header in {
            "proxy1": [peers.proxy_v1(), b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", b"PROXY UNKNOWN\r\n",
                       b"PROXY UNKNOWN ffff:f...f:ffff ffff 65535 65535\r\n"],
            "proxy2": [peers.proxy_v2(), peers.proxy_v2(command=0), peers.proxy_v2(tlvs=peers.tlv(0x04, bytes(1500))),
                       b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\0",
                       b"\r\n\r\n\0\r\nQUIT\n\x21\x31\0\xd8" + bytes(216)],
        }.items():
            for each in header:
                self.assertEqual(self.told(name, each), self.good, each)

    def test_headers_that_are_not(self):
        v2 = b"\r\n\r\n\0\r\nQUIT\n"
        for name, header in {
            "proxy1": [b"", peers.proxy_v2(), b"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", b"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
                       b"PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n",
                       b"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", b"PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", b"PROXY TCP4 " + b"1" * 200,
                       b"PROXY TCP4 1.2.3.4\0x 1.2.3.4 1 2\r\n"],
            "proxy2": [b"", peers.proxy_v1(), v2 + b"\x11\x11\0\x0c" + bytes(12), v2 + b"\x22\x11\0\x0c" + bytes(12),
                       v2 + b"\x21\x11\0\x0b" + bytes(11), v2 + b"\x21\x11\xff\xff", peers.proxy_v2(tlvs=b"\x04\0"),
                       peers.proxy_v2(tlvs=b"\x04\0\x02x"), peers.proxy_v2(tlvs=peers.tlv(0x20, b"\1\0\0\0"))],
            "proxy2_tls": [peers.proxy_v2(), peers.proxy_v2(tlvs=peers.tls_tlv(client=0))],
            "proxy1_tls": [b"PROXY TCP4 x\r\n"],
        }.items():
            for each in header:
                self.assertEqual(self.told(name, each), b"", each)
        world.broker.logged("PROXY header")  # not each: they are of one address
        world.broker.logged("without TLS")

    def test_the_name_in_the_header_is_the_user(self):
        def name_by(tlvs):
            stream = tcp(world.ports["proxy2_names"])
            stream.sendall(peers.proxy_v2(tlvs=tlvs))
            return world.connected_as(stream)

        self.assertEqual(name_by(peers.tls_tlv("alice")), "alice")
        self.assertEqual(name_by(peers.tls_tlv("alice", client=0x07)), "alice")
        self.assertEqual(name_by(peers.tls_tlv("alice", client=0x05)), "alice")  # a resumed session of the proxy's TLS
        for tlvs in (b"", peers.tls_tlv(), peers.tls_tlv("alice", client=0x01), peers.tls_tlv("alice", verify=1)):
            answer = self.told("proxy2_names", peers.proxy_v2(tlvs=tlvs))
            self.assertEqual(answer[:3], b"\x20\x02\0")
            self.assertNotEqual(answer, self.good)

    def test_tls_behind_the_header(self):
        stream = self.tcp("proxy1_tls")
        stream.sendall(peers.proxy_v1())
        client = Mqtt(tls_context(world.ca.pem).wrap_socket(stream, server_hostname="localhost"))
        world.broker.logged(rf"{PROXY_SAYS}:4711 as {client.id} ")
        client.ping()
        client.end()
        stream = self.tcp("proxy2_tls_names")
        stream.sendall(peers.proxy_v2(tlvs=peers.tls_tlv("alice")))
        secret = tls_context(world.ca.pem).wrap_socket(stream, server_hostname="localhost")
        self.assertEqual(world.connected_as(secret), "alice")

    def test_header_and_packets_in_any_pieces(self):
        data = peers.proxy_v2(tlvs=peers.tls_tlv("alice")) + peers.connect("pieces") + peers.PING
        for size in (1, 2, 3, 7, 100):
            stream = self.tcp("proxy2")
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for at in range(0, len(data), size):
                stream.sendall(data[at:at + size])
            self.assertEqual(peers.recv_exactly(stream, 6), self.good + peers.PONG)


def main():
    global world
    with tempfile.TemporaryDirectory(prefix="bramble-transports-") as folder:
        world = World(Path(folder))
        result = unittest.main(exit=False, verbosity=int(os.environ.get("VERBOSE", "0")), warnings="ignore").result
        bad = 0
        try:
            world.broker.stop()
        except AssertionError as error:
            bad += 1
            print(error)
    return peers.counted(result, bad)


if __name__ == "__main__":
    sys.exit(main())
