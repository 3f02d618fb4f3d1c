#!/usr/bin/python3
"""What clients get over TCP, TLS, WebSocket, Unix sockets and behind a proxy: round trips with real clients, and clients
that are hostile, slow or odd.

    tests/interop/transports/all_transports.py [NAME ...]

NAME chooses tests, as unittest knows them: Certificates.test_those_that_are_refused. BRAMBLE_BIN is the broker's binary;
without it build/release/bin/bramble. Ends with `N passed, N failed`.
"""

import os
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import peers  # noqa: E402
from crowds import Crowds, Slow  # noqa: E402, F401
from proxies import Proxies  # noqa: E402, F401
from round_trips import RoundTrips  # noqa: E402, F401
from streams import Ends, Streams  # noqa: E402, F401
from tls import Certificates, Tls  # noqa: E402, F401
from web import Web  # noqa: E402, F401
from world import world  # noqa: E402


def main():
    with tempfile.TemporaryDirectory(prefix="bramble-transports-") as folder:
        world.make(Path(folder))
        result = unittest.main(exit=False, verbosity=int(os.environ.get("VERBOSE", "0")), warnings="ignore").result
        bad = 0
        try:
            world.broker.stop()
        except AssertionError as error:
            bad += 1
            print(error)
    return peers.counted(result, bad)


if __name__ == "__main__":
    sys.exit(main())
