"""Clients that are programs: each holds the same conversation with the broker, and says each step that went well.

    refused    a wrong password gets the code that the version has for it
    qos        what it publishes at QoS 0, 1 and 2 comes back to it, as it was
    retained   what it publishes retained comes to a subscription after that
    will       of a second client that breaks off or is taken over, the Will comes
    session    what was published while a third was away waits for it

A program is called with URL, 3|4|5 and a name, with which its client ids and topics begin; the user, the password and the
authority's certificate are in MQTT_USER, MQTT_PASSWORD and MQTT_CA.
"""

import contextlib
import functools
import json
import os
import shutil
import subprocess
from pathlib import Path

import peers
from peers import PATIENCE, run
from table import Interop
from world import INSTALLED, PASSWORD, URLS, USER, VERSIONS, world

HERE = Path(__file__).resolve().parent
STEPS = ["refused", "qos", "retained", "will", "session"]
JARS = [Path(f"/usr/share/java/{name}.jar") for name in ("mqtt-client", "hawtbuf", "hawtdispatch",
                                                         "hawtdispatch-transport")]


def packaged(package):
    """The version of Debian's package; nothing if it is not there."""
    said = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True)
    return said.stdout.split("-")[0]


def installed(module):
    """The version of a package of npm's that tools/setup --clients has brought."""
    about = INSTALLED / "node_modules" / module / "package.json"
    return json.loads(about.read_text())["version"] if about.exists() else ""


class Conversation(Interop):
    """A test for each transport and version that the client has: test_wss_3_1_1."""

    transports, versions = tuple(URLS), tuple(VERSIONS)
    needs = {}  # what has to be there -> whether it is

    def __init_subclass__(cls):
        cls.cells = {}
        for transport in cls.transports:
            for version in cls.versions:
                name = f"test_{transport}_{VERSIONS[version].replace('.', '_')}"
                cls.cells[name] = transport, version
                setattr(cls, name, lambda self: self.converse())

    def setUp(self):
        self.transport, self.version = self.cells[self._testMethodName]
        absent = [name for name, there in self.needs.items() if not there]
        self.assertFalse(absent, f"not installed: {', '.join(absent)}; tools/setup --clients does it")

    def cell(self):
        return self.title, *self.cells[self._testMethodName]

    def converse(self):
        """Unless a client has a way of its own."""
        name = f"{type(self).__name__}_{self.transport}_{self.version}"
        words = (world.url(self.transport), str(self.version), name)
        environment = {**os.environ, "MQTT_USER": USER, "MQTT_PASSWORD": PASSWORD, "MQTT_CA": str(world.ca.pem)}
        self.assertEqual(run(*self.command(), *words, env=environment | self.environment()).split(), STEPS)

    def environment(self):
        return {}


class Killed(Exception):
    pass


class Mosquitto(Conversation):
    title = f"mosquitto_pub, _sub, _rr {packaged('mosquitto-clients')}"
    transports = ("tcp", "tls")
    needs = {"mosquitto-clients": peers.Mosquitto.installed}

    def converse(self):
        """These are programs for one step each."""
        where = ["-h", "127.0.0.1", "-p", world.ports[self.transport], "-V", {3: "31", 4: "311", 5: "5"}[self.version],
                 "-u", USER]
        if self.transport == "tls":
            where += ["--cafile", world.ca.pem]
        self.wrong = [str(word) for word in (*where, "-P", "wrong")]
        self.client = peers.Mosquitto(*where, "-P", PASSWORD)
        self.root = self.id()
        self.is_refused()
        self.exchanges()
        self.retains()
        self.leaves_its_will()
        self.keeps_its_session()
        self.asks_and_gets_an_answer()

    def publish(self, topic, text, *more):
        run("mosquitto_pub", *self.client.words, "-t", f"{self.root}/{topic}", "-m", text, *more)

    def hear(self, topic, qos, count, meanwhile=lambda: None):
        return self.client.hear(f"{self.root}/{topic}", qos, count, meanwhile)

    def is_refused(self):
        told = subprocess.run(["mosquitto_pub", *self.wrong, "-t", "x", "-n"], capture_output=True, timeout=PATIENCE)
        self.assertEqual(told.returncode, 0x87 if self.version == 5 else 5)

    def exchanges(self):
        for qos in (0, 1, 2):
            got = self.hear("plain", qos, 1, lambda: self.publish("plain", "hello", "-q", str(qos)))
            self.assertEqual(got, [(qos, False, b"hello")])

    def retains(self):
        self.publish("retained", "kept", "-q", "1", "-r")
        self.assertEqual(self.hear("retained", 1, 1), [(1, True, b"kept")])

    def leaves_its_will(self):
        will = ("--will-topic", f"{self.root}/will", "--will-payload", "gone", "--will-qos", "2")
        dying = peers.Mosquitto(*self.client.words, *will)

        def die():
            with contextlib.suppress(Killed):
                dying.hear(f"{self.root}/live", 1, 1, kill)

        def kill():
            raise Killed  # hear() leaves no process behind
        self.assertEqual(self.hear("will", 2, 1, die), [(2, False, b"gone")])

    def keeps_its_session(self):
        keep = ("-i", f"m_{self.transport}_{self.version}", "-c", *(("-x", "60") if self.version == 5 else ()))
        topic = f"{self.root}/session"
        run("mosquitto_sub", *self.client.words, *keep, "-t", topic, "-q", "2", "-E")
        for qos in (1, 2):
            self.publish("session", f"away {qos}", "-q", str(qos))
        got = peers.Mosquitto(*self.client.words, *keep).hear(topic, 2, 2, lambda: None)
        self.assertEqual(got, [(1, False, b"away 1"), (2, False, b"away 2")])

    def asks_and_gets_an_answer(self):
        asking = []

        def ask():
            words = ("-t", f"{self.root}/question", "-e", f"{self.root}/answer", "-m", "well?", "-q", "1")
            asking.append(subprocess.Popen(["mosquitto_rr", *self.client.words, *words], stdout=subprocess.PIPE))
        try:
            self.assertEqual(self.hear("question", 1, 1, ask), [(1, False, b"well?")])
            self.publish("answer", "yes")
            self.assertEqual(asking[0].communicate(timeout=PATIENCE)[0], b"yes\n")
        finally:
            for each in asking:
                each.kill()


class PahoPython(Conversation):
    title = f"Paho Python {packaged('python3-paho-mqtt')}"
    needs = {"python3-paho-mqtt": packaged("python3-paho-mqtt")}

    def command(self):
        return "/usr/bin/python3", HERE / "paho_python.py"


class PahoC(Conversation):
    title = f"Paho C {packaged('libpaho-mqtt-dev')}, MQTTClient"
    needs = {"libpaho-mqtt-dev": packaged("libpaho-mqtt-dev"), "cc": shutil.which("cc")}
    interface = ("paho_c_sync", "paho-mqtt3cs")

    def command(self):
        return [self.built(*self.interface)]

    @staticmethod
    @functools.cache
    def built(source, library):
        run("cc", "-Wall", "-Wextra", "-Werror", "-o", world.folder / source, HERE / "paho_c.c", HERE / f"{source}.c",
            f"-l{library}")
        return world.folder / source


class PahoCAsync(PahoC):
    title = f"Paho C {packaged('libpaho-mqtt-dev')}, MQTTAsync"
    interface = ("paho_c_async", "paho-mqtt3as")


class MqttJs(Conversation):
    title = f"mqtt.js of Debian {packaged('node-mqtt')}"
    needs = {"nodejs": shutil.which("node"), "node-mqtt": packaged("node-mqtt")}
    modules = "/usr/share/nodejs"

    def command(self):
        return "node", HERE / "mqtt_js.js"

    def environment(self):
        return {"NODE_PATH": str(self.modules)}


class MqttJsOfNpm(MqttJs):
    title = f"mqtt.js of npm {installed('mqtt')}"
    needs = {"nodejs": shutil.which("node"), "npm's mqtt": installed("mqtt")}
    modules = INSTALLED / "node_modules"


class FuseSource(Conversation):
    title = f"FuseSource (Java) {packaged('libmqtt-client-java')}"
    transports, versions = ("tcp", "tls"), (3, 4)
    needs = {"libmqtt-client-java": packaged("libmqtt-client-java"), "a JDK": shutil.which("javac")}

    def command(self):
        return "java", "-cp", ":".join(map(str, (self.built(), *JARS))), "FuseSource"

    @staticmethod
    @functools.cache
    def built():
        run("javac", "-d", world.folder, "-cp", ":".join(map(str, JARS)), HERE / "FuseSource.java")
        return world.folder
