"""Which client came to the broker over which transport in which version of MQTT, and whether all went well."""

import unittest

from peers import Mqtt
from world import PASSWORD, URLS, USER, VERSIONS, world


class Interop(unittest.TestCase):
    """A test of one client over one transport in one version."""

    title, transport, version = "", "", 0

    def cell(self):
        return self.title, self.transport, self.version

    def other(self, topic=None, qos=0):
        """A plain client on TCP, by which the rest of the world is, subscribed to this topic."""
        stream = world.stream("tcp")
        self.addCleanup(stream.close)
        client = Mqtt(stream, user=USER, password=PASSWORD)
        if topic:
            client.subscribe(topic, qos)
        return client


class Result(unittest.TextTestResult):
    """Keeps, beside what unittest does, what each cell of the table is to say."""

    def __init__(self, *words):
        super().__init__(*words)
        self.cells = {}

    def note(self, test, well):
        self.cells[test.cell()] = self.cells.get(test.cell(), True) and well

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, True)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.note(test, False)

    def addError(self, test, error):
        super().addError(test, error)
        if isinstance(test, Interop):  # else it is what unittest makes of a class that could not begin
            self.note(test, False)

    def addSkip(self, test, why):
        super().addSkip(test, why)
        self.cells[test.cell()] = None

    def print_table(self):
        """"-": it does not speak that there, or was not asked to."""
        titles = list(dict.fromkeys(title for title, _, _ in self.cells))
        wide = max(map(len, titles), default=0)
        columns = [f"{transport} {name}" for transport in URLS for name in VERSIONS.values()]
        print(" " * wide, *columns)
        for title in titles:
            row = [self.cells.get((title, transport, version), "-") for transport in URLS for version in VERSIONS]
            words = [{None: "left out", True: "ok", False: "FAILED"}.get(well, "-").ljust(len(column))
                     for well, column in zip(row, columns)]
            print(title.ljust(wide), *words)
