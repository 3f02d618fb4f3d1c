#!/usr/bin/env python3
"""bramble-ctl explain publish against a broker that runs: who gets a message. Ends with `N passed, N failed`.
BRAMBLE_BINARIES names another folder with Bramble's programs."""
import os
import socket
import unittest

from control_broker import Raw, WithBroker, mqtt_text, until
from programs import SECONDS, call, end_with, start


class Receivers(WithBroker):
    @classmethod
    def configuration(cls):
        acl = cls.path("acl", "topic readwrite #\nuser eve\ntopic readwrite #\ntopic deny plant/secret\nuser mute\n"
                              "topic write plant/#\nuser bob\ntopic readwrite #\ntopic deny plant/off\n")
        return super().configuration().replace("listener 0", f"acl_file {acl}\nlistener 0")

    def explain(self, topic, *words, status=0):
        done = call("explain", "publish", "--topic", topic, "-c", self.conf, *words)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return done.stdout

    def sub(self, name, user, *words):
        process = start("sub", "-h", "127.0.0.1", "-p", self.port, "-i", name, "-u", user, "-P", "any", *words)
        self.mine.callback(process.communicate)
        self.mine.callback(process.kill)
        until(name, lambda: [each for each in self.objects("--id", name) if each["subscriptions"] != 0])

    def test_who_would_get_it_and_who_would_not(self):
        self.client("anon", "plant/+")
        self.client("other", "else/#")
        self.client("w1", "$share/g/plant/secret")
        self.client("w2", "$share/g/plant/secret")
        self.away("away", "plant/#")
        self.sub("spy", "eve", "-t", "plant/#", "-q", 2)
        self.sub("silent", "mute", "-t", "#")
        said = self.explain("plant/secret")
        self.assertIn(f"  receivers  2 clients, and one member of 1 shared group, as the broker at {self.control} has", said)
        self.assertIn("\n    anon  by plant/+  QoS 1\n", said)
        self.assertIn("\n    away  by plant/#  QoS 1, away: queued at QoS 1 and 2\n", said)
        self.assertIn("\n    spy (user eve)  by plant/#  QoS 2, gets nothing: denied by "
                      f"{self.path('acl')}:4: topic deny plant/secret\n", said)
        self.assertIn(f"\n    silent (user mute)  by #  QoS 0, gets nothing: no line of {self.path('acl')} allows", said)
        self.assertIn("\n    $share/g/plant/secret: one of\n      w1  QoS 1\n      w2  QoS 1\n", said)
        self.assertNotIn("other", said)
        self.assertTrue(said.endswith("\nallowed\n"))
        other = self.explain("plant/7")
        self.assertIn("\n    spy (user eve)  by plant/#  QoS 2\n", other)
        self.assertIn("  receivers  0 clients, as the broker", self.explain("nobody/wants"))

    def test_no_local_is_told(self):
        client = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        self.mine.callback(client.close)
        connect = mqtt_text("MQTT") + b"\5\2\0\0\0" + mqtt_text("self")
        client.sendall(bytes([0x10, len(connect)]) + connect)
        subscribe = b"\0\1\0" + mqtt_text("own/#") + b"\4"
        client.sendall(bytes([0x82, len(subscribe)]) + subscribe)
        until("self", lambda: self.names("--subscribed", "own/1"))
        self.assertIn("No Local", self.explain("own/1", "--client", "self"))
        self.assertIn("self  by own/#  QoS 0\n", self.explain("own/1", "--client", "someone"))

    def test_filters_by_the_thousand_are_all_told_and_take_no_memory(self):
        levels = [f"l{i}" for i in range(12)]
        filters = ["/".join("+" if mask >> i & 1 else level for i, level in enumerate(levels)) for mask in range(1 << 12)]
        for number in range(20):
            client = self.client(f"many-{number}")
            for begin in range(0, len(filters), 64):
                client.subscribe(*filters[begin:begin + 64])
        before = self.rss_mb()
        raw = Raw(self.control).send(f"bramble/1 receivers topic={'/'.join(levels)}\n")
        said = raw.answer()
        self.assertTrue(said.endswith(f"\nend count={20 * len(filters)}\n"), said[-200:])
        self.assertEqual(len(set(said.splitlines())), 20 * len(filters) + 2)
        self.assertLess(self.rss_mb() - before, 10)  # with all of it in memory it would be 35

    def rss_mb(self):
        with open(f"/proc/{self.broker.process.pid}/statm") as sizes:
            return int(sizes.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def test_what_is_denied_reaches_nobody_and_the_status_says_so(self):
        self.client("anon", "plant/+")
        said = self.explain("plant/off", "--user", "bob", status=1)
        self.assertIn("  receivers  nobody\n", said)
        self.assertTrue(said.endswith("\ndenied\n"))

    def test_the_broker_does_what_was_explained(self):
        got = self.client("gets", "real/1")
        self.sub("not", "mute", "-t", "real/1")
        said = self.explain("real/1")
        self.assertIn("\n    gets  by real/1  QoS 1\n", said)
        self.assertRegex(said, r"\n    not \(user mute\)  by real/1  QoS 0, gets nothing: no line")
        self.assertEqual(call("pub", "-h", "127.0.0.1", "-p", self.port, "-t", "real/1", "-m", "x").returncode, 0)
        self.assertEqual(got.socket.recv(100)[:10], b"\x30\x09" + mqtt_text("real/1"))
        self.broker.wait_for("may not receive real/1. (u'mute': ")

    def test_without_a_broker_the_status_is_as_allowed(self):
        gone = self.path("gone")
        said = self.explain("plant/1", "--socket", gone)
        self.assertRegex(said, rf"\n  receivers  not known: cannot connect to {gone}: No such file[^\n]*\n")
        self.assertTrue(said.endswith("\nallowed\n"))
        self.assertTrue(self.explain("plant/off", "--user", "bob", "--socket", gone, status=1).endswith("\ndenied\n"))
        plain = self.path("plain.conf", "listener 1883\nallow_anonymous true\n")
        done = call("explain", "publish", "--topic", "a", "-c", plain)
        self.assertEqual(done.returncode, 0)
        self.assertIn("  receivers  not known: no broker is asked without control_socket", done.stdout)


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
