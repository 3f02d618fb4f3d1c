#!/usr/bin/env python3
"""What a crash takes with `durability interval` while the broker has more to keep than it can write: publishers at QoS 1
and many sessions that are away, or retained messages on many topics; kill -9, and then how long ago the oldest message
that is not in the store was acknowledged. Publishers are slowed, but never until the interval is over.

    tests/crash/window.py [--sessions 100 | --topics 20000] [--seconds 4] [--publishers 4] [--size 20] [--threads 2]
                          [--interval 1] [--kills 1] [--broker FILE]

The last line is `N passed, N failed`."""
import argparse
import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time

from broker import BINARY, Broker
from client import Publisher, Subscriber, packet

CTL = os.path.join(os.path.dirname(BINARY), "bramble-ctl")
SLACK = 0.7  # as kill.py has it
LONGEST_WAIT = 2  # without an acknowledgement, on a busy machine; or a quarter of a long interval
AWAY = "away-0"


class SizedPublisher(Publisher):
    """Its numbers are followed by so many letters that each message has `size` bytes."""
    size = 0

    def send_publish(self, pid, dup):
        topic, number = self.in_flight[pid]
        payload = str(number).encode().ljust(self.size, b"x")
        first = 0x32 | (8 if dup else 0) | (1 if self.retain else 0)
        self.send(packet(first, len(topic).to_bytes(2, "big") + topic.encode() + pid.to_bytes(2, "big") + payload))


async def leave_sessions(broker, count):
    for i in range(count):
        away = Subscriber(f"away-{i}", ["w/#"], qos=1)
        await away.connect(broker.port)
        serving = asyncio.create_task(away.serve())
        await away.subscribed.wait()
        away.send(b"\xe0\0")
        away.drop()
        await serving


def exported(data):
    export = subprocess.run([CTL, "store", "export", os.path.join(data, "bramble.db")], capture_output=True, check=True)
    return map(json.loads, export.stdout.splitlines())


def queued(data):
    """(topic, number) that one session has in the store."""
    session, messages, found = None, {}, set()
    for line in exported(data):
        if line.get("client_id") == AWAY:
            session = line["session"]
        if line.get("type") == "delivery":
            if "topic" in line:
                message = messages[line.get("message")] = line["topic"], int(line["payload"].rstrip("x"))
            if line["session"] == session:
                found.add(messages[line["message"]] if "message" in line else message)
    return found


def lost(acknowledged, options, data):
    """When each message was acknowledged that is not there."""
    if options.topics == 0:
        found = queued(data)
        return [when for key, when in acknowledged.items() if key not in found]
    newest = {line["topic"]: int(line["payload"].rstrip("x")) for line in exported(data) if line["type"] == "retained"}
    return [when for (topic, number), when in acknowledged.items() if number > newest.get(topic, 0)]


def publisher(number, options):
    topics = [f"w/{number}/{i}" for i in range(options.topics)] or [f"w/{number}"]
    made = SizedPublisher(f"pub-{number}", 1, topics, retain=options.topics > 0, in_flight_max=20)
    made.size = options.size
    return made


async def run(options):
    """The age of the oldest loss, the longest time without an acknowledgement, and what happened in words."""
    folder = tempfile.mkdtemp(prefix="bramble-window-")
    data = os.path.join(folder, "data")
    os.mkdir(data)
    broker = Broker(options.broker, folder, data, "interval", options.threads)
    with open(broker.config, "a", encoding="utf-8") as config:
        config.write(f"durability_interval {options.interval}\n")
    publishers = [publisher(i, options) for i in range(options.publishers)]
    try:
        if not await broker.start():
            raise RuntimeError(f"the broker does not start: {broker.said()}")
        await leave_sessions(broker, 0 if options.topics else options.sessions)
        for each in publishers:
            await each.connect(broker.port)
        began = time.monotonic()
        serving = [asyncio.create_task(each.serve()) for each in publishers]
        await asyncio.sleep(options.seconds)
        broker.kill()
        killed = time.monotonic()
        await asyncio.gather(*serving)
        acknowledged = {key: when for each in publishers for key, when in each.acknowledged.items()}
        ages = [killed - when for when in lost(acknowledged, options, data)]
        times = sorted([began, killed, *acknowledged.values()])
        wait = max(after - before for before, after in zip(times, times[1:]))
        where = f"on {options.topics} topics each" if options.topics else f"for {options.sessions} sessions each"
        return max(ages, default=0), wait, (f"{len(acknowledged)} acknowledged {where}, {len(ages)} lost, the oldest "
                                            f"{max(ages, default=0):.2f} s old; none for {wait:.2f} s at most; "
                                            f"{broker.times('may be lost. Publishers')} warnings")
    finally:
        broker.kill()
        shutil.rmtree(folder)


async def main():
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of a PUBLISH to a broker that is gone
    parser = argparse.ArgumentParser()
    for name, default in (("sessions", 100), ("topics", 0), ("publishers", 4), ("size", 20), ("threads", 2), ("interval", 1),
                          ("kills", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--broker", default=BINARY)
    options = parser.parse_args()
    options.broker = os.path.abspath(options.broker)
    faults = 0
    for _ in range(options.kills):
        age, wait, words = await run(options)
        print(words, flush=True)
        if age > options.interval + SLACK or wait > max(LONGEST_WAIT, options.interval / 4):
            faults += 1
            print(f"FAILED: more than {options.interval} s are lost, or publishers stood still")
    print(f"{options.kills - faults} passed, {faults} failed")
    return faults


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
