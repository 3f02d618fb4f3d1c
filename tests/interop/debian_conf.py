#!/usr/bin/python3
"""The mosquitto.conf that Debian 12 installs, with a conf.d as people write it, moved into a folder of the test and
otherwise as it is: the broker starts with it in mosquitto's place, and mosquitto's own clients work.

    tests/interop/debian_conf.py

BRAMBLE_BIN is the broker's binary; without it build/release/bin/bramble. BRAMBLE_DEPS is the folder into which
tools/setup --test unpacks Debian's mosquitto. Ends with `N passed, N failed`.
"""

import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from peers import BINARY, PATIENCE, ROOT, counted, run

DEPS = Path(os.environ.get("BRAMBLE_DEPS") or ROOT / ".deps")
PASSWD = DEPS / "usr/bin/mosquitto_passwd"
MISSING = None if PASSWD.exists() and shutil.which("mosquitto_sub") else "Debian's mosquitto (tools/setup --test)"
STOCK = """pid_file /run/mosquitto/mosquitto.pid
persistence true
persistence_location /var/lib/mosquitto/
log_dest file /var/log/mosquitto/mosquitto.log
include_dir /etc/mosquitto/conf.d
"""
OPEN = "allow_anonymous true\nlistener 1883\n"
CLOSED = "allow_anonymous false\npassword_file /etc/mosquitto/passwd\nlistener 1883\n"
FOLDERS = ("/run/mosquitto", "/var/lib/mosquitto", "/var/log/mosquitto", "/etc/mosquitto", "/etc/mosquitto/conf.d")


def wait_for(what, condition):
    until = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < until, f"{what} does not come"
        time.sleep(0.01)
    return found


class Stock:
    """A broker with that configuration and this conf.d/default.conf, in a root folder of its own."""

    def __init__(self, conf_d, make_users=lambda path: None):
        self.folder = tempfile.TemporaryDirectory(prefix="bramble-debian-")
        self.root = Path(self.folder.name)
        self.root.chmod(0o755)
        for name in FOLDERS:
            self.at(name).mkdir(parents=True)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])
        make_users(self.at("/etc/mosquitto/passwd"))
        self.at("/etc/mosquitto/mosquitto.conf").write_text(self.moved(STOCK))
        self.at("/etc/mosquitto/conf.d/default.conf").write_text(self.moved(conf_d))
        self.log, self.pid_file = self.at("/var/log/mosquitto/mosquitto.log"), self.at("/run/mosquitto/mosquitto.pid")
        if os.geteuid() == 0:  # as the package has them: the broker becomes mosquitto, or nobody where there is none
            names = {each.pw_name for each in pwd.getpwall()}
            account = pwd.getpwnam(next(name for name in ("mosquitto", "bramble", "nobody") if name in names))
            for name in FOLDERS[:3]:
                os.chown(self.at(name), account.pw_uid, -1)
        self.process = subprocess.Popen([BINARY, "-c", self.at("/etc/mosquitto/mosquitto.conf")],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            wait_for("what says that it listens", lambda: self.process.poll() is not None or self.logs("listens on"))
            assert self.process.poll() is None, self.process.stdout.read()
        except BaseException:
            self.process.kill()
            raise

    def at(self, path):
        return self.root / path[1:]

    def moved(self, text):
        """Only paths and the port change."""
        return re.sub(r"(?<=\s)(?=/)", str(self.root), text).replace("listener 1883", f"listener {self.port}")

    def logs(self, words):
        return self.log.exists() and words in self.log.read_text()

    def client(self, program, *words):
        return subprocess.run([program, "-p", self.port, *words], capture_output=True, text=True, timeout=PATIENCE)

    def stop(self):
        self.process.terminate()
        said, _ = self.process.communicate(timeout=PATIENCE)
        self.folder.cleanup()
        return self.process.returncode, said


@unittest.skipIf(MISSING, f"without {MISSING}")
class DebianConf(unittest.TestCase):
    def start(self, *words):
        self.stock = Stock(*words)
        self.addCleanup(lambda: self.stock.process.poll() is None and self.stock.stop())
        return self.stock

    def round_trip(self, stock, *login):
        """A message of mosquitto_pub's comes to mosquitto_sub."""
        command = ["mosquitto_sub", "-p", stock.port, *login, "-t", "lamp", "-C", "1", "-d", "-W", str(PATIENCE),
                   "-F", "got %p"]
        with subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True) as reader:
            for line in reader.stdout:
                if line.startswith("Subscribed"):
                    run("mosquitto_pub", "-p", stock.port, *login, "-t", "lamp", "-m", "on", "-q", "1")
                elif line.startswith("got "):
                    return line.strip()

    def test_a_reload_opens_another_address_beside_the_port_that_root_has_opened(self):
        stock = self.start(OPEN.replace("listener 1883", "listener 1883 127.0.0.1"))
        stock.at("/etc/mosquitto/conf.d/default.conf").write_text(stock.moved(OPEN.replace("1883", "1883 0.0.0.0")))
        stock.process.send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: stock.logs("has been read again, and holds"))
        self.assertEqual(self.round_trip(stock, "-h", "127.0.0.2"), "got on")

    def test_an_open_one(self):
        stock = self.start(OPEN)
        self.assertEqual(self.round_trip(stock), "got on")
        self.assertEqual(stock.pid_file.read_text().strip(), str(stock.process.pid))
        self.assertTrue(stock.logs("bramble.db: 0 sessions"))
        root, pid_file = stock.root, stock.pid_file
        stock.process.terminate()
        said, _ = stock.process.communicate(timeout=PATIENCE)
        self.assertEqual((stock.process.returncode, said), (0, ""), root)
        self.assertFalse(pid_file.exists(), "the pid file is still there")
        stock.folder.cleanup()

    def test_one_with_passwords_that_mosquitto_passwd_made(self):
        def make_users(path):
            libraries = ":".join(glob.glob(f"{DEPS}/usr/lib/*-linux-gnu") + glob.glob(f"{DEPS}/lib/*-linux-gnu"))
            run(PASSWD, "-c", "-b", path, "anna", "secret", env={**os.environ, "LD_LIBRARY_PATH": libraries})
            path.chmod(0o644)
        stock = self.start(CLOSED, make_users)
        self.assertEqual(self.round_trip(stock, "-u", "anna", "-P", "secret"), "got on")
        for login in ((), ("-u", "anna", "-P", "wrong"), ("-u", "ben", "-P", "secret")):
            done = stock.client("mosquitto_pub", *login, "-t", "lamp", "-m", "on")
            self.assertEqual(done.returncode, 5, done)
            self.assertIn("not authorised", done.stderr)

    def test_logrotate(self):
        """Debian's logrotate moves the file and sends SIGHUP; SIGRTMIN opens it anew and reads nothing else."""
        stock = self.start(OPEN)
        for number, (signal_number, words) in enumerate(((signal.SIGHUP, "has been read again, and holds"),
                                                         (signal.SIGRTMIN, "New client connected"))):
            stock.log.rename(stock.log.with_suffix(f".{number}"))
            stock.process.send_signal(signal_number)
            wait_for("a new log file", stock.log.exists)
            self.assertEqual(stock.client("mosquitto_pub", "-t", "lamp", "-m", "on").returncode, 0)
            wait_for(f"{words} in it", lambda: stock.logs(words))


def main():
    return counted(unittest.main(exit=False, verbosity=0, warnings="ignore").result)


if __name__ == "__main__":
    sys.exit(main())
