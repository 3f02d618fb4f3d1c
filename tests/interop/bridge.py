#!/usr/bin/python3
"""Debian's mosquitto as a bridge to us: what it needs of the broker at the other end.

    tests/interop/bridge.py

BRAMBLE_BIN is the broker's binary; without it build/release/bin/bramble. MOSQUITTO20 is mosquitto; without it the one
that tools/setup --test unpacks. Ends with `N passed, N failed`.
"""

import os
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from peers import PATIENCE, ROOT, Broker, Mqtt, counted, tcp

MOSQUITTO = Path(os.environ.get("MOSQUITTO20", ROOT / ".deps/mosquitto"))
STATE = "$SYS/broker/connection/there.bridge/state"


class Bridge(unittest.TestCase):
    """Everything goes both ways between `here`, which is ours, and `there`, mosquitto's."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bramble-bridge-")
        self.addCleanup(folder.cleanup)
        self.broker = Broker(folder.name, [("tcp", "")])
        self.addCleanup(self.broker.stop)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = Path(folder.name) / "mosquitto.conf"
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\nconnection bridge\n"
                          f"address 127.0.0.1:{self.broker.ports['tcp']}\nremote_clientid there.bridge\n"
                          "local_clientid local.bridge\ntopic # both 1\n")
        ours = self.broker.ports["tcp"]
        self.watcher = self.reader(ours, STATE)
        self.bridge = subprocess.Popen([MOSQUITTO, "-c", config], stderr=subprocess.DEVNULL)
        self.addCleanup(self.bridge.wait, PATIENCE)
        self.addCleanup(self.bridge.kill)
        while self.watcher.receive()[1] != b"1":
            pass
        self.ports = (ours, self.port)
        self.readers = [self.reader(port, "+") for port in self.ports]
        self.publishers = [self.client(port) for port in self.ports]
        for number, publisher in enumerate(self.publishers):  # retained, for the bridge may not have subscribed yet
            publisher.publish(f"first{number}", b"x", 1, retain=True)
            self.both_get(f"first{number}", b"x")

    def client(self, port):
        stream = tcp(port)
        self.addCleanup(stream.close)
        return Mqtt(stream)

    def reader(self, port, topic):
        client = self.client(port)
        client.subscribe(topic, 1)
        return client

    def both_get(self, topic, payload):
        for reader in self.readers:
            self.assertEqual(reader.receive()[:2], (topic, payload))

    def test_what_either_end_publishes_comes_once_to_both(self):
        for publisher in self.publishers * 2:
            for number in range(20):
                publisher.publish("number", b"%d" % number, 1)
            for number in range(20):
                self.both_get("number", b"%d" % number)

    def test_what_is_retained_at_one_end_is_retained_at_the_other(self):
        for number, (publisher, port) in enumerate(zip(self.publishers, reversed(self.ports))):
            publisher.publish(f"kept{number}", b"x", 1, retain=True)
            self.both_get(f"kept{number}", b"x")
            self.assertEqual(self.reader(port, f"kept{number}").receive()[:2], (f"kept{number}", b"x"))

    def test_its_will_says_that_it_is_gone(self):
        self.bridge.kill()
        self.assertEqual(self.watcher.receive()[:2], (STATE, b"0"))


def main():
    return counted(unittest.main(exit=False, verbosity=0, warnings="ignore").result)


if __name__ == "__main__":
    sys.exit(main())
