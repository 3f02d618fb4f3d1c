#!/usr/bin/env python3
"""bramble-ctl clients and explain publish against a broker that runs, and what hostile programs can do to its control
socket. Ends with `N passed, N failed`. BRAMBLE_BINARIES names another folder with Bramble's programs. As root only: that
another account is refused, and that the socket outlives the privileges; skipped otherwise, and said so."""
import contextlib
import json
import os
import pwd
import resource
import select
import signal
import socket
import sys
import time
import unittest

from programs import BROKER, CTL, SECONDS, Broker, WithFolder, call, end_with, run, start

ROOT = os.geteuid() == 0
STAYS = "user root\n" if ROOT else ""
NOBODY = pwd.getpwnam("nobody")


def until(what, true):
    """Waits for it: a condition that another process brings about."""
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.01)


class Raw:
    """A program that speaks to the control socket byte by byte."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(path)

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)
        return self

    def answer(self):
        """All of it, until the broker closes."""
        said = b""
        while more := self.socket.recv(65536):
            said += more
        return said.decode()

    def ended(self):
        """The broker has closed, whatever it said before."""
        with contextlib.suppress(ConnectionError):
            self.answer()
        self.close()

    def close(self):
        self.socket.close()


def mqtt_text(text):
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


class Mqtt:
    """An MQTT 3.1 or 3.1.1 client that does what it is told, also what bramble-ctl would not."""

    def __init__(self, port, name, level=4, keep_alive=0, clean=True):
        body = mqtt_text("MQIsdp" if level == 3 else "MQTT") + bytes([level, 2 if clean else 0])
        body += keep_alive.to_bytes(2, "big") + mqtt_text(name)
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.packet(0x10, body)
        assert self.socket.recv(4)[3] == 0

    def packet(self, first, body):
        size, length = len(body), b""
        while True:
            size, low = divmod(size, 128)
            length += bytes([low | (128 if size else 0)])
            if not size:
                break
        self.socket.sendall(bytes([first]) + length + body)

    def subscribe(self, *filters):
        self.packet(0x82, b"\0\1" + b"".join(mqtt_text(each) + b"\1" for each in filters))
        assert self.socket.recv(4 + len(filters))[0] == 0x90

    def close(self):
        self.socket.close()


class WithBroker(WithFolder):
    rules = "allow_anonymous true\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.control = cls.path("control")
        cls.conf = cls.path("b.conf", cls.configuration())
        cls.broker = Broker([BROKER, "-c", cls.conf], "listens on")
        cls.stack.callback(cls.broker.end)
        cls.port = cls.broker.ports[0]

    @classmethod
    def configuration(cls):
        return f"control_socket {cls.control}\n{STAYS}log_type all\nthreads 2\n{cls.rules}listener 0 127.0.0.1\n"

    def setUp(self):
        self.mine = contextlib.ExitStack()
        self.addCleanup(self.mine.close)

    def client(self, name, *filters, port=None, **more):
        client = Mqtt(port or self.port, name, **more)
        self.mine.callback(client.close)
        if filters:
            client.subscribe(*filters)
        return client

    def away(self, name, *filters):
        """A session whose client is away."""
        client = Mqtt(self.port, name, clean=False)
        client.subscribe(*filters)
        client.packet(0xE0, b"")
        client.close()
        until(name, lambda: self.names("--away", "--id", name) == [name])
        self.mine.callback(lambda: Mqtt(self.port, name).close())  # ends the session

    def clients(self, *words, socket_path=None):
        done = call("clients", "--socket", socket_path or self.control, *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def objects(self, *words):
        return [json.loads(line) for line in self.clients("--json", *words).splitlines()]

    def names(self, *words):
        return [each["id"] for each in self.objects(*words)]


class List(WithBroker):
    @classmethod
    def configuration(cls):
        return (super().configuration() + f"listener 0 127.0.0.1\nprotocol websockets\nlistener 0 {cls.path('mqtt')}\n")

    def test_what_is_told_of_a_client(self):
        self.client("one", "a/b", "c/#", keep_alive=77)
        self.client("old", level=3)
        told = self.objects("--id", "one")
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0].pop("address"), r"^127\.0\.0\.1:\d+$")
        self.assertLess(told[0].pop("seconds"), SECONDS)
        self.assertEqual(told[0], {"id": "one", "state": "connected", "listener": str(self.port), "transport": "tcp",
                                   "version": "3.1.1", "keep_alive": 77, "clean_start": True, "session_expiry": 0,
                                   "subscriptions": 2, "queued": 0, "in_flight": 0})
        self.assertEqual([each["version"] for each in self.objects("--id", "old")], ["3.1"])
        process = start("sub", "--unix", self.path("mqtt"), "-i", "five", "-t", "x", "-x", 600)
        self.mine.callback(process.communicate)
        self.mine.callback(process.kill)
        until("five", lambda: self.names("--id", "five"))
        five = self.objects("--id", "five")[0]
        self.assertEqual([five[name] for name in ("version", "transport", "address", "listener", "session_expiry")],
                         ["5", "unix", "unix", self.path("mqtt"), 600])

    def test_the_transport_is_told(self):
        web = socket.create_connection(("127.0.0.1", self.broker.ports[1]), SECONDS)
        self.mine.callback(web.close)
        web.sendall(b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n")
        body = mqtt_text("MQTT") + b"\4\2\0\0" + mqtt_text("web")
        packet = bytes([0x10, len(body)]) + body
        web.sendall(bytes([0x82, 0x80 | len(packet)]) + b"\0\0\0\0" + packet)
        until("web", lambda: self.names("--id", "web"))
        self.assertEqual(self.objects("--id", "web")[0]["transport"], "websocket")
        self.assertEqual(self.names("--listener", self.broker.ports[1]), ["web"])

    def test_sessions_that_are_away(self):
        self.client("here", "q/1")
        self.away("gone", "q/1", "q/2")
        self.assertEqual(call("pub", "-h", "127.0.0.1", "-p", self.port, "-t", "q/1", "-m", "x", "-q", 1).returncode, 0)
        self.assertEqual(self.names("--id", "*e*"), ["here"])
        self.assertEqual(self.names("--id", "*e*", "--all"), ["gone", "here"])
        gone = self.objects("--away", "--id", "gone")[0]
        self.assertEqual((gone["state"], gone["subscriptions"], gone["queued"], gone["session_expiry"]),
                         ("away", 2, 1, 4294967295))
        self.assertNotIn("address", gone)
        here = self.objects("--id", "here")[0]
        self.assertEqual((here["queued"], here["in_flight"]), (0, 1))  # it does not acknowledge

    def test_filters_and_that_all_of_them_count(self):
        for name, filters in (("s-1", ("plant/+/temp",)), ("s-2", ("plant/#", "$share/g/plant/7/temp")), ("t-3", ("x",))):
            self.client(name, *filters)
        process = start("sub", "-h", "127.0.0.1", "-p", self.port, "-i", "s-4", "-u", "bob", "-P", "any", "-t", "x")
        self.mine.callback(process.communicate)
        self.mine.callback(process.kill)
        self.broker.wait_for("s-4 0 x")
        for words, wanted in (
                (("--id", "s-*"), ["s-1", "s-2", "s-4"]), (("--id", "?-[13]"), ["s-1", "t-3"]), (("--id", "s"), []),
                (("--user", "b*"), ["s-4"]), (("--user", "eve"), []), (("--user", "", "--id", "[st]-*"), ["s-1", "s-2", "t-3"]),
                (("--address", "127.0.0.1", "--id", "[st]-*"), ["s-1", "s-2", "s-4", "t-3"]),
                (("--address", "127.*:*", "--id", "t*"), ["t-3"]), (("--address", "10.*"), []),
                (("--listener", self.port, "--id", "t*"), ["t-3"]), (("--listener", "7"), []),
                (("--subscribed", "plant/7/temp"), ["s-1", "s-2"]), (("--subscribed", "plant/7/other"), ["s-2"]),
                (("--subscribed", "plant/#"), ["s-2"]), (("--subscribed", "plant/+"), []),
                (("--subscribed", "$share/g/plant/7/temp"), ["s-2"]), (("--subscribed", "$share/h/plant/7/temp"), []),
                (("--subscribed", "x"), ["s-4", "t-3"]), (("--subscribed", "x", "--user", "bob", "--id", "s*"), ["s-4"]),
                (("--subscribed", "x", "--id", "s-1"), [])):
            self.assertEqual(self.names(*words), wanted, words)
            self.assertEqual(self.clients("--count", *words), f"{len(wanted)}\n", words)

    def test_the_table_for_people(self):
        self.client("people", "a")
        lines = self.clients("--id", "people").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertRegex(lines[0], r"^CLIENT +USER +ADDRESS +MQTT +LISTENER +OVER +SINCE +KEEP ALIVE +CLEAN +KEPT +")
        self.assertRegex(lines[1], rf"^people +- +127\.0\.0\.1:\d+ +3\.1\.1 +{self.port} +tcp +\d+s +0 +yes +no +1 +0 +0$")
        self.assertEqual(self.clients("--id", "none"), "")
        self.away("people-away", "a")
        self.assertRegex(self.clients("--away", "--id", "people*").splitlines()[1], r"^people-away +- +away .* for ever ")

    def test_no_client_id_can_break_the_table(self):
        names = ["bad\x01\x1b[2J\r\n\tend", "bad id=x state=%41", "bad-küche", "bad-\u202etxet", "bad-\u009b31m", "bad\\x41",
                 "bad-日本", "bad-" + "y" * 60_000, "bad-a\u0301"]
        for name in names:
            self.client(name)
        table = self.clients("--id", "bad*")
        lines = table.splitlines()
        self.assertEqual(len(lines), len(names) + 1, table)
        self.assertEqual([c for c in table if c != "\n" and not c.isprintable()], [])
        self.assertLess(max(map(len, lines)), 300)
        self.assertIn("bad\\x01\\x1b[2J\\x0d\\n\\x09end", table)
        self.assertIn("bad-\\u{202e}txet", table)
        self.assertIn("bad\\\\x41", table)
        self.assertIn("bad-küche", table)
        at = {line.index("127.0.0.1") for line in lines[1:] if "日" not in line}
        self.assertEqual(len(at), 1, table)
        self.assertEqual(sorted(self.names("--id", "bad*")), sorted(names))

    def test_thousands_of_clients_are_all_told_once(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        count = min(3000, hard - 100)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count + 100), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        wanted = sorted(f"many-{i}" for i in range(count))
        for name in wanted:
            self.client(name, "many/all")
        self.assertEqual(sorted(self.names("--id", "many-*")), wanted)
        self.assertEqual(self.clients("--count", "--subscribed", "many/all"), f"{count}\n")

    def test_sigusr2_goes_on_beside_it(self):
        self.client("usr2", "u/1", "u/2")
        asking = [start("clients", "--socket", self.control, "--all") for _ in range(4)]
        self.broker.process.send_signal(signal.SIGUSR2)
        self.broker.wait_for("subscriptions were printed to stdout")
        for process in asking:
            out, error = process.communicate(timeout=SECONDS)
            self.assertEqual((process.returncode, error), (0, ""))
            self.assertIn("usr2", out)

    def test_what_is_wrong_with_the_words_is_said(self):
        for words in ((), ("--socket", self.control, "-c", self.conf), ("--socket",), ("-c", self.conf, "--id"),
                      ("-c", self.conf, "--away", "--all"), ("-c", self.conf, "--json", "--count"), ("-c", self.conf, "x"),
                      ("-c", self.conf, "--subscribed", "a/#/b")):
            self.refused(call("clients", *words), 2, "bramble-ctl: ")
        self.assertEqual(call("clients", "--help").returncode, 0)
        self.refused(call("clients", "-c", self.conf, "--id", "a", "--id", "b"), 1, "id is there twice")
        self.refused(call("clients", "-c", self.conf, "--id", "a" * 2000), 1, "at most 1024 bytes")

    def test_where_nobody_answers_is_said_with_what_to_write(self):
        gone = self.path("nobody-there")
        self.refused(call("clients", "--socket", gone), 1, gone, "No such file", f"`control_socket {gone}`")
        silent = self.path("silent.conf", "listener 0 127.0.0.1\nallow_anonymous true\n")
        self.refused(call("clients", "-c", silent), 1, silent, "control_socket /run/bramble/control", "restart")
        self.refused(call("clients", "-c", self.path("wrong.conf", "max_qos 3\n")), 3, "wrong.conf:1: max_qos")
        self.refused(call("clients", "--socket", self.path("mqtt")), 1, "the answer")
        self.assertIn("bramble", self.clients("--id", "x*", "--count") + "bramble")

    def test_the_configuration_says_where(self):
        self.client("by-file")
        done = call("clients", "-c", self.conf, "--id", "by-file", "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout)["id"], "by-file")


class Socket(WithBroker):
    def test_only_its_account_may_use_the_file(self):
        self.assertEqual(os.stat(self.control).st_mode & 0o7777, 0o600)
        self.assertEqual(os.stat(self.control).st_uid, os.geteuid())

    def test_a_request_that_is_none_gets_an_error_line(self):
        for text, why in (("clients", "a request begins with bramble/1"), ("bramble/2 clients", "a request begins with"),
                          ("bramble/1 nonsense", "no%20command%20is%20called%20nonsense"),
                          ("bramble/1 clients id=a color=red", "clients%20takes%20no%20color"),
                          ("bramble/1 clients state=odd", "state%20is"), ("bramble/1 clients id=%4", "no%20line"),
                          ("bramble/1 clients  id=a", "no%20line"), ("", "no%20line"), ("\0\1\2", "no%20line"),
                          ("bramble/1 receivers", "topic%20is%20none"), ("bramble/1 receivers topic=a/#", "topic%20is%20none"),
                          ("bramble/1 clients subscribed=a/%23/b", "subscribed%20is")):
            raw = Raw(self.control)
            said = raw.send(text + "\n").answer()
            raw.close()
            self.assertTrue(said.startswith("bramble/1 error why=") and said.endswith("\n") and said.count("\n") == 1, said)
            self.assertIn(why.replace(" ", "%20"), said)

    def test_a_line_without_end_is_cut_off(self):
        raw = Raw(self.control)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                raw.send("a" * 100_000)
        raw.ended()
        self.clients()

    def test_who_is_silent_or_reads_nothing_is_dropped_and_disturbs_nobody(self):
        for i in range(40):
            self.client("v" * 30_000 + str(i))
        silent = [Raw(self.control) for _ in range(100)]
        half = [Raw(self.control).send("bramble/1 cli") for _ in range(10)]
        deaf = []
        for _ in range(5):
            raw = Raw(self.control)
            raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            deaf.append(raw.send("bramble/1 clients state=all\n"))
        began = time.monotonic()
        for _ in range(10):
            self.assertEqual(self.clients("--count", "--id", "v*"), "40\n")
        ping = call("ping", "-h", "127.0.0.1", "-p", self.port)
        self.assertEqual(ping.returncode, 0, ping.stderr)
        self.assertLess(time.monotonic() - began, 5)
        for raw in silent + half:
            raw.ended()
        for raw in deaf:  # the broker has hung up before all of it was read
            until("a client that does not read is dropped", lambda raw=raw: self.hung_up(raw))
            self.assertNotIn("end count", raw.answer())
            raw.close()
        self.assertLess(time.monotonic() - began, SECONDS)
        self.clients()

    @staticmethod
    def hung_up(raw):
        poll = select.poll()
        poll.register(raw.socket, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def test_a_pipelined_rest_and_a_half_close_take_no_answer_away(self):
        raw = Raw(self.control)
        raw.send("bramble/1 clients lines=no\n" + "x" * 50_000)
        self.assertRegex(raw.answer(), r"^bramble/1 ok\nend count=\d+\n$")
        raw.close()
        raw = Raw(self.control).send("bramble/1 clients lines=no\n")
        raw.socket.shutdown(socket.SHUT_WR)
        self.assertRegex(raw.answer(), r"^bramble/1 ok\nend count=\d+\n$")
        raw.close()

    def test_reload_says_that_a_restart_is_needed(self):
        with open(self.conf) as file:
            before = file.read()
        self.path("b.conf", before.replace(self.control, self.path("elsewhere")))
        self.broker.process.send_signal(signal.SIGHUP)
        self.broker.wait_for("until the broker is restarted: control_socket.")
        self.path("b.conf", before)
        self.assertFalse(os.path.exists(self.path("elsewhere")))
        self.clients()


class File(WithFolder):
    def conf(self, name, more=STAYS):
        return self.path(f"{name}.conf", f"control_socket {self.path(name)}\n{more}allow_anonymous true\n"
                                         "listener 0 127.0.0.1\n")

    def fails(self, conf, *parts):
        done = run(BROKER, "-c", conf)
        self.assertEqual(done.returncode, 1, done.stderr)
        for part in parts:
            self.assertIn(part, done.stderr)

    def test_a_stale_one_is_replaced_and_it_goes_with_the_broker(self):
        conf, path = self.conf("stale"), self.path("stale")
        broker = Broker([BROKER, "-c", conf], "listens on")
        broker.process.kill()
        broker.process.wait(SECONDS)
        broker.reader.join()
        broker.process.stderr.close()
        self.assertTrue(os.path.exists(path))
        broker = Broker([BROKER, "-c", conf], "listens on")
        self.assertEqual(call("clients", "--socket", path, "--count").stdout, "0\n")
        self.fails(conf, f"{conf}:1: control_socket: Cannot listen on {path}", "already", "stop what listens")
        self.assertEqual(call("clients", "--socket", path, "--count").stdout, "0\n")
        broker.end()
        self.assertFalse(os.path.exists(path))

    def test_what_is_no_socket_is_left_alone(self):
        conf = self.conf("plain")
        self.path("plain", "text")
        self.fails(conf, f"{conf}:1: control_socket: Cannot listen on {self.path('plain')}", "it is no socket")
        with open(self.path("plain")) as file:
            self.assertEqual(file.read(), "text")

    def test_paths_that_cannot_be_are_refused_with_the_line(self):
        for value, part in (("run/control", "not a whole path"), ("/" + "x" * 107, "107 bytes")):
            conf = self.path("p.conf", f"listener 0 127.0.0.1\n\ncontrol_socket {value}\n")
            done = run(BROKER, "--test-config", "-c", conf)
            self.assertEqual(done.returncode, 3)
            self.assertIn(f"{conf}:3: control_socket: ", done.stderr)
            self.assertIn(part, done.stderr)
        missing = self.path("m.conf", f"control_socket /nonexistent/x\n{STAYS}listener 0 127.0.0.1\nallow_anonymous true\n")
        self.fails(missing, f"{missing}:1: control_socket: Cannot listen on /nonexistent/x", "No such file")

    @unittest.skipUnless(ROOT, "needs root, to be somebody else")
    def test_after_privileges_are_dropped_it_belongs_to_the_account(self):
        os.chmod(self.folder, 0o755)
        conf, path = self.conf("dropped", "user nobody\n"), self.path("dropped")
        broker = Broker([BROKER, "-c", conf], "listens on")
        try:
            found = os.stat(path)
            self.assertEqual((found.st_uid, found.st_gid, found.st_mode & 0o7777), (NOBODY.pw_uid, NOBODY.pw_gid, 0o600))
            for user in (None, NOBODY.pw_uid):  # root and the account itself
                done = self.ask_as(user, path)
                self.assertEqual((done.returncode, done.stdout), (0, "0\n"), done.stderr)
        finally:
            broker.end()
        self.assertTrue(os.path.exists(path))  # the folder is root's
        broker = Broker([BROKER, "-c", conf], "listens on")
        broker.end()

    @unittest.skipUnless(ROOT, "needs root, to be somebody else")
    def test_another_account_is_refused(self):
        os.chmod(self.folder, 0o755)
        conf, path = self.conf("fenced"), self.path("fenced")
        broker = Broker([BROKER, "-c", conf], "listens on")
        try:
            done = self.ask_as(NOBODY.pw_uid, path)
            self.assertEqual(done.returncode, 1)
            self.assertIn("Permission denied; only root and the account that the broker runs as may", done.stderr)
            os.chmod(path, 0o666)  # the first fence is down
            done = self.ask_as(NOBODY.pw_uid, path)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("only root and the account that the broker runs as may ask", done.stderr)
        finally:
            broker.end()

    def ask_as(self, user, path):
        """By a copy that this account can reach."""
        copy = self.path("bramble-ctl")
        run("cp", CTL, copy)
        os.chmod(copy, 0o755)
        return run(copy, "clients", "--socket", path, "--count", user=user)


class Receivers(WithBroker):
    @classmethod
    def configuration(cls):
        acl = cls.path("acl", "topic readwrite #\nuser eve\ntopic readwrite #\ntopic deny plant/secret\nuser mute\n"
                              "topic write plant/#\nuser bob\ntopic readwrite #\ntopic deny plant/off\n")
        return super().configuration().replace("listener 0", f"acl_file {acl}\nlistener 0")

    def explain(self, topic, *words, status=0):
        done = call("explain", "publish", "--topic", topic, "-c", self.conf, *words)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return done.stdout

    def sub(self, name, user, *words):
        process = start("sub", "-h", "127.0.0.1", "-p", self.port, "-i", name, "-u", user, "-P", "any", *words)
        self.mine.callback(process.communicate)
        self.mine.callback(process.kill)
        until(name, lambda: [each for each in self.objects("--id", name) if each["subscriptions"] != 0])

    def test_who_would_get_it_and_who_would_not(self):
        self.client("anon", "plant/+")
        self.client("other", "else/#")
        self.client("w1", "$share/g/plant/secret")
        self.client("w2", "$share/g/plant/secret")
        self.away("away", "plant/#")
        self.sub("spy", "eve", "-t", "plant/#", "-q", 2)
        self.sub("silent", "mute", "-t", "#")
        said = self.explain("plant/secret")
        self.assertIn(f"  receivers  2 clients, and one member of 1 shared group, as the broker at {self.control} has", said)
        self.assertIn("\n    anon  by plant/+  QoS 1\n", said)
        self.assertIn("\n    away  by plant/#  QoS 1, away: queued at QoS 1 and 2\n", said)
        self.assertIn("\n    spy (user eve)  by plant/#  QoS 2, gets nothing: denied by "
                      f"{self.path('acl')}:4: topic deny plant/secret\n", said)
        self.assertIn(f"\n    silent (user mute)  by #  QoS 0, gets nothing: no line of {self.path('acl')} allows", said)
        self.assertIn("\n    $share/g/plant/secret: one of\n      w1  QoS 1\n      w2  QoS 1\n", said)
        self.assertNotIn("other", said)
        self.assertTrue(said.endswith("\nallowed\n"))
        other = self.explain("plant/7")
        self.assertIn("\n    spy (user eve)  by plant/#  QoS 2\n", other)
        self.assertIn("  receivers  0 clients, as the broker", self.explain("nobody/wants"))

    def test_no_local_is_told(self):
        client = socket.create_connection(("127.0.0.1", self.port), SECONDS)
        self.mine.callback(client.close)
        connect = mqtt_text("MQTT") + b"\5\2\0\0\0" + mqtt_text("self")
        client.sendall(bytes([0x10, len(connect)]) + connect)
        subscribe = b"\0\1\0" + mqtt_text("own/#") + b"\4"
        client.sendall(bytes([0x82, len(subscribe)]) + subscribe)
        until("self", lambda: self.names("--subscribed", "own/1"))
        self.assertIn("No Local", self.explain("own/1", "--client", "self"))
        self.assertIn("self  by own/#  QoS 0\n", self.explain("own/1", "--client", "someone"))

    def test_what_is_denied_reaches_nobody_and_the_status_says_so(self):
        self.client("anon", "plant/+")
        said = self.explain("plant/off", "--user", "bob", status=1)
        self.assertIn("  receivers  nobody\n", said)
        self.assertTrue(said.endswith("\ndenied\n"))

    def test_the_broker_does_what_was_explained(self):
        got = self.client("gets", "real/1")
        self.sub("not", "mute", "-t", "real/1")
        said = self.explain("real/1")
        self.assertIn("\n    gets  by real/1  QoS 1\n", said)
        self.assertRegex(said, r"\n    not \(user mute\)  by real/1  QoS 0, gets nothing: no line")
        self.assertEqual(call("pub", "-h", "127.0.0.1", "-p", self.port, "-t", "real/1", "-m", "x").returncode, 0)
        self.assertEqual(got.socket.recv(100)[:10], b"\x30\x09" + mqtt_text("real/1"))
        self.broker.wait_for("may not receive real/1. (u'mute': ")

    def test_without_a_broker_the_status_is_as_allowed(self):
        gone = self.path("gone")
        said = self.explain("plant/1", "--socket", gone)
        self.assertRegex(said, rf"\n  receivers  not known: cannot connect to {gone}: No such file[^\n]*\n")
        self.assertTrue(said.endswith("\nallowed\n"))
        self.assertTrue(self.explain("plant/off", "--user", "bob", "--socket", gone, status=1).endswith("\ndenied\n"))
        plain = self.path("plain.conf", "listener 1883\nallow_anonymous true\n")
        done = call("explain", "publish", "--topic", "a", "-c", plain)
        self.assertEqual(done.returncode, 0)
        self.assertIn("  receivers  not known: no broker is asked without control_socket", done.stdout)


if __name__ == "__main__":
    if not ROOT:
        print("NOT LOOKED AT, for this is not root: other accounts, and privileges that are dropped", file=sys.stderr)
    end_with(unittest.main(exit=False).result)
