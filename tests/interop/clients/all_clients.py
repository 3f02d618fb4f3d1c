#!/usr/bin/python3
"""The clients that people have, against the broker: over TCP, TLS, WebSocket and WebSocket on TLS, with a user and a
password, in each version of MQTT that they speak.

    tests/interop/clients/all_clients.py [NAME ...]

NAME chooses tests, as unittest knows them: PahoC, NodeRed.test_ws_5. tools/setup --clients installs what all of them
need; a client that is not there has failed. BRAMBLE_BIN is the broker's binary; without it build/release/bin/bramble.
Prints a table of clients, transports and versions, and ends with `N passed, N failed`.
"""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import peers  # noqa: E402
import table  # noqa: E402
from conversations import *  # noqa: E402, F403
from node_red import NodeRedLinks, NodeRedServer  # noqa: E402, F401
from paho_java import PahoJavaTcp, PahoJavaTls, PahoJavaWs, PahoJavaWss  # noqa: E402, F401
from pubsubclient import PubSubClientTcp, PubSubClientTls  # noqa: E402, F401
from world import world  # noqa: E402


def main():
    with tempfile.TemporaryDirectory(prefix="bramble-clients-", ignore_cleanup_errors=True) as folder:
        world.make(Path(folder))
        try:
            runner = unittest.TextTestRunner(verbosity=int(os.environ.get("VERBOSE", "0")), warnings="ignore",
                                             resultclass=table.Result)
            result = unittest.main(exit=False, testRunner=runner).result
        finally:
            faults = list(world.stop())
    for fault in faults:
        print(fault)
    sys.stderr.flush()
    result.print_table()
    return peers.counted(result, len(faults))


if __name__ == "__main__":
    sys.exit(main())
