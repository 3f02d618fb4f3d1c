"""What the tests of a disk in trouble have in common: checks that are counted, and clients of one broker."""
import asyncio
import time

from client import Talker

PATIENCE = 20


class Scene:
    """`broker` is the test's to set. Each fault is printed as it is found, with `name`."""

    def __init__(self, name):
        self.name = name
        self.broker = None
        self.checks, self.faults = 0, []
        self.clients = []

    def check(self, good, words):
        self.checks += 1
        if not good:
            self.faults.append(words)
            print(f"FAILED: {self.name}: {words}", flush=True)
        return good

    async def until(self, condition, words, patience=PATIENCE):
        end = time.monotonic() + patience
        while not condition():
            if time.monotonic() > end:
                return self.check(False, f"in {patience} s: {words}")
            await asyncio.sleep(0.01)
        return self.check(True, words)

    async def client(self, name, version=4, expiry=0, clean=False):
        client = Talker(name, version, expiry)
        code = await asyncio.wait_for(client.connect(self.broker.port, clean), PATIENCE)
        self.check(code == 0, f"{name} connects: {code}")
        self.clients.append(client)
        return client
