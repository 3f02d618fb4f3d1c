"""What PubSubClient 2.8 puts on the wire, the library of most sketches for ESP8266 and ESP32: MQTT 3.1.1 with a keepalive
of 15 s, one buffer of 256 bytes for a packet either way, QoS 0 out and QoS 0 or 1 in, read byte by byte."""

import itertools
import select
import struct
import time

import peers
from peers import ack, packet, recv_exactly, text
from table import Interop
from world import PASSWORD, USER, world

BUFFER, KEEPALIVE = 256, 15


class PubSubClient:
    """As its source does it: the steps of connect(), loop(), publish(), beginPublish()."""

    def __init__(self, stream, client_id, password=PASSWORD, will=None):
        self.stream, self.number = stream, 1
        flags = 0x02 | (0x04 | 1 << 3 | 1 << 5 if will else 0) | 0x80 | 0x40
        body = text("MQTT") + bytes([4, flags]) + struct.pack(">H", KEEPALIVE) + text(client_id)
        if will:
            body += text(will) + text("offline")
        self.stream.sendall(packet(0x10, body + text(USER) + text(password)))
        connack = self.read_packet()
        assert len(connack) == 4, connack  # else it hangs up
        self.code = connack[3]

    def read_packet(self):
        """Nothing of a packet that its buffer cannot take: it reads that and drops it, without a PUBACK."""
        got, size, shift = recv_exactly(self.stream, 1), 0, 0
        while True:
            got += recv_exactly(self.stream, 1)
            size |= (got[-1] & 127) << shift
            shift += 7
            if got[-1] < 128:
                break
        for _ in range(size):
            got += recv_exactly(self.stream, 1)
        return got if len(got) <= BUFFER else b""

    def subscribe(self, topic, qos):
        self.number += 1  # its first is 2
        self.stream.sendall(packet(0x82, struct.pack(">H", self.number) + text(topic) + bytes([qos])))
        return self.read_packet()

    def publish(self, topic, payload, retained=False):
        self.stream.sendall(peers.publish(topic, payload, retain=retained))

    def publish_streamed(self, topic, payload, pieces):
        """beginPublish() sends what comes before the payload, and each write() what the sketch gives it."""
        whole = peers.publish(topic, payload)
        self.stream.sendall(whole[:-len(payload)])
        for start in range(0, len(payload), pieces):
            self.stream.sendall(payload[start:start + pieces])

    def loop(self):
        """(topic, payload) of the next message that it takes; QoS 1 is acknowledged."""
        while True:
            got = self.read_packet()
            if not got or got[0] >> 4 != peers.PUBLISH:
                continue
            size = struct.unpack(">H", got[2:4] if got[1] < 128 else got[3:5])[0]
            rest = got[4 if got[1] < 128 else 5:]
            topic, payload = rest[:size].decode(), rest[size:]
            if got[0] & 6 == 2:
                number, payload = struct.unpack(">H", payload[:2])[0], payload[2:]
                self.stream.sendall(ack(peers.PUBACK, number))
            return topic, payload


class Habits:
    title, version = "PubSubClient 2.8, its bytes", 4
    numbers = itertools.count()

    def setUp(self):
        self.topic = f"house/{next(self.numbers)}/temperature"  # short, as a buffer of 256 bytes wants it

    def client(self, buffer=None, **more):
        stream = world.stream(self.transport, buffer)
        self.addCleanup(stream.close)
        client = PubSubClient(stream, self.topic, **more)
        if "password" not in more:
            self.assertEqual(client.code, 0)
        return client

    def test_a_wrong_password_is_return_code_5(self):
        self.assertEqual(self.client(password="wrong").code, 5)

    def test_what_it_publishes_is_the_same_whole_in_pieces_and_byte_by_byte(self):
        client, other = self.client(), self.other(self.topic)
        small, large = b"21.5", bytes(range(256)) * 4
        client.publish(self.topic, small)
        client.publish_streamed(self.topic, large, pieces=80)  # as MQTT_MAX_TRANSFER_SIZE for small modems
        client.publish_streamed(self.topic, large, pieces=1)
        self.assertEqual([other.receive()[1] for _ in range(3)], [small, large, large])

    def test_what_it_retains_is_there_later(self):
        client, other = self.client(), self.other(self.topic)
        client.publish(self.topic, b"on", retained=True)
        other.receive()
        later = self.other()
        later.send(peers.subscribe(self.topic, 0))
        self.assertEqual(later.read()[0] >> 4, peers.SUBACK)
        first, body = later.read()
        self.assertEqual((first, body[-2:]), (0x31, b"on"))

    def test_subscribed_at_qos_1_it_gets_all_once(self):
        client, other = self.client(), self.other()
        self.assertEqual(client.subscribe(self.topic, 1), b"\x90\x03\0\x02\x01")
        for qos in (0, 1, 2):
            other.publish(self.topic, b"%d" % qos, qos)
        self.assertEqual([client.loop()[1] for _ in range(3)], [b"0", b"1", b"2"])
        client.stream.sendall(peers.PING)  # nothing is left before its answer
        self.assertEqual(client.read_packet(), peers.PONG)

    def test_what_does_not_fit_its_buffer_does_not_keep_back_what_does(self):
        """It sends no PUBACK for what it drops, so that stays in flight, and QoS 1 ends when 20 do."""
        client, other = self.client(), self.other()
        client.subscribe(self.topic, 1)
        for _ in range(19):
            other.publish(self.topic, bytes(BUFFER), 1)
        other.publish(self.topic, b"small", 1)
        self.assertEqual(client.loop(), (self.topic, b"small"))
        other.publish(self.topic, bytes(BUFFER), 1)
        other.publish(self.topic, b"by QoS 0", 0)
        self.assertEqual(client.loop(), (self.topic, b"by QoS 0"))

    def test_one_that_reads_slowly_into_a_small_buffer_gets_all_in_order(self):
        client, other = self.client(buffer=2048), self.other()
        client.subscribe(self.topic, 0)
        for number in range(300):
            other.publish(self.topic, b"%3d" % number + bytes(180), 0)
        other.ping()  # all of it has been taken by the broker
        self.assertEqual([int(client.loop()[1][:3]) for _ in range(300)], list(range(300)))

    def test_a_board_that_was_reset_takes_its_own_connection_over(self):
        """It says no good-bye, and is back with the same id before the broker has missed it."""
        other = self.other(self.topic, 1)
        before = self.client(will=self.topic)
        after = self.client(will=self.topic)
        self.assertEqual(other.receive(), (self.topic, b"offline", 1))
        self.assertEqual(peers.recv_all(before.stream), b"")
        after.publish(self.topic, b"online", retained=True)
        self.assertEqual(other.receive(), (self.topic, b"online", 0))

    def test_disconnect_says_good_bye_so_no_will_comes(self):
        other, client = self.other(self.topic, 1), self.client(will=self.topic)
        client.stream.sendall(peers.DISCONNECTING)
        self.assertEqual(peers.recv_all(client.stream), b"")
        other.publish(self.topic, b"next", 0)
        self.assertEqual(other.receive()[1], b"next")


class PubSubClientTcp(Habits, Interop):
    transport = "tcp"

    def test_a_ping_after_15_silent_seconds_is_in_time(self):
        """It waits for more than its keepalive before it sends one; the broker gives it half as long again."""
        client = self.client()
        until = time.monotonic() + KEEPALIVE + 1
        said, _, _ = select.select([client.stream], [], [], until - time.monotonic())
        self.assertFalse(said, "the broker said something to a silent client")
        client.stream.sendall(peers.PING)
        self.assertEqual(client.read_packet(), peers.PONG)


class PubSubClientTls(Habits, Interop):
    """With WiFiClientSecure."""

    transport = "tls"
