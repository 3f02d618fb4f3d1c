#!/usr/bin/env python3
"""A disk that takes long, under a broker with a durable store: what is acknowledged only when it is kept waits for it,
whoever asks and in whatever way, and all else goes on.

    tests/crash/slow_disk.py [--broker FILE]

disk.c makes the disk hang. The last line is `N passed, N failed`."""
import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time

from broker import BINARY, Broker
from client import Talker
from faults import FaultyDisk
from scene import PATIENCE, Scene

HELD_UP = 0.25    # of the second that `interval` promises: then publishers wait
TURN = 0.5        # of a machine that is busy with other things
ROUND_TRIPS = 3   # of another client: the one reactor has read what was sent before the first
WARNING = "durability_interval) may be lost"


class Run(Scene):
    def __init__(self, program, durability):
        super().__init__(durability)
        self.folder = tempfile.mkdtemp(prefix="bramble-slow-")
        self.disk = FaultyDisk(self.folder, "HANG")
        self.broker = Broker(program, self.folder, self.disk.data, durability, 1, self.disk.environment)

    async def codes(self, answers):
        """The broker's answers, which have to come."""
        done, waiting = await asyncio.wait(answers, timeout=PATIENCE)
        return [each.result() for each in done] + ["none"] * len(waiting)

    async def has_read(self):
        """The broker, all that was sent before."""
        for _ in range(ROUND_TRIPS):
            await asyncio.wait_for(self.bystander.ping(), PATIENCE)

    async def hang(self):
        """A round waits for the disk: what comes now is of the next one."""
        self.disk.fail()
        first = self.keeper.publish("kept/first", b"1", 1)
        await self.until(self.disk.met, "the broker waits for the disk")
        return first

    async def run(self):
        try:
            self.check(await self.broker.start(), "the broker starts")
            self.bystander, self.keeper = await self.client("bystander"), await self.client("keeper", 5, expiry=3600)
            self.check(await self.codes([self.keeper.subscribe("kept/#")]) == [2], "a session that is kept subscribes")
            await (self.commit() if self.name == "commit" else self.interval())
        except Exception as error:
            self.check(False, f"{type(error).__name__}: {error}")
            raise
        finally:
            self.broker.kill()
            for each in self.clients:
                each.drop()
            if self.faults:
                print(f"kept: {self.folder}\n{self.broker.said()}", file=sys.stderr)
            else:
                shutil.rmtree(self.folder)

    async def restart(self):
        self.broker.kill()
        for each in self.clients:
            each.drop()
        self.check(await self.broker.start(), "the broker starts again")

    # --- `commit`

    async def commit(self):
        for version in (4, 5):
            for leave in ("clean start", "again", "expiry 0"):
                if version == 5 or leave != "expiry 0":
                    await self.end_waits(version, leave)
        await self.answers_wait()

    async def end_waits(self, version, leave):
        """Who is told that it has no session any more has none after a crash either, however it comes to be told."""
        name = f"{leave} {version}"
        owner = await self.client(name, version, expiry=3600)
        self.check(await self.codes([owner.subscribe("own/#")]) == [2], f"{name} subscribes")
        if leave != "expiry 0":
            owner.leave()
        first = await self.hang()
        if leave == "again":  # its CONNACK waits; it does not
            impatient = Talker(name, version)
            asking = asyncio.create_task(impatient.connect(self.broker.port, clean=True))
            await self.has_read()
            self.check(not asking.done(), f"{name}: the CONNACK of the first CONNECT waits")
            asking.cancel()
            impatient.drop()
            await self.has_read()
        if leave == "expiry 0":
            owner.send(b"\xe0\x07\0\x05\x11\0\0\0\0")
            await self.until(owner.gone.is_set, f"{name} is disconnected")
        new = Talker(name, version)
        asking = asyncio.create_task(new.connect(self.broker.port, clean=leave != "expiry 0"))
        await self.has_read()
        self.check(not asking.done(), f"{name}: CONNACK waits for the disk")
        self.check(not first.done(), f"{name}: so does what came before")
        self.disk.recover()
        self.check(await asyncio.wait_for(asking, PATIENCE) == 0, f"{name} connects when the disk is back")
        self.check(new.session_was_there is False, f"{name} is told that it has no session")
        await self.restart()
        new = await self.client(name, version, expiry=3600)
        self.check(new.session_was_there is False, f"{name} has none after a crash either")
        self.bystander, self.keeper = await self.client("bystander"), await self.client("keeper", 5, expiry=3600)

    async def answers_wait(self):
        others = [await self.client(f"publisher {version}", version) for version in (4, 5)]
        owner = await self.client("owner", 4, expiry=1)
        self.check(await self.codes([owner.subscribe("own/#")]) == [2], "it subscribes")
        waiting = [await self.hang()]
        for each in others:
            waiting += [each.publish("kept/more", b"2", 1), each.publish("kept/more", b"3", 2),
                        each.publish("nobody/retained", b"4", 1, retain=True)]
        waiting.append(owner.subscribe("more/#"))
        waiting.append(owner.unsubscribe("own/#"))
        fresh = Talker("fresh", 5, expiry=3600)
        waiting.append(asyncio.create_task(fresh.connect(self.broker.port)))
        began = time.monotonic()
        await self.has_read()
        self.check(time.monotonic() - began < TURN * ROUND_TRIPS, "others are answered at once")
        self.check(not any(each.done() for each in waiting), "PUBACK, PUBREC, SUBACK, UNSUBACK and CONNACK wait")
        other = await self.client("unkept")
        codes = await self.codes([other.publish("nobody", b"5", qos) for qos in (1, 2)])
        self.check(codes == [0, 0], f"a message that nobody keeps does not wait for the disk: {codes}")
        self.disk.recover()
        codes = await self.codes(waiting)
        self.check(all(code in (0, 1, 2, 0x10, 0x11) for code in codes), f"all are answered when the disk is back: {codes}")

    # --- `interval`

    async def interval(self):
        publisher, acknowledged = await self.client("publisher"), []
        answers = [await self.hang()]
        hung = time.monotonic()
        publishing = asyncio.create_task(self.publish_on(publisher, acknowledged))
        await self.until(lambda: time.monotonic() - hung > 3, "a round takes three seconds")
        await self.has_read()
        last = max((when for _, when in acknowledged), default=hung) - hung
        self.check(last < HELD_UP + TURN, f"publishers wait when the disk does: still acknowledged after {last:.2f} s")
        self.check(not publishing.done(), "and stay connected")
        self.disk.recover()
        await self.until(lambda: self.broker.times(WARNING) == 1, "the log says that a round took long")
        seen = len(acknowledged)
        await self.until(lambda: len(acknowledged) > seen + 10, "publishing goes on")
        publishing.cancel()
        self.check(await self.codes(answers) == [0], "what waited was acknowledged")

    @staticmethod
    async def publish_on(publisher, acknowledged):
        """One message after the other: (number, when)."""
        while True:
            number = len(acknowledged)
            await publisher.publish("kept/on", str(number).encode(), 1)
            acknowledged.append((number, time.monotonic()))
            await asyncio.sleep(0.002)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", default=BINARY)
    options = parser.parse_args()
    checks = faults = 0
    for durability in ("commit", "interval"):
        run = Run(os.path.abspath(options.broker), durability)
        try:
            await run.run()
        finally:
            checks, faults = checks + run.checks, faults + len(run.faults)
    print(f"{checks - faults} passed, {faults} failed")
    return faults


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
