#!/usr/bin/env python3
"""The broker in the place of a Mosquitto with listeners that have a mount_point: its sessions go on. Ends with
`N passed, N failed`. BRAMBLE_BINARIES names another folder with Bramble's programs."""
import os
import socket
import subprocess
import tempfile
import unittest

from mosquitto_files import Mosquitto, Mqtt, number
from programs import BROKER, Broker, WithFolder, end_with

USER = "user root\n" if os.geteuid() == 0 else ""  # nobody may not write to the test's folder
MOUNTED, PLAIN, ELSEWHERE = range(3)  # listeners; what the last has is not in the file


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def received(body, version=4):
    """(topic, payload) of a PUBLISH at QoS 1 or 2."""
    end = 2 + int.from_bytes(body[:2], "big")
    return body[2:end].decode(), body[end + 2 + (version == 5):].decode()


class TakenOver(WithFolder):
    @classmethod
    def setUpClass(cls):
        """Sessions of a listener with a mount_point, and of one without, as a real Mosquitto has written them."""
        super().setUpClass()
        plain = free_port()
        theirs = Mosquitto(cls.folder, f"mount_point house/\nlistener {plain} 127.0.0.1\n")

        def outside(name, **more):
            return Mqtt(plain, name, **more)
        theirs.client("lamp").subscribe("lamp", 1).subscribe("room/+", 2).end()
        theirs.client("five", version=5).subscribe("#", 1).end()
        outside("everywhere").subscribe("#", 1).end()
        outside("any house").subscribe("+/lamp", 1).end()
        outside("both").subscribe("house/lamp", 1).subscribe("garden/lamp", 1).end()
        outside("inside").subscribe("house/lamp", 1).end()
        theirs.client("quiet").end()
        theirs.client("sender").publish("room/1", b"not released", qos=2, packet_id=7).end()
        source = theirs.client("source", clean=True)
        source.publish("lamp", b"waits").publish("kept", b"kept", retain=True).end()
        with open(theirs.end(), "rb") as file:
            cls.bytes = file.read()

    def setUp(self):
        self.own = tempfile.mkdtemp(dir=self.folder)
        with open(os.path.join(self.own, "mosquitto.db"), "wb") as out:
            out.write(self.bytes)
        self.config = os.path.join(self.own, "bramble.conf")
        with open(self.config, "w") as out:
            out.write(f"{USER}persistence true\npersistence_location {self.own}\nallow_anonymous true\n"
                      "listener 0 127.0.0.1\nmount_point house/\nlistener 0 127.0.0.1\n"
                      "listener 0 127.0.0.1\nmount_point house\n")
        self.broker = None
        self.start()
        self.addCleanup(lambda: self.broker.end())

    def start(self):
        if self.broker:
            self.broker.end()
        self.broker = Broker([BROKER, "-c", self.config], "listens on")

    def client(self, name, listener, **more):
        return Mqtt(self.broker.ports[listener], name, **more)

    def publish(self, listener, topic, payload):
        self.client("publisher", listener, clean=True).publish(topic, payload).end()

    def test_their_database_under_one_of_our_names_is_not_touched_and_stops_the_start(self):
        for name, option in (("bramble.db", ""), ("bramble.db.importing", "persistence_file bramble.db.importing\n")):
            with self.subTest(name):
                folder = tempfile.mkdtemp(dir=self.folder)
                theirs = os.path.join(folder, name)
                with open(theirs, "wb") as out:
                    out.write(self.bytes)
                config = os.path.join(folder, "bramble.conf")
                with open(config, "w") as out:
                    out.write(f"{USER}listener 0 127.0.0.1\npersistence true\npersistence_location {folder}\n{option}")
                for more, status in (([], 1), (["--test-config"], 3)):
                    done = subprocess.run([BROKER, "-c", config, *more], capture_output=True, text=True, timeout=20)
                    self.assertEqual(done.returncode, status, done.stderr)
                    self.assertIn("rename", done.stderr)
                with open(theirs, "rb") as file:
                    self.assertEqual(file.read(), self.bytes)

    def test_a_session_goes_on_by_its_listener_and_sees_nothing_of_the_mount_point(self):
        client = self.client("lamp", MOUNTED)
        self.assertTrue(client.present)
        self.assertEqual({received(client.until(3)), received(client.until(3))},
                         {("lamp", "waits"), ("room/1", "not released")})
        self.publish(MOUNTED, "lamp", b"new")
        self.assertEqual(received(client.until(3)), ("lamp", "new"))
        client.end()

    def test_so_does_one_that_is_subscribed_to_all_that_it_can_see(self):
        client = self.client("five", MOUNTED, version=5)
        self.assertTrue(client.present)
        got = [received(client.until(3), 5) for _ in range(3)]
        self.assertEqual(sorted(got), [("kept", "kept"), ("lamp", "waits"), ("room/1", "not released")])
        client.end()

    def test_from_then_on_it_is_of_that_mount_point_also_after_a_restart(self):
        self.client("lamp", MOUNTED).end()
        self.start()
        client = self.client("lamp", MOUNTED)
        self.assertTrue(client.present)
        client.end()
        client = self.client("lamp", PLAIN)
        self.assertFalse(client.present)
        client.end()

    def test_one_whose_client_stays_away_for_a_restart_is_still_of_any(self):
        self.start()
        client = self.client("lamp", MOUNTED)
        self.assertTrue(client.present)
        self.assertEqual(received(client.until(3))[0], "lamp")
        client.end()

    def test_by_a_listener_without_mount_point_it_goes_on_with_whole_topics_as_with_mosquitto(self):
        client = self.client("lamp", PLAIN)
        self.assertTrue(client.present)
        self.assertEqual(received(client.until(3)), ("house/lamp", "waits"))
        client.end()

    def test_one_that_could_see_more_than_what_is_below_a_mount_point_begins_anew_there(self):
        for name in ("everywhere", "any house", "both"):
            with self.subTest(name):
                client = self.client(name, MOUNTED)
                self.assertFalse(client.present)
                self.publish(PLAIN, "garden/lamp", b"not for you")
                client.subscribe("only", 1)
                self.publish(MOUNTED, "only", b"yours")
                self.assertEqual(received(client.until(3)), ("only", "yours"))
                client.end()

    def test_one_that_could_not_goes_on_though_it_was_there_by_another(self):
        client = self.client("inside", MOUNTED)
        self.assertTrue(client.present)
        self.assertEqual(received(client.until(3)), ("lamp", "waits"))
        client.end()

    def test_a_mount_point_is_text_before_the_topic(self):
        client = self.client("inside", ELSEWHERE)
        self.assertTrue(client.present)
        self.assertEqual(received(client.until(3)), ("/lamp", "waits"))
        client.end()

    def test_one_with_nothing_in_it_goes_on_anywhere(self):
        for name, listener in (("quiet", ELSEWHERE), ("sender", MOUNTED)):
            client = self.client(name, listener)
            self.assertTrue(client.present)
            client.end()
        listener = self.client("listener", MOUNTED, clean=True).subscribe("room/1", 2)
        sender = self.client("sender", MOUNTED)
        sender.send(0x3C, b"\0\6room/1" + number(7, 2) + b"not released").until(5)  # again, with DUP
        self.publish(MOUNTED, "room/1", b"next")
        self.assertEqual(received(listener.until(3)), ("room/1", "next"))
        sender.end()
        listener.end()


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
