#!/usr/bin/env python3
"""Kills the broker again and again while clients publish, subscribe and come and go, and looks after each restart and at
the end whether everything that was acknowledged is there, once at QoS 2, the retained values and the subscriptions too.

    tests/crash/kill.py [--kills 50] [--durability commit|interval] [--power] [--seed N] [--threads N] [--broker FILE]

With `--power` the power goes with the broker: what it had written and not synced is lost, or there in part (disk.py).
With `interval` the same holds but for what was acknowledged within durability_interval (1 s) before a kill.
The last line is `N passed, N failed`."""
import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time

from broker import BINARY, Broker, PATIENCE
from client import Changer, GONE, Publisher, Subscriber
from disk import Disk

INTERVAL = 1.0
SLACK = 0.7  # between the end of the interval and the end of its fsync, on a busy machine
DELIVERED = 600  # seconds: with `interval` nobody waits for the receivers, and the quicker the machine the more is queued
AHEAD_MAX = 5000  # messages: at QoS 2 each of a session's window waits for two commits, so its queue empties slowly


class KilledBroker(Broker):
    def __init__(self, program, folder, durability, threads):
        data = os.path.join(folder, "data")
        os.mkdir(data)
        super().__init__(program, folder, data, durability, threads)
        self.kills = []
        self.disk = None  # one whose power can be cut

    async def start(self):
        if self.disk:
            self.disk.begin()
            self.environment = self.disk.environment()
        if not await super().start():
            sys.exit(f"the broker does not start:\n{self.said()}\n0 passed, 1 failed")

    def kill(self):
        self.kills.append(time.monotonic())
        super().kill()
        if self.disk:
            self.disk.cut_power()

    async def subscriptions(self, client):
        """As SIGUSR2 has them."""
        printed = self.times("were printed")
        self.process.send_signal(signal.SIGUSR2)
        while self.times("were printed") == printed:
            await asyncio.sleep(0.01)
        with open(self.output, encoding="utf-8") as file:
            lines = [line.rstrip("\n").rsplit(" ", 2) for line in file]
        return {of for of, _, who in lines if who == client}

    def before_kill(self, when):
        """How long it was to the next one."""
        return min((kill - when for kill in self.kills if kill >= when), default=float("inf"))

    def near_kill(self, when):
        return self.before_kill(when) < INTERVAL + SLACK


class Run:
    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.folder = tempfile.mkdtemp(prefix="bramble-crash-")
        self.broker = KilledBroker(options.broker, self.folder, options.durability, options.threads)
        if options.power:
            work = os.path.join(self.folder, "disk")
            os.mkdir(work)
            self.broker.disk = Disk(os.path.join(self.folder, "data"), work, self.random)
        self.strict = options.durability == "commit"
        topics = [f"q/{i}" for i in range(4)]
        self.publishers = [Publisher(f"pub-{qos}-{i}", qos, [f"{t}/{qos}/{i}" for t in topics])
                           for qos in (1, 2) for i in range(2)]
        self.setters = [Publisher(f"set-{qos}", qos, [f"r/{qos}/{k}" for k in range(8)], retain=True) for qos in (1, 2)]
        self.subscribers = [Subscriber(f"sub-{i}", ["q/#"]) for i in range(3)]
        self.sharers = [Subscriber(f"share-{i}", ["$share/group/q/#"]) for i in range(2)]
        for each in self.publishers:
            each.far_ahead = self.far_ahead
        self.changer = Changer("changer", [f"t/{k}" for k in range(5)])
        self.clients = [*self.publishers, *self.setters, *self.subscribers, *self.sharers, self.changer]
        self.steady = [*self.publishers, *self.setters, self.changer]
        self.open = asyncio.Event()  # clients may come
        self.faults = []
        self.checks = 0

    def far_ahead(self):
        sent = sum(each.sent for each in self.publishers)
        return self.strict and sent - min(len(each.got) for each in self.subscribers) > AHEAD_MAX

    def check(self, good, words):
        self.checks += 1
        if not good:
            self.faults.append(words)
            print("FAILED:", words, flush=True)

    async def live(self, client, comes_and_goes):
        """Connects again whenever it can; one that comes and goes stays away for a while now and then."""
        while True:
            await self.open.wait()
            try:
                await client.connect(self.broker.port)
                if client.connections > 1:
                    self.check(client.session_was_there or not self.strict, f"{client.name}: its session is lost")
                served = asyncio.create_task(client.serve())
                if comes_and_goes:
                    await asyncio.wait([served], timeout=self.random.uniform(0.05, 0.5))
                    client.drop()
                await served
            except GONE:
                client.drop()
            await asyncio.sleep(self.random.uniform(0.1, 0.4) if comes_and_goes else 0.02)

    async def keep_publishing(self):
        """They do so by themselves, but for when they were far ahead."""
        while True:
            await asyncio.sleep(0.02)
            for each in self.publishers:
                each.fill()

    async def until(self, condition, words, patience=PATIENCE):
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                self.check(False, f"in {patience} s: {words}")
                return
            await asyncio.sleep(0.02)

    async def after_restart(self):
        """Before anybody changes anything: nobody is connected yet."""
        there = await self.broker.subscriptions(self.changer.name)
        for of, on in self.changer.sure.items():
            if of == self.changer.unsure or (not self.strict and self.broker.near_kill(self.changer.when[of])):
                continue
            self.check((of in there) == on, f"changer: {of} is {'not ' * on}there, and was acknowledged otherwise")
        values = await self.retained()
        for setter in self.setters:
            for topic in setter.topics:
                sure = [number for (of, number), when in setter.acknowledged.items()
                        if of == topic and (self.strict or not self.broker.near_kill(when))]
                last = max(sure, default=0)
                self.check(last <= values.get(topic, 0) <= setter.last.get(topic, 0),
                           f"{topic} is {values.get(topic)}, and {last} was acknowledged")

    async def retained(self):
        reader = Subscriber(f"reader-{self.random.random()}", ["r/#"], qos=0)
        await reader.connect(self.broker.port)
        serving = asyncio.create_task(reader.serve())
        wanted = sum(1 for setter in self.setters for topic in setter.topics
                     if any(of == topic for of, _ in setter.acknowledged))
        end = time.monotonic() + (10 if self.strict else 1)
        while len(reader.got) < wanted and time.monotonic() < end:
            await asyncio.sleep(0.01)
        reader.send(b"\xe0\0")
        reader.drop()
        await serving
        return {topic: number for topic, number in reader.got}

    async def run(self):
        print(f"seed {self.options.seed}, {self.options.durability}, {self.options.kills} kills, in {self.folder}")
        await self.broker.start()
        self.open.set()
        lives = []
        for each in (*self.subscribers, *self.sharers):
            lives.append(asyncio.create_task(self.live(each, True)))
        await self.until(lambda: all(each.subscribed.is_set() for each in (*self.subscribers, *self.sharers)),
                         "all subscribe")
        await asyncio.sleep(0 if self.strict else INTERVAL + SLACK)
        for each in self.steady:
            lives.append(asyncio.create_task(self.live(each, False)))
        lives.append(asyncio.create_task(self.keep_publishing()))
        for _ in range(self.options.kills):
            await asyncio.sleep(self.random.uniform(0.1, 1.0) if self.strict else self.random.uniform(0.5, 3.0))
            self.broker.kill()
            for each in self.clients:
                each.drop()
            self.open.clear()
            await self.broker.start()
            await self.after_restart()
            self.open.set()
        await self.finish()
        for each in lives:
            each.cancel()
        await asyncio.gather(*lives, return_exceptions=True)
        self.broker.process.terminate()
        self.check(self.broker.process.wait(30) == 0, "the broker ends well")
        if self.broker.disk:
            print(f"of writes not synced {self.broker.disk.dropped} were lost, {self.broker.disk.torn} torn")

    async def finish(self):
        for each in self.steady:
            each.stopping = True
        await self.until(lambda: all(each.done() for each in (*self.publishers, *self.setters)),
                         "all that was sent is acknowledged")
        readers = (*self.subscribers, *self.sharers)
        quiet = lambda: all(time.monotonic() - each.last_came > 3 for each in readers)
        await self.until(quiet, "all has been delivered", DELIVERED)
        for subscriber in self.subscribers:
            self.compare(subscriber.name, subscriber.got, subscriber.came)
        together, came = {}, {}
        for sharer in self.sharers:
            for key, times in sharer.got.items():
                together[key] = together.get(key, 0) + times
                came.setdefault(key, []).extend(sharer.came[key])
        self.compare("the $share group", together, came)

    def compare(self, name, got, came):
        lost, ages, doubled, sent = [], [], [], 0
        for publisher in self.publishers:
            for key, when in publisher.acknowledged.items():
                sent += 1
                excused = not self.strict and self.broker.near_kill(when)
                if key not in got and not excused:
                    lost.append(key)
                    ages.append(self.broker.before_kill(when))
                # what its client had said of it is lost with the last interval, too
                excused |= not self.strict and any(map(self.broker.near_kill, came.get(key, [])))
                if publisher.qos == 2 and got.get(key, 0) > 1 and not excused:
                    doubled.append(key)
        self.check(not lost, f"{name}: {len(lost)} of {sent} acknowledged messages are lost: {lost[:5]}, "
                   f"up to {max(ages, default=0):.2f} s before a kill")
        self.check(not doubled, f"{name}: {len(doubled)} of {sent} messages came twice at QoS 2: {doubled[:5]}")
        print(f"{name}: {sum(got.values())} received, {sent} acknowledged", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=int(os.environ.get("BRAMBLE_KILLS", "50")))
    parser.add_argument("--durability", choices=("commit", "interval"), default="commit")
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--broker", default=BINARY)
    run = Run(parser.parse_args())
    asyncio.run(run.run())
    print(f"{run.checks - len(run.faults)} passed, {len(run.faults)} failed")
    if run.faults:
        print(f"kept: {run.folder}", file=sys.stderr)
        sys.exit(1)
    shutil.rmtree(run.folder)


if __name__ == "__main__":
    main()
