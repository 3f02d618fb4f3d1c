"""The whole broker, counted from outside while fixed bursts go through it: instructions by callgrind, system calls by strace.

Clients are plain sockets here, and in step: when all of the broker's threads sleep it is stopped, every publisher writes
its burst, the broker goes on, and everybody reads until all of the round has arrived. So rounds are alike, however fast or
slow the machine and the tool are. What is reckoned is a run of many rounds less a run of one, so what start and connects cost
is not in it.
"""
import collections
import contextlib
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import time

TOLERANCE = 0.15
COMPARED = ["instructions", "calls"]
STORE_COST = 1.03
BURST = 16
PAYLOAD = b"x" * 64
STORE = ("persistence true", "durability interval")
CALLS = ["recvfrom", "sendto", "sendmsg", "epoll_wait", "epoll_ctl", "write", "futex", "sched_yield"]  # shown; all count


def packet(first, body):
    length = b""
    left = len(body)
    while True:
        length += bytes([left % 128 | (128 if left > 127 else 0)])
        left //= 128
        if left == 0:
            return bytes([first]) + length + body


def text(words):
    return struct.pack("!H", len(words)) + words.encode()


def frames(data):
    """Whole packets at the front of `data`, as (first byte, body), and the rest."""
    found = []
    while len(data) >= 2:
        length, at = 0, 1
        while True:
            if at == len(data):
                return found, data
            length |= (data[at] & 127) << 7 * (at - 1)
            at += 1
            if data[at - 1] < 128:
                break
        if len(data) < at + length:
            break
        found.append((data[0], data[at:at + length]))
        data = data[at + length:]
    return found, data


class Client:
    def __init__(self, watched, name, topic=None, qos=0):
        watched.wait_for_rest()
        self.socket = socket.create_connection(("127.0.0.1", watched.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(60)
        self.unread = b""
        self.next_id = 1
        watched.wait_for_rest()
        self.say(packet(0x10, text("MQTT") + b"\x04\x02\0\0" + text(name)))
        self.hear({0x20: 1})
        if topic is None:
            return
        watched.wait_for_rest()
        self.say(packet(0x82, b"\0\1" + text(topic) + bytes([qos])))
        self.hear({0x90: 1})

    def say(self, data):
        self.socket.sendall(data)

    def hear(self, wanted):
        """Reads until so many packets of each type (its first byte's high half) have come. The PUBACKs it owes then."""
        answers = b""
        wanted = collections.Counter(wanted)
        while wanted:
            data = self.socket.recv(1 << 18)
            if not data:
                raise RuntimeError("the broker has closed a connection")
            found, self.unread = frames(self.unread + data)
            for first, body in found:
                wanted[first & 0xF0] -= 1
                if first & 0xF6 == 0x32:
                    at = 2 + struct.unpack("!H", body[:2])[0]
                    answers += b"\x40\x02" + body[at:at + 2]
            wanted = +wanted
        return answers

    def burst(self, topic, count, qos):
        data = b""
        for _ in range(count):
            identifier = b""
            if qos:
                identifier = struct.pack("!H", self.next_id)
                self.next_id = self.next_id % 60000 + 1
            data += packet(0x30 | qos << 1, text(topic) + identifier + PAYLOAD)
        return data


class Scenario:
    """`publishers` and `subscribers` each, and how many messages one burst has. `options`: lines for the configuration."""

    def __init__(self, words, pairs=0, fan_out=0, burst=BURST, qos=0, rounds=30, options=()):
        self.words, self.pairs, self.fan_out, self.burst, self.qos, self.rounds = words, pairs, fan_out, burst, qos, rounds
        self.options = options

    def connect(self, watched):
        self.topics = [f"site/17/pair/{i}/temp" for i in range(self.pairs)] or ["site/17/dev/40412/temp"]
        listening = self.topics if self.pairs else self.topics * self.fan_out
        self.subscribers = [Client(watched, f"s{i}", t, self.qos) for i, t in enumerate(listening)]
        # With two threads connections go to them by turns: one more in the middle, and half of the pairs cross. A single
        # pair does.
        self.publishers, self.others = [], []
        for i in range(len(self.topics)):
            if i == len(self.topics) // 2 and i > 0:
                self.others = [Client(watched, "between")]
            self.publishers.append(Client(watched, f"p{i}"))

    def deliveries(self):
        return self.burst * (self.pairs or self.fan_out)

    def play_round(self, watched):
        watched.say([(client, client.burst(topic, self.burst, self.qos))
                     for client, topic in zip(self.publishers, self.topics)])
        owed = [(client, client.hear({0x30: self.burst})) for client in self.subscribers]
        if self.qos:
            for client in self.publishers:
                client.hear({0x40: self.burst})
            watched.say(owed)


SCENARIOS = {
    "pairs_q0": Scenario("50 to 50, bursts of 16", pairs=50),
    "pairs_q0_single": Scenario("1 to 1, one message at a time", pairs=1, burst=1, rounds=300),
    "pairs_q1": Scenario("50 to 50 at QoS 1, bursts of 16", pairs=50, qos=1),
    "fanout_q0": Scenario("1 to 200, bursts of 16", fan_out=200, rounds=10),
    "pairs_q0_store": Scenario("50 to 50, bursts of 16, persistence true", pairs=50, options=STORE),
    "pairs_q1_store": Scenario("50 to 50 at QoS 1, bursts of 16, persistence true", pairs=50, qos=1, options=STORE),
}


class Watched:
    """The broker's process."""

    def __init__(self, pid, port):
        self.pid, self.port = pid, port

    def states(self):
        found = set()
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/stat") as stat:
                found.add(stat.read().rpartition(")")[2].split()[0])
        return found

    def wait_for(self, states, looks):
        """Until all threads were seen in one of the states so many times in a row."""
        seen = 0
        for _ in range(1_000_000):
            seen = seen + 1 if self.states() <= states else 0
            if seen == looks:
                return
        raise RuntimeError(f"the broker's threads do not come to {states}: {self.states()}")

    def wait_for_rest(self):
        self.wait_for({"S"}, 3)

    @contextlib.contextmanager
    def held(self):
        """All that is sent in the block the broker finds at once, when it has dealt with what came before."""
        self.wait_for_rest()
        os.kill(self.pid, signal.SIGSTOP)
        self.wait_for({"T", "t"}, 1)
        yield
        os.kill(self.pid, signal.SIGCONT)

    def say(self, words):
        """[(client, bytes)], at once."""
        if len(words) == 1:
            self.wait_for_rest()
            return words[0][0].say(words[0][1])
        with self.held():
            for client, data in words:
                client.say(data)


@contextlib.contextmanager
def broker(command, scenario, threads, folder):
    """Starts it under `command`; gives it and ends it with the block."""
    with open(f"{folder}/bramble.conf", "w") as conf:
        conf.write(f"listener 0 127.0.0.1\nallow_anonymous true\nthreads {threads}\nsys_interval 0\n"
                   "connection_messages false\nmax_inflight_messages 0\nmax_queued_messages 0\n"
                   f"log_dest file {folder}/log\npid_file {folder}/pid\npersistence_location {folder}\n")
        conf.writelines(line + "\n" for line in scenario.options)
        if os.geteuid() == 0:
            conf.write("user root\n")  # else it could not write to the folder
    process = subprocess.Popen([*command, "-c", f"{folder}/bramble.conf"], stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, start_new_session=True)
    try:
        port = wait_for_port(process, folder)
        with open(f"{folder}/pid") as file:
            watched = Watched(int(file.read()), port)  # the broker, not what watches it
        yield watched
        watched.wait_for_rest()
        os.kill(watched.pid, signal.SIGTERM)  # while all are connected: the end is alike too
        process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stderr.close()


def wait_for_port(process, folder):
    for _ in range(600):
        if process.poll() is not None:
            raise RuntimeError("the broker does not start: " + process.stderr.read().decode()[-400:])
        with contextlib.suppress(OSError), open(f"{folder}/log") as log:
            found = re.search(r"listens on 127\.0\.0\.1:(\d+)", log.read())
            if found:
                return int(found.group(1))
        time.sleep(0.05)
    raise RuntimeError("the broker does not say that it listens")


def callgrind(binary, scenario, threads, rounds):
    """Instructions of a whole run."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["valgrind", "--tool=callgrind", "--fair-sched=yes", f"--callgrind-out-file={folder}/out", binary]
        with broker(command, scenario, threads, folder) as watched:
            play(scenario, watched, rounds)
        with open(f"{folder}/out") as out:
            return {"instructions": int(re.search(r"^totals: (\d+)$", out.read(), re.M).group(1))}


def strace(binary, scenario, threads, rounds):
    """System calls of a whole run, by name."""
    with tempfile.TemporaryDirectory() as folder:
        with broker(["strace", "-f", "-c", "-o", f"{folder}/out", binary], scenario, threads, folder) as watched:
            play(scenario, watched, rounds)
        calls = collections.Counter()
        with open(f"{folder}/out") as out:
            for line in out:  # % time, seconds, usecs/call, calls, perhaps errors, name
                words = line.split()
                if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
                    calls[words[-1]] += int(words[3])
        return calls


def play(scenario, watched, rounds):
    scenario.connect(watched)
    for _ in range(rounds):
        scenario.play_round(watched)


def scenarios():
    """{name: words}: each with one thread and with two."""
    return {f"{name}_t{threads}": f"{scenario.words}; threads {threads}"
            for name, scenario in SCENARIOS.items() for threads in (1, 2)}


def costs_of_the_store(known):
    """[(name, instructions with persistence to those without)]: clients with clean sessions, of whom it keeps nothing."""
    return [(name, known[name]["instructions"] / known[without]["instructions"])
            for name in known if "_store_" in name and (without := name.replace("_store_", "_")) in known]


def figures(binary, name):
    """{figure: a delivery}"""
    name, _, threads = name.rpartition("_t")
    scenario = SCENARIOS[name]
    first, all_rounds = collections.Counter(), collections.Counter()
    for count in (callgrind, strace):
        first.update(count(binary, scenario, threads, 1))
        all_rounds.update(count(binary, scenario, threads, 1 + scenario.rounds))
    each = scenario.rounds * scenario.deliveries()
    result = {name: round((all_rounds[name] - first[name]) / each, 4) for name in ["instructions", *CALLS]}
    result["calls"] = round((all_rounds.total() - first.total()) / each - result["instructions"], 4)
    return result
