"""A Mosquitto as somebody has it at home, in a folder of a test: configuration, users, rules, keys and a database that a
real one has written. And what bramble-ctl import-mosquitto makes of it."""
import os
import re
import shutil
import stat
import subprocess
import tempfile

from mosquitto_files import Mosquitto, Mqtt
from programs import BROKER, PASSWD, Broker, WithFolder, call

USER = "user root\n" if os.geteuid() == 0 else ""  # nobody may not write to the test's folder
STOCK = """# Place your local configuration in /etc/mosquitto/conf.d/
#
# A full description of the configuration file is at
# /usr/share/doc/mosquitto/examples/mosquitto.conf.example

pid_file /run/mosquitto/mosquitto.pid

persistence true
persistence_location /var/lib/mosquitto/

log_dest file /var/log/mosquitto/mosquitto.log

include_dir /etc/mosquitto/conf.d
"""
CLOSED = """# who may come in
allow_anonymous false
password_file /etc/mosquitto/passwd
acl_file /etc/mosquitto/acl
listener 0 127.0.0.1
"""
LOGIN = {"user": "bob", "password": "secret"}


def make_certificate(folder):
    """Files server.crt and server.key."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{folder}/server.key",
                    "-out", f"{folder}/server.crt"], check=True, capture_output=True)
    os.chmod(f"{folder}/server.key", 0o600)


def seen(folder):
    """All that is in a folder: what a file is, whose, when it was changed, what is in it."""
    found = {}
    for where, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(where, name)
            about = os.lstat(path)
            inside = b""
            if stat.S_ISREG(about.st_mode):
                with open(path, "rb") as file:
                    inside = file.read()
            found[path] = (about.st_mode, about.st_uid, about.st_gid, about.st_mtime_ns, inside)
    return found


class WithMosquitto(WithFolder):
    """Every test has such a home of its own. Their database is written once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        theirs = Mosquitto(cls.folder)
        theirs.client("away", user="bob").subscribe("home/#", 1).end()
        source = theirs.client("source", user="bob", clean=True)
        source.publish("home/lamp", b"on", retain=True).publish("secret/code", b"1234", retain=True)
        source.publish("home/door", b"waits").end()
        cls.database = theirs.end()
        subprocess.run([PASSWD, "-c", "-b", cls.path("users"), "bob", "secret"], check=True)

    def setUp(self):
        self.home = tempfile.mkdtemp(dir=self.folder)
        os.chmod(self.home, 0o755)
        self.etc = self.write("etc/mosquitto/.keep", "") and self.at("etc/mosquitto")
        self.lib, self.to, self.data = self.at("var/lib/mosquitto"), self.at("etc/bramble"), self.at("var/lib/bramble")
        os.makedirs(self.lib)
        shutil.copy(self.database, self.lib)
        shutil.copy(self.path("users"), os.path.join(self.etc, "passwd"))
        self.write("etc/mosquitto/acl", "user bob\ntopic readwrite home/#\n")
        os.makedirs(self.at("etc/mosquitto/conf.d"))

    def at(self, name):
        return os.path.join(self.home, name)

    def write(self, name, text):
        path = self.at(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", newline="") as out:
            out.write(text)
        return path

    def read(self, name):
        with open(self.at(name), newline="") as file:
            return file.read()

    def configure(self, main, **included):
        """Whole paths in them are those of the home."""
        self.write("etc/mosquitto/mosquitto.conf", self.moved(main))
        for name, text in included.items():
            self.write(f"etc/mosquitto/conf.d/{name}.conf", self.moved(text))

    def moved(self, text):
        return re.sub(r"(?<=\s)/(?=etc|var|run|home)", self.home + "/", text)

    def import_it(self, *words, **more):
        return call("import-mosquitto", "-c", f"{self.etc}/mosquitto.conf", "--to", self.to, "--data", self.data, *words,
                    **more)

    def imported(self, *words):
        """Its report. What is Mosquitto's is as it was."""
        before = seen(self.etc) | seen(self.lib)
        done = self.import_it(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertEqual(seen(self.etc) | seen(self.lib), before)
        return done.stdout

    def assert_nothing_written(self, done, status, *parts):
        self.refused(done, status, *parts)
        self.assertFalse(os.path.exists(self.to), self.to)
        self.assertFalse(os.path.exists(self.data), self.data)

    def start(self, *before, config=None):
        broker = Broker([*before, BROKER, "-c", config or f"{self.to}/bramble.conf"], "listens on")
        self.addCleanup(broker.end)
        return broker

    def assert_serves(self, port):
        """Its users, rules, retained messages and what waits for a client that was away."""
        done = call("ping", "-p", port, "-u", "bob", "-P", "wrong")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("Not authorized", done.stderr)
        away = Mqtt(port, "away", **LOGIN)
        self.assertTrue(away.present)
        waits = []
        while len(waits) < 2:  # what was retained came to it, too
            body = away.until(3)
            end = 2 + int.from_bytes(body[:2], "big")
            waits.append((body[2:end].decode(), body[end + 2:].decode()))
        self.assertEqual(waits, [("home/lamp", "on"), ("home/door", "waits")])
        away.end()
        reader = Mqtt(port, "reader", clean=True, **LOGIN).subscribe("#", 0)
        reader.publish("home/last", b"end", qos=0, retain=True)
        topics = []
        while not topics or topics[-1] != "home/last":  # of retained ones, those that the rules let him read
            body = reader.until(3)
            topics.append(body[2:2 + int.from_bytes(body[:2], "big")].decode())
        self.assertEqual(topics[0], "home/lamp")
        self.assertNotIn("secret/code", topics)
        reader.end()
