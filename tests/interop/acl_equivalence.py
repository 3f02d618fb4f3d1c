#!/usr/bin/python3
"""Does Bramble decide as Mosquitto does? Random access lists, users, client ids and topics, asked of both brokers.

    tests/interop/acl_equivalence.py [--rounds N] [--first N] [--seed N] [--names safe|all]

MOSQUITTO20 (default .deps/mosquitto) and BRAMBLE_BIN (default build/release/bin/bramble) name the binaries. Each round
starts both with the same acl_file and asks every client: which of your publishes reach a reader who may read all, and
which of a writer's messages reach you through your subscriptions? Files that one of them must refuse are tried too.
--names all has names with '/' or a '$' in front, where Bramble gives less than Mosquitto on purpose: there it only has
to give nothing more. Ends with `N passed, N failed`: one for each client of a round, and for each file.
"""

import argparse
import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import paho.mqtt.client as mqtt

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20
READER, WRITER = "the reader", "the writer"
LEVELS = ["a", "b", "c1", "ann", "", "%c", "%u", "$x", "x", "y", "bob ann"]
SAFE_NAMES = ["ann", "bob", "c1", "bob ann", "Ann", "a", "%c", "%u", "a$", "a+", "+", "#", "b#"]
OTHER_NAMES = ["x/y", "a/b", "/", "$x", "$x/a"]

# Files that are refused or taken by both; what they give is asked for by the unit tests.
REFUSED = ["hello\n", "Topic a\n", "topic READ a\n", "topic foo a\n", "pattern foo a\n", "topic\n", "topic \n",
           "pattern\n", "user\n", "user  \n", "topic a\n # topic b\n", "topic a # no\n", "topic read a # no\n",
           "topic a#\n", "topic #/a\n", "topic read a+/b\n", "pattern %c#\n", "pattern read %c+\n", "topic a\ntopic a/#/b\n",
           "\ttopic a\n", "topic\ta\n", "user\tu\n", "topic p q\n", "topic " + "a/" * 250 + "\n"]
TAKEN = ["", "#\n", "#topic x#\n", "  topic a  \r\n\r\n \t\r\n", "topic read\n", "topic read write\n",
         "topic read \ta\n", "user #\ntopic a\n", "user \ta b \n", "topic readwrite p  q\n", "topic $share/g/a\n",
         "pattern %%c/%x/%\n", "topic #\ntopic +\ntopic +/#\ntopic /\ntopic //#", "topic b\x01\n", "user ä\ntopic ö\n"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as probe:
        return probe.getsockname() != probe.getpeername()  # else it met itself
    return False


class Refused(Exception):
    """The broker ended instead of listening."""


@contextlib.contextmanager
def broker(binary, acl):
    """A running broker's port. Another process may take the port first: then the next is tried."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)  # mosquitto gives root up before it reads the file
        (folder / "acl").write_bytes(acl.encode())
        for attempt in range(5):
            port = free_port()
            (folder / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n"
                                         f"set_tcp_nodelay true\nacl_file {folder}/acl\n")
            with open(folder / "log", "w") as log:
                process = subprocess.Popen([binary, "-c", folder / "conf"], stdout=log, stderr=log)
            until = time.monotonic() + PATIENCE
            while process.poll() is None and not accepts(port) and time.monotonic() < until:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.01)
            if process.poll() is None:
                break
            said = (folder / "log").read_text()
            if "in use" not in said.lower() or attempt == 4:
                raise Refused(said)
        try:
            yield port
        finally:
            process.terminate()
            if process.wait(PATIENCE) != 0:
                sys.exit(f"{binary} ended with {process.returncode}:\n{(folder / 'log').read_text()}")


class Client:
    """Connected once constructed. Nothing runs behind it: each wait turns its loop."""

    def __init__(self, port, user, client_id, version):
        self.got, self.answered, self.is_up, self.is_gone = set(), set(), False, False
        self.client = mqtt.Client(client_id, protocol=version)
        if user is not None:
            self.client.username_pw_set(user)
        self.client.on_connect = self.on_connect
        self.client.on_disconnect = lambda *_: setattr(self, "is_gone", True)
        self.client.on_message = lambda _, __, message: self.got.add((message.topic, message.payload.decode()))
        self.client.on_subscribe = lambda _, __, packet_id, *___: self.answered.add(packet_id)
        self.client.on_publish = lambda _, __, packet_id: self.answered.add(packet_id)
        self.client.connect("127.0.0.1", port)
        self.wait(lambda: self.is_up)

    def on_connect(self, _, __, ___, code, *____):
        self.is_up = code == 0

    def wait(self, done):
        until = time.monotonic() + PATIENCE
        while not done():
            if self.is_gone or time.monotonic() > until:
                raise AssertionError("the broker closed the connection" if self.is_gone else "the broker is silent")
            self.client.loop(0.1)

    def publish(self, topic, text):
        """Returns when the broker has dealt with it."""
        packet_id = self.client.publish(topic, text, qos=1).mid
        self.wait(lambda: packet_id in self.answered)

    def subscribe(self, topic_filter):
        _, packet_id = self.client.subscribe(topic_filter, 0)
        self.wait(lambda: packet_id in self.answered)

    def received(self):
        """All that was sent to it before the answer to a last SUBSCRIBE, which comes behind."""
        self.subscribe("the/end")
        got, self.got = self.got, set()
        return got

    def end(self):
        self.client.disconnect()
        self.client.loop(0.1)


class Round:
    """An access list, clients and topics, all from one Random."""

    def __init__(self, choice, names):
        self.choice, self.names = choice, names
        self.users = choice.sample(names, 4)
        self.acl = self.make_acl()
        self.topics = sorted({self.make_topic() for _ in range(24)})
        self.clients = []
        for client_id in choice.sample(names, 6):
            user = choice.choice([None, "", *self.users, *self.users])
            filters = ["#", "$x/#"] if choice.random() < 0.3 else [self.make_filter() for _ in range(3)]
            filters = [topic_filter.replace("%c", "c1").replace("%u", "ann") or "+" for topic_filter in filters]
            self.clients.append((user, client_id, choice.choice([mqtt.MQTTv311, mqtt.MQTTv5]), filters))

    def level(self):
        return self.choice.choice(LEVELS)

    def make_topic(self):
        """Every other one fits a filter of the list."""
        filters = [line.split(" ")[-1] for line in self.acl.splitlines()[:-8] if not line.startswith("user")]
        if filters and self.choice.random() < 0.5:
            topic = self.choice.choice(filters).replace("%c", self.choice.choice(self.names))
            topic = topic.replace("%u", self.choice.choice(self.names)).replace("+", self.level())
            return topic.replace("/#", self.choice.choice(["", "/a", "/"])).replace("+", "a").replace("#", "b") or "a"
        levels = [self.choice.choice([self.level(), self.choice.choice(self.names)])
                  for _ in range(self.choice.randint(1, 4))]
        topic = "/".join(levels).replace("+", "a").replace("#", "b")
        return topic or "a"

    def make_filter(self):
        levels = [self.choice.choice(["+", "%c", "%u", "x%c", self.level(), self.level()])
                  for _ in range(self.choice.randint(1, 3))]
        return "/".join(levels + ["#"] * (self.choice.random() < 0.3)) or "a"

    def make_acl(self):
        lines = []
        for _ in range(self.choice.randint(1, 16)):
            if self.choice.random() < 0.25:
                lines.append("user " + self.choice.choice(self.users))
                continue
            word = self.choice.choice(["", "read ", "write ", "readwrite ", "readwrite ", "deny ", "deny "])
            topic_filter = self.make_filter()
            if " " in topic_filter and not word:
                word = "readwrite "
            lines.append(self.choice.choice(["topic ", "pattern "]) + word + topic_filter)
        # A user's own rules go before all patterns, so these two may do all whatever stands above.
        for user in (READER, WRITER):
            lines += ["user " + user, "topic #", "topic $x/#", "topic $x"]
        return "\n".join(lines) + "\n"

    def answers(self, binary):
        """For each client: the topics on which its publishes came through, and what came to it."""
        with broker(binary, self.acl) as port:
            reader = Client(port, READER, "reader", mqtt.MQTTv311)
            writer = Client(port, WRITER, "writer", mqtt.MQTTv311)
            for topic_filter in ("#", "$x/#"):
                reader.subscribe(topic_filter)
            clients = [Client(port, user, client_id, version) for user, client_id, version, _ in self.clients]
            for client, (_, _, _, filters) in zip(clients, self.clients):
                for topic_filter in filters:
                    client.subscribe(topic_filter)
            for topic in self.topics:
                writer.publish(topic, "from the writer")
            came = [{topic for topic, _ in client.received()} for client in clients]
            reader.received()
            sent = []
            for client in clients:
                for topic in self.topics:
                    client.publish(topic, "from a client")
                sent.append({topic for topic, _ in reader.received()})
            for client in (*clients, reader, writer):
                client.end()
            return list(zip(sent, came))


def is_narrower(user, client_id):
    """Bramble gives such a client less than Mosquitto does, on purpose."""
    return any("/" in name or name.startswith("$") for name in (user or "", client_id))


def compare(world, mosquitto, bramble):
    """One text for each client, empty if they agree."""
    for (user, client_id, version, filters), theirs, ours in zip(world.clients, mosquitto, bramble):
        said = []
        for what, by_mosquitto, by_bramble in zip(("publishes", "receives"), theirs, ours):
            less, more = by_mosquitto - by_bramble, by_bramble - by_mosquitto
            if is_narrower(user, client_id):
                less = set()
            if less or more:
                said.append(f"{what} more: {sorted(more)}, less: {sorted(less)}")
        yield f"user {user!r}, client id {client_id!r}, version {version}, {filters}: " * bool(said) + "; ".join(said)


def is_refused(binary, acl):
    try:
        with broker(binary, acl) as port:
            Client(port, None, "anyone", mqtt.MQTTv311).end()  # it listens before it handles SIGTERM
            return False
    except Refused:
        return True


def check_files(mosquitto, bramble):
    """One text for each file, empty if both do what is expected."""
    for expected, files in ((True, REFUSED), (False, TAKEN)):
        for acl in files:
            wrong = [name for name, binary in (("Mosquitto", mosquitto), ("Bramble", bramble))
                     if is_refused(binary, acl) != expected]
            yield f"{acl[:60]!r} is {'taken' if expected else 'refused'} by {' and '.join(wrong)}" * bool(wrong)


def check_round(number, seed, names, mosquitto, bramble):
    world = Round(random.Random(f"{seed} {number}"), names)
    try:
        said = list(compare(world, world.answers(mosquitto), world.answers(bramble)))
    except (AssertionError, Refused) as error:
        said = [str(error) or "no answer"]
    if any(said):
        print(f"round {number}:\n{world.acl}")
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="the number of the first round")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--names", choices=["safe", "all"], default="all")
    given = parser.parse_args()
    mosquitto = Path(os.environ.get("MOSQUITTO20", ROOT / ".deps/mosquitto"))
    bramble = Path(os.environ.get("BRAMBLE_BIN", ROOT / "build/release/bin/bramble"))
    for binary in (mosquitto, bramble):
        if not binary.exists():
            sys.exit(f"{binary} is not there: build it, or name another in MOSQUITTO20 and BRAMBLE_BIN")
    print(f"seed {given.seed}")
    names = SAFE_NAMES + (OTHER_NAMES if given.names == "all" else [])
    passed = failed = 0

    def count(said):
        nonlocal passed, failed
        for text in said:
            if text:
                print(f"failed: {text}")
            passed, failed = (passed, failed + 1) if text else (passed + 1, failed)

    count(check_files(mosquitto, bramble))
    for number in range(given.first, given.first + given.rounds):
        count(check_round(number, given.seed, names, mosquitto, bramble))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
