"""What the tests share: a broker with a listener of each kind, and what a test begins with."""

import contextlib
import hashlib
import os
import re
import ssl
import unittest

import peers
from peers import Authority, Broker, Mqtt, WebSocket, run, tcp, tls_context

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
KEY, PSK = "000102030405060708090a0b0c0d0e0f", ("-psk_identity", "sensor")
SIZES = (5, 16 * 1024, 1024 * 1024)
PROXY_SAYS = "203.0.113.7"


class World:
    """One broker with a listener of each kind, and the files it reads. Made once, before the first test."""

    def make(self, folder):
        self.folder = folder
        self.ca, self.foreign = Authority(folder, "ours"), Authority(folder, "foreign")
        ours = self.ca.sign
        self.server = ours("server", "/CN=localhost", names="DNS:localhost,IP:127.0.0.1")
        self.other = ours("other", "/CN=other", names="DNS:other.test,DNS:*.many.test")
        self.later = ours("later", "/CN=later", names="DNS:two.many.test")
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
            ("tls", tls.format(*self.other) + tls.format(*self.later) + server),
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


world = World()


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
