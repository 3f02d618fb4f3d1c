#!/usr/bin/env python3
"""The log as people and programs read it, of a broker that runs: its lines, JSON, and what is kept back of lines that
repeat. Ends with `N passed, N failed`."""
import json
import os
import re
import signal
import socket
import struct
import time
import unittest

from log_broker import WithLog
from programs import ROOT, end_with
from raw_client import DISCONNECT, Client, connect, packet, text


class Lines(WithLog):
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
        began = time.monotonic()
        for number in range(500):
            Client(port, connect(f"c{number}", "bob" if number % 100 == 0 else "nobody", "guess")).end()
        broker.end()
        refused = [line for line in broker.lines if "not authorised" in line]
        minutes = (time.monotonic() - began) // 60 + 1
        self.assertLessEqual(len(refused), 20 * minutes)  # ten a reactor and minute
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


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
