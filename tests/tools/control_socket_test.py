#!/usr/bin/env python3
"""What hostile programs can do to a broker's control socket, and whose its file is. Ends with `N passed, N failed`.
BRAMBLE_BINARIES names another folder with Bramble's programs. As root only: that another account is refused, and that
the socket outlives the privileges; skipped otherwise, and said so."""
import contextlib
import os
import pwd
import select
import signal
import socket
import sys
import time
import unittest

from control_broker import ROOT, STAYS, Raw, WithBroker, until
from programs import BROKER, CTL, SECONDS, Broker, WithFolder, call, end_with, run

NOBODY = pwd.getpwnam("nobody")


class Socket(WithBroker):
    def test_only_its_account_may_use_the_file(self):
        self.assertEqual(os.stat(self.control).st_mode & 0o7777, 0o600)
        self.assertEqual(os.stat(self.control).st_uid, os.geteuid())

    def test_a_request_that_is_none_gets_an_error_line(self):
        for text, why in (("clients", "a request begins with bramble/1"), ("bramble/2 clients", "a request begins with"),
                          ("bramble/1 nonsense", "no%20command%20is%20called%20nonsense"),
                          ("bramble/1 clients id=a color=red", "clients%20takes%20no%20color"),
                          ("bramble/1 clients state=odd", "state%20is"), ("bramble/1 clients id=%4", "no%20line"),
                          ("bramble/1 clients  id=a", "no%20line"), ("", "no%20line"), ("\0\1\2", "no%20line"),
                          ("bramble/1 receivers", "topic%20is%20none"), ("bramble/1 receivers topic=a/#", "topic%20is%20none"),
                          ("bramble/1 clients subscribed=a/%23/b", "subscribed%20is")):
            raw = Raw(self.control)
            said = raw.send(text + "\n").answer()
            raw.close()
            self.assertTrue(said.startswith("bramble/1 error why=") and said.endswith("\n") and said.count("\n") == 1, said)
            self.assertIn(why.replace(" ", "%20"), said)

    def test_a_line_without_end_is_cut_off(self):
        raw = Raw(self.control)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                raw.send("a" * 100_000)
        raw.ended()
        self.clients()

    def test_who_is_silent_or_reads_nothing_is_dropped_and_disturbs_nobody(self):
        for i in range(40):
            self.client("v" * 30_000 + str(i))
        silent = [Raw(self.control) for _ in range(100)]
        half = [Raw(self.control).send("bramble/1 cli") for _ in range(10)]
        deaf = []
        for _ in range(5):
            raw = Raw(self.control)
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.append(raw.send("bramble/1 clients state=all\n"))
        began = time.monotonic()
        for _ in range(10):
            self.assertEqual(self.clients("--count", "--id", "v*"), "40\n")
        ping = call("ping", "-h", "127.0.0.1", "-p", self.port)
        self.assertEqual(ping.returncode, 0, ping.stderr)
        self.assertLess(time.monotonic() - began, 5)
        for raw in silent + half:
            raw.ended()
        for raw in deaf:  # the broker has hung up before all of it was read
            until("a client that does not read is dropped", lambda raw=raw: self.hung_up(raw))
            self.assertNotIn("end count", raw.answer())
            raw.close()
        self.assertLess(time.monotonic() - began, SECONDS)
        self.clients()

    @staticmethod
    def hung_up(raw):
        poll = select.poll()
        poll.register(raw.socket, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def test_a_pipelined_rest_and_a_half_close_take_no_answer_away(self):
        raw = Raw(self.control)
        raw.send("bramble/1 clients lines=no\n" + "x" * 50_000)
        self.assertRegex(raw.answer(), r"^bramble/1 ok\nend count=\d+\n$")
        raw.close()
        raw = Raw(self.control).send("bramble/1 clients lines=no\n")
        raw.socket.shutdown(socket.SHUT_WR)
        self.assertRegex(raw.answer(), r"^bramble/1 ok\nend count=\d+\n$")
        raw.close()

    def test_reload_says_that_a_restart_is_needed(self):
        with open(self.conf) as file:
            before = file.read()
        self.path("b.conf", before.replace(self.control, self.path("elsewhere")))
        self.broker.process.send_signal(signal.SIGHUP)
        self.broker.wait_for("until the broker is restarted: control_socket.")
        self.path("b.conf", before)
        self.assertFalse(os.path.exists(self.path("elsewhere")))
        self.clients()


class File(WithFolder):
    def conf(self, name, more=STAYS):
        return self.path(f"{name}.conf", f"control_socket {self.path(name)}\n{more}allow_anonymous true\n"
                                         "listener 0 127.0.0.1\n")

    def fails(self, conf, *parts):
        done = run(BROKER, "-c", conf)
        self.assertEqual(done.returncode, 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_a_stale_one_is_replaced_and_it_goes_with_the_broker(self):
        conf, path = self.conf("stale"), self.path("stale")
        broker = Broker([BROKER, "-c", conf], "listens on")
        broker.process.kill()
        broker.process.wait(SECONDS)
        broker.reader.join()
        broker.process.stderr.close()
        self.assertTrue(os.path.exists(path))
        broker = Broker([BROKER, "-c", conf], "listens on")
        self.assertEqual(call("clients", "--socket", path, "--count").stdout, "0\n")
        self.fails(conf, f"{conf}:1: control_socket: Cannot listen on {path}", "already", "stop what listens")
        self.assertEqual(call("clients", "--socket", path, "--count").stdout, "0\n")
        broker.end()
        self.assertFalse(os.path.exists(path))

    def test_what_is_no_socket_is_left_alone(self):
        conf = self.conf("plain")
        self.path("plain", "text")
        self.fails(conf, f"{conf}:1: control_socket: Cannot listen on {self.path('plain')}", "it is no socket")
        with open(self.path("plain")) as file:
            self.assertEqual(file.read(), "text")

    def test_paths_that_cannot_be_are_refused_with_the_line(self):
        for value, part in (("run/control", "not a whole path"), ("/" + "x" * 107, "107 bytes")):
            conf = self.path("p.conf", f"listener 0 127.0.0.1\n\ncontrol_socket {value}\n")
            done = run(BROKER, "--test-config", "-c", conf)
            self.assertEqual(done.returncode, 3)
            self.assertIn(f"{conf}:3: control_socket: ", done.stderr)
            self.assertIn(part, done.stderr)
        missing = self.path("m.conf", f"control_socket /nonexistent/x\n{STAYS}listener 0 127.0.0.1\nallow_anonymous true\n")
        self.fails(missing, f"{missing}:1: control_socket: Cannot listen on /nonexistent/x", "No such file")

    @unittest.skipUnless(ROOT, "needs root, to be somebody else")
    def test_after_privileges_are_dropped_it_belongs_to_the_account(self):
        os.chmod(self.folder, 0o755)
        conf, path = self.conf("dropped", "user nobody\n"), self.path("dropped")
        broker = Broker([BROKER, "-c", conf], "listens on")
        try:
            found = os.stat(path)
            self.assertEqual((found.st_uid, found.st_gid, found.st_mode & 0o7777), (NOBODY.pw_uid, NOBODY.pw_gid, 0o600))
            for user in (None, NOBODY.pw_uid):  # root and the account itself
                done = self.ask_as(user, path)
                self.assertEqual((done.returncode, done.stdout), (0, "0\n"), done.stderr)
        finally:
            broker.end()
        self.assertTrue(os.path.exists(path))  # the folder is root's
        broker = Broker([BROKER, "-c", conf], "listens on")
        broker.end()

    @unittest.skipUnless(ROOT, "needs root, to be somebody else")
    def test_another_account_is_refused(self):
        os.chmod(self.folder, 0o755)
        conf, path = self.conf("fenced"), self.path("fenced")
        broker = Broker([BROKER, "-c", conf], "listens on")
        try:
            done = self.ask_as(NOBODY.pw_uid, path)
            self.assertEqual(done.returncode, 1)
            self.assertIn("Permission denied; only root and the account that the broker runs as may", done.stderr)
            os.chmod(path, 0o666)  # the first fence is down
            done = self.ask_as(NOBODY.pw_uid, path)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("only root and the account that the broker runs as may ask", done.stderr)
        finally:
            broker.end()

    def ask_as(self, user, path):
        """By a copy that this account can reach."""
        copy = self.path("bramble-ctl")
        run("cp", CTL, copy)
        os.chmod(copy, 0o755)
        return run(copy, "clients", "--socket", path, "--count", user=user)


if __name__ == "__main__":
    if not ROOT:
        print("NOT LOOKED AT, for this is not root: other accounts, and privileges that are dropped", file=sys.stderr)
    end_with(unittest.main(exit=False).result)
