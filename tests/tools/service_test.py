#!/usr/bin/python3
"""The broker as a service of systemd: what it tells the manager, for which a socket of ours stands, and the listening
sockets that go from one process to the next. Ends with `N passed, N failed`."""
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
import unittest
from pathlib import Path

from programs import BROKER, SECONDS, WithFolder, end_with
from raw_client import connect
from service_manager import Manager

CONNACK = b"\x20\x02\x00\x00"
PTRACE_SEIZE, PTRACE_DETACH, PTRACE_INTERRUPT = 0x4206, 17, 0x4207


@contextlib.contextmanager
def stopped(thread):
    """One thread of the process does nothing more."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, thread, None, None) != 0:
        raise unittest.SkipTest(f"ptrace: {os.strerror(ctypes.get_errno())}")
    libc.ptrace(PTRACE_INTERRUPT, thread, None, None)
    os.waitpid(thread, 0x40000000)  # __WALL
    yield
    libc.ptrace(PTRACE_DETACH, thread, None, None)


def family_of(place):
    if isinstance(place, str):
        return socket.AF_UNIX
    return socket.AF_INET6 if ":" in place[0] else socket.AF_INET


class Service(WithFolder):
    def setUp(self):
        self.manager = Manager(self.path("notify"))
        self.addCleanup(self.manager.close)

    def start(self, config, **more):
        return self.manager.start(BROKER, "-c", config, **more)

    def place(self, host="127.0.0.1"):
        """A port of loopback that nobody else gets while the test runs."""
        holder = socket.socket(family_of((host, 0)))
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, 0))
        self.addCleanup(holder.close)
        return holder.getsockname()[:2]

    def config(self, *places, more=""):
        user = "user root\n" if os.geteuid() == 0 else ""
        listeners = "".join(f"listener 0 {place}\nallow_anonymous true\n" if isinstance(place, str) else
                            f"listener {place[1]} {place[0]}\nallow_anonymous true\n" for place in places)
        return self.path("b.conf", f"{user}threads 2\nper_listener_settings true\n{more}{listeners}")

    def client(self, place):
        """Has said CONNECT; who hears it is another question."""
        client = socket.socket(family_of(place))
        self.addCleanup(client.close)
        client.settimeout(SECONDS)
        client.connect(place)
        client.sendall(connect("c"))
        return client

    def refused(self, place):
        with self.assertRaises((ConnectionRefusedError, FileNotFoundError)):
            self.client(place)

    def listening(self, place, name):
        """A socket that the manager has from before."""
        kept = socket.socket()
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(place)
        kept.listen()
        self.manager.store[name] = kept.detach()

    def test_ready_is_said_once_it_listens_and_stopping_before_it_ends(self):
        place = self.place()
        self.start(self.config(place))
        self.assertEqual(self.client(place).recv(4), CONNACK)
        self.assertEqual(self.manager.wait_for("STATUS="), f"STATUS=Listens on 127.0.0.1:{place[1]} with 2 reactors.")
        self.assertEqual(self.manager.stop(), 0)
        self.assertEqual(self.manager.heard[-1], "STOPPING=1")

    def test_a_reload_is_told_of_from_its_beginning_to_its_end_and_whether_it_was_taken(self):
        place = self.place()
        process = self.start(self.config(place))
        self.config(place, more="max_keepalive 70000\n")
        self.manager.heard.clear()
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        process.send_signal(signal.SIGHUP)
        self.manager.wait_for("READY=1")
        reloading, status, ready = self.manager.heard
        self.assertRegex(reloading, r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertGreaterEqual(int(reloading.rpartition("=")[2]), before)
        self.assertIn("is not taken; the one before stays.", status)
        self.assertIn("max_keepalive", status)
        self.config(place, more="max_keepalive 60\n")
        self.manager.heard.clear()
        process.send_signal(signal.SIGHUP)
        self.manager.wait_for("READY=1")
        self.assertIn("STATUS=Listens on", self.manager.heard[1])

    def test_who_connects_while_no_broker_runs_is_answered_by_the_next(self):
        places = self.place(), self.place("::1"), self.path("socket")
        config = self.config(*places)
        for number in signal.SIGTERM, signal.SIGKILL:
            with self.subTest(number.name):
                self.start(config)
                self.assertEqual(len(self.manager.store), len(places), self.manager.heard)
                self.manager.stop(number)
                waiting = [self.client(place) for place in places]
                self.start(config)
                self.assertEqual([client.recv(4) for client in waiting], [CONNACK] * len(places))
                self.assertFalse([said for said in self.manager.heard if "FDSTORE" in said], "it is kept already")
                self.manager.stop()

    def test_a_listener_that_a_reload_takes_away_refuses_at_once_and_a_new_one_is_kept(self):
        stays, goes, comes, path = self.place(), self.place(), self.place(), self.path("gone")
        process = self.start(self.config(stays, goes, path))
        self.config(stays, comes)
        self.manager.heard.clear()
        process.send_signal(signal.SIGHUP)
        self.manager.wait_for("READY=1")
        self.assertEqual(set(self.manager.store), {f"listener_127.0.0.1_{place[1]}" for place in (stays, comes)})
        self.refused(goes)
        self.refused(path)
        self.assertEqual(self.client(comes).recv(4), CONNACK)

    def test_a_socket_of_a_listener_that_is_configured_no_more_is_given_back(self):
        stays, gone = self.place(), self.place()
        self.start(self.config(stays, gone))
        self.manager.stop()
        held = os.dup(self.manager.store[f"listener_127.0.0.1_{gone[1]}"])
        self.addCleanup(os.close, held)
        self.start(self.config(stays))
        self.assertIn(f"FDSTOREREMOVE=1\nFDNAME=listener_127.0.0.1_{gone[1]}", self.manager.heard)
        self.refused(gone)  # although somebody still has it

    def test_a_listener_whose_file_was_removed_meanwhile_is_opened_anew_and_kept(self):
        path = self.path("removed")
        config = self.config(path)
        self.start(config)
        self.manager.stop()
        os.unlink(path)
        self.start(config)
        self.assertEqual(len(self.manager.store), 1, self.manager.heard)
        self.manager.stop()
        waiting = self.client(path)
        self.start(config)
        self.assertEqual(waiting.recv(4), CONNACK)

    def test_a_socket_that_is_announced_and_not_there_is_nobody_elses(self):
        self.manager.start("env", "LISTEN_FDS=1", BROKER, "-c", self.config(self.place()))
        self.assertEqual(self.manager.stop(), 0)  # it hears the signal

    def test_a_socket_of_a_socket_unit_is_used_and_stays_the_units_own(self):
        place = self.place()
        self.listening(place, "mqtt.socket")
        early = self.client(place)
        self.start(self.config(place))
        self.assertEqual(early.recv(4), CONNACK)
        self.assertEqual(list(self.manager.store), ["mqtt.socket"], self.manager.heard)

    def test_the_watchdog_hears_of_it_as_long_as_every_reactor_answers(self):
        place = self.place()
        process = self.start(self.config(place), watchdog=0.4)
        self.manager.wait_for("WATCHDOG=1")
        threads = {(each / "comm").read_text(): int(each.name) for each in Path(f"/proc/{process.pid}/task").iterdir()}
        with stopped(threads["reactor 1\n"]):
            self.silence()
        self.manager.heard.clear()
        for _ in range(3):
            self.manager.wait_for("WATCHDOG=1")
            self.manager.heard.clear()

    def silence(self):
        """For longer than the manager waits. What was under way when the reactor was stopped may still come."""
        until = time.monotonic() + SECONDS
        while self.manager.hear(0.4):
            self.assertLess(time.monotonic(), until, "it is told of a broker whose reactor has stopped")

    def test_a_watchdog_of_ages_is_not_a_matter_of_every_millisecond(self):
        for age in "9000000000000000000", "18446744073709551614":
            with self.subTest(age):
                process = self.manager.start("env", f"WATCHDOG_USEC={age}", BROKER, "-c", self.config(self.place()))
                self.assertFalse(self.manager.hear(1))
                times = Path(f"/proc/{process.pid}/stat").read_text().split()
                self.assertLess(int(times[13]) + int(times[14]), 0.5 * os.sysconf("SC_CLK_TCK"))
                self.manager.stop()

    def test_a_signal_of_the_first_moment_ends_it_also_as_the_first_process_of_a_container(self):
        config = self.path("pipe")
        os.mkfifo(config)
        ours = os.open(config, os.O_RDWR)  # so that it waits for more
        outer = self.first_process("-c", config)
        os.kill(self.who_reads(config, outer), signal.SIGTERM)
        os.write(ours, Path(self.config(self.place())).read_bytes())
        os.close(ours)
        self.assertEqual(outer.wait(SECONDS), 0)

    def first_process(self, *words):
        """Of a space of processes; what makes that."""
        space = ["unshare", "--pid", "--fork", "--kill-child"]
        if subprocess.run([*space, "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("no processes of one's own here: that takes root")
        outer = subprocess.Popen([*space, BROKER, *words], stderr=subprocess.DEVNULL)
        self.addCleanup(outer.wait)
        self.addCleanup(outer.kill)
        return outer

    def test_orphans_leave_no_zombies_with_the_first_process_of_a_container(self):
        path = self.path("listens")
        outer = self.first_process("-c", self.config(path))
        self.until(lambda: os.path.exists(path))
        broker = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().strip()
        subprocess.run(["nsenter", "--target", broker, "--pid", "sh", "-c", "(sleep 600 &)"], check=True)
        children = Path(f"/proc/{broker}/task/{broker}/children")
        self.until(lambda: children.read_text())
        os.kill(int(children.read_text()), signal.SIGKILL)
        self.until(lambda: not children.read_text())

    def until(self, holds):
        end = time.monotonic() + SECONDS
        while not holds():
            self.assertLess(time.monotonic(), end)

    def who_reads(self, path, outer):
        """The child of this one, waited for."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until and outer.poll() is None:
            for child in Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split():
                with contextlib.suppress(OSError):
                    if path in [os.readlink(each) for each in Path(f"/proc/{child}/fd").iterdir()]:
                        return int(child)
        self.fail("nobody reads it")

    def test_nothing_is_told_about_a_watchdog_that_nobody_asked_for(self):
        self.start(self.config(self.place()))
        self.assertFalse(self.manager.hear(1))


if __name__ == "__main__":
    end_with(unittest.main(argv=["service_test"], exit=False, verbosity=2).result)
