#!/usr/bin/env python3
"""bramble-ctl store: databases made from a real Mosquitto's, looked into, checked, exported, and made again from that.
Ends with `N passed, N failed`. BRAMBLE_BINARIES names another folder with Bramble's programs."""
import base64
import json
import os
import signal
import sqlite3
import tempfile
import unittest

from mosquitto_files import Mosquitto, fill
from programs import SECONDS, WithFolder, call, end_with, start

SAID = "4 sessions, 5 subscriptions, 3 retained messages, 15 waiting messages\n"
NEVER = 0xFFFFFFFF


class Store(WithFolder):
    """One Mosquitto that clients have talked to has written what all of them read."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        broker = Mosquitto(cls.folder)
        fill(broker)
        cls.mosquitto_db = broker.end()
        cls.bytes = cls.bytes_of(cls.mosquitto_db)

    def setUp(self):
        self.own = tempfile.mkdtemp(dir=self.folder)
        self.db = os.path.join(self.own, "bramble.db")

    @staticmethod
    def bytes_of(path):
        with open(path, "rb") as file:
            return file.read()

    def done(self, *words, **more):
        done = call("store", *words, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def made(self):
        """A database with everything in it."""
        self.done("import", self.mosquitto_db, "--to", self.own)
        return self.own

    def exported(self, folder):
        lines = [json.loads(line) for line in self.done("export", folder).split("\n")[:-1]]
        self.assertEqual([lines[0]["type"], lines[-1]], ["bramble", {"type": "end", "records": len(lines) - 2}])
        return lines[1:-1]

    @staticmethod
    def text_of(records):
        records = [{"type": "bramble", "format": 1, "version": "0"}, *records, {"type": "end", "records": len(records)}]
        return "".join(json.dumps(each) + "\n" for each in records)

    def lines(self, text):
        path = os.path.join(self.own, "lines")
        with open(path, "w") as out:
            out.write(text)
        return path

    def there(self):
        return sorted(os.listdir(self.own))


class FromMosquitto(Store):
    def test_it_is_all_there_and_the_source_is_as_it_was(self):
        self.assertEqual(self.done("import", self.mosquitto_db, "--to", self.own), f"{self.db}: {SAID}")
        self.assertEqual(self.there(), ["bramble.db"])
        self.assertEqual(self.bytes_of(self.mosquitto_db), self.bytes)

    def test_sessions_and_what_they_are_subscribed_to(self):
        records = self.exported(self.made())
        sessions = {each["client_id"]: each for each in records if each["type"] == "session"}
        self.assertEqual(sorted(sessions), ["five", "old", "sender", "slow"])
        self.assertEqual((sessions["five"]["expiry_seconds"], sessions["five"]["user"]), (400_000_000, "ann"))
        self.assertEqual((sessions["old"]["expiry_seconds"], sessions["old"]["user"]), (NEVER, None))
        self.assertIsNone(sessions["slow"]["user"])
        self.assertEqual({each["mount_point"] for each in sessions.values()}, {None})  # Mosquitto does not write it
        self.assertTrue(all(each["gone_at"] > 1.7e12 for each in sessions.values()))
        five = [each for each in records
                if each["type"] == "subscription" and each["session"] == sessions["five"]["session"]]
        self.assertEqual(five, [{"type": "subscription", "session": sessions["five"]["session"], "filter": "field/+",
                                 "qos": 1, "no_local": True, "retain_as_published": True,
                                 "subscription_identifier": 7, "replay_from": None}])
        self.assertEqual([each["packet_id"] for each in records if each["type"] == "receipt"], [77, 78])

    def test_messages_and_how_far_they_have_come(self):
        records = self.exported(self.made())
        retained = {each["topic"]: each for each in records if each["type"] == "retained"}
        self.assertEqual(sorted(retained), ["kept/plain", "kept/rich", "pending/kept"])
        self.assertEqual((retained["kept/rich"]["payload"], retained["kept/rich"]["published_retain"]), ('{"ä": 1}', True))
        self.assertIn(b"text/plain", base64.b64decode(retained["kept/rich"]["properties_base64"]))
        self.assertIn(b"bob", base64.b64decode(retained["kept/plain"]["source_base64"]))
        self.assertEqual(retained["pending/kept"]["publisher"], "sender")
        slow = next(each["session"] for each in records if each.get("client_id") == "slow")
        self.assertEqual([(each["state"], each["packet_id"], each["payload"]) for each in records
                          if each["type"] == "delivery" and each["session"] == slow],
                         [("puback", 1, "puback"), ("pubrec", 2, "pubrec"), ("pubcomp", 3, "pubcomp"),
                          ("queued", 0, "waits 1"), ("queued", 0, "waits 2")])
        raw = [each for each in records if "payload_base64" in each]
        self.assertEqual([base64.b64decode(each["payload_base64"]) for each in raw], [b"\0\1\2\xff"])
        again = [each for each in records if each["type"] == "delivery" and each.get("message") == raw[0]["message"]]
        self.assertEqual(len(again), 2)
        self.assertNotIn("topic", again[1])

    def test_what_is_damaged_is_left_out_and_told(self):
        cut = os.path.join(self.own, "cut.db")
        with open(cut, "wb") as out:
            out.write(self.bytes[:-1])
        said = self.done("import", cut, "--to", self.own)
        self.assertIn(" 2 retained messages", said)
        self.assertIn(f"{cut}: 1 record damaged and left out\n", said)

    def test_another_format_is_refused_by_its_number(self):
        other = os.path.join(self.own, "old.db")
        with open(other, "wb") as out:
            out.write(self.bytes[:19] + b"\0\0\0\3" + self.bytes[23:])
        self.refused(call("store", "import", other, "--to", self.own), 1, f"{other}: is of format 3, of Mosquitto before")
        self.assertEqual(self.there(), ["old.db"])


class Backup(Store):
    def test_what_is_exported_can_be_imported_and_is_the_same(self):
        first = self.exported(self.made())
        text = self.done("export", self.own)
        other = tempfile.mkdtemp(dir=self.folder)
        self.assertEqual(self.done("import", "-", "--to", other, input=text), f"{other}/bramble.db: {SAID}")
        again = self.exported(other)
        for records in (first, again):
            for each in records:
                each.pop("message", None)  # is numbered by the file
        self.assertEqual(again, first)
        third = tempfile.mkdtemp(dir=self.folder)
        self.done("import", self.lines(text), "--to", third)
        self.assertIn("nothing is wrong", self.done("check", third))

    def test_a_will_and_names_with_anything_in_them(self):
        odd = 'a"\\\u0001\u2028ä'
        session = {"type": "session", "session": 5, "client_id": odd, "expiry_seconds": 9, "gone_at": 1_795_000_000_123,
                   "user": odd, "listener": "1883", "mount_point": "at/", "ids_in_doubt": True, "will": {
                       "topic": odd, "payload_base64": "AP8=", "properties_base64": "AQE=", "qos": 1, "retain": True,
                       "delay_seconds": 7, "message_expiry": 8, "source_base64": ""}}
        away = {**session, "session": 6, "client_id": "there", "gone_at": None, "user": None, "mount_point": None,
                "ids_in_doubt": False, "will": None}
        records = [session, away]
        self.done("import", self.lines(self.text_of(records)), "--to", self.own)
        self.assertEqual(self.exported(self.own), records)

    def test_a_line_that_is_wrong_is_named_and_nothing_is_made(self):
        good = '{"type":"session","session":1,"client_id":"c","expiry_seconds":1,"gone_at":null,"user":null,' \
               '"listener":"","mount_point":"","will":null}\n'
        head = '{"type":"bramble","format":1,"version":"0"}\n'
        for bad, what in (("x", "is no JSON object on one line"), ("{}", "type: is no text"),
                          ('{"type":"other"}', "type: is none of session, subscription"), (good[:-1], "client_id: is empty, or"),
                          ('{"type":"receipt","session":2,"packet_id":1}', "session: is the number of no session before"),
                          ('{"type":"receipt","session":1,"packet_id":0}', "packet_id: is no whole number from 1 to 65535"),
                          ('{"type":"retained","slot":0,"topic":"a/#","payload":"x"}', "properties: is neither a text nor")):
            path = self.lines(head + good + bad + "\n" + good)
            self.refused(call("store", "import", path, "--to", self.own), 1, f"{path}:3: {what}")
            self.assertEqual(self.there(), ["lines"])

    def test_a_text_without_its_beginning_or_end_is_refused_and_nothing_is_made(self):
        whole = self.done("export", self.made()).splitlines(keepends=True)
        os.remove(self.db)
        newer = '{"type":"bramble","format":2,"version":"9.9"}\n'
        for lines, what in ((whole[1:], "1: type: is not bramble"), (whole[:-1], f"{len(whole)}: its last line"),
                            (whole[:-2] + whole[-1:], f"{len(whole) - 1}: records: is another number"),
                            (whole + whole[1:2], f"{len(whole) + 1}: type: comes after the end"),
                            ([newer] + whole[1:], "1: format: is 2, of bramble-ctl 9.9")):
            self.refused(call("store", "import", "-", "--to", self.own, input="".join(lines)), 1, f"standard input:{what}")
            self.assertEqual(self.there(), [])

    def test_an_empty_database_can_be_exported_and_imported(self):
        self.done("import", self.lines(self.text_of([])), "--to", self.own)
        self.assertEqual(self.exported(self.own), [])

    def test_retained_messages_get_slots_without_gaps_and_replays_go_on_where_they_were(self):
        records = self.exported(self.made())
        os.remove(self.db)
        retained = [each for each in records if each["type"] == "retained"]
        for slot, each in zip((5, 70, 100_000_000), retained):
            each["slot"] = slot
        five = next(each for each in records if each["type"] == "subscription" and each["filter"] == "field/+")
        five["replay_from"] = 6
        self.done("import", self.lines(self.text_of(records)), "--to", self.own)
        records = self.exported(self.own)
        self.assertEqual([each["slot"] for each in records if each["type"] == "retained"], [0, 1, 2])
        self.assertEqual([each["replay_from"] for each in records
                          if each.get("filter") == "field/+" and each["session"] == five["session"]], [1])

    def test_one_that_is_killed_leaves_nothing_that_counts_and_the_next_begins_anew(self):
        text = self.done("export", self.made())
        os.remove(self.db)
        process = start("store", "import", "-", "--to", self.own, stdin=-1)
        process.stdin.write(text[:-20])
        process.stdin.flush()
        while self.there() == []:
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=SECONDS)
        self.assertNotIn("bramble.db", self.there())
        self.assertIn("bramble.db.importing", self.there())
        self.done("import", self.mosquitto_db, "--to", self.own)
        self.assertEqual(self.there(), ["bramble.db"])
        self.assertEqual(self.done("export", self.own).count("\n"), text.count("\n"))


class Looking(Store):
    def test_inspect_says_how_much_there_is_and_who_waits_for_most(self):
        said = self.done("inspect", self.made())
        self.assertTrue(said.startswith(f"{self.db}\n"), said)
        for part in (r"format +1, written by bramble \d", r"size +\d+ bytes", r"sessions +4, 4 with their client away", r"subscriptions +5, 0 shared",
                     r"retained +3 messages, \d+ bytes of payload", r"waiting +15 messages, 3 in flight, \d+ bytes",
                     r"not released +2 messages at QoS 2", r"oldest waiting +2\d{3}-\d\d-\d\d \d\d:\d\d:\d\d UTC, topic ",
                     r"CLIENT +MESSAGES +BYTES +AWAY SINCE\nslow +5 +33 +2\d{3}-"):
            self.assertRegex(said, part)
        self.assertEqual(self.done("inspect", cwd=self.own).splitlines()[1:], said.splitlines()[1:])
        self.assertEqual(self.done("inspect", self.db), said)

    def test_check_is_content_with_what_is_whole(self):
        self.assertEqual(self.done("check", self.made()), f"{self.db}: nothing is wrong\n")

    def test_check_finds_what_is_damaged_and_changes_nothing(self):
        self.made()
        with sqlite3.connect(self.db) as other:
            other.execute("UPDATE q SET sid = 99 WHERE g = 1")
        other.close()
        before = self.bytes_of(self.db)
        done = call("store", "check", self.own)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(done.stdout, f"{self.db}: 1 deliveries have no session\n{self.db}: 1 record cannot be used\n")
        self.assertEqual(self.bytes_of(self.db), before)
        self.assertEqual(self.there(), ["bramble.db"])

    def test_one_in_use_is_left_alone(self):
        self.made()
        with sqlite3.connect(self.db, isolation_level=None) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            for verb in ("inspect", "check", "export"):
                self.refused(call("store", verb, self.own), 1, f"{self.db} is in use by another process")
            other.execute("ROLLBACK")
        other.close()
        self.done("check", self.own)


class Refused(Store):
    def test_what_is_there_is_not_written_over(self):
        self.made()
        before = self.bytes_of(self.db)
        self.refused(call("store", "import", self.mosquitto_db, "--to", self.own), 1,
                     f"{self.db}: is there already and is not written over; move it, or name another folder")
        self.assertEqual(self.bytes_of(self.db), before)
        self.refused(call("store", "import", self.db, "--to", self.own), 1, f"{self.db}: is a database already; stop the")

    def test_what_is_no_database_is_left_where_it_is(self):
        text = self.lines("no database\n")
        for verb in ("inspect", "check", "export"):
            self.refused(call("store", verb, text), 1, f"cannot read {text}: file is not a database")
            self.refused(call("store", verb, self.mosquitto_db), 1, 
                         "is Mosquitto's database; make one of it with bramble-ctl store import")
            self.refused(call("store", verb, self.own), 1, f"cannot read {self.db}: there is no such file")
        self.refused(call("store", "import", text, "--to", self.own), 1, f"{text}: is neither a database of Mosquitto nor")
        self.refused(call("store", "import", "/nonexistent", "--to", self.own), 1, "/nonexistent: is neither")
        self.assertEqual(self.there(), ["lines"])
        self.assertEqual(self.bytes_of(self.mosquitto_db), self.bytes)

    def test_words_that_say_nothing(self):
        for words, what in ((("store",), "store inspect, check, export or import"), (("store", "import"), "which file?"),
                            (("store", "inspect", "a", "b"), "'b': one file at a time"),
                            (("store", "inspect", "--to", "a"), "--to: only of store import"),
                            (("store", "import", "a", "--to"), "--to: needs FOLDER behind it"),
                            (("store", "check", "-x"), "unknown option '-x'")):
            self.refused(call(*words), 2, what)
        self.refused(call("store", "import", self.mosquitto_db, "--to", "/nonexistent"), 1, "/nonexistent: is no folder")
        self.assertIn("bramble-ctl store import FILE", self.done("--help"))


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
