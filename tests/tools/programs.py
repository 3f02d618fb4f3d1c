"""What the tests of bramble-ctl share: programs that run, brokers on ports that the system picks, a folder."""
import contextlib
import glob
import os
import re
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARIES = os.environ.get("BRAMBLE_BINARIES", os.path.join(ROOT, "build/release/bin"))
DEPS = os.environ.get("BRAMBLE_DEPS", os.path.join(ROOT, ".deps"))
LIBRARIES = ":".join(glob.glob(f"{DEPS}/usr/lib/*-linux-gnu") + glob.glob(f"{DEPS}/lib/*-linux-gnu"))
CTL, BROKER, PASSWD = (os.path.join(BINARIES, name) for name in ("bramble-ctl", "bramble", "bramble-passwd"))
BROKER = os.environ.get("BRAMBLE_BIN", BROKER)
SECONDS = 60
PLAIN = {name: value for name, value in os.environ.items() if name != "BRAMBLE_PASSWORD"}


def run(*words, **more):
    return subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=SECONDS,
                          **{"stdin": None if "input" in more else subprocess.DEVNULL, "env": PLAIN, **more})


def call(*words, **more):
    return run(CTL, *words, **more)


def start(*words, program=CTL, **more):
    return subprocess.Popen([program, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            env=PLAIN, **{"stdin": subprocess.DEVNULL, **more})


class Broker:
    """A broker, and what it logs. Its configuration says `listener 0 127.0.0.1`: the log says which ports it got."""

    def __init__(self, command, ready):
        self.lines, self.more = [], threading.Condition()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                                        env={**PLAIN, "LD_LIBRARY_PATH": LIBRARIES} if ready == "running" else PLAIN)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        line = self.wait_for(ready)
        self.ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(\d+)", line)]

    def read(self):
        for line in self.process.stderr:
            with self.more:
                self.lines.append(line.rstrip())
                self.more.notify_all()
        with self.more:
            self.lines.append("THE END")
            self.more.notify_all()

    def wait_for(self, text):
        """The first line with this."""
        def there():
            return next((line for line in self.lines if text in line), None) or "THE END" in self.lines
        with self.more:
            found = self.more.wait_for(there, SECONDS)
        assert isinstance(found, str), f"{text} is not in:\n" + "\n".join(self.lines)
        return found

    def end(self):
        self.process.terminate()
        status = self.process.wait(SECONDS)
        self.reader.join()
        self.process.stderr.close()
        assert status == 0, status


class WithFolder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        cls.folder = cls.stack.enter_context(tempfile.TemporaryDirectory())

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    @classmethod
    def path(cls, name, text=None):
        path = os.path.join(cls.folder, name)
        if text is not None:
            with open(path, "w") as out:
                out.write(text)
        return path

    def refused(self, done, status, *parts):
        self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)


def end_with(result):
    """Of a program that is nothing but tests."""
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - len(result.skipped) - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
