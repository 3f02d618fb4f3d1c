#!/usr/bin/env python3
"""Where the log of a broker that runs goes: the journal (a socket of ours stands for it), syslog (in a mount namespace of
its own, so as root only), files after a signal, topics, and what takes nothing. Ends with `N passed, N failed`."""
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import time
import unittest

from log_broker import WithLog
from programs import BROKER, PLAIN, SECONDS, end_with
from raw_client import Client, connect, packet, text


def fields_of(datagram):
    """By the journal's protocol, in which a field may have its length or end with its line."""
    found = {}
    while datagram:
        name, end, datagram = datagram.partition(b"\n")
        assert end
        if b"=" in name:
            name, _, value = name.partition(b"=")
        else:
            size = struct.unpack("<Q", datagram[:8])[0]
            value, datagram = datagram[8:8 + size], datagram[8 + size:]
            assert datagram[:1] == b"\n"
            datagram = datagram[1:]
        found[name.decode()] = value.decode()
    return found


class Destinations(WithLog):

    def test_the_journal_gets_the_message_and_the_fields(self):
        path = os.path.join(self.folder, "journal")
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(path)
        journal.settimeout(SECONDS)
        broker, port = self.broker(self.users() + "log_dest stderr\nlog_dest journald\n",
                                   wrap=["env", f"BRAMBLE_JOURNAL_SOCKET={path}"])
        wrong = Client(port, connect("pump", "bob", "guess"))
        wrong.end()
        while True:
            found = fields_of(journal.recv(65536))
            if "not authorised" in found["MESSAGE"]:
                break
            self.assertEqual(found["SYSLOG_IDENTIFIER"], "bramble")
        self.assertEqual(found, {
            "PRIORITY": "5", "SYSLOG_IDENTIFIER": "bramble",
            "MESSAGE": f"Client pump [{wrong.address}] disconnected, not authorised. (u'bob': its user name or password is "
                       "wrong)",
            "BRAMBLE_CLIENT_ID": "pump", "BRAMBLE_USER": "bob", "BRAMBLE_ADDRESS": wrong.address,
            "BRAMBLE_LISTENER": str(port), "BRAMBLE_REASON": "its user name or password is wrong",
            "BRAMBLE_REASON_CODE": "135"})
        broker.end()

    def test_a_journal_that_takes_nothing_holds_up_neither_clients_nor_the_end(self):
        path = os.path.join(self.folder, "stuck")
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(path)
        broker, port = self.broker("allow_anonymous true\nlog_dest stderr\nlog_dest journald\n",
                                   wrap=["env", f"BRAMBLE_JOURNAL_SOCKET={path}"])
        for number in range(1000):
            client = Client(port, connect(f"c{number}"))
            client.answer()
            client.close()
        began = time.monotonic()
        broker.end()
        self.assertLess(time.monotonic() - began, 10)

    def test_a_pipe_that_nobody_reads_holds_up_neither_clients_nor_other_logs_nor_the_end(self):
        path = os.path.join(self.folder, "stuck-pipe")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        broker, port = self.broker("allow_anonymous true\nlog_dest stdout\nlog_dest stderr\n",
                                   wrap=["sh", "-c", f'exec "$0" "$@" >{path}'])

        def fill():
            for number in range(1000):
                client = Client(port, connect(f"c{number}"))
                client.answer()
                client.close()

        fill()
        broker.wait_for("Client c999 [")
        said = b""
        while b"lines were lost" not in said:  # told once it takes lines again
            client = Client(port, connect("more"))
            client.answer()
            client.close()
            with contextlib.suppress(BlockingIOError):
                said += os.read(reader, 1 << 20)
        self.assertFalse([line for line in said.splitlines() if not re.match(rb"\d+: \S", line)])
        broker.wait_for(" log lines were lost: too many at once")
        fill()
        began = time.monotonic()
        broker.end()
        self.assertLess(time.monotonic() - began, 10)

    def test_a_terminal_that_nobody_reads_does_not_hold_up_the_end(self):
        terminal, stderr = os.openpty()
        self.addCleanup(os.close, terminal)
        process = subprocess.Popen([BROKER, "-c", self.config("allow_anonymous true\nlog_dest stderr\n")], stderr=stderr)
        self.addCleanup(process.kill)
        os.close(stderr)
        said = b""
        while not (found := re.search(rb"listens on 127.0.0.1:(\d+) ", said)):
            said += os.read(terminal, 4096)
        for number in range(500):
            client = Client(int(found[1]), connect(f"c{number}"))
            client.answer()
            client.close()
        process.terminate()
        self.assertEqual(process.wait(SECONDS), 0)

    def test_without_a_journal_the_start_is_refused(self):
        done = subprocess.run([BROKER, "-c", self.config("allow_anonymous true\nlog_dest journald\n")], capture_output=True,
                              text=True, timeout=SECONDS, env={**PLAIN, "BRAMBLE_JOURNAL_SOCKET": "/nonexistent/socket"})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("b.conf:5: log_dest: no journal takes lines at /nonexistent/socket: No such file or directory; "
                      "systemd-journald does not run here: log to stderr, syslog or a file", done.stderr)

    def test_a_file_that_was_moved_away_is_begun_anew_by_either_signal(self):
        path = os.path.join(self.folder, "log")
        broker, port = self.broker(f"allow_anonymous true\nlog_dest stderr\nlog_dest file {path}\n")
        for number, by in enumerate((signal.SIGRTMIN, signal.SIGHUP)):
            os.rename(path, f"{path}.{number}")
            broker.process.send_signal(by)
            until = time.monotonic() + SECONDS
            while not os.path.exists(path) and time.monotonic() < until:
                time.sleep(0.01)
            client = Client(port, connect(f"after{number}"))
            client.answer()
            client.close()
            broker.wait_for(f"Client after{number} [")
        broker.end()
        with open(path) as last, open(f"{path}.1") as middle:
            self.assertIn("Client after1 [", last.read())
            self.assertIn("Client after0 [", middle.read())

    def test_stdout_and_topics(self):
        out = os.path.join(self.folder, "out")
        broker, port = self.broker("allow_anonymous true\nlog_dest stderr\nlog_dest stdout\nlog_dest topic\n",
                                   wrap=["sh", "-c", f'exec "$@" >{out}', "sh"])
        reader = Client(port, connect("reader"))
        reader.answer()
        reader.socket.sendall(packet(0x82, b"\0\1" + text("$SYS/broker/log/#") + b"\0"))
        reader.answer()
        other = Client(port, connect("other"))
        got = b""
        reader.socket.settimeout(SECONDS)
        while f"New client connected from {other.address} as other".encode() not in got:
            got += reader.answer()
        self.assertIn(b"$SYS/broker/log/N", got)
        broker.end()
        with open(out) as stdout:
            self.assertIn(f"New client connected from {other.address} as other", stdout.read())

    def test_syslog_gets_priority_facility_and_name(self):
        if os.geteuid() != 0 or subprocess.run(
                ["unshare", "-m", "true"], capture_output=True).returncode != 0:
            print("SKIPPED: log_facility: /dev/log can be another one only for root in a mount namespace of its own")
            self.skipTest("not root, or no mount namespace")
        dev, path = os.path.join(self.folder, "dev"), os.path.join(self.folder, "syslog")
        os.mkdir(dev)
        for name in ("null", "zero", "random", "urandom"):
            open(os.path.join(dev, name), "w").close()
        os.symlink(path, os.path.join(dev, "log"))
        syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(syslog.close)
        syslog.bind(path)
        syslog.settimeout(SECONDS)
        mounts = "".join(f"mount --bind /dev/{name} {dev}/{name} && " for name in ("null", "zero", "random", "urandom"))
        broker, _ = self.broker("allow_anonymous true\nlog_dest stderr\nlog_dest syslog\nlog_facility 3\n",
                                wrap=["unshare", "-m", "sh", "-c", f'{mounts}mount --rbind {dev} /dev && exec "$@"', "sh"])
        local3, notice = 19, 5
        line = syslog.recv(65536).decode()
        self.assertTrue(line.startswith(f"<{local3 << 3 | notice}>"), line)
        self.assertRegex(line, rf"bramble\[{broker.process.pid}\]: bramble version .* listens on ")
        broker.end()


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
