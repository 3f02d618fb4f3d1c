"""Node-RED, headless, led by its admin API: its MQTT nodes over every transport in every version, and its editor in a
browser, in which they are "connected"."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

import chromium
import peers
from chromium import Chromium, Page
from conversations import HERE, Conversation, installed
from node_red_flow import Link, flow
from peers import PATIENCE, Mqtt
from table import Interop
from world import INSTALLED, PASSWORD, PICTURES, URLS, USER, VERSIONS, world

TITLE = f"Node-RED {installed('node-red')}"
LINKS = [Link(transport, version) for transport in URLS for version in VERSIONS]
WRONG = Link("tcp", 5, "wrong")
SHOWN = ("shown-in", "shown-out")


def until(what, holds):
    """What `holds` says once it is true."""
    end = time.monotonic() + PATIENCE * 2  # it is slow to start where others are at work
    while True:
        with contextlib.suppress(urllib.error.URLError, OSError):
            if said := holds():
                return said
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.05)


class NodeRed:
    """One server with the flow of all links. Made by the first test that asks for it; world ends it."""

    def __init__(self, folder):
        self.folder = folder / "node-red"
        self.folder.mkdir()
        shutil.copy(HERE / "node_red_settings.js", self.folder / "settings.js")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["node", INSTALLED / "node_modules/node-red/red.js", "-u", self.folder], cwd=self.folder, stdout=self.log,
            stderr=self.log, env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "PORT": str(self.port)})
        try:
            until("Node-RED answers", lambda: self.ask("flows") is not None)
            self.ask("flows", flow([*LINKS, WRONG]))
            until("its nodes are connected", lambda: all(map(self.connected, LINKS)))
        except Exception as error:
            self.stop()
            raise AssertionError((self.folder / "log").read_text()[-3000:]) from error

    def ask(self, path, send=None):
        """What it answers; with something to send, a POST."""
        assert self.process.poll() is None, "Node-RED has ended"
        data = None if send is None else json.dumps(send).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    def states(self, link, way="in"):
        """All that the status of this node has been."""
        return self.ask("status").get(f"{way}-{link.name}", [])

    def connected(self, link):
        return all(self.states(link, way)[-1:] == ["connected"] for way in ("in", "out"))

    def send(self, link, **message):
        """To its MQTT-out node."""
        ways = [*LINKS, WRONG]
        self.ask("send", {"way": ways.index(link), "ways": len(ways), "message": message})

    def got(self, link):
        """What has come from its MQTT-in node."""
        return [(each["topic"].rpartition("/")[2], each["payload"], each["qos"], each["retain"])
                for each in self.ask("got") if each["topic"].startswith(link.name + "/")]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def server():
    if not hasattr(world, "node_red"):
        world.node_red = NodeRed(world.folder)
        world.at_end.append(world.node_red.stop)
    return world.node_red


NEEDS = {"nodejs": shutil.which("node"), "npm's node-red": installed("node-red")}


class NodeRedLinks(Conversation):
    title, needs = TITLE, NEEDS

    def converse(self):
        self.link = next(link for link in LINKS if (link.transport, link.version) == (self.transport, self.version))
        self.red = server()
        self.watcher = self.other(f"{self.link.name}/state")
        self.assertEqual(self.watcher_hears(), (True, b"up"))
        self.publishes()
        self.receives()
        self.keeps_its_session()
        self.leaves_its_will()

    def watcher_hears(self):
        """(whether retained, payload) of the next of its birth, close and Will."""
        first, body = self.watcher.read()
        return bool(first & 1), body[2 + len(f"{self.link.name}/state"):]

    def publishes(self):
        topic = f"{self.link.name}/out"
        reader = self.other(topic, 2)
        for qos in (0, 1, 2):
            self.red.send(self.link, topic=topic, payload=f"QoS {qos}", qos=qos, retain=False)
            self.assertEqual(reader.receive(), (topic, f"QoS {qos}".encode(), qos))
        self.red.send(self.link, topic=topic, payload="kept", qos=1, retain=True)
        reader.receive()
        first, body = self.other(topic, 2).read()
        self.assertEqual((first & 0x0F, body[-4:]), (0x03, b"kept"))

    def receives(self):
        publisher = self.other()
        for qos in (0, 1, 2):
            publisher.publish(f"{self.link.name}/in/{qos}", b"hello", qos)
        self.comes([(str(qos), "hello", qos, False) for qos in (0, 1, 2)])

    def comes(self, wanted):
        """Since it was last asked; the order of retained and queued messages is the broker's."""
        seen = getattr(self, "seen", 0)
        until(f"{len(wanted)} messages", lambda: len(self.red.got(self.link)) >= seen + len(wanted))
        got = self.red.got(self.link)[seen:]
        self.seen = seen + len(got)
        self.assertEqual(sorted(got), sorted(wanted))

    def keeps_its_session(self):
        publisher = self.other()
        publisher.publish(f"{self.link.name}/in/kept", b"x", 1, retain=True)
        # in 5 it asks to be told what was retained as such even when it is news
        self.comes([("kept", "x", 1, self.version == 5)])
        self.red.send(self.link, action="disconnect")
        self.assertEqual(self.watcher_hears(), (False, b"closed"))
        until("disconnected", lambda: not self.red.connected(self.link))
        for qos in (1, 2):
            publisher.publish(f"{self.link.name}/in/away", b"%d" % qos, qos)
        self.red.send(self.link, action="connect")
        self.comes([("away", "1", 1, False), ("away", "2", 2, False), ("kept", "x", 1, True)])
        self.assertEqual(self.watcher_hears(), (False, b"up"))
        until("connected again", lambda: self.red.connected(self.link))

    def leaves_its_will(self):
        """Somebody with its id takes it over; it comes back by itself."""
        Mqtt(world.stream("tcp"), self.link.name, user=USER, password=PASSWORD).stream.close()
        self.assertEqual([self.watcher_hears(), self.watcher_hears()], [(False, b"gone"), (False, b"up")])
        until("connected again", lambda: self.red.connected(self.link))


class NodeRedServer(Interop):
    """What is of all links."""

    title, transport, version = TITLE, "tcp", 5

    def setUp(self):
        absent = [name for name, there in NEEDS.items() if not there]
        self.assertFalse(absent, f"not installed: {', '.join(absent)}; tools/setup --clients does it")

    def test_a_wrong_password_connects_no_node(self):
        red = server()
        until("it tries again", lambda: red.states(WRONG).count("connecting") > 1)
        self.assertNotIn("connected", red.states(WRONG))

    def test_its_nodes_are_connected_again_after_the_broker_was(self):
        red = server()
        before = {link.name: len(red.states(link)) for link in LINKS}
        world.broker.restart()
        until("all are back", lambda: all(len(red.states(link)) > before[link.name] + 1 and red.connected(link)
                                          for link in LINKS))
        for link in LINKS:
            self.assertNotEqual(red.states(link)[before[link.name]], "connected")
        reader = self.other()
        for link in LINKS:
            reader.subscribe(f"{link.name}/back", 1)
            red.send(link, topic=f"{link.name}/back", payload="here", qos=1)
            self.assertEqual(reader.receive(), (f"{link.name}/back", b"here", 1))

    def test_the_editor_shows_both_nodes_connected(self):
        self.assertTrue(shutil.which(chromium.PROGRAM), f"{chromium.PROGRAM} is not installed; tools/setup --clients does it")
        red = server()
        browser = Chromium(world.folder, world.certificate)
        self.addCleanup(browser.stop)
        page = Page(browser, f"http://127.0.0.1:{red.port}/")
        page.resize(1100, 420)
        labels = "[...document.querySelectorAll('.red-ui-flow-node-status-label')].map(each => each.textContent)"
        until("connected, twice", lambda: page.evaluate(labels).count("connected") == len(SHOWN))
        PICTURES.mkdir(parents=True, exist_ok=True)
        page.picture(PICTURES / "node-red.png")
