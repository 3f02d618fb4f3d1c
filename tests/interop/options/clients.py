"""MQTT 3.1.1 and 5.0 on any stream, a step after the other; properties are packed and unpacked by Paho."""

import itertools
import select
import struct
from types import SimpleNamespace

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import peers
from peers import packet, text

CLOSED = "closed"
NAMES = itertools.count()


def properties(kind, **values):
    made = Properties(kind)
    for name, value in values.items():
        setattr(made, name, value)
    return made.pack()


def unpacked(kind, data):
    """(properties, what stands behind them)"""
    made = Properties(kind)
    _, size = made.unpack(data)
    return made, data[size:]


class Client:
    """`code` is what CONNACK says, or CLOSED; `said` its properties. A packet is (type, flags, body)."""

    def __init__(self, stream, client_id=None, *, level=5, clean=True, keep=0, user=None, password=None, **more):
        self.stream, self.level, self.numbers, self.early = stream, level, itertools.count(1), []
        self.id = f"client-{next(NAMES)}" if client_id is None else client_id
        flags = (2 if clean else 0) | (0 if user is None else 0x80) | (0 if password is None else 0x40)
        body = text("MQTT") + bytes([level, flags]) + struct.pack(">H", keep)
        if level == 5:
            if not clean:
                more.setdefault("SessionExpiryInterval", 0xFFFFFFFF)
            body += properties(PacketTypes.CONNECT, **more)
        body += text(self.id) + b"".join(text(word) for word in (user, password) if word is not None)
        self.code, self.said, self.present = CLOSED, SimpleNamespace(), False
        try:
            stream.sendall(packet(0x10, body))
            kind, _, answer = self.read()
        except (EOFError, OSError):
            return
        assert kind == peers.CONNACK, f"{kind} for CONNACK"
        self.present, self.code = answer[0] == 1, answer[1]
        if level == 5:
            self.said, _ = unpacked(PacketTypes.CONNACK, answer[2:])

    def told(self, name):
        """A property of CONNACK; None: not there."""
        return getattr(self.said, name, None)

    def read(self):
        first, body = peers.read_packet(self.stream)
        return first >> 4, first & 15, body

    def answer(self, kind):
        """The body of the next packet of this type; messages before it wait for drain()."""
        while True:
            got, flags, body = self.read()
            if got == kind:
                return body
            assert got == peers.PUBLISH, f"packet {got} {body.hex()} for {kind}"
            self.early.append(self.message(flags, body))

    def request(self, first, kind, number, body):
        self.stream.sendall(packet(first, struct.pack(">H", number) + (b"\0" if self.level == 5 else b"") + body))
        return self.answer(kind)[-1]

    def subscribe(self, topic, qos=0):
        """The code of SUBACK."""
        return self.request(0x82, peers.SUBACK, next(self.numbers), text(topic) + bytes([qos]))

    def unsubscribe(self, topic):
        return self.request(0xA2, 11, next(self.numbers), text(topic))

    def publish(self, topic, payload=b"", qos=0, retain=False, **more):
        """The code of PUBACK, or 0. QoS 2 is seen through; CLOSED: the connection has ended, before or behind it."""
        number = next(self.numbers)
        body = text(topic) + (struct.pack(">H", number) if qos else b"")
        if self.level == 5:
            body += properties(PacketTypes.PUBLISH, **more)
        try:
            self.stream.sendall(packet(0x30 | qos << 1 | retain, body + payload))
            if qos == 0:
                return 0
            got = self.answer(peers.PUBACK if qos == 1 else peers.PUBREC)
            if qos == 2:
                self.stream.sendall(peers.ack(peers.PUBREL, number))
                self.answer(peers.PUBCOMP)
            return got[2] if len(got) > 2 else 0
        except (EOFError, OSError):
            return CLOSED

    def message(self, flags, body):
        qos = flags >> 1 & 3
        size = struct.unpack(">H", body[:2])[0]
        topic, rest, number = body[2:2 + size].decode(), body[2 + size:], None
        if qos:
            number, rest = struct.unpack(">H", rest[:2])[0], rest[2:]
        said = SimpleNamespace()
        if self.level == 5:
            said, rest = unpacked(PacketTypes.PUBLISH, rest)
        return SimpleNamespace(topic=topic, payload=rest, qos=qos, number=number, retain=flags & 1,
                               alias=getattr(said, "TopicAlias", None))

    def drain(self):
        """The messages before the answer to PINGREQ, none of them acknowledged."""
        self.stream.sendall(peers.PING)
        self.answer(peers.PINGRESP)
        messages, self.early = self.early, []
        return messages

    def receive(self):
        """The next message, waited for."""
        if self.early:
            return self.early.pop(0)
        kind, flags, body = self.read()
        assert kind == peers.PUBLISH, f"packet {kind} {body.hex()} for PUBLISH"
        return self.message(flags, body)

    def end_code(self):
        """The code of the DISCONNECT that the broker sends; CLOSED: it closes without; None: neither at once."""
        if not select.select([self.stream], [], [], 1)[0]:
            return None
        try:
            kind, _, body = self.read()
        except (EOFError, OSError):
            return CLOSED
        return body[0] if kind == peers.DISCONNECT else None

    def leave(self):
        self.stream.sendall(peers.DISCONNECTING)
        peers.recv_all(self.stream)
        self.stream.close()
