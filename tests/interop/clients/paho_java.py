"""What Paho Java 1.2.5 (MQTT 3.1.1 and 3.1) puts on the wire, the library in MQTT.fx and most Java programs, by its
default options: 3.1.1 first and 3.1 after any refusal, a keepalive of 60 s, ten messages in flight."""

import base64
import struct
import time
import uuid

import peers
from peers import Mqtt, WebSocket, ack, packet, recv_exactly, text
from table import Interop
from world import PASSWORD, USER, world

PROTOCOLS = {4: "MQTT", 3: "MQIsdp"}
IN_FLIGHT = 10


class PahoWebSocket(WebSocket):
    """Its handshake and frames as they leave it. What comes has to be binary frames, or the close: of anything else it
    makes an error."""

    def __init__(self, stream, host):
        self.stream, self.controls, self.rest, self.sizes = stream, [], b"", []
        key = base64.b64encode(str(uuid.uuid4())[:16].encode()).decode()
        stream.sendall((f"GET /mqtt HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Version: 13\r\n\r\n"
                        ).encode())
        status, *lines = self.read_head().split("\r\n")
        assert " 101 " in status, status
        # as it takes a line apart: at each colon, with what is behind the first one as the value, blank and all
        headers = {line.split(":")[0].lower(): line.split(":")[1] for line in lines if line}
        assert headers["connection"] != "upgrade" and headers["connection"].strip().lower() == "upgrade", headers
        assert "websocket" in headers["upgrade"].lower() and "sec-websocket-protocol" in headers, headers

    def say_close(self):
        """Where a status code belongs it has four letters."""
        self.stream.sendall(self.frame(b"1000", opcode=8))


class PahoJava(Mqtt):
    """Its first packets, each in one write."""

    def __init__(self, stream, client_id, level=4, password=PASSWORD, will=None):
        self.stream, self.number, self.id = stream, 0, client_id
        flags = 0x02 | (0x04 | 2 << 3 if will else 0) | 0x80 | 0x40
        body = text(PROTOCOLS[level]) + bytes([level, flags]) + struct.pack(">H", 60) + text(client_id)
        if will:
            body += text(will) + text("gone")
        self.send(packet(0x10, body + text(USER) + text(password)))
        kind, answer = self.read()
        assert kind >> 4 == peers.CONNACK and len(answer) == 2, answer
        self.code = answer[1]


class Habits:
    title, version = "Paho Java 1.2.5 (MQTT.fx), its bytes", 4

    def stream(self, listener):
        made = world.stream(listener)
        self.addCleanup(made.close)
        if listener in ("ws", "wss"):
            made = PahoWebSocket(made, f"localhost:{world.ports[listener]}")
        return made

    def client(self, client_id=None, listener=None, **more):
        client_id = client_id or f"paho{time.monotonic_ns()}"
        return PahoJava(self.stream(listener or self.transport), client_id, **more)

    def connected(self, **more):
        client = self.client(**more)
        self.assertEqual(client.code, 0)
        return client

    def test_in_3_1_1_it_gets_in(self):
        self.connected(client_id="MQTT_FX_Client").ping()

    def test_refused_it_tries_3_1_with_the_same_id_and_learns_the_same(self):
        for level in (4, 3):
            self.assertEqual(self.client("MQTT_FX_Client", level=level, password="wrong").code, 5)

    def test_ten_in_flight_at_each_qos_come_through(self):
        client = self.connected()
        client.send(packet(0x82, struct.pack(">H", 1) + b"".join(text(f"{self.id()}/{qos}") + bytes([qos])
                                                                 for qos in (0, 1, 2))))
        self.assertEqual(client.read(), (0x90, b"\0\x01\0\x01\x02"))
        for qos in (1, 2):
            for number in range(1, IN_FLIGHT + 1):
                client.send(peers.publish(f"{self.id()}/{qos}", b"%d" % number, qos, number))
            self.settle(client, qos)

    def settle(self, client, qos):
        """Both directions at once, as the packets come: ids of ours and of the broker's overlap."""
        acknowledged, got = set(), []
        while len(acknowledged) < IN_FLIGHT or len(got) < IN_FLIGHT:
            first, body = client.read()
            kind, number = first >> 4, struct.unpack(">H", body[:2])[0]
            if kind == peers.PUBLISH:
                rest = body[2 + number:]
                got.append(int(rest[2:]))
                answer = peers.PUBACK if qos == 1 else peers.PUBREC
                client.send(ack(answer, struct.unpack(">H", rest[:2])[0]))
            elif kind == peers.PUBREC:
                client.send(ack(peers.PUBREL, number))
            elif kind == peers.PUBREL:
                client.send(ack(peers.PUBCOMP, number))
            else:
                self.assertEqual(kind, peers.PUBACK if qos == 1 else peers.PUBCOMP)
                acknowledged.add(number)
        self.assertEqual(got, list(range(1, IN_FLIGHT + 1)))
        # the last PUBREL of the broker's may still come
        client.send(peers.PING)
        while (packet_read := client.read()) != (0xD0, b""):
            self.assertEqual(packet_read[0] >> 4, peers.PUBREL)
            client.send(ack(peers.PUBCOMP, struct.unpack(">H", packet_read[1])[0]))

    def test_its_will_comes_when_it_breaks_off_and_not_when_it_disconnects(self):
        other = self.connected()
        other.subscribe(self.id(), 2)
        self.connected(will=self.id()).stream.close()
        self.assertEqual(other.receive(), (self.id(), b"gone", 2))
        self.hang_up(self.connected(will=self.id()))
        other.publish(self.id(), b"next", 0)
        self.assertEqual(other.receive()[1], b"next")

    def hang_up(self, client):
        client.send(peers.DISCONNECTING)
        if isinstance(client.stream, PahoWebSocket):
            client.stream.say_close()
            self.assertIn(peers.recv_all(client.stream.stream)[:1], (b"", b"\x88"))
        else:
            self.assertEqual(peers.recv_all(client.stream), b"")


class PahoJavaTcp(Habits, Interop):
    transport = "tcp"

    def test_where_only_3_1_is_taken_it_gets_in_at_the_second_try(self):
        self.assertEqual(self.client("MQTT_FX_Client", "old", level=4).code, 1)
        self.assertEqual(self.client("MQTT_FX_Client", "old", level=3).code, 0)


class PahoJavaTls(Habits, Interop):
    transport = "tls"


class PahoJavaWs(Habits, Interop):
    transport = "ws"


class PahoJavaWss(Habits, Interop):
    transport = "wss"
