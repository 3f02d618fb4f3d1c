"""A broker with a control socket, and those who talk to it: by its protocol, and as MQTT clients."""
import contextlib
import json
import os
import socket
import time

from programs import BROKER, SECONDS, Broker, WithFolder, call

ROOT = os.geteuid() == 0
STAYS = "user root\n" if ROOT else ""


def until(what, true):
    """Waits for it: a condition that another process brings about."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class Raw:
    """A program that speaks to the control socket byte by byte."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(path)

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)
        return self

    def answer(self):
        """All of it, until the broker closes."""
        said = b""
        while more := self.socket.recv(65536):
            said += more
        return said.decode()

    def ended(self):
        """The broker has closed, whatever it said before."""
        with contextlib.suppress(ConnectionError):
            self.answer()
        self.close()

    def close(self):
        self.socket.close()


def mqtt_text(text):
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


class Mqtt:
    """An MQTT 3.1 or 3.1.1 client that does what it is told, also what bramble-ctl would not."""

    def __init__(self, port, name, level=4, keep_alive=0, clean=True):
        body = mqtt_text("MQIsdp" if level == 3 else "MQTT") + bytes([level, 2 if clean else 0])
        body += keep_alive.to_bytes(2, "big") + mqtt_text(name)
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.packet(0x10, body)
        assert self.socket.recv(4)[3] == 0

    def packet(self, first, body):
        size, length = len(body), b""
        while True:
            size, low = divmod(size, 128)
            length += bytes([low | (128 if size else 0)])
            if not size:
                break
        self.socket.sendall(bytes([first]) + length + body)

    def subscribe(self, *filters):
        self.packet(0x82, b"\0\1" + b"".join(mqtt_text(each) + b"\1" for each in filters))
        assert self.socket.recv(4 + len(filters))[0] == 0x90

    def close(self):
        self.socket.close()


class WithBroker(WithFolder):
    rules = "allow_anonymous true\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.control = cls.path("control")
        cls.conf = cls.path("b.conf", cls.configuration())
        cls.broker = Broker([BROKER, "-c", cls.conf], "listens on")
        cls.stack.callback(cls.broker.end)
        cls.port = cls.broker.ports[0]

    @classmethod
    def configuration(cls):
        return f"control_socket {cls.control}\n{STAYS}log_type all\nthreads 2\n{cls.rules}listener 0 127.0.0.1\n"

    def setUp(self):
        self.mine = contextlib.ExitStack()
        self.addCleanup(self.mine.close)

    def client(self, name, *filters, port=None, **more):
        client = Mqtt(port or self.port, name, **more)
        self.mine.callback(client.close)
        if filters:
            client.subscribe(*filters)
        return client

    def away(self, name, *filters):
        """A session whose client is away."""
        client = Mqtt(self.port, name, clean=False)
        client.subscribe(*filters)
        client.packet(0xE0, b"")
        client.close()
        until(name, lambda: self.names("--away", "--id", name) == [name])
        self.mine.callback(lambda: Mqtt(self.port, name).close())  # ends the session

    def clients(self, *words, socket_path=None):
        done = call("clients", "--socket", socket_path or self.control, *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def objects(self, *words):
        return [json.loads(line) for line in self.clients("--json", *words).splitlines()]

    def names(self, *words):
        return [each["id"] for each in self.objects(*words)]
