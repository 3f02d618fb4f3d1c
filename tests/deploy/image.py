#!/usr/bin/python3
"""Builds the image of the Dockerfile with buildah, without a Docker, and runs it with podman: what is in it, what its
first start does, how it ends. Ends with `N passed, N failed`.

    tests/deploy/image.py                  with the programs of build/release/bin, or of the folder of BRAMBLE_BIN
    tests/deploy/image.py --full           the whole Dockerfile, which compiles all of them first: 20 minutes and more

What a machine cannot do is told and left out. Storage is kept in build/image for the next run."""

import itertools
import json
import os
import re
import select
import shutil
import sys
import time
import unittest
from pathlib import Path

import spaces
from containers import ROOT, STORE, Container, build, call, cannot, make_base, podman, prepare, settle

sys.path.insert(0, str(ROOT / "tests/interop"))
from peers import BINARY, Authority, Mqtt, counted, tcp, write_users  # noqa: E402

FULL = "--full"
IMAGE = "localhost/bramble:" + ("full" if FULL in sys.argv else "test")
PROGRAMS = ("bramble", "bramble-ctl", "bramble-passwd")
OURS = 1883
LAYERS_MIN, LAYERS_MAX = 2_000_000, 40_000_000  # bytes
CLIENTS = 1000
END_MAX = 1.0
PASSWORD = re.compile(r"^ +password  ([a-z2-9-]{27})$", re.MULTILINE)
# All that a careful person takes from a container.
CLOSED = ["--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges"]
SCRATCH = STORE / f"scratch-{os.getpid()}"
NUMBERS = itertools.count()


def build_from_programs(log):
    """The Dockerfile's own last stage over programs that are there."""
    context = STORE / "context"
    shutil.rmtree(context, ignore_errors=True)
    (context / "out/usr/bin").mkdir(parents=True)
    for name in PROGRAMS:
        call("strip", "-o", context / "out/usr/bin" / name, BINARY.parent / name)
    shutil.copy(ROOT / "tools/setup", context / "setup")
    stages = re.split(r"^(?=FROM )", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert len(stages) == 3 and " AS build" in stages[1], "the Dockerfile has a stage `build` and the image"
    (context / "Dockerfile").write_text("FROM scratch AS build\nCOPY setup /src/tools/setup\nCOPY out /out\n" + stages[2])
    build(context, IMAGE, 900, log)


def free_name():
    return f"bramble-test-{os.getpid()}-{next(NUMBERS)}"


class WithContainers(unittest.TestCase):
    def setUp(self):
        self.folder = SCRATCH / self.id().rpartition(".")[2]
        self.folder.mkdir(parents=True)

    def run_image(self, *words, arguments=(), says=" listens on ", check=True):
        container = Container(IMAGE, free_name(), *words, arguments=arguments, check=check)
        self.addCleanup(container.remove)
        if says:
            container.wait_for(says)
        return container

    def volume(self):
        name = free_name()
        podman("volume", "create", name)
        self.addCleanup(podman, "volume", "rm", "--force", name, check=False)
        return name

    def file(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def publish(self, *words, check=False):
        return call("mosquitto_pub", "-t", "t", "-m", "x", *words, check=check).returncode == 0


class Image(WithContainers):
    def setting(self, what):
        return podman("inspect", IMAGE, "--format", "{{json " + what + "}}").stdout.strip()

    def test_layers_above_the_base_have_at_most_40_mb(self):
        *own, base = json.loads(podman("history", "--no-trunc", "--format", "json", IMAGE).stdout)  # the newest first
        for layer in own:
            if layer["size"]:
                print(f"\n{layer['size'] / 1e6:8.1f} MB  {layer['CreatedBy'][:90]}", end="")
        size = sum(layer["size"] for layer in own)
        print(f"\n{size / 1e6:8.1f} MB in all, above a base of {base['size'] / 1e6:.1f} MB")
        self.assertGreater(size, LAYERS_MIN)
        self.assertLessEqual(size, LAYERS_MAX)

    def test_it_says_who_runs_what_and_where(self):
        self.assertEqual(self.setting(".Config.User"), '"1883:1883"')
        for port in (1883, 8883, 8083, 9001):
            self.assertIn(f'"{port}/tcp"', self.setting(".Config.ExposedPorts"))
        self.assertEqual(self.setting(".Config.Volumes"), '{"/var/lib/bramble":{}}')
        self.assertEqual(self.setting(".Config.StopSignal"), '"SIGTERM"')
        self.assertEqual(self.setting(".Config.Entrypoint"), '["/usr/bin/bramble","--container"]')
        self.assertIn('"/usr/bin/bramble-ctl","ping","--container"', self.setting(".HealthCheck"))

    def test_its_label_has_the_version_of_the_broker(self):
        container = self.run_image()
        version = container.execute("bramble", "--version").stdout.split()[-1]
        self.assertIn(f'"org.opencontainers.image.version":"{version}"', self.setting(".Config.Labels"))

    def test_its_folders_are_ours_and_it_has_no_configuration(self):
        container = self.run_image()
        for place in ("/var/lib/bramble", "/mosquitto/config", "/mosquitto/data", "/mosquitto/log"):
            self.assertEqual(container.execute("stat", "-c", "%u:%g", place).stdout.strip(), f"{OURS}:{OURS}", place)
        self.assertEqual(container.execute("ls", "-A", "/etc/bramble").stdout, "")
        self.assertEqual(container.execute("ls", "-A", "/var/lib/apt/lists").stdout, "")


class Life(WithContainers):
    def test_the_first_start_prints_a_password_and_the_second_none(self):
        data = self.volume()
        first = self.run_image("-v", f"{data}:/var/lib/bramble", *CLOSED)
        found = PASSWORD.findall(first.said())
        self.assertEqual(len(found), 1, first.said())
        self.assertTrue(self.publish("-u", "bramble", "-P", found[0]))
        self.assertFalse(self.publish())
        self.assertEqual(first.execute("id", "-u").stdout.strip(), str(OURS))
        self.assertNotEqual(first.execute("touch", "/usr/x", check=False).returncode, 0)
        first.remove()
        second = self.run_image("-v", f"{data}:/var/lib/bramble", *CLOSED)
        self.assertEqual(PASSWORD.findall(second.said()), [])
        self.assertTrue(self.publish("-u", "bramble", "-P", found[0]))

    def test_a_mounted_configuration_counts(self):
        config = self.file("my.conf", "listener 1884\nallow_anonymous true\n")
        container = self.run_image("-v", f"{config}:/etc/bramble/bramble.conf:ro", *CLOSED)
        self.assertEqual(PASSWORD.findall(container.said()), [])
        self.assertTrue(self.publish("-p", "1884"))

    def test_mounts_for_eclipse_mosquitto_work_as_they_are(self):
        config = self.file("config/mosquitto.conf", "persistence true\npersistence_location /mosquitto/data/\n"
                           "log_dest file /mosquitto/log/mosquitto.log\nlog_dest stderr\nlistener 1883\n"
                           "allow_anonymous false\npassword_file /mosquitto/config/passwd\n")
        write_users(config.parent / "passwd", bob="secret")
        data, logs = self.volume(), self.volume()
        mounts = ["-v", f"{config.parent}:/mosquitto/config:ro", "-v", f"{data}:/mosquitto/data", "-v", f"{logs}:/mosquitto/log"]
        first = self.run_image(*mounts, *CLOSED)
        self.assertTrue(self.publish("-u", "bob", "-P", "secret", "-r", "-q", "1"))
        self.assertFalse(self.publish())
        self.assertTrue(first.healthy())
        self.assertIn("listens on", first.execute("cat", "/mosquitto/log/mosquitto.log").stdout)
        first.stop()
        self.run_image(*mounts, *CLOSED)
        said = call("mosquitto_sub", "-u", "bob", "-P", "secret", "-t", "t", "-C", "1", "-W", "10").stdout
        self.assertEqual(said, "x\n")

    def test_a_variable_is_an_option_and_an_unknown_one_stops_the_start(self):
        socket = "/var/lib/bramble/control"
        container = self.run_image("-e", "BRAMBLE_PORT=1885", "-e", "BRAMBLE_ALLOW_ANONYMOUS=true",
                                   "-e", f"BRAMBLE_CONTROL_SOCKET={socket}")
        self.assertTrue(self.publish("-p", "1885"))
        self.assertTrue(container.healthy())
        self.assertEqual(container.execute("bramble-ctl", "clients", "--socket", socket, "--count").returncode, 0)
        refused = self.run_image("-e", "BRAMBLE_MAX_QSO=1", says=None)
        self.assertEqual(refused.ended(), 3)
        self.assertIn("BRAMBLE_MAX_QSO: max_qso: no such option; did you mean max_qos?", refused.said())

    def test_a_folder_of_somebody_else_is_told_and_its_owner_may_run_the_container(self):
        folder = self.folder / "data"
        folder.mkdir(mode=0o755)
        os.chown(folder, 4711, 4711)
        refused = self.run_image("-v", f"{folder}:/var/lib/bramble", says=None)
        self.assertEqual(refused.ended(), 1)
        self.assertIn("`docker run --user 4711:4711`", refused.said())
        self.run_image("-v", f"{folder}:/var/lib/bramble", "--user", "4711:4711", *CLOSED)
        self.assertTrue((folder / "bramble.conf").exists())

    def test_the_health_check_follows_the_configuration(self):
        authority = Authority(self.folder, "ca")
        for path in authority.sign("server", "/CN=localhost", names="DNS:localhost"):
            path.chmod(0o644)
        self.file("my.conf", "listener 8883\ncertfile /etc/bramble/ca/server.pem\nkeyfile /etc/bramble/ca/server.key\n"
                  "listener 9001\nprotocol websockets\ncertfile /etc/bramble/ca/server.pem\nkeyfile /etc/bramble/ca/server.key\n")
        (self.folder / "my.conf").rename(self.folder / "bramble.conf")
        container = self.run_image("-v", f"{self.folder}:/etc/bramble:ro", *CLOSED)
        self.assertTrue(container.healthy())
        container.signal("STOP")
        self.assertFalse(container.healthy())
        container.signal("CONT")

    def test_the_configuration_of_the_compose_example_works_with_its_mounts(self):
        authority = Authority(self.folder, "secrets")
        authority.sign("server", "/CN=localhost", names="DNS:localhost")
        secrets = authority.folder
        for path in authority.pair("server"):
            path.chmod(0o644)
        (secrets / "server.pem").rename(secrets / "server.crt")
        write_users(secrets / "passwd", bob="secret")
        data = self.volume()
        container = self.run_image("-v", f"{ROOT}/configs/docker/bramble.conf:/etc/bramble/bramble.conf:ro",
                                   "-v", f"{secrets}:/etc/bramble/secrets:ro", "-v", f"{data}:/var/lib/bramble",
                                   "-e", "BRAMBLE_MAX_QUEUED_MESSAGES=5000", "-e", "BRAMBLE_MEMORY_LIMIT=400000000", *CLOSED)
        self.assertTrue(container.healthy())
        tls = ["-h", "localhost", "-p", "8883", "--cafile", secrets / "ca.pem"]
        self.assertTrue(self.publish(*tls, "-u", "bob", "-P", "secret"))
        self.assertFalse(self.publish(*tls))


class End(WithContainers):
    """SIGTERM with a thousand clients, and what is there afterwards."""

    def connect_all(self):
        clients = [Mqtt(tcp(1883), f"c{number}", clean=False) for number in range(CLIENTS)]
        for number, client in enumerate(clients):
            client.subscribe(f"to/{number}", 1)
        return clients

    def begin(self, durability):
        config = self.file("my.conf", f"durability {durability}\nlistener 1883\nallow_anonymous true\npersistence true\n"
                           "persistence_location /var/lib/bramble\nlog_type notice\nconnection_messages false\n")
        data = self.volume()
        container = self.run_image("-v", f"{config}:/etc/bramble/bramble.conf:ro", "-v", f"{data}:/var/lib/bramble", *CLOSED)
        for number in range(100):
            away = Mqtt(tcp(1883), f"away{number}", clean=False)
            away.subscribe(f"away/{number}", 1)
            away.end()
        clients = self.connect_all()
        publisher = Mqtt(tcp(1883), "publisher")
        for number in range(100):
            publisher.publish(f"away/{number}", b"for later %d" % number, 1)
            publisher.publish(f"kept/{number}", b"value %d" % number, 1, retain=True)
        return container, [*clients, publisher]

    def check_kept(self):
        for number in range(0, CLIENTS, 7):
            client = Mqtt(tcp(1883), f"c{number}", clean=False)
            self.assertTrue(client.present, number)
            client.end()
        for number in range(100):
            away = Mqtt(tcp(1883), f"away{number}", clean=False)
            self.assertTrue(away.present)
            self.assertEqual(away.receive(), (f"away/{number}", b"for later %d" % number, 1))
            away.end()
        reader = Mqtt(tcp(1883), "reader")
        reader.send(b"\x82\x0b\0\1\0\6kept/#\0")
        self.assertEqual(reader.read()[0], 0x90)
        values = dict(reader.receive()[:2] for _ in range(100))
        self.assertEqual(values, {f"kept/{number}": b"value %d" % number for number in range(100)})
        reader.end()

    def test_sigterm_ends_it_within_a_second_and_all_is_kept(self):
        container, clients = self.begin("interval")
        process = container.process()
        status = os.pidfd_open(process)
        begun = time.monotonic()
        os.kill(process, 15)
        self.assertTrue(select.select([status], [], [], 30)[0], "it does not end")
        took = time.monotonic() - begun
        os.close(status)
        print(f"SIGTERM with {CLIENTS} clients: ended after {took * 1000:.0f} ms")
        self.assertEqual(container.ended(), 0)
        self.assertLess(took, END_MAX)
        for client in clients:
            client.stream.close()
        container.start()
        container.wait_for(" listens on ", times=2)
        self.check_kept()

    def test_kill_9_and_a_start_keep_all_that_was_acknowledged(self):
        container, clients = self.begin("commit")
        container.signal("KILL")
        self.assertNotEqual(container.ended(), 0)
        for client in clients:
            client.stream.close()
        container.start()
        container.wait_for(" listens on ", times=2)
        self.check_kept()

    def test_stop_is_a_clean_end(self):
        container = self.run_image()
        container.stop()
        self.assertEqual(container.ended(), 0)
        self.assertIn("bramble stops.", container.said())


def main():
    why = cannot()
    if why:
        print(f"skipped: {why}\n0 passed, 0 failed")
        return 0
    prepare()
    if spaces.INSIDE not in sys.argv:  # with the machine's network, for apt
        begun = time.monotonic()
        make_base()
        log = STORE / f"build{FULL if FULL in sys.argv else ''}.log"
        if FULL in sys.argv:
            build(ROOT, IMAGE, 3 * 3600, log)
        else:
            build_from_programs(log)
        print(f"the image is built, after {time.monotonic() - begun:.0f} s", flush=True)
    spaces.enter()
    settle()
    if FULL in sys.argv:
        sys.argv.remove(FULL)
    try:
        return counted(unittest.main(exit=False, verbosity=2).result)
    finally:
        shutil.rmtree(SCRATCH, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
