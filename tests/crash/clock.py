#!/usr/bin/python3
"""A clock that leaps by 50 years, as a Pi's does when the network has told it the time, and one that goes back by an
hour, under a broker at work: nobody is cut off for it, nothing ends too early or too late, and the same holds for a
broker that is started again, or was killed, after it.

    tests/crash/clock.py [--broker FILE]

The calendar is libfaketime's; the monotonic clock stays the kernel's. The last line is `N passed, N failed`."""
import argparse
import asyncio
import glob
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from broker import BINARY, Broker

PATIENCE = 20
HOUR, YEAR = 3600, 31_556_952
LATE = 4            # of what ends in time, on a busy machine
OLDER = 300         # that the whole test makes anything
STEPS = {"50 years on": 50 * YEAR, "an hour back": -HOUR}


def library():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] if found else None


class Calendar:
    """What the broker takes for the time of day."""

    def __init__(self, folder):
        self.file = os.path.join(folder, "now")
        self.step(0)
        self.environment = dict(os.environ, LD_PRELOAD=library(), FAKETIME_TIMESTAMP_FILE=self.file,
                                FAKETIME_NO_CACHE="1", FAKETIME_DONT_FAKE_MONOTONIC="1", FAKETIME_DONT_RESET="1")

    def step(self, seconds):
        with open(self.file + ".new", "w", encoding="ascii") as file:
            file.write(f"{seconds:+d}\n")
        os.rename(self.file + ".new", self.file)


def properties(packet, **values):
    made = Properties(packet)
    for name, value in values.items():
        setattr(made, name, value)
    return made


class Client:
    """MQTT 5, with a thread of its own. `got`: topic -> the messages; `cuts`: how often the broker was lost."""

    def __init__(self, name, port, expiry=0, keep_alive=60, will=None):
        self.session_was_there, self.cuts, self.got = None, 0, {}
        self.up, self.subscribed = threading.Event(), threading.Event()
        self.client = paho.Client(name, protocol=paho.MQTTv5)
        self.client.on_connect = self.connected
        self.client.on_subscribe = lambda *_: self.subscribed.set()
        self.client.on_message = lambda _c, _u, message: self.got.setdefault(message.topic, []).append(message)
        self.client.on_disconnect = self.lost
        self.client.max_inflight_messages_set(1000)
        if will:
            topic, delay = will
            self.client.will_set(topic, "gone", 1, properties=properties(PacketTypes.WILLMESSAGE, WillDelayInterval=delay))
        self.client.connect("127.0.0.1", port, keep_alive, clean_start=False,
                            properties=properties(PacketTypes.CONNECT, SessionExpiryInterval=expiry))
        self.client.loop_start()
        if not self.up.wait(PATIENCE):
            raise TimeoutError(f"{name}: no CONNACK")

    def connected(self, _client, _data, flags, code, _properties):
        self.session_was_there = bool(flags["session present"])
        if code == 0:
            self.up.set()

    def lost(self, _client, _data, code, _properties=None):
        self.cuts += code != 0

    def subscribe(self, topic_filter):
        self.client.subscribe(topic_filter, 1)
        if not self.subscribed.wait(PATIENCE):
            raise TimeoutError("no SUBACK")
        return self

    def publish(self, topic, payload, retain=False, expiry=None):
        values = {} if expiry is None else {"MessageExpiryInterval": expiry}
        self.client.publish(topic, payload, 1, retain,
                            properties(PacketTypes.PUBLISH, **values)).wait_for_publish(PATIENCE)

    def leave(self):
        self.client.disconnect()
        self.client.loop_stop()

    def vanish(self):
        """Without DISCONNECT."""
        self.client.socket().shutdown(socket.SHUT_RDWR)
        self.client.disconnect()
        self.client.loop_stop()


class Load:
    """A pair at work all the time."""

    def __init__(self, port):
        self.to = Client("load-to", port).subscribe("load")
        self.by = Client("load-by", port)
        self.sent, self.stopping = 0, False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping:
            self.by.publish("load", str(self.sent))
            self.sent += 1

    def received(self):
        return [int(each.payload) for each in self.to.got.get("load", [])]

    def stop(self):
        self.stopping = True
        self.thread.join()


class Run:
    def __init__(self, program, name, step):
        self.name, self.by = name, step
        self.folder = tempfile.mkdtemp(prefix="bramble-clock-")
        self.calendar = Calendar(self.folder)
        self.broker = Broker(program, self.folder, os.path.join(self.folder, "data"), "interval", 2,
                             self.calendar.environment)
        self.checks, self.faults = 0, []

    def check(self, good, words):
        self.checks += 1
        if not good:
            self.faults.append(words)
            print(f"FAILED: {self.name}: {words}", flush=True)

    def until(self, condition, words, patience=PATIENCE):
        end = time.monotonic() + patience
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        self.check(condition(), words)

    def client(self, name, **options):
        return Client(name, self.broker.port, **options)

    def start(self):
        if not asyncio.run(self.broker.start()):
            raise RuntimeError("the broker does not start: " + self.broker.said())

    def calendar_of_broker(self):
        """By the line that it logs when it is asked to save."""
        times = lambda: re.findall(r"^(\d+): SIGUSR1", self.broker.said(), re.MULTILINE)
        before = len(times())
        os.kill(self.broker.process.pid, signal.SIGUSR1)
        self.until(lambda: len(times()) > before, "the broker logs that it was asked to save")
        return int(times()[-1])

    # --- the parts

    def prepare(self):
        """What must outlast the step, and what must end by itself."""
        for name, expiry in (("away", HOUR), ("resting", HOUR), ("away-for-ever", 0xFFFFFFFF), ("away-shortly", 3)):
            self.client(name, expiry=expiry).subscribe(f"queue/{name}").leave()
        self.left = time.monotonic()
        publisher = self.client("publisher")
        for name in ("away", "resting"):
            publisher.publish(f"queue/{name}", "lasts", expiry=HOUR)
        publisher.publish("queue/away-for-ever", "lasts")
        publisher.publish("queue/away-for-ever", "ends", expiry=3)
        publisher.publish("kept/lasts", "value", retain=True, expiry=HOUR)
        publisher.publish("kept/ends", "value", retain=True, expiry=3)
        publisher.leave()
        self.wills = self.client("wills").subscribe("will/+")
        self.client("late-will", expiry=HOUR, will=("will/late", HOUR)).vanish()
        self.client("soon-will", expiry=HOUR, will=("will/soon", 3)).vanish()
        self.pinging = self.client("pinging", keep_alive=2)
        self.silent = socket.create_connection(("127.0.0.1", self.broker.port))
        self.silent.sendall(b"\x10\x12\0\4MQTT\4\2\0\4\0\6silent")
        self.silent.settimeout(PATIENCE)
        self.check(self.silent.recv(4) == b"\x20\2\0\0", "a client with a Keep Alive of 4 s that says nothing connects")
        self.silent_since = time.monotonic()

    def step(self):
        before = self.calendar_of_broker()
        self.calendar.step(self.by)
        moved = self.calendar_of_broker() - before
        self.check(abs(moved - self.by) < OLDER, f"the broker's calendar was set by {moved} s of {self.by}")

    def check_running(self):
        load = len(self.load.received())
        self.check(self.silent.recv(4) == b"", "[MQTT-3.1.2-22] who says nothing is cut off")
        waited = time.monotonic() - self.silent_since
        self.check(6 <= waited + 0.5 and waited < 6 + LATE, f"after one and a half Keep Alives, of 4 s: {waited:.1f} s")
        self.until(lambda: "will/soon" in self.wills.got, "a Will with a delay of 3 s is published")
        self.check("will/late" not in self.wills.got, "one with an hour's is not")
        self.check(self.pinging.cuts == 0 and self.wills.cuts == 0, "who answers stays connected")
        self.check(len(self.load.received()) > load, "messages have gone on")

    def check_kept(self, when):
        """After more than 3 s."""
        time.sleep(max(0, self.left + 3.5 + LATE - time.monotonic()))
        self.check_back("away", when)
        lasting = self.client("away-for-ever", expiry=0xFFFFFFFF)
        self.check(lasting.session_was_there, f"{when}: one that lasts for ever, too")
        self.until(lambda: "queue/away-for-ever" in lasting.got, f"{when}: and what was queued for that")
        payloads = [each.payload for each in lasting.got.get("queue/away-for-ever", [])]
        self.check(payloads == [b"lasts"], f"{when}: but for what had to end: {payloads}")
        lasting.leave()
        shortly = self.client("away-shortly")
        self.check(not shortly.session_was_there, f"{when}: a session of 3 s has ended")
        shortly.subscribe("kept/+")
        self.until(lambda: "kept/lasts" in shortly.got, f"{when}: a retained message of an hour is there")
        kept = [each.properties.MessageExpiryInterval for each in shortly.got.get("kept/lasts", [])]
        self.check(kept and HOUR - OLDER < kept[0] <= HOUR, f"{when}: with the rest of its time: {kept}")
        self.check("kept/ends" not in shortly.got, f"{when}: one of 3 s is not")
        shortly.leave()

    def check_back(self, name, when):
        back = self.client(name, expiry=HOUR)
        self.check(back.session_was_there, f"{when}: {name}: a session that lasts an hour is there")
        self.until(lambda: f"queue/{name}" in back.got, f"{when}: {name}: and what was queued for it")
        left = [each.properties.MessageExpiryInterval for each in back.got.get(f"queue/{name}", [])]
        self.check(left and HOUR - OLDER < left[0] <= HOUR, f"{when}: {name}: with the rest of its time: {left}")
        back.leave()

    def queue_again(self):
        """For the next check_kept()."""
        publisher = self.client("publisher")
        for name in ("away", "away-for-ever"):
            publisher.publish(f"queue/{name}", "lasts", expiry=HOUR)
        publisher.leave()

    def run(self):
        try:
            self.start()
            self.load = Load(self.broker.port)
            self.prepare()
            self.step()
            self.check_running()
            self.load.stop()
            self.until(lambda: len(self.load.received()) >= self.load.sent, "all of the load arrives")
            self.check(self.load.received() == list(range(self.load.sent)), "once each, in order")
            self.check(self.load.to.cuts + self.load.by.cuts == 0, "and its clients stayed connected")
            self.check_kept("then")
            self.queue_again()
            self.check(asyncio.run(self.broker.end()) == 0, "the broker ends")
            self.start()
            self.check_kept("after a restart")
            self.queue_again()
            self.step_while_idle()
            self.broker.kill()
            self.start()
            self.check_kept("after a step back and kill -9")
            self.check_back("resting", "since before all of it")
        except Exception as error:
            self.check(False, f"{type(error).__name__}: {error}")
            raise
        finally:
            self.load.stopping = True
            self.broker.kill()
            if not self.faults:
                shutil.rmtree(self.folder, ignore_errors=True)

    def step_while_idle(self):
        """As far in the other direction, with nothing else to write."""
        facts = self.client("facts").subscribe("$SYS/broker/+").subscribe("$SYS/broker/store/commits")
        said = lambda what: [each.payload for each in facts.got.get(f"$SYS/broker/{what}", [])]
        self.until(lambda: len(said("uptime")) > 3 and said("store/commits"), "the broker says how often it has written")
        before = said("store/commits")[-1]
        self.calendar.step(0)
        self.until(lambda: said("store/commits")[-1] != before, "it writes once more, for the calendar alone")
        facts.leave()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--broker", default=BINARY)
    options = parser.parse_args()
    if not library():
        sys.exit("libfaketime is not there: tools/setup --test")
    runs = [Run(options.broker, name, step) for name, step in STEPS.items()]
    for run in runs:
        run.run()
    failed = sum(len(run.faults) for run in runs)
    for run in runs:
        if run.faults:
            print(f"kept: {run.folder}", file=sys.stderr)
    print(f"{sum(run.checks for run in runs) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
