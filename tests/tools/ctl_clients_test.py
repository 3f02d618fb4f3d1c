#!/usr/bin/env python3
"""bramble-ctl clients against a broker that runs. Ends with `N passed, N failed`. BRAMBLE_BINARIES names another folder
with Bramble's programs."""
import json
import resource
import signal
import socket
import unittest

from control_broker import WithBroker, mqtt_text, until
from programs import SECONDS, call, end_with, start


class List(WithBroker):
    @classmethod
    def configuration(cls):
        return (super().configuration() + f"listener 0 127.0.0.1\nprotocol websockets\nlistener 0 {cls.path('mqtt')}\n")

    def test_what_is_told_of_a_client(self):
        self.client("one", "a/b", "c/#", keep_alive=77)
        self.client("old", level=3)
        told = self.objects("--id", "one")
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0].pop("address"), r"^127\.0\.0\.1:\d+$")
        self.assertLess(told[0].pop("seconds"), SECONDS)
        self.assertEqual(told[0], {"id": "one", "state": "connected", "listener": str(self.port), "transport": "tcp",
                                   "version": "3.1.1", "keep_alive": 77, "clean_start": True, "session_expiry": 0,
                                   "subscriptions": 2, "queued": 0, "in_flight": 0})
        self.assertEqual([each["version"] for each in self.objects("--id", "old")], ["3.1"])
        process = start("sub", "--unix", self.path("mqtt"), "-i", "five", "-t", "x", "-x", 600)
        self.mine.callback(process.communicate)
        self.mine.callback(process.kill)
        until("five", lambda: self.names("--id", "five"))
        five = self.objects("--id", "five")[0]
        self.assertEqual([five[name] for name in ("version", "transport", "address", "listener", "session_expiry")],
                         ["5", "unix", "unix", self.path("mqtt"), 600])

    def test_the_transport_is_told(self):
        web = socket.create_connection(("127.0.0.1", self.broker.ports[1]), SECONDS)
        self.mine.callback(web.close)
        web.sendall(b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
        body = mqtt_text("MQTT") + b"\4\2\0\0" + mqtt_text("web")
        packet = bytes([0x10, len(body)]) + body
        web.sendall(bytes([0x82, 0x80 | len(packet)]) + b"\0\0\0\0" + packet)
        until("web", lambda: self.names("--id", "web"))
        self.assertEqual(self.objects("--id", "web")[0]["transport"], "websocket")
        self.assertEqual(self.names("--listener", self.broker.ports[1]), ["web"])

    def test_sessions_that_are_away(self):
        self.client("here", "q/1")
        self.away("gone", "q/1", "q/2")
        self.assertEqual(call("pub", "-h", "127.0.0.1", "-p", self.port, "-t", "q/1", "-m", "x", "-q", 1).returncode, 0)
        self.assertEqual(self.names("--id", "*e*"), ["here"])
        self.assertEqual(self.names("--id", "*e*", "--all"), ["gone", "here"])
        gone = self.objects("--away", "--id", "gone")[0]
        self.assertEqual((gone["state"], gone["subscriptions"], gone["queued"], gone["session_expiry"]),
                         ("away", 2, 1, 4294967295))
        self.assertNotIn("address", gone)
        here = self.objects("--id", "here")[0]
        self.assertEqual((here["queued"], here["in_flight"]), (0, 1))  # it does not acknowledge

    def test_filters_and_that_all_of_them_count(self):
        for name, filters in (("s-1", ("plant/+/temp",)), ("s-2", ("plant/#", "$share/g/plant/7/temp")), ("t-3", ("x",))):
            self.client(name, *filters)
        process = start("sub", "-h", "127.0.0.1", "-p", self.port, "-i", "s-4", "-u", "bob", "-P", "any", "-t", "x")
        self.mine.callback(process.communicate)
        self.mine.callback(process.kill)
        self.broker.wait_for("s-4 0 x")
        for words, wanted in (
                (("--id", "s-*"), ["s-1", "s-2", "s-4"]), (("--id", "?-[13]"), ["s-1", "t-3"]), (("--id", "s"), []),
                (("--user", "b*"), ["s-4"]), (("--user", "eve"), []), (("--user", "", "--id", "[st]-*"), ["s-1", "s-2", "t-3"]),
                (("--address", "127.0.0.1", "--id", "[st]-*"), ["s-1", "s-2", "s-4", "t-3"]),
                (("--address", "127.*:*", "--id", "t*"), ["t-3"]), (("--address", "10.*"), []),
                (("--listener", self.port, "--id", "t*"), ["t-3"]), (("--listener", "7"), []),
                (("--subscribed", "plant/7/temp"), ["s-1", "s-2"]), (("--subscribed", "plant/7/other"), ["s-2"]),
                (("--subscribed", "plant/#"), ["s-2"]), (("--subscribed", "plant/+"), []),
                (("--subscribed", "$share/g/plant/7/temp"), ["s-2"]), (("--subscribed", "$share/h/plant/7/temp"), []),
                (("--subscribed", "x"), ["s-4", "t-3"]), (("--subscribed", "x", "--user", "bob", "--id", "s*"), ["s-4"]),
                (("--subscribed", "x", "--id", "s-1"), [])):
            self.assertEqual(self.names(*words), wanted, words)
            self.assertEqual(self.clients("--count", *words), f"{len(wanted)}\n", words)

    def test_the_table_for_people(self):
        self.client("people", "a")
        lines = self.clients("--id", "people").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^CLIENT +USER +ADDRESS +MQTT +LISTENER +OVER +SINCE +KEEP ALIVE +CLEAN +KEPT +")
        self.assertRegex(lines[1], rf"^people +- +127\.0\.0\.1:\d+ +3\.1\.1 +{self.port} +tcp +\d+s +0 +yes +no +1 +0 +0$")
        self.assertEqual(self.clients("--id", "none"), "")
        self.away("people-away", "a")
        self.assertRegex(self.clients("--away", "--id", "people*").splitlines()[1], r"^people-away +- +away .* for ever ")

    def test_no_client_id_can_break_the_table(self):
        names = ["bad\x01\x1b[2J\r\n\tend", "bad id=x state=%41", "bad-küche", "bad-\u202etxet", "bad-\u009b31m", "bad\\x41",
                 "bad-日本", "bad-" + "y" * 60_000, "bad-a\u0301"]
        for name in names:
            self.client(name)
        table = self.clients("--id", "bad*")
        lines = table.splitlines()
        self.assertEqual(len(lines), len(names) + 1, table)
        self.assertEqual([c for c in table if c != "\n" and not c.isprintable()], [])
        self.assertLess(max(map(len, lines)), 300)
        self.assertIn("bad\\x01\\x1b[2J\\x0d\\n\\x09end", table)
        self.assertIn("bad-\\u{202e}txet", table)
        self.assertIn("bad\\\\x41", table)
        self.assertIn("bad-küche", table)
        at = {line.index("127.0.0.1") for line in lines[1:] if "日" not in line}
        self.assertEqual(len(at), 1, table)
        self.assertEqual(sorted(self.names("--id", "bad*")), sorted(names))

    def test_thousands_of_clients_are_all_told_once(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(3000, hard - 100)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 100), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        wanted = sorted(f"many-{i}" for i in range(count))
        for name in wanted:
            self.client(name, "many/all")
        self.assertEqual(sorted(self.names("--id", "many-*")), wanted)
        self.assertEqual(self.clients("--count", "--subscribed", "many/all"), f"{count}\n")

    def test_sigusr2_goes_on_beside_it(self):
        self.client("usr2", "u/1", "u/2")
        asking = [start("clients", "--socket", self.control, "--all") for _ in range(4)]
        self.broker.process.send_signal(signal.SIGUSR2)
        self.broker.wait_for("subscriptions were printed to stdout")
        for process in asking:
            out, error = process.communicate(timeout=SECONDS)
            self.assertEqual((process.returncode, error), (0, ""))
            self.assertIn("usr2", out)

    def test_what_is_wrong_with_the_words_is_said(self):
        for words in ((), ("--socket", self.control, "-c", self.conf), ("--socket",), ("-c", self.conf, "--id"),
                      ("-c", self.conf, "--away", "--all"), ("-c", self.conf, "--json", "--count"), ("-c", self.conf, "x"),
                      ("-c", self.conf, "--subscribed", "a/#/b")):
            self.refused(call("clients", *words), 2, "bramble-ctl: ")
        self.assertEqual(call("clients", "--help").returncode, 0)
        self.refused(call("clients", "-c", self.conf, "--id", "a", "--id", "b"), 1, "id is there twice")
        self.refused(call("clients", "-c", self.conf, "--id", "a" * 2000), 1, "at most 1024 bytes")

    def test_where_nobody_answers_is_said_with_what_to_write(self):
        gone = self.path("nobody-there")
        self.refused(call("clients", "--socket", gone), 1, gone, "No such file", f"`control_socket {gone}`")
        silent = self.path("silent.conf", "listener 0 127.0.0.1\nallow_anonymous true\n")
        self.refused(call("clients", "-c", silent), 1, silent, "control_socket /run/bramble/control", "restart")
        self.refused(call("clients", "-c", self.path("wrong.conf", "max_qos 3\n")), 3, "wrong.conf:1: max_qos")
        self.refused(call("clients", "--socket", self.path("mqtt")), 1, "the answer")
        self.assertIn("bramble", self.clients("--id", "x*", "--count") + "bramble")

    def test_the_configuration_says_where(self):
        self.client("by-file")
        done = call("clients", "-c", self.conf, "--id", "by-file", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout)["id"], "by-file")


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
