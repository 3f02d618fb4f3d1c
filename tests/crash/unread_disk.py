#!/usr/bin/env python3
"""A disk that cannot be read for a while, under a broker with a durable store: that is no damage. Nothing is put aside or
begun anew, and after kill -9 all that was acknowledged is there. And a log with a place that cannot be read for good costs
no more than what is in it from there on.

    tests/crash/unread_disk.py [--broker FILE] [--seconds 2]

`seconds` is how long, about. disk.c makes the disk so. The last line is `N passed, N failed`."""
import argparse
import asyncio
import os
import shutil
import sys
import tempfile

from broker import BINARY, Broker
from faults import FaultyDisk
from scene import PATIENCE, Scene

MESSAGES = 300
RETAINED = 400
TRIES_A_SECOND = 5  # of a read


class Run(Scene):
    def __init__(self, program, seconds):
        super().__init__("commit")
        self.seconds = seconds
        self.folder = tempfile.mkdtemp(prefix="bramble-unread-")
        self.disk = FaultyDisk(self.folder, "READ")
        self.broker = Broker(program, self.folder, self.disk.data, "commit", 1, self.disk.environment)
        self.expected = {(f"kept/{i}", b"x" * 300) for i in range(MESSAGES)}
        self.retained = {(f"value/{i}", b"y" * 3000) for i in range(RETAINED)}

    async def unread_for_a_while(self, words):
        seen = self.disk.met()
        await self.until(lambda: self.disk.met() >= seen + self.seconds * TRIES_A_SECOND, words, PATIENCE + self.seconds)

    async def fill(self):
        owner = await self.client("owner", 4, expiry=1)
        self.check(await owner.subscribe("kept/#") == 2, "a session that is kept subscribes")
        owner.leave()
        publisher = await self.client("publisher", 5)
        answers = [publisher.publish(topic, payload, 1) for topic, payload in sorted(self.expected)]
        answers += [publisher.publish(topic, payload, 1, retain=True) for topic, payload in sorted(self.retained)]
        codes = await asyncio.wait_for(asyncio.gather(*answers), PATIENCE)
        self.check(set(codes) <= {0, 0x10}, f"all is acknowledged: {set(codes)}")
        self.check(await self.broker.end() == 0, "the broker ends")  # so that all is in the file, none in its log

    async def while_it_runs(self):
        """Writes fail first, so that the connection to the file is made anew and knows nothing of it."""
        publisher = await self.client("publisher", 5)
        self.disk.fail("EIO READ")
        publisher.publish("kept/first", b"1", 1)
        await self.until(self.disk.met, "the broker reads")
        self.disk.fail("READ")
        await self.unread_for_a_while("the broker tries to read again")
        self.disk.recover()
        number = 0
        while True:  # refused until the broker has seen that the disk is back
            number += 1
            code = await asyncio.wait_for(publisher.publish("kept/last", str(number).encode(), 1), PATIENCE)
            if code == 0 or not self.check(code == 0x97 and number < 2000, f"refused with 0x97: {code}"):
                break
            await asyncio.sleep(0.01)
        self.expected.add(("kept/last", str(number).encode()))

    def nothing_is_aside(self):
        aside = [name for name in os.listdir(self.disk.data) if "damaged" in name]
        self.check(not aside, f"nothing is put aside: {aside}")

    async def all_is_there(self):
        owner = await self.client("owner", 4, expiry=1)
        reader = await self.client("reader")
        reader.subscribe("value/#")
        await self.until(lambda: self.expected <= owner.got.keys(), f"what was acknowledged comes: {len(owner.got)}")
        await self.until(lambda: self.retained <= reader.got.keys(), f"what was retained comes: {len(reader.got)}")

    async def at_the_start(self):
        self.disk.fail("READ")
        starting = asyncio.create_task(self.broker.start())
        await self.unread_for_a_while("the broker tries to read")
        self.check(not starting.done(), "it does not serve before it could read")
        self.disk.recover()
        self.check(await starting, "it starts")

    async def flaky_at_the_start(self):
        self.end()
        self.disk.fail("FLAKY")
        seen = self.disk.met()
        self.check(await self.broker.start(), "it starts where each read may fail once")
        self.check(self.disk.met() > seen, "some did")
        self.disk.recover()

    async def bad_log(self):
        publisher = await self.client("publisher", 5)
        answers = [publisher.publish(f"late/{i}", b"z" * 3000, 1, retain=True) for i in range(RETAINED)]
        await asyncio.wait_for(asyncio.gather(*answers), PATIENCE)
        self.end()
        self.disk.fail("READLOG")
        self.check(await self.broker.start(), "it starts with a log that has a bad place")
        self.disk.recover()
        self.check(self.broker.times("bramble.db-wal cannot be read behind its first") == 1, "and says so")
        aside = sorted(os.listdir(self.disk.data))
        self.check(aside == ["bramble.db", "bramble.db-wal", "bramble.db.damaged-1-wal"], f"the log is put aside: {aside}")

    def end(self):
        self.broker.kill()
        for each in self.clients:
            each.drop()

    async def run(self):
        try:
            self.check(await self.broker.start(), "the broker starts")
            await self.fill()
            self.check(await self.broker.start(), "it starts with all of that")
            await self.while_it_runs()
            self.end()
            self.check(await self.broker.start(), "it starts again")
            self.nothing_is_aside()
            await self.all_is_there()
            self.check(await self.broker.end() == 0, "it ends")
            self.expected.clear()  # its owner has them
            await self.at_the_start()
            self.nothing_is_aside()
            await self.all_is_there()
            await self.flaky_at_the_start()
            self.nothing_is_aside()
            await self.all_is_there()
            await self.bad_log()
            await self.all_is_there()
        except Exception as error:
            self.check(False, f"{type(error).__name__}: {error}")
            raise
        finally:
            self.end()
            if self.faults:
                print(f"kept: {self.folder}\n{self.broker.said()}", file=sys.stderr)
            else:
                shutil.rmtree(self.folder)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", default=BINARY)
    parser.add_argument("--seconds", type=int, default=2)
    options = parser.parse_args()
    run = Run(os.path.abspath(options.broker), options.seconds)
    await run.run()
    print(f"{run.checks - len(run.faults)} passed, {len(run.faults)} failed")
    return len(run.faults)


if __name__ == "__main__":
    sys.exit(1 if asyncio.run(main()) else 0)
