"""WebSocket and the pages beside it."""

import contextlib
import http.client
import re
import select
import tempfile
import time

import peers
from peers import PATIENCE, Broker, Mqtt, WebSocket, tcp
from world import Case, world


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
