"""Clients that nothing may disturb: of them nothing is kept."""
import asyncio
import time

from client import GONE, Talker

PATIENCE = 20


class Bystanders:
    """Two clients with clean sessions, one of which sends to the other, one message after the other, and both PING."""

    def __init__(self, name):
        self.name = name
        self.sender, self.receiver = Talker(f"{name}-from"), Talker(f"{name}-to", version=5)
        self.took = []
        self.broken = None

    async def begin(self, port):
        await self.sender.connect(port)
        await self.receiver.connect(port)
        await self.receiver.subscribe("clean/#", 1)
        self.task = asyncio.create_task(self.talk())

    async def talk(self):
        came = asyncio.Event()
        self.receiver.on_message = lambda topic, payload: came.set()
        try:
            while True:
                for qos in (0, 1):
                    await self.timed(self.exchange(came, qos), f"QoS {qos}")
                await self.timed(asyncio.gather(self.sender.ping(), self.receiver.ping()), "PING")
                await asyncio.sleep(0.01)
        except (asyncio.TimeoutError, *GONE) as error:
            self.broken = f"{type(error).__name__} {error}"

    async def exchange(self, came, qos):
        came.clear()
        acknowledged = self.sender.publish(f"clean/{qos}", b"x", qos)
        await came.wait()
        if acknowledged:
            await acknowledged

    async def timed(self, done, what):
        began = time.monotonic()
        await asyncio.wait_for(done, PATIENCE)
        self.took.append((time.monotonic() - began, what))

    def figures(self):
        """Median, slowest in seconds, and how many, since this was asked before."""
        took, self.took = sorted(self.took), []
        if not took:
            return 0, (PATIENCE, "nothing"), 0
        return took[len(took) // 2][0], took[-1], len(took)

    def end(self):
        self.task.cancel()
        self.sender.drop()
        self.receiver.drop()
