"""Behind a proxy that sends a PROXY header."""

import contextlib
import socket

import peers
from peers import Mqtt, tcp, tls_context
from world import PROXY_SAYS, Case, world


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

    def test_a_health_check_needs_no_tls_and_may_not_go_on(self):
        local = peers.proxy_v2(command=0)
        stream = self.tcp("proxy2_tls")
        stream.sendall(local)
        stream.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            stream.recv(1)
        stream.settimeout(None)
        since = world.broker.mark()
        stream.sendall(peers.connect("smuggled"))
        with contextlib.suppress(ConnectionError):
            self.assertEqual(stream.recv(100), b"")
        self.assertEqual(self.told("proxy2_tls", local), b"")
        world.broker.logged("more than its own header", since)

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
