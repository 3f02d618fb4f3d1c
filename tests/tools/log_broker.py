"""A broker whose log is read."""
import os
import subprocess

from programs import BROKER, PASSWD, Broker, WithFolder
from raw_client import Client


class WithLog(WithFolder):
    def setUp(self):
        subprocess.run([PASSWD, "-c", "-b", self.path("pw"), "bob", "secret"], check=True)

    def tearDown(self):
        for client in Client.opened:
            client.close()
        Client.opened.clear()

    def config(self, more, listener=""):
        return self.path("b.conf", f"user {'root' if os.geteuid() == 0 else 'nobody'}\nthreads 2\nlistener 0 127.0.0.1\n"
                                   f"{listener}{more}\n")

    def broker(self, more, listener="", wrap=()):
        broker = Broker([*wrap, BROKER, "-c", self.config(more, listener)], "listens on")
        self.addCleanup(lambda: broker.process.poll() is None and broker.end())
        return broker, broker.ports[0]

    def users(self):
        return f"allow_anonymous true\npassword_file {self.path('pw')}\npassword_rate 0\n"

    def line(self, broker, *parts):
        """The line that has the first part, which has the others too, without its time."""
        found = broker.wait_for(parts[0])
        for part in parts[1:]:
            self.assertIn(part, found)
        return found.partition(": ")[2]
