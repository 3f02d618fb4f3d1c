#!/usr/bin/env python3
"""A disk that is full, fails or has become read-only, under a broker with a durable store: what must be kept is refused
or waits, all else goes on, and when the disk is back so is the service, with all that was acknowledged.

    tests/crash/full_disk.py [--durability commit|interval] [--fault ENOSPC|EIO|EROFS|full] [--threads N] [--broker FILE]

Without options: both promises, each with the three errors (disk.c makes them) and once with a file system of 4 MB that
is really full; that takes root, and is left out without. The last line is `N passed, N failed`."""
import argparse
import asyncio
import os
import shutil
import sqlite3
import sys
import tempfile
import time

from broker import BINARY, Broker, END
from bystanders import Bystanders
from client import Talker
from faults import FaultyDisk, FullDisk
from scene import Scene

SOON = 5          # a few seconds
STAYS = 3.5       # an outage: some tries fail, on a new connection to the file too
SLOWEST = 1.5     # one turn of a machine that is busy with other things
QUOTA_EXCEEDED = 0x97
PUSHED, PUSHERS = 20_000, 100
GROWTH_MAX = 12 << 20
FAILS, RECOVERS = "cannot be written", "takes what is to be kept again"
LOST = "is lost: the broker stops"
AT_A_TIME = 3


class Run(Scene):
    """One promise, one fault, one broker after the other."""

    def __init__(self, options, durability, fault):
        super().__init__(f"{durability} {fault}")
        self.options, self.durability, self.fault = options, durability, fault
        self.folder = tempfile.mkdtemp(prefix="bramble-full-")
        self.disk = FullDisk(self.folder) if fault == "full" else FaultyDisk(self.folder, fault)
        self.broker = self.broker_on(self.disk.data)
        self.sure = set()     # acknowledged with success: (topic, payload)
        self.refused = set()  # with 0x97
        self.number = 0

    def broker_on(self, location):
        return Broker(self.options.broker, self.folder, location, self.durability, self.options.threads,
                      self.disk.environment)

    def tell(self, words):
        print(f"{self.name}: {words}", flush=True)

    async def code(self, answer, patience=SOON):
        """None: no answer."""
        done, _ = await asyncio.wait([answer], timeout=patience)
        return answer.result() if done else None

    def publish(self, client, qos, retain=False, topic=None):
        """The answer, and what is done with it: it is remembered of the message."""
        self.number += 1
        key = topic or f"keep/{qos}/{client.version}", str(self.number).encode()
        answer = client.publish(*key, qos, retain)

        def remember(done):
            if not done.cancelled():
                (self.refused if done.result() >= 0x80 else self.sure).add(key)
        answer.add_done_callback(remember)
        return answer

    async def all_codes(self, answers):
        return [await self.code(each) for each in answers]

    # --- the parts

    async def run(self):
        try:
            await self.scenario()
        except Exception as error:  # a client that is cut off; the checks before say more
            self.check(False, f"{type(error).__name__}: {error}")
            raise
        finally:
            self.broker.kill()
            for each in self.clients:
                each.drop()
            self.disk.remove()
            if self.faults:
                print(f"kept: {self.folder}", file=sys.stderr)
            else:
                shutil.rmtree(self.folder)

    async def scenario(self):
        began = time.monotonic()
        if not self.check(await self.broker.start(), "the broker starts"):
            return
        await self.before()
        await self.outage()
        await self.recovery()
        if self.fault != "full":
            await self.push()
        await self.end_in_outage()
        await self.start_in_outage()
        await self.after_restart()
        await self.damaged()
        self.tell(f"{time.monotonic() - began:.1f} s, {len(self.sure)} acknowledged, {len(self.refused)} refused")

    async def before(self):
        for name in ("away-1", "away-2"):  # one comes back after the recovery, one after the restart
            away = await self.client(name, 5, expiry=3600)
            self.check(await self.code(away.subscribe("keep/#")) == 2, f"{name} subscribes")
            away.leave()
        self.there = {}
        for qos in (1, 2):
            self.there[qos] = await self.client(f"there-{qos}", 4, expiry=1)
            await self.there[qos].subscribe("there", qos)
            self.there[qos].leave()
        self.state = await self.client("state")
        self.states = []
        self.state.on_message = lambda topic, payload: self.states.append(payload.decode())
        await self.state.subscribe("$SYS/broker/store/state", 0)
        self.five, self.three = await self.client("five", 5), await self.client("three", 4)
        self.steady = await self.client("steady", 4, expiry=1)
        self.bystanders = Bystanders("bystander")
        await self.bystanders.begin(self.broker.port)
        answers = [self.publish(client, qos) for client in (self.five, self.three, self.steady) for qos in (1, 2)]
        answers += [self.publish(self.three, qos, topic="there") for qos in (1, 2, 2)]
        answers.append(self.publish(self.five, 1, retain=True, topic="retained/five"))
        codes = await self.all_codes(answers)
        self.check(all(code is not None and code < 0x80 for code in codes), f"before the fault all is taken: {codes}")
        self.retained_before = str(self.number).encode()
        await self.until(lambda: self.states[-1:] == ["well"], "$SYS says that the store is well")
        await self.until(lambda: all(each.completed() for each in (self.five, self.three, self.steady)), "PUBCOMP comes")
        self.usual = self.bystanders.figures()

    async def trip(self):
        """The disk fails, and the broker finds out by what a client sends. Gives the answers that it waits for."""
        outages = self.broker.times(FAILS)
        self.disk.fail()
        client = await self.client(f"tripper-{self.number}", 4)
        answers, end = [], time.monotonic() + SOON
        while self.broker.times(FAILS) == outages and time.monotonic() < end:
            if self.durability == "interval" or not answers or answers[-1].done():
                answers.append(self.publish(client, 1))
            await asyncio.sleep(0.05)
        self.check(self.broker.times(FAILS) == outages + 1, f"the log says that the disk fails, in {SOON} s")
        if self.durability == "commit":
            await asyncio.sleep(0)
            # The disk may have taken the last one, and failed in what came after it (a checkpoint).
            answers = [answer for answer in answers if not answer.done()] or [self.publish(client, 1)]
            await asyncio.sleep(0.1)
            self.check(len(answers) == 1 and not answers[0].done(), "what was sent to the failing disk is not acknowledged")
        return client, answers

    async def refusals(self):
        for qos in (1, 2):
            began = time.monotonic()
            codes = await self.all_codes([self.publish(self.five, qos) for _ in range(5)])
            self.check(codes == [QUOTA_EXCEEDED] * 5, f"v5 at QoS {qos} is refused: {codes}")
            self.slowest_refusal = max(self.slowest_refusal, time.monotonic() - began)
        code = await self.code(self.publish(self.five, 1, retain=True, topic="retained/five"))
        self.check(code == QUOTA_EXCEEDED, f"a retained message is refused: {code}")
        fresh = Talker("fresh", 5, expiry=3600)
        self.check(await fresh.connect(self.broker.port) == QUOTA_EXCEEDED, "a new v5 session is refused with 0x97")
        fresh = Talker("fresh", 4, expiry=1)
        code = await fresh.connect(self.broker.port)
        self.check(code == 3, f"a new 3.1.1 session is refused with 3: {code}")
        for version, refusal in ((5, QUOTA_EXCEEDED), (4, 3)):
            code = await Talker("away-1", version).connect(self.broker.port, clean=True)
            self.check(code == refusal, f"the end of a session that is on the disk is refused to {version}: {code}")
        code = await self.code(self.away_3.subscribe("more", 1))
        self.check(code == 0x80, f"SUBSCRIBE of a 3.1.1 session is refused with 0x80: {code}")
        code = await self.code(self.away_5.subscribe("more", 1))
        self.check(code == QUOTA_EXCEEDED, f"SUBSCRIBE of a v5 session is refused with 0x97: {code}")

    async def outage(self):
        self.slowest_refusal = 0.0
        self.away_5 = await self.client("subscriber-5", 5, expiry=3600)
        self.away_3 = await self.client("subscriber-3", 4, expiry=1)
        self.tripper, self.tripped = await self.trip()
        began, cpu = time.monotonic(), self.broker.cpu_seconds()
        self.bystanders.figures()
        self.waiting = [self.publish(client, qos) for client in (self.three, self.steady) for qos in (1, 2, 1)]
        await self.refusals()
        reader = await self.client("reader", 5)
        await reader.subscribe("retained/#", 0)
        await self.until(lambda: reader.got, "retained messages are sent")
        self.check(list(reader.got) == [("retained/five", self.retained_before)], f"as they were: {reader.got}")
        for qos, there in self.there.items():
            self.check(await there.connect(self.broker.port) == 0, "a session that is there can connect")
            self.check(there.session_was_there, "and is still there")
            if qos == 1 or self.durability == "interval":
                await self.has_queue(there)
            self.check(await self.code(there.ping()) == 0, "and PINGs")
        await self.until(lambda: self.states[-1:] == ["failing"], "$SYS says that the store fails")
        await asyncio.sleep(max(0, began + STAYS - time.monotonic()))
        busy = (self.broker.cpu_seconds() - cpu) / (time.monotonic() - began)
        median, slowest, many = self.bystanders.figures()
        self.tell(f"clean sessions: median {median * 1e3:.1f} ms of {many}, slowest {slowest[0] * 1e3:.0f} ms "
                  f"({slowest[1]}); before: {self.usual[0] * 1e3:.1f} ms; refused in {self.slowest_refusal * 1e3:.0f} "
                  f"ms; CPU {busy * 100:.0f} %")
        self.check(not self.bystanders.broken, f"clean sessions go on: {self.bystanders.broken}")
        self.check(median < self.usual[0] * 5 + 0.02, f"at the usual speed: {median} s instead of {self.usual[0]} s")
        self.check(slowest[0] < SLOWEST, f"without a pause: {slowest}")
        self.check(not any(each.done() for each in self.waiting), "3.1.1 gets no PUBACK and no PUBREC")
        self.check(not any(each.gone.is_set() for each in (self.three, self.steady, self.five, self.tripper)),
                   "publishers stay connected")
        await self.refusals()  # the broker's connection to the file is another one by now
        self.check(self.broker.times(FAILS) == 1 and self.broker.times(RECOVERS) == 0,
                   "the log says once that the disk fails")

    async def has_queue(self, there):
        await self.until(lambda: len(there.got) == 3, f"{there.name} gets its three messages")
        await self.until(lambda: not there.known_ids, "and those at QoS 2 are released")

    async def recovery(self):
        self.disk.recover()
        began = time.monotonic()
        await self.until(lambda: self.broker.times(RECOVERS) == 1, "the log says that the disk is well again", SOON)
        codes = await self.all_codes([*self.tripped, *self.waiting])
        self.check(codes == [0] * len(codes), f"what waited is acknowledged: {codes}")
        self.tell(f"acknowledged {time.monotonic() - began:.1f} s after the disk was back")
        answers = [self.publish(client, qos) for client in (self.five, self.three, self.steady) for qos in (1, 2)]
        codes = await self.all_codes(answers)
        self.check(codes == [0] * len(codes), f"after the fault all is taken: {codes}")
        code = await self.code(self.publish(self.five, 1, retain=True, topic="retained/five"))
        self.check(code in (0, 0x10), f"a retained message too: {code}")
        self.retained_before = str(self.number).encode()
        self.check(await self.code(self.away_5.subscribe("more", 1)) == 1, "a v5 session can subscribe again")
        self.check(await self.code(self.away_3.subscribe("more", 1)) == 1, "a 3.1.1 session can subscribe again")
        await self.client("fresh", 5, expiry=3600)
        await self.until(lambda: self.states[-1:] == ["well"], "$SYS says that the store is well again")
        await self.until(lambda: all(each.completed() for each in (self.five, self.three, self.steady)), "PUBCOMP comes")
        for there in self.there.values():  # with `commit`, QoS 2 waits until its Packet Identifier is on the disk
            await self.has_queue(there)
            self.check(max(there.got.values()) == 1, f"nothing came twice to {there.name}")
        self.check(self.broker.times(FAILS) == 1 and self.broker.times(RECOVERS) == 1, "the log says each once")
        await self.compare("away-1")

    async def compare(self, name):
        """What comes to a session that was away is what it should be, and nothing more."""
        away = await self.client(name, 5, expiry=3600)
        self.check(away.session_was_there, f"{name}: its session is there")
        wanted = {key for key in self.sure if key[0].startswith("keep/")}
        await self.until(lambda: wanted <= set(away.got), f"{name} gets all {len(wanted)} messages")
        self.check(await self.code(away.ping()) == 0, f"{name} PINGs")
        lost, refused = wanted - set(away.got), self.refused & set(away.got)
        self.check(not lost, f"{name}: lost though acknowledged: {sorted(lost)[:5]}")
        self.check(not refused, f"{name}: came though refused: {sorted(refused)[:5]}")
        twice = [key for key, times in away.got.items() if times > 1 and key[0].startswith("keep/2")]
        self.check(not twice, f"{name}: came twice at QoS 2: {twice[:5]}")
        away.leave()

    async def push(self):
        """Many publishers and much more than the broker may remember."""
        away = await self.client("pushed", 4, expiry=1)
        await away.subscribe("push", 1)
        away.leave()
        pushers = [await self.client(f"pusher-{i}") for i in range(PUSHERS)]
        _, tripped = await self.trip()
        before = self.broker.resident()
        answers = []
        for _ in range(PUSHED // PUSHERS):
            answers += [each.publish("push", bytes(1024), 1) for each in pushers]
            await asyncio.sleep(0)
        grown, end = 0, time.monotonic() + 2
        while time.monotonic() < end:
            grown = max(grown, self.broker.resident() - before)
            await asyncio.sleep(0.05)
        self.tell(f"{PUSHED} messages of 1 KB: {grown / 1e6:.1f} MB more, of {before / 1e6:.0f} MB")
        self.check(grown < GROWTH_MAX, f"memory stays bounded: {grown} bytes more")
        self.check(not any(each.done() for each in answers), "none of them is acknowledged")
        self.disk.recover()
        await self.until(lambda: all(each.done() for each in answers), "all of them are, when the disk is back")
        await self.all_codes(tripped)
        self.check(self.broker.times(FAILS) == 2 and self.broker.times(RECOVERS) == 2,
                   "the log says the second outage once, too")
        for each in pushers:
            each.leave()

    async def end_in_outage(self):
        before, recovered = set(self.sure), self.broker.times(RECOVERS)
        held = await self.client("held", 5)
        tripper, tripped = await self.trip()
        if self.durability == "commit":
            before = set(self.sure)  # a disk that is full may have room for a few more
        refused = await self.code(self.publish(held, 1))
        self.check(refused == QUOTA_EXCEEDED, f"v5 is refused: {refused}")
        waits = self.publish(self.three, 1)
        began = time.monotonic()
        status = await self.broker.end()
        self.check(status == 0, f"the broker ends with status 0 in {END} s: {status}")
        self.tell(f"ended in {time.monotonic() - began:.1f} s")
        # a full disk may have room once more, when the last tries have moved the log into the file: nothing is lost then
        lost, taken = self.broker.times(LOST), self.broker.times(RECOVERS) - recovered
        self.check(lost + taken == 1 and (lost == 1 or self.fault == "full"),
                   f"and says once what is lost: {lost} times, {taken} times that all is there")
        await self.until(tripper.gone.is_set, "its clients are disconnected")
        self.check(not waits.done(), "who waits is not told that all is well")
        if self.durability == "commit":
            self.check(not any(each.done() for each in tripped), "who waits for the disk neither")
            self.check(self.sure == before, "nothing was acknowledged meanwhile")
        self.sure = before  # `interval` may lose what came within it
        self.bystanders.end()

    async def start_in_outage(self):
        """It does, or says why not."""
        fresh = os.path.join(self.disk.data, "fresh")
        os.mkdir(fresh)
        for broker, what in ((self.broker, "with the database that is there"), (self.broker_on(fresh), "with none")):
            began = time.monotonic()
            if await broker.start():
                self.tell(f"starts on the failing disk, {what}, in {time.monotonic() - began:.1f} s")
                serving, self.broker = self.broker, broker
                client = await self.client("early")
                self.check(await self.code(client.ping()) == 0, f"{what} it serves")
                self.broker = serving
                status = await broker.end()
                self.check(status == 0, f"{what} it ends: {status}")
            else:
                status, said = broker.process.poll(), broker.said().strip().splitlines()
                self.check(status is not None, f"{what} it starts or ends")
                self.check(status is None or status > 0, f"{what} it does not crash: {status}")
                self.check("bramble.db" in broker.said(), f"{what} it says which file: {said}")
                self.tell(f"does not start on the failing disk, {what}: {said[-1] if said else 'says nothing'}")
            broker.kill()

    async def after_restart(self):
        self.disk.recover()
        if not self.check(await self.broker.start(), "the broker starts again"):
            return
        await self.compare("away-2")
        reader = await self.client("reader", 5)
        await reader.subscribe("retained/#", 0)
        await self.until(lambda: reader.got, "retained messages are there")
        self.check(list(reader.got) == [("retained/five", self.retained_before)], f"and right: {reader.got}")
        self.check(await self.broker.end() == 0, "the broker ends well")

    def spoil_queue(self, file):
        with sqlite3.connect(file) as database:
            page, = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'q'").fetchone()
        database.close()
        with open(file, "r+b") as whole:
            whole.seek((page - 1) * 4096)
            whole.write(b"\xff" * 4096)

    def spoil_head(self, file):
        with open(file, "r+b") as whole:
            whole.write(b"garbage" * 10)

    async def damaged(self):
        """A start on the failing disk with a file that is damaged, and with one of which nothing can be read."""
        file = os.path.join(self.disk.data, "bramble.db")
        for number, spoil in enumerate((self.spoil_queue, self.spoil_head), 1):
            what, aside = spoil.__name__, f"{file}.damaged-{number}"
            spoil(file)
            with open(file, "rb") as opened:
                before = opened.read()
            self.disk.fail()
            if not self.check(await self.broker.start(), f"{what}: the broker starts: {self.broker.said()}"):
                return
            self.check(self.broker.times("the disk takes no new one") == 1, f"{what}: it says that it waits for the disk")
            if spoil == self.spoil_queue:
                reader = await self.client("reader-of-damaged", 5)
                await reader.subscribe("retained/#", 0)
                await self.until(lambda: reader.got, "what can be read is served")
            waits = self.publish(await self.client(f"{what}-waits", 4), 1, retain=True, topic="damaged/waits")
            await self.until(lambda: self.broker.times(FAILS) == 1, f"{what}: the log says that the disk fails", SOON)
            code = await self.code(self.publish(await self.client(f"{what}-late", 5), 1, retain=True, topic="damaged"))
            self.check(code == QUOTA_EXCEEDED, f"{what}: what would be kept is refused: {code}")
            await asyncio.sleep(STAYS)
            with open(file, "rb") as opened:
                self.check(opened.read() == before, f"{what}: the file is not written to")
            self.check(not os.path.exists(aside) and self.broker.times(aside) == 0, f"{what}: nor moved")
            self.disk.recover()
            await self.until(lambda: self.broker.times(RECOVERS) == 1, f"{what}: the disk is well again", SOON)
            code = await self.code(waits)
            self.check(code == 0, f"{what}: what waited is acknowledged: {code}")
            self.check(os.path.exists(aside) and self.broker.times(aside) == 1, f"{what}: the log says what was put aside")
            self.check(await self.broker.end() == 0, f"{what}: the broker ends well")


async def run_all(options):
    limit = asyncio.Semaphore(AT_A_TIME)
    checks, faults = 0, 0

    async def run_one(durability, fault):
        nonlocal checks, faults
        async with limit:
            try:
                run = Run(options, durability, fault)
            except OSError as error:
                print(f"{durability} {fault}: left out, no file system of its own: {error}")
                return
            try:
                await run.run()
            finally:
                checks += run.checks
                faults += len(run.faults)

    wanted = [(durability, fault) for fault in options.faults for durability in options.durabilities]
    results = await asyncio.gather(*(run_one(*each) for each in wanted), return_exceptions=True)
    for each in results:
        if isinstance(each, BaseException):
            print(f"stopped by {type(each).__name__}: {each}", file=sys.stderr)
            if options.trace:
                raise each
    return checks, faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--durability", dest="durabilities", action="append", choices=("commit", "interval"))
    parser.add_argument("--fault", dest="faults", action="append", choices=("ENOSPC", "EIO", "EROFS", "full"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--trace", action="store_true", help="where a run was stopped by an error of this program")
    parser.add_argument("--broker", default=BINARY)
    options = parser.parse_args()
    options.durabilities = options.durabilities or ["commit", "interval"]
    options.faults = options.faults or ["full", "ENOSPC", "EIO", "EROFS"]
    checks, faults = asyncio.run(run_all(options))
    print(f"{checks - faults} passed, {faults} failed")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
