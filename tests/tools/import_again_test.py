#!/usr/bin/env python3
"""bramble-ctl import-mosquitto where something is there already: it has run before, a broker runs, somebody has written
files of his own. Ends with `N passed, N failed`. BRAMBLE_BINARIES names another folder with Bramble's programs."""
import fcntl
import os
import unittest

from mosquitto_home import CLOSED, STOCK, USER, WithMosquitto, seen
from programs import end_with


class Again(WithMosquitto):
    def setUp(self):
        super().setUp()
        self.configure(USER + STOCK, home=CLOSED)

    def test_a_dry_run_says_the_same_and_writes_nothing(self):
        dry = self.imported("--dry-run")
        self.assertFalse(os.path.exists(self.to) or os.path.exists(self.data))
        before, after = dry.split("\n\n", 1)
        self.assertEqual(before, "Nothing is written: this is what would be.")
        said = self.imported()
        for part in after.strip().split("\n\n"):
            if not part.startswith("Database"):  # it has an age
                self.assertIn(part, said)
        self.assertIn("1 sessions, 1 subscriptions, 2 retained messages, 2 waiting messages", after)

    def test_a_second_time_changes_nothing_and_says_so_also_when_bramble_has_run(self):
        self.imported()
        before = seen(self.to) | seen(self.data)
        said = self.imported()
        self.assertEqual(said.count(": is there already\n"), 4)
        self.assertIn(f"not imported again, but with --database: {self.data}/bramble.db is there already, with 1 sessions and 2 retained", said)
        self.assertEqual(seen(self.to) | seen(self.data), before)
        broker = self.start()
        self.assertIn(f"not imported again, but with --database: {self.data}/bramble.db is in use by another process", self.imported())
        self.assert_serves(broker.ports[0])

    def test_what_somebody_has_changed_is_written_over_only_if_it_is_said_and_kept_then(self):
        self.imported()
        self.write("etc/bramble/acl", "topic #\n")
        before = seen(self.to) | seen(self.data)
        self.refused(self.import_it(), 1, f"{self.to}/acl: is there already, and differs",
                     f"{self.data}/bramble.db is there already, with 1 sessions", "Nothing was written. --database imports the database alone")
        self.assertEqual(seen(self.to) | seen(self.data), before)
        self.write("etc/bramble/acl.before-import", "older\n")
        self.assertIn(f"{self.to}/acl, in the place of another\n", self.imported("--force", "--dry-run"))
        said = self.imported("--force")
        self.assertIn(f"{self.to}/acl, in the place of another, which is {self.to}/acl.before-import-2 now", said)
        self.assertIn(f"the {self.data}/bramble.db before is {self.data}/bramble.db.before-import now", said)
        self.assertEqual(self.read("etc/bramble/acl"), self.read("etc/mosquitto/acl"))
        self.assertEqual(self.read("etc/bramble/acl.before-import-2"), "topic #\n")
        self.assertEqual(seen(self.data)[f"{self.data}/bramble.db.before-import"], before[f"{self.data}/bramble.db"])
        self.assert_serves(self.start().ports[0])

    def test_a_database_that_nothing_is_in_is_in_nobodys_way(self):
        self.configure(f"{USER}persistence true\npersistence_location {self.data}\nlistener 0 127.0.0.1\nallow_anonymous true\n")
        self.start(config=f"{self.etc}/mosquitto.conf").end()
        self._cleanups.pop()
        self.configure(USER + STOCK, home=CLOSED)
        self.assertIn("2 retained messages", self.imported())
        self.assert_serves(self.start().ports[0])

    def test_a_database_that_a_broker_has_is_left_to_it_even_with_force(self):
        self.configure(f"{USER}persistence true\npersistence_location {self.data}\nlistener 0 127.0.0.1\nallow_anonymous true\n")
        self.start(config=f"{self.etc}/mosquitto.conf")
        self.configure(USER + STOCK, home=CLOSED)
        before = os.listdir(self.data)
        self.refused(self.import_it("--force"), 1, "is in use by another process", "systemctl stop bramble")
        self.assertEqual(os.listdir(self.data), before)
        self.assertFalse(os.path.exists(self.to))

    def test_the_database_alone_comes_again_and_what_somebody_has_changed_stays(self):
        self.imported()
        self.write("etc/bramble/acl", "topic #\n")
        before, database = seen(self.to), seen(self.data)[f"{self.data}/bramble.db"]
        os.truncate(f"{self.lib}/mosquitto.db", os.path.getsize(f"{self.lib}/mosquitto.db") - 10)  # it is another now
        self.assertNotIn("before-import", self.imported("--database", "--dry-run"))
        said = self.imported("--database")
        self.assertIn("damaged records", said)
        self.assertNotIn("Copied", said)
        self.assertIn(f"the {self.data}/bramble.db before is {self.data}/bramble.db.before-import now", said)
        self.assertEqual(seen(self.to), before)
        self.assertEqual(seen(self.data)[f"{self.data}/bramble.db.before-import"], database)
        self.start()
        self.refused(self.import_it("--database"), 1, "is in use by another process", "systemctl stop bramble")

    def test_two_at_once_do_not_get_into_each_others_way(self):
        source = os.open(f"{self.etc}/mosquitto.conf", os.O_RDONLY)
        self.addCleanup(os.close, source)
        fcntl.flock(source, fcntl.LOCK_EX)
        for more in ([], ["--database"]):
            self.refused(self.import_it(*more), 1, f"{self.etc}/mosquitto.conf: another import of it is at work", "Nothing was written.")
        self.assertFalse(os.path.exists(self.to))

    def test_a_file_of_somebodys_that_is_read_along_is_told_and_one_that_does_not_fit_is_in_the_way(self):
        own = self.write("etc/bramble/conf.d/own.conf", "acl_file /nonexistent\n")
        self.write("etc/bramble/bramble.conf", "# before\n")
        before = seen(self.to)
        self.refused(self.import_it("--force"), 3, f"Bramble would not start with it:\n{own}:1: acl_file: given at",
                     "All is as it was.")
        self.assertEqual([found[4] for found in seen(self.to).values()], [found[4] for found in before.values()])
        self.assertEqual(list(seen(self.to)), list(before))
        self.assertFalse(os.path.exists(self.data))
        self.write("etc/bramble/conf.d/own.conf", "max_qos 1\n")
        self.assertIn(f"Read along, for it was there\n  {own}\n", self.imported("--force"))


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
