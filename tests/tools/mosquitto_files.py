#!/usr/bin/python3
"""Databases of a real Mosquitto: with everything in it that it keeps.

    tests/tools/mosquitto_files.py FILE         makes the one that the unit tests read
                                                (tests/broker/store/mosquitto_2_0.db)

MOSQUITTO20 is mosquitto; without it the one that tools/setup --test unpacks.
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile

from programs import DEPS, SECONDS
from raw_client import text

MOSQUITTO = os.environ.get("MOSQUITTO20", os.path.join(DEPS, "mosquitto"))
NEVER = 0xFFFFFFFF


def number(value, size):
    return value.to_bytes(size, "big")


class Mqtt:
    """A client that says exactly what it is told, and no acknowledgement by itself."""

    def __init__(self, port, name, version=4, clean=False, user=None, password=None, expiry=NEVER,
                 receive_maximum=None):
        self.version, self.last = version, 0
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        flags = (2 if clean else 0) | (0x80 if user else 0) | (0x40 if password else 0)
        properties = b"\x11" + number(expiry, 4) + (b"\x21" + number(receive_maximum, 2) if receive_maximum else b"")
        body = text("MQTT") + bytes([version, flags]) + number(60, 2) + self.properties(properties) + text(name)
        self.send(0x10, body + (text(user) if user else b"") + (text(password) if password else b""))
        kind, connack = self.receive()
        assert (kind, connack[1]) == (0x20, 0), connack
        self.present = connack[0] == 1

    def properties(self, encoded):
        return bytes([len(encoded)]) + encoded if self.version == 5 else b""

    def send(self, first, body):
        size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
        self.socket.sendall(bytes([first]) + size + body)
        return self

    def exactly(self, size):
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            assert more, "the broker has closed"
            got += more
        return got

    def receive(self):
        """The next packet: its first byte, and its body."""
        first, size, shift = self.exactly(1)[0], 0, 0
        while True:
            byte = self.exactly(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, self.exactly(size)

    def until(self, kind):
        while (packet := self.receive())[0] >> 4 != kind:
            pass
        return packet[1]

    def subscribe(self, filter_, options, identifier=0):
        self.last += 1
        properties = self.properties(b"\x0b" + bytes([identifier]) if identifier else b"")
        self.send(0x82, number(self.last, 2) + properties + text(filter_) + bytes([options]))
        self.until(9)
        return self

    def publish(self, topic, payload, qos=1, retain=False, properties=b"", packet_id=0):
        """At QoS 2 up to PUBREC."""
        self.last = packet_id or self.last + 1
        head = text(topic) + (number(self.last, 2) if qos else b"") + self.properties(properties)
        self.send(0x30 | qos << 1 | retain, head + payload)
        if qos:
            self.until(4 if qos == 1 else 5)
        return self

    def end(self):
        self.send(0xE0, b"")
        self.until_closed()

    def until_closed(self):
        while self.socket.recv(4096):
            pass
        self.socket.close()


class Mosquitto:
    """Runs in `folder` and keeps mosquitto.db there."""

    def __init__(self, folder, more=""):
        self.file = os.path.join(folder, "mosquitto.db")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        conf = os.path.join(folder, "mosquitto.conf")
        with open(conf, "w") as out:
            out.write(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\n"
                      f"persistence_location {folder}/\nautosave_interval 0\n{more}")
        self.process = subprocess.Popen([MOSQUITTO, "-c", conf], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "running" in line:
                break

    def client(self, name, **more):
        return Mqtt(self.port, name, **more)

    def end(self):
        """Saved. The path of the file."""
        self.process.terminate()
        self.process.stderr.read()
        self.process.stderr.close()
        assert self.process.wait(SECONDS) == 0
        return self.file


def fill(broker):
    """Everything that Mosquitto keeps. Clients that should be seen as away have ended before the next one acts."""
    broker.client("old").subscribe("field/+", 2).subscribe("other", 1).end()
    five = broker.client("five", version=5, user="ann", expiry=400_000_000)
    five.subscribe("field/+", 1 | 4 | 8, identifier=7).subscribe("$share/group/shared/#", 1).end()

    source = broker.client("source", version=5, user="bob", clean=True, expiry=0)
    source.publish("kept/plain", b"on", qos=0, retain=True)
    source.publish("kept/gone", b"x", retain=True).publish("kept/gone", b"", retain=True)
    rich = b"\x01\x01" + b"\x03" + text("text/plain") + b"\x08" + text("answer") + b"\x09" + text(b"\0\xff")
    rich += b"\x26" + text("a") + text("1") + b"\x26" + text("a") + text("2")
    source.publish("kept/rich", b'{"\xc3\xa4": 1}', retain=True, properties=b"\x02" + number(400_000_000, 4) + rich)
    source.publish("field/1", b"one", properties=rich)
    source.publish("field/2", b"\0\1\2\xff", qos=2).send(0x62, number(source.last, 2)).until(7)
    source.publish("field/3", b"three", properties=b"\x02" + number(300_000_000, 4))
    source.publish("other", b"", qos=1)
    source.publish("shared/1", b"for one of the group")

    acks(broker, source)
    sender = broker.client("sender", user="eve").subscribe("pending/#", 2)
    sender.publish("pending/field", b"not released", qos=2, packet_id=77)
    sender.publish("pending/kept", b"not released, retained", qos=2, retain=True, packet_id=78).end()
    source.end()


def soon_gone(broker):
    """A session and a message that last for a second."""
    brief = broker.client("brief", version=5, expiry=1).subscribe("field/#", 1)
    brief.publish("kept/brief", b"soon gone", retain=True, properties=b"\x02" + number(1, 4)).end()


def acks(broker, source):
    """Messages in flight: sent, received, released; and those that wait behind them."""
    slow = broker.client("slow", version=5, receive_maximum=3).subscribe("flow", 2)
    for qos, payload in ((1, b"puback"), (2, b"pubrec"), (2, b"pubcomp"), (1, b"waits 1"), (2, b"waits 2")):
        source.publish("flow", payload, qos=qos)
        if qos == 2:
            source.send(0x62, number(source.last, 2)).until(7)
    ids = {}
    while len(ids) < 3:
        body = slow.until(3)
        ids[body[9:]] = body[6:8]
    slow.send(0x50, ids[b"pubcomp"]).until(6)
    slow.end()


def main(target):
    with tempfile.TemporaryDirectory() as folder:
        broker = Mosquitto(folder)
        soon_gone(broker)
        fill(broker)
        shutil.copyfile(broker.end(), target)


if __name__ == "__main__":
    main(*sys.argv[1:])
