"""What a row of the table is, and the broker that a row is tried on."""

import contextlib
import functools
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time
from collections import namedtuple
from pathlib import Path

import peers
from clients import Client
from peers import BINARY, PATIENCE

ROOT_USER = os.geteuid() == 0
NOW, NEW, START = "at once", "new connections", "at the start"
HERE = Path(__file__).resolve().parent

# `value` and `other` are what stands behind the name (None: the line is left out) in the two configurations that are
# compared; `sees` and `else_sees` what `probe` answers under each. `top` and `listener` are lines that both have.
Row = namedtuple("Row", "option value sees other else_sees wrong taken top listener at_listener probe settles needs "
                        "there restarts")
WRONG, TABLE, WITHOUT_EFFECT = {}, [], []


def shows(option, value, sees, other=None, else_sees=None, *, wrong=None, taken=NEW, top="", listener="",
          at_listener=False, settles=False, needs=None, there=None, restarts=False):
    """The function below shows the effect of `option`. `wrong` is a value that is refused, and what the message says
    behind the option's name. `settles`: the answer may take a moment to come. `needs`: why it cannot be tried here.
    `there`: a function that takes the client of before the reload, and sees the same by it. `restarts`: what the
    function sees comes from a restart that it makes, with the text of then."""
    def keep(probe):
        if wrong and not needs:
            WRONG.setdefault(option, []).append((wrong, top, listener, at_listener))
        TABLE.append(Row(option, value, sees, other, else_sees, wrong, taken, top, listener, at_listener, probe,
                         settles, needs, there, restarts))
        return probe
    return keep


of_listener = functools.partial(shows, at_listener=True)


def without_effect(option, value, why, *, wrong, says="", at_listener=False):
    """Nothing can be seen of it, and `why`. `says`: what the log warns of."""
    WRONG.setdefault(option, []).append((wrong, "", "", at_listener))
    WITHOUT_EFFECT.append((option, value, why, says, at_listener))


def configuration(row, value, folder, kit):
    """The text, in which nothing but the option's own line depends on `value`."""
    own = "" if value is None else f"{row.option} {value}\n"
    user = "user root\n" if ROOT_USER and row.option != "user" else ""
    threads = "" if "threads" in row.top or row.option == "threads" else "threads 1\n"
    top, listener = row.top + "\n", row.listener + "\n"
    if row.option == "listener":
        top += own
    elif row.at_listener:
        listener += own
    else:
        top += own
    if "listener " not in top.replace("per_listener", "") + ("" if row.option != "listener" else own):
        listener = "listener 0 127.0.0.1\n" + listener
    if "allow_anonymous" not in top + listener:
        listener += "allow_anonymous true\n"
    return (user + threads + top + listener).format(folder=folder, **kit.names)


class Place(peers.Broker):
    """A broker with that configuration, and what a probe asks it by."""

    def __init__(self, folder, text, kit):
        self.folder, self.kit, self.stack = Path(folder), kit, contextlib.ExitStack()
        self.config = self.folder / "broker.conf"
        self.config.write_text(text)
        self.lines, self.more, self.ahead = [], threading.Condition(), None
        self.environment = dict(os.environ)
        if kit.later:
            self.ahead = self.folder / "ahead"
            self.ahead.write_bytes(struct.pack("l", 0))
            self.environment.update(LD_PRELOAD=str(kit.later), LATER=str(self.ahead))
        self.start()

    def start(self):
        since = self.mark()
        self.process = subprocess.Popen([BINARY, "-c", self.config], stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
                                        start_new_session=True, env=self.environment, cwd=self.folder)
        self.follow(self.process.stdout)
        line = self.logged(r"version \S+ listens on ", since)
        self.addresses = re.search(r"listens on (.*) with \d+ reactor", line).group(1).split(", ")
        self.port = int(self.addresses[0].rpartition(":")[2]) if ":" in self.addresses[0] else None

    def restart(self):
        """As the text says now; the log goes on."""
        self.stop()
        self.lines.remove("(end of the log)")
        self.start()

    def tcp(self, host="127.0.0.1", port=None, buffer=None):
        made = self.stack.enter_context(socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET))
        if buffer:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.settimeout(PATIENCE)
        made.connect((host, port or self.port))
        return made

    def client(self, client_id=None, *, stream=None, **more):
        return Client(stream or self.tcp(), client_id, **more)

    def code(self, client_id=None, **more):
        """What CONNECT is answered with; the client has left again."""
        client = self.client(client_id, **more)
        if client.code == 0:
            client.leave()
        return client.code

    def hours_later(self, hours=0.0, seconds=0):
        """Moves the broker's clock, and makes it look."""
        before, = struct.unpack("l", self.ahead.read_bytes())
        with open(self.ahead, "r+b") as file:
            file.write(struct.pack("l", before + int(hours * 3600) + seconds))
        self.turn()

    def turn(self):
        """Has the first reactor look at its clock."""
        self.tcp().close()

    def forget(self):
        """Closes what the probes opened."""
        self.stack.close()

    def reload(self, text, outcome):
        """SIGHUP with another text; from which line on the log tells of it."""
        self.config.write_text(text)
        since = self.mark()
        self.process.send_signal(signal.SIGHUP)
        self.logged("The configuration has been read again,? and " + outcome, since)
        return since

    def seen(self, row, wanted):
        """What the probe sees, in the end what is `wanted` if it may take a moment."""
        until = time.monotonic() + (PATIENCE / 2 if row.settles else 0)
        while True:
            got = row.probe(self)
            self.forget()
            if got == wanted or time.monotonic() >= until:
                return got


@contextlib.contextmanager
def broker(folder, text, kit):
    place = Place(folder, text, kit)
    try:
        yield place
    except BaseException:
        place.process.kill()
        place.process.wait()
        raise
    finally:
        place.forget()
    place.stop()


def start_refused(folder, text):
    """What a start with this text says, which must not go well."""
    config = Path(folder) / "refused.conf"
    config.write_text(text)
    try:
        done = subprocess.run([BINARY, "-c", config], capture_output=True, text=True, timeout=PATIENCE / 4, cwd=folder)
    except subprocess.TimeoutExpired as serves:
        raise AssertionError(f"the broker serves with\n{text}") from serves
    assert done.returncode in (1, 3), f"status {done.returncode} for\n{text}{done.stdout}{done.stderr}"
    return done.stderr


def where(text, name):
    """FILE:LINE of the last line that begins with `name`."""
    numbers = [n for n, line in enumerate(text.split("\n"), 1) if line.split(" ")[0] == name]
    return f"refused.conf:{numbers[-1]}: "
