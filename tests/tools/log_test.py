#!/usr/bin/env python3
"""The log as people and programs read it, of a broker that runs: its lines, JSON, the journal (a socket of ours stands for
it), syslog (in a mount namespace of its own, so as root only), files after a signal, topics, and what is kept back of lines
that repeat. Ends with `N passed, N failed`."""
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
import unittest

from programs import BROKER, PASSWD, PLAIN, ROOT, SECONDS, Broker, WithFolder, end_with
from raw_client import DISCONNECT, Client, connect, packet, text


def fields_of(datagram):
    """By the journal's protocol, in which a field may have its length or end with its line."""
    found = {}
    while datagram:
        name, end, datagram = datagram.partition(b"\n")
        assert end
        if b"=" in name:
            name, _, value = name.partition(b"=")
        else:
            size = struct.unpack("<Q", datagram[:8])[0]
            value, datagram = datagram[8:8 + size], datagram[8 + size:]
            assert datagram[:1] == b"\n"
            datagram = datagram[1:]
        found[name.decode()] = value.decode()
    return found


class Log(WithFolder):
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

    # --- text

    def test_the_lines_of_each_event_are_mosquittos_and_name_who_and_why(self):
        rules = self.path("acl", "topic readwrite open\n")
        broker, port = self.broker(self.users() + f"acl_file {rules}\nmax_packet_size 1000\nmessage_size_limit 100\n")
        bob = Client(port, connect("pump", "bob", "secret"))
        bob.answer()
        where = f"pump [{bob.address}]"
        self.assertEqual(self.line(broker, "New connection from"), f"New connection from {bob.address} on port {port}.")
        self.assertEqual(self.line(broker, " as pump "),
                         f"New client connected from {bob.address} as pump (p2, c1, k60, u'bob').")
        bob.socket.sendall(packet(0x30, text("shut") + b"x"))
        self.assertEqual(self.line(broker, "may not publish"),
                         f"Client {where} may not publish to shut. (u'bob': no rule of {rules} allows it)")
        bob.socket.sendall(packet(0x30, text("open") + b"x" * 200))
        self.assertEqual(self.line(broker, "goes nowhere"), f"Client {where} sent a message that goes nowhere. (u'bob': its "
                                                            "payload is above message_size_limit)")
        again = Client(port, connect("pump", "bob", "secret", version=5))
        self.assertEqual(self.line(broker, "already connected"), f"Client {where} already connected, closing old connection. "
                                                                 "(u'bob': a new connection has taken the session over)")
        self.line(broker, f"{again.address} as pump (p5, c1, k60, u'bob').")
        again.answer()
        again.socket.sendall(DISCONNECT)
        self.assertEqual(self.line(broker, "disconnected. "), f"Client pump [{again.address}] disconnected. (u'bob')")

        wrong = Client(port, connect("pump", "bob", "guess"))
        self.assertEqual(self.line(broker, "not authorised"),
                         f"Client pump [{wrong.address}] disconnected, not authorised. (u'bob': its user name or password "
                         "is wrong)")
        gone = Client(port, connect("gone"))
        gone.answer()
        gone.close()
        self.assertEqual(self.line(broker, "Client gone ["), f"Client gone [{gone.address}] closed its connection.")
        reset = Client(port, connect("reset"))
        reset.answer()
        reset.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reset.close()
        self.assertEqual(self.line(broker, "Client reset ["), f"Client reset [{reset.address}] closed its connection.")
        twice = Client(port, connect("twice"), connect("twice"))
        self.assertEqual(self.line(broker, "protocol error"), f"Client twice [{twice.address}] disconnected due to protocol "
                                                              "error. (a second CONNECT)")
        large = Client(port, connect("large"), packet(0x30, text("open") + b"x" * 2000))
        self.assertIn(f"Client large [{large.address}] disconnected due to oversize packet. (",
                      self.line(broker, "oversize"))
        silent = Client(port, connect("silent", keep_alive=1))
        self.assertEqual(self.line(broker, "exceeded timeout"),
                         f"Client silent [{silent.address}] has exceeded timeout, disconnecting. (it was silent for longer "
                         "than its Keep Alive allows)")
        broker.end()

    def test_what_is_wrong_before_a_connect_names_the_address(self):
        broker, port = self.broker("allow_anonymous true\nconnect_timeout 1\n")
        garbage = Client(port, b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual(self.line(broker, "before CONNECT"), f"Client <unknown> [{garbage.address}] disconnected due to protocol error. "
                                                              "(it sent something before CONNECT)")
        silent = Client(port)
        self.assertEqual(self.line(broker, "in time"),
                         f"Client <unknown> [{silent.address}] disconnected: it did not send CONNECT in time.")
        broker.end()

    def test_the_address_is_what_a_proxy_says(self):
        broker, port = self.broker("allow_anonymous true\n", "enable_proxy_protocol 1\n")
        client = Client(port, b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 1883\r\n", connect("behind"))
        client.answer()
        client.close()
        self.line(broker, "New client connected from 192.0.2.7:4711 as behind")
        self.line(broker, "Client behind [192.0.2.7:4711] closed its connection.")
        broker.end()

    def test_a_listener_that_is_full_says_which_limit(self):
        broker, port = self.broker("allow_anonymous true\n", "max_connections 1\n")
        first = Client(port, connect("first"))
        first.answer()
        second = Client(port)
        second.end()
        self.assertEqual(self.line(broker, "denied"),
                         f"Client connection from {second.address} denied: max_connections exceeded. (It is 1.)")
        broker.end()

    def test_connection_messages_false_leaves_out_what_mosquitto_does(self):
        broker, port = self.broker(self.users() + f"acl_file {self.path('none', '')}\nconnection_messages false\n",
                                   "max_connections 1\n")
        client = Client(port, connect("pump"), packet(0x30, text("shut")))
        client.answer()
        Client(port).end()
        self.line(broker, f"Client pump [{client.address}] may not publish to shut.")
        client.socket.sendall(DISCONNECT)
        client.end()
        Client(port, connect("pump", "bob", "wrong")).end()
        broker.end()
        self.assertEqual(len([line for line in broker.lines if "lient " in line]), 1, broker.lines)

    def test_subscriptions_and_wills_are_word_for_word_as_mosquitto_logs_them(self):
        broker, port = self.broker("allow_anonymous true\nlog_type all\n")
        will = Client(port, connect("will", will=("lamp", "off")))
        will.answer()
        will.socket.sendall(packet(0x82, b"\0\1" + text("a/#") + b"\1"))
        self.assertEqual(self.line(broker, "will 1"), "will 1 a/#")
        self.assertEqual(self.line(broker, "Will message"), "Will message specified (3 bytes) (r0, q0).")
        will.socket.sendall(packet(0xA2, b"\0\2" + text("a/#")))
        self.assertEqual(self.line(broker, "will a"), "will a/#")
        broker.end()

    # --- fail2ban

    def test_fail2ban_sees_each_failed_login_and_none_that_a_name_pretends(self):
        with open(os.path.join(ROOT, "docs/migrating-from-mosquitto.md")) as docs:
            ours = re.search(r"^failregex = (.*)$", docs.read(), re.MULTILINE)[1]
        rules = {name: re.compile(rule.replace("<HOST>", r"\[?(?P<host>[0-9A-Fa-f.:]+?)\]?")) for name, rule in {
            "ours": ours, "unanchored": r"\[<HOST>:\d+\] disconnected, not authorised\."}.items()}
        acl = self.path("acl", "topic readwrite open/#\n")
        broker, port = self.broker(self.users() + f"acl_file {acl}\nlog_type all\n")
        forged = "x [6.6.6.6:666] disconnected, not authorised. (u'root': its user name or password is wrong)"
        pretender = Client(port, connect(forged, will=("open/" + forged, "x")))
        self.assertEqual(pretender.answer()[:1], b"\x20")
        pretender.socket.sendall(packet(0x82, b"\0\1" + text(forged) + b"\0") + packet(0x30, text(forged) + b"x"))
        self.line(broker, "may not publish to x ?6.6.6.6:666? disconnected")
        Client(port, connect(forged, version=5)).answer()
        self.line(broker, "already connected")
        guesses = [("pump", "bob"), ("", "bob"), ("i" * 9000, "bob"), (forged, forged), ("6.6.6.6:666 " + forged, "u" * 5000)]
        failed = [Client(port, connect(client_id, user, "guess")) for client_id, user in guesses]
        for client in failed:
            client.end()
        broker.end()
        lines = [line.partition(":")[1] + line.partition(":")[2] for line in broker.lines]
        self.assertIn(f": Client <unknown> [{failed[1].address}] disconnected, not authorised. "
                      "(u'bob': its user name or password is wrong)", lines)
        for name, rule in rules.items():
            hosts = [found["host"] for found in map(rule.search, lines) if found]
            self.assertEqual(hosts, ["127.0.0.1"] * len(guesses), (name, lines))
        real = "Client pump [[2001:db8::7]:4711] disconnected, not authorised. (its user name or password is wrong)"
        for before in (": ", "", "host bramble[17]: "):
            self.assertEqual(rules["ours"].search(before + real)["host"], "2001:db8::7")
        self.assertIsNone(rules["ours"].search(f": Client {forged} [192.0.2.7:4711] closed its connection."))

    # --- repeats

    def test_500_wrong_passwords_give_few_lines_and_the_count(self):
        broker, port = self.broker(self.users().replace("allow_anonymous true", "allow_anonymous false"))
        for number in range(500):
            Client(port, connect(f"c{number}", "bob" if number % 100 == 0 else "nobody", "guess")).end()
        broker.end()
        refused = [line for line in broker.lines if "not authorised" in line]
        self.assertLessEqual(len(refused), 20)  # ten a reactor
        self.assertEqual(len([line for line in broker.lines if "New connection" in line]), len(refused))
        counts = [re.search(r": (\d+) more like it from 127\.0\.0\.1 in the last minute\. \(its user name or password is "
                            r"wrong\)$", line) for line in broker.lines]
        self.assertEqual(len(refused) + sum(int(count[1]) for count in counts if count), 500)

    def test_lines_of_normal_clients_are_not_kept_back(self):
        broker, port = self.broker("allow_anonymous true\n")
        for number in range(50):
            client = Client(port, connect(f"c{number}"))
            client.answer()
            client.socket.sendall(DISCONNECT)
            client.end()
        broker.end()
        for words in ("New connection from", "New client connected", "disconnected."):
            self.assertEqual(len([line for line in broker.lines if words in line]), 50, words)

    # --- json

    def test_json_parses_and_has_the_fields_whatever_a_client_is_called(self):
        broker, port = self.broker(self.users() + "log_format json\nlog_type all\n")
        names = ['we"ird', "back\\slash", "new\nline", "tab\tand\x01", "\u00e9\U0001F600", "\x7f\x85"]
        for name in names:
            client = Client(port, connect(name, "bob", "secret"))
            self.assertEqual(client.answer()[:1], b"\x20")
            client.socket.sendall(DISCONNECT)
            client.end()
        wrong = Client(port, connect("c", "bob\n", "guess"))
        wrong.end()
        broker.end()
        lines = [json.loads(line) for line in broker.lines if line != "THE END"]
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertIn(line["level"], ("notice", "debug", "warning"))
            self.assertTrue(line["message"])
        self.assertEqual([line["client_id"] for line in lines if "New client connected" in line["message"]], names)
        found = next(line for line in lines if "not authorised" in line["message"])
        found.pop("time")
        self.assertEqual(found, {
            "level": "notice", "message": f"Client c [{wrong.address}] disconnected, not authorised.", "client_id": "c",
            "user": "bob\n", "address": wrong.address, "listener": str(port),
            "reason": "its user name or password is wrong", "reason_code": 0x87})

    def test_a_reload_changes_the_form(self):
        broker, _ = self.broker("allow_anonymous true\n")
        self.config("allow_anonymous true\nlog_format json\n")
        broker.process.send_signal(signal.SIGHUP)
        line = broker.wait_for("has been read again")
        self.assertEqual(json.loads(line)["level"], "notice")
        broker.end()

    # --- where lines go

    def test_the_journal_gets_the_message_and_the_fields(self):
        path = os.path.join(self.folder, "journal")
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(path)
        journal.settimeout(SECONDS)
        broker, port = self.broker(self.users() + "log_dest stderr\nlog_dest journald\n",
                                   wrap=["env", f"BRAMBLE_JOURNAL_SOCKET={path}"])
        wrong = Client(port, connect("pump", "bob", "guess"))
        wrong.end()
        while True:
            found = fields_of(journal.recv(65536))
            if "not authorised" in found["MESSAGE"]:
                break
            self.assertEqual(found["SYSLOG_IDENTIFIER"], "bramble")
        self.assertEqual(found, {
            "PRIORITY": "5", "SYSLOG_IDENTIFIER": "bramble",
            "MESSAGE": f"Client pump [{wrong.address}] disconnected, not authorised. (u'bob': its user name or password is "
                       "wrong)",
            "BRAMBLE_CLIENT_ID": "pump", "BRAMBLE_USER": "bob", "BRAMBLE_ADDRESS": wrong.address,
            "BRAMBLE_LISTENER": str(port), "BRAMBLE_REASON": "its user name or password is wrong",
            "BRAMBLE_REASON_CODE": "135"})
        broker.end()

    def test_a_journal_that_takes_nothing_holds_up_neither_clients_nor_the_end(self):
        path = os.path.join(self.folder, "stuck")
        journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(journal.close)
        journal.bind(path)
        broker, port = self.broker("allow_anonymous true\nlog_dest stderr\nlog_dest journald\n",
                                   wrap=["env", f"BRAMBLE_JOURNAL_SOCKET={path}"])
        for number in range(1000):
            client = Client(port, connect(f"c{number}"))
            client.answer()
            client.close()
        began = time.monotonic()
        broker.end()
        self.assertLess(time.monotonic() - began, 10)

    def test_a_pipe_that_nobody_reads_holds_up_neither_clients_nor_other_logs_nor_the_end(self):
        path = os.path.join(self.folder, "stuck-pipe")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        broker, port = self.broker("allow_anonymous true\nlog_dest stdout\nlog_dest stderr\n",
                                   wrap=["sh", "-c", f'exec "$0" "$@" >{path}'])

        def fill():
            for number in range(1000):
                client = Client(port, connect(f"c{number}"))
                client.answer()
                client.close()

        fill()
        broker.wait_for("Client c999 [")
        said = b""
        while b"lines were lost" not in said:  # told once it takes lines again
            client = Client(port, connect("more"))
            client.answer()
            client.close()
            with contextlib.suppress(BlockingIOError):
                said += os.read(reader, 1 << 20)
        self.assertFalse([line for line in said.splitlines() if not re.match(rb"\d+: \S", line)])
        broker.wait_for(" log lines were lost: too many at once")
        fill()
        began = time.monotonic()
        broker.end()
        self.assertLess(time.monotonic() - began, 10)

    def test_a_terminal_that_nobody_reads_does_not_hold_up_the_end(self):
        terminal, stderr = os.openpty()
        self.addCleanup(os.close, terminal)
        process = subprocess.Popen([BROKER, "-c", self.config("allow_anonymous true\nlog_dest stderr\n")], stderr=stderr)
        self.addCleanup(process.kill)
        os.close(stderr)
        said = b""
        while not (found := re.search(rb"listens on 127.0.0.1:(\d+) ", said)):
            said += os.read(terminal, 4096)
        for number in range(500):
            client = Client(int(found[1]), connect(f"c{number}"))
            client.answer()
            client.close()
        process.terminate()
        self.assertEqual(process.wait(SECONDS), 0)

    def test_without_a_journal_the_start_is_refused(self):
        done = subprocess.run([BROKER, "-c", self.config("allow_anonymous true\nlog_dest journald\n")], capture_output=True,
                              text=True, timeout=SECONDS, env={**PLAIN, "BRAMBLE_JOURNAL_SOCKET": "/nonexistent/socket"})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("b.conf:5: log_dest: no journal takes lines at /nonexistent/socket: No such file or directory; "
                      "systemd-journald does not run here: log to stderr, syslog or a file", done.stderr)

    def test_a_file_that_was_moved_away_is_begun_anew_by_either_signal(self):
        path = os.path.join(self.folder, "log")
        broker, port = self.broker(f"allow_anonymous true\nlog_dest stderr\nlog_dest file {path}\n")
        for number, by in enumerate((signal.SIGRTMIN, signal.SIGHUP)):
            os.rename(path, f"{path}.{number}")
            broker.process.send_signal(by)
            until = time.monotonic() + SECONDS
            while not os.path.exists(path) and time.monotonic() < until:
                time.sleep(0.01)
            client = Client(port, connect(f"after{number}"))
            client.answer()
            client.close()
            broker.wait_for(f"Client after{number} [")
        broker.end()
        with open(path) as last, open(f"{path}.1") as middle:
            self.assertIn("Client after1 [", last.read())
            self.assertIn("Client after0 [", middle.read())

    def test_stdout_and_topics(self):
        out = os.path.join(self.folder, "out")
        broker, port = self.broker("allow_anonymous true\nlog_dest stderr\nlog_dest stdout\nlog_dest topic\n",
                                   wrap=["sh", "-c", f'exec "$@" >{out}', "sh"])
        reader = Client(port, connect("reader"))
        reader.answer()
        reader.socket.sendall(packet(0x82, b"\0\1" + text("$SYS/broker/log/#") + b"\0"))
        reader.answer()
        other = Client(port, connect("other"))
        got = b""
        reader.socket.settimeout(SECONDS)
        while f"New client connected from {other.address} as other".encode() not in got:
            got += reader.answer()
        self.assertIn(b"$SYS/broker/log/N", got)
        broker.end()
        with open(out) as stdout:
            self.assertIn(f"New client connected from {other.address} as other", stdout.read())

    def test_syslog_gets_priority_facility_and_name(self):
        if os.geteuid() != 0 or subprocess.run(
                ["unshare", "-m", "true"], capture_output=True).returncode != 0:
            print("SKIPPED: log_facility: /dev/log can be another one only for root in a mount namespace of its own")
            self.skipTest("not root, or no mount namespace")
        dev, path = os.path.join(self.folder, "dev"), os.path.join(self.folder, "syslog")
        os.mkdir(dev)
        for name in ("null", "zero", "random", "urandom"):
            open(os.path.join(dev, name), "w").close()
        os.symlink(path, os.path.join(dev, "log"))
        syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(syslog.close)
        syslog.bind(path)
        syslog.settimeout(SECONDS)
        mounts = "".join(f"mount --bind /dev/{name} {dev}/{name} && " for name in ("null", "zero", "random", "urandom"))
        broker, _ = self.broker("allow_anonymous true\nlog_dest stderr\nlog_dest syslog\nlog_facility 3\n",
                                wrap=["unshare", "-m", "sh", "-c", f'{mounts}mount --rbind {dev} /dev && exec "$@"', "sh"])
        local3, notice = 19, 5
        line = syslog.recv(65536).decode()
        self.assertTrue(line.startswith(f"<{local3 << 3 | notice}>"), line)
        self.assertRegex(line, rf"bramble\[{broker.process.pid}\]: bramble version .* listens on ")
        broker.end()


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
