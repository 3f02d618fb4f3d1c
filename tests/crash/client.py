"""MQTT 3.1.1 clients with sessions of their own, which remember what was acknowledged to them and by them, whatever
becomes of the broker. They know only what these tests need, and break no rule: at QoS 2 a message counts once."""
import asyncio
import time

CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP = 2, 3, 4, 5, 6, 7, 9, 11, 13
GONE = (ConnectionError, asyncio.IncompleteReadError, OSError)


def text(value):
    data = value.encode()
    return len(data).to_bytes(2, "big") + data


def packet(first, body):
    size, left = bytearray(), len(body)
    while True:
        size.append(left % 128 | (0x80 if left > 127 else 0))
        left //= 128
        if left == 0:
            return bytes([first]) + bytes(size) + body


class Client:
    """One client. Its state outlives its connections; run() serves one of them until it is gone."""

    def __init__(self, name):
        self.name = name
        self.reader = self.writer = None
        self.session_was_there = None
        self.connections = 0

    async def connect(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        flags = 0x00  # the session goes on
        self.send(packet(0x10, text("MQTT") + bytes([4, flags]) + (60).to_bytes(2, "big") + text(self.name)))
        kind, _, body = await self.read()
        if kind != CONNACK or body[1] != 0:
            raise ConnectionError(f"{self.name}: refused with {body[1]}")
        self.session_was_there = bool(body[0] & 1)
        self.connections += 1
        self.connected()

    def send(self, data):
        if self.writer:
            self.writer.write(data)

    async def read(self):
        first = (await self.reader.readexactly(1))[0]
        size = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        return first >> 4, first & 15, await self.reader.readexactly(size)

    async def serve(self):
        """Until the connection is gone."""
        try:
            while True:
                self.take(*await self.read())
        except GONE:
            pass
        finally:
            self.drop()

    def drop(self):
        if self.writer:
            self.writer.close()
        self.writer = None

    def connected(self):
        """What was not acknowledged is sent again."""

    def take(self, kind, flags, body):
        raise NotImplementedError


class Publisher(Client):
    """Sends numbered messages to its topics, some in flight at a time. `acknowledged`: message -> when."""

    def __init__(self, name, qos, topics, retain=False, in_flight_max=10):
        super().__init__(name)
        self.qos, self.topics, self.retain, self.in_flight_max = qos, topics, retain, in_flight_max
        self.in_flight = {}    # packet id -> (topic, number), sent or to be sent
        self.released = {}     # packet id -> (topic, number), PUBREC has come
        self.acknowledged = {}
        self.last = {}         # topic -> the last number sent
        self.next_id = 0
        self.sent = 0
        self.stopping = False
        self.far_ahead = lambda: False  # of those who receive

    def connected(self):
        for pid in self.released:
            self.send(packet(0x62, pid.to_bytes(2, "big")))
        for pid in self.in_flight:
            self.send_publish(pid, dup=True)
        self.fill()

    def busy(self, topic):
        return any(of == topic for of, _ in [*self.in_flight.values(), *self.released.values()])

    def fill(self):
        while not self.stopping and self.writer and len(self.in_flight) + len(self.released) < self.in_flight_max:
            if self.far_ahead():
                return
            topic = self.topics[self.sent % len(self.topics)]
            if self.retain and self.busy(topic):
                return  # one value at a time: so it is clear which is the last
            number = self.last.get(topic, 0) + 1
            self.last[topic] = number
            self.sent += 1
            pid = self.free_id()
            self.in_flight[pid] = (topic, number)
            self.send_publish(pid, dup=False)

    def free_id(self):
        while True:
            self.next_id = self.next_id % 65535 + 1
            if self.next_id not in self.in_flight and self.next_id not in self.released:
                return self.next_id

    def send_publish(self, pid, dup):
        topic, number = self.in_flight[pid]
        first = 0x30 | (8 if dup else 0) | self.qos << 1 | (1 if self.retain else 0)
        self.send(packet(first, text(topic) + pid.to_bytes(2, "big") + str(number).encode()))

    def take(self, kind, flags, body):
        pid = int.from_bytes(body[:2], "big")
        if kind == PUBACK and pid in self.in_flight:
            self.acknowledged[self.in_flight.pop(pid)] = time.monotonic()
        elif kind == PUBREC:
            if pid in self.in_flight:
                self.released[pid] = self.in_flight.pop(pid)
                self.acknowledged[self.released[pid]] = time.monotonic()
            self.send(packet(0x62, body[:2]))
        elif kind == PUBCOMP:
            self.released.pop(pid, None)
        self.fill()

    def done(self):
        return not self.in_flight and not self.released


class Subscriber(Client):
    """Takes what comes and acknowledges it. `got`: (topic, number) -> how often; `came`: when its first PUBLISH
    came, and the first PUBREL."""

    def __init__(self, name, filters, qos=2):
        super().__init__(name)
        self.filters, self.qos = filters, qos
        self.subscribed = asyncio.Event()
        self.got = {}
        self.came = {}
        self.known_ids = {}  # of QoS 2 messages that are not released: their (topic, number)
        self.last_came = 0.0

    def subscribe(self):
        body = (1).to_bytes(2, "big") + b"".join(text(each) + bytes([self.qos]) for each in self.filters)
        self.send(packet(0x82, body))

    def connected(self):
        if not self.session_was_there:
            self.known_ids.clear()
        if not self.subscribed.is_set():
            self.subscribe()

    def take(self, kind, flags, body):
        if kind == SUBACK:
            return self.subscribed.set()
        self.last_came = time.monotonic()
        if kind == PUBREL:
            key = self.known_ids.pop(body[:2], None)
            if key and len(self.came[key]) == 1:
                self.came[key].append(self.last_came)
            return self.send(packet(0x70, body[:2]))
        if kind != PUBLISH:
            return None
        qos = flags >> 1 & 3
        size = int.from_bytes(body[:2], "big")
        topic = body[2:2 + size].decode()
        pid, payload = body[2 + size:4 + size], body[(4 if qos else 2) + size:]
        key = topic, int(payload)
        self.came.setdefault(key, [self.last_came])
        if qos == 2:
            self.send(packet(0x50, pid))
            if pid in self.known_ids:
                return None
            self.known_ids[pid] = key
        elif qos == 1:
            self.send(packet(0x40, pid))
        self.got[key] = self.got.get(key, 0) + 1
        return None


class Changer(Client):
    """Subscribes and unsubscribes, one filter at a time. `sure`: filter -> it is on it, as acknowledged."""

    def __init__(self, name, filters):
        super().__init__(name)
        self.filters = filters
        self.sure = {}
        self.unsure = None  # the filter whose change was asked for last
        self.when = {}
        self.turn = 0
        self.stopping = False

    def connected(self):
        self.change()

    def change(self):
        if self.stopping:
            return
        if self.unsure is None:
            self.unsure = self.filters[self.turn % len(self.filters)]
            self.wanted = not self.sure.get(self.unsure, False)
            self.turn += 1
        pid = (self.turn % 65535 + 1).to_bytes(2, "big")
        if self.wanted:
            self.send(packet(0x82, pid + text(self.unsure) + b"\1"))
        else:
            self.send(packet(0xA2, pid + text(self.unsure)))

    def take(self, kind, flags, body):
        if kind in (SUBACK, UNSUBACK) and self.unsure is not None:
            self.sure[self.unsure] = self.wanted
            self.when[self.unsure] = time.monotonic()
            self.unsure = None
            self.change()


class Talker(Client):
    """Says what it is told to, in either version, and remembers what it was answered: each question gives a future of
    the reason code (0 in 3.1.1, 0x80 for a refused subscription), which stays open while no answer comes. At QoS 2 it
    releases what was received, and completed() tells when that was answered. What comes is acknowledged; `got`:
    (topic, payload) -> how often."""

    def __init__(self, name, version=4, expiry=0):
        super().__init__(name)
        self.version, self.expiry = version, expiry
        self.answers = {}
        self.completions = {}
        self.pings = []
        self.next_id = 0
        self.got = {}
        self.known_ids = set()
        self.serving = None
        self.gone = asyncio.Event()
        self.on_message = None

    async def connect(self, port, clean=False):
        """The code of CONNACK. A 3.1.1 client's session goes on if `expiry` is not 0."""
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.gone = asyncio.Event()
        clean = clean or (self.version == 4 and not self.expiry)
        properties = b""
        if self.version == 5:
            properties = b"\x05\x11" + self.expiry.to_bytes(4, "big")
        self.send(packet(0x10, text("MQTT") + bytes([self.version, 2 if clean else 0]) + (60).to_bytes(2, "big") +
                         properties + text(self.name)))
        kind, _, body = await self.read()
        if kind != CONNACK:
            raise ConnectionError(f"{self.name}: packet {kind} instead of CONNACK")
        if body[1] == 0:
            self.session_was_there = bool(body[0] & 1)
            self.connections += 1
            self.serving = asyncio.create_task(self.serve())
        else:
            self.drop()
        return body[1]

    async def serve(self):
        await super().serve()
        self.gone.set()

    def ask(self):
        while True:
            self.next_id = self.next_id % 65535 + 1
            if self.next_id not in self.answers:
                break
        answer = asyncio.get_running_loop().create_future()
        self.answers[self.next_id] = answer
        return self.next_id.to_bytes(2, "big"), answer

    def nothing(self):
        """As properties."""
        return b"\0" if self.version == 5 else b""

    def publish(self, topic, payload, qos, retain=False):
        head, answer = text(topic), None
        if qos:
            pid, answer = self.ask()
            head += pid
        self.send(packet(0x30 | qos << 1 | retain, head + self.nothing() + payload))
        return answer

    def subscribe(self, topic_filter, qos=2):
        pid, answer = self.ask()
        self.send(packet(0x82, pid + self.nothing() + text(topic_filter) + bytes([qos])))
        return answer

    def unsubscribe(self, topic_filter):
        pid, answer = self.ask()
        self.send(packet(0xA2, pid + self.nothing() + text(topic_filter)))
        return answer

    def ping(self):
        self.send(b"\xc0\0")
        self.pings.append(asyncio.get_running_loop().create_future())
        return self.pings[-1]

    def leave(self):
        self.send(b"\xe0\0")
        self.drop()

    def completed(self):
        """All that was released was."""
        return not self.completions

    def answer(self, pid, code):
        answer = self.answers.pop(int.from_bytes(pid, "big"), None)
        if answer and not answer.done():
            answer.set_result(code)

    def take(self, kind, flags, body):
        pid, code = body[:2], body[2] if len(body) > 2 else 0
        if kind == PUBACK:
            self.answer(pid, code)
        elif kind == PUBREC:
            if int.from_bytes(pid, "big") in self.answers:
                if code < 0x80:
                    self.completions[pid] = True
                    self.send(packet(0x62, pid))
                self.answer(pid, code)
            else:
                self.send(packet(0x62, pid))
        elif kind == PUBCOMP:
            self.completions.pop(pid, None)
        elif kind == SUBACK:
            self.answer(pid, body[-1])
        elif kind == UNSUBACK:
            self.answer(pid, body[-1] if self.version == 5 else 0)
        elif kind == PUBREL:
            self.known_ids.discard(pid)
            self.send(packet(0x70, pid))
        elif kind == PINGRESP:
            self.pings.pop(0).set_result(0)
        elif kind == PUBLISH:
            self.take_message(flags >> 1 & 3, body)

    def take_message(self, qos, body):
        size = int.from_bytes(body[:2], "big")
        topic, at = body[2:2 + size].decode(), 2 + size
        pid = body[at:at + 2]
        at += 2 if qos else 0
        if self.version == 5:
            at += 1 + body[at]  # this broker's properties here are short
        if qos == 1:
            self.send(packet(0x40, pid))
        elif qos == 2:
            self.send(packet(0x50, pid))
            if pid in self.known_ids:
                return
            self.known_ids.add(pid)
        key = topic, body[at:]
        self.got[key] = self.got.get(key, 0) + 1
        if self.on_message:
            self.on_message(*key)
