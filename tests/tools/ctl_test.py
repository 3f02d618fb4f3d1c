#!/usr/bin/env python3
"""bramble-ctl as people call it: its client against Bramble, against mosquitto_pub and mosquitto_sub, and against Debian's
mosquitto (tools/setup --test). Ends with `N passed, N failed`. BRAMBLE_BINARIES names another folder with Bramble's
programs, BRAMBLE_DEPS another folder with Debian's."""
import contextlib
import os
import pty
import signal
import socket
import struct
import subprocess
import unittest

from programs import BROKER, CTL, DEPS, PASSWD, PLAIN, SECONDS, Broker, WithFolder, call, end_with, run, start


def make_certificates(folder):
    """Authorities `ca` and `other`; a server `server` and a client `client` by the first."""
    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    for name in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.crt")
    for name, more in (("server", "subjectAltName=DNS:localhost"), ("client", "extendedKeyUsage=clientAuth")):
        with open(os.path.join(folder, "more"), "w") as out:
            out.write(more + "\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "more", "-out", f"{name}.crt")


class Client(WithFolder):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        make_certificates(cls.folder)
        subprocess.run([PASSWD, "-c", "-b", cls.path("pw"), "bob", "secret"], check=True)
        conf = cls.path("b.conf", f"""per_listener_settings true
log_type all
listener 0 127.0.0.1
allow_anonymous true
listener 0 127.0.0.1
password_file {cls.path('pw')}
listener 0 127.0.0.1
allow_anonymous true
certfile {cls.path('server.crt')}
keyfile {cls.path('server.key')}
listener 0 127.0.0.1
allow_anonymous true
certfile {cls.path('server.crt')}
keyfile {cls.path('server.key')}
cafile {cls.path('ca.crt')}
require_certificate true
listener 0 127.0.0.1
allow_anonymous true
max_qos 1
listener 0 {cls.path('socket')}
allow_anonymous true
""")
        cls.broker = Broker([BROKER, "-c", conf], "listens on")
        cls.stack.callback(cls.broker.end)
        cls.plain, cls.users, cls.tls, cls.mutual, cls.low = cls.broker.ports
        cls.number = 0

    def name(self):
        """A topic, or client id, of this test alone."""
        Client.number += 1
        return f"t{Client.number}"

    def subscriber(self, *words, topic, program=CTL):
        """One that has subscribed."""
        name = self.name()
        verb = ("sub",) if program == CTL else ()
        process = start(*verb, "-p", self.plain, "-i", name, "-t", topic, *words, program=program)
        self.broker.wait_for(f"{name} {words[words.index('-q') + 1] if '-q' in words else 0} {topic}")
        return process

    def ended(self, process, status, said):
        out, error = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, out), (status, said), error)
        return error

    def works(self, *words, **more):
        done = call(*words, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def test_ping_over_everything(self):
        answers = r"^[^ ]+ answers: connected in [\d.]+ ms, PINGRESP after [\d.]+ ms\n$"
        for version in ("5", "3.1.1"):
            for where in (("-p", self.plain), ("--unix", self.path("socket")),
                          ("-p", self.tls, "--cafile", self.path("ca.crt"))):
                self.assertRegex(self.works("ping", "-V", version, *where), answers)

    def test_ping_says_why_there_is_no_answer(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            port = silent.getsockname()[1]
            self.refused(call("ping", "-p", port), 1, "Connection refused", "is the broker running")
            silent.listen()
            self.refused(call("ping", "-p", port, "-W", 1), 1, "did not answer CONNECT in time")
            self.refused(call("ping", "-p", port, "-W", 1, "--cafile", self.path("ca.crt")), 1, "it does not answer")
        self.refused(call("ping", "--unix", self.path("none")), 1, "No such file", "listener 0")
        self.refused(call("ping", "-h", "nowhere.invalid"), 1, "has no address")
        self.refused(call("ping", "-p", self.tls), 1, "closed the connection before", "--cafile")
        self.refused(call("ping", "-p", self.plain, "--cafile", self.path("ca.crt")), 1, "no TLS with", "-p")

    def test_a_refused_connect_is_told_in_words(self):
        for version in ("5", "3.1.1"):
            self.refused(call("ping", "-p", self.users, "-V", version), 1, "Not authorized (0x87)", "-u and -P")
            self.refused(call("ping", "-p", self.users, "-V", version, "-u", "bob", "-P", "wrong"), 1, "Not authorized")
            self.works("ping", "-p", self.users, "-V", version, "-u", "bob", "-P", "secret")

    def test_the_brokers_reason_cannot_steer_the_terminal(self):
        reason = "no\x1b[31m\u009b\u202e\nFAKE".encode()
        properties = b"\x1f" + struct.pack(">H", len(reason)) + reason
        body = b"\0\x87" + bytes([len(properties)]) + properties
        with socket.socket() as broker:
            broker.bind(("127.0.0.1", 0))
            broker.listen()
            process = start("ping", "-p", broker.getsockname()[1], "-V", "5")
            connection, _ = broker.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"\x20" + bytes([len(body)]) + body)
                _, said = process.communicate(timeout=SECONDS)
        self.assertIn(r"Not authorized (0x87): no\x1b[31m\u{9b}\u{202e}\nFAKE; it wants", said)

    def test_the_password_may_come_from_the_environment(self):
        done = call("ping", "-p", self.users, "-u", "bob", env={**PLAIN, "BRAMBLE_PASSWORD": "secret"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.refused(call("ping", "-p", self.users, "-u", "bob", env={**PLAIN, "BRAMBLE_PASSWORD": "no"}), 1)

    def test_the_password_is_asked_for_on_a_terminal_and_not_shown(self):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([CTL, "ping", "-p", str(self.users), "-u", "bob"], stdin=theirs, stdout=theirs,
                                   stderr=theirs, env=PLAIN, start_new_session=True)
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # the end of a pty
            while more := os.read(ours, 4096):
                shown += more
                if shown == b"Password: ":
                    os.write(ours, b"secret\n")
        os.close(ours)
        self.assertEqual(process.wait(SECONDS), 0, shown)
        self.assertIn(b"answers", shown)
        self.assertNotIn(b"secret", shown)

    def test_tls_checks_the_broker_and_its_name(self):
        self.refused(call("ping", "-p", self.tls, "--cafile", self.path("other.crt")), 1, "certificate does not hold")
        wrong_name = ("ping", "-h", "127.0.0.1", "-p", self.tls, "--cafile", self.path("ca.crt"))
        self.refused(call(*wrong_name), 1, "certificate does not hold", "--insecure")
        self.works(*wrong_name, "--insecure")
        self.refused(call("ping", "-p", self.tls, "--cafile", self.path("none")), 1, "--cafile", "cannot be used")

    def test_tls_shows_a_certificate_where_one_is_wanted(self):
        where = ("ping", "-p", self.mutual, "--cafile", self.path("ca.crt"))
        self.refused(call(*where), 1, "--cert and --key")
        self.works(*where, "--cert", self.path("client.crt"), "--key", self.path("client.key"))

    def test_mosquitto_sub_gets_what_pub_sends(self):
        for version in ("5", "3.1.1"):
            for qos in (0, 1, 2):
                topic = self.name()
                there = self.subscriber("-q", qos, "-C", 1, topic=topic, program="mosquitto_sub")
                self.works("pub", "-p", self.plain, "-V", version, "-t", topic, "-m", f"at {qos}", "-q", qos)
                self.ended(there, 0, f"at {qos}\n")

    def test_sub_gets_what_mosquitto_pub_sends(self):
        for version in ("5", "3.1.1"):
            for qos in (0, 1, 2):
                topic = self.name()
                there = self.subscriber("-V", version, "-q", qos, "-C", 2, "-v", topic=topic + "/#")
                for text in ("one", "two"):
                    run("mosquitto_pub", "-p", self.plain, "-t", topic + "/x", "-m", text, "-q", qos)
                self.ended(there, 0, f"{topic}/x one\n{topic}/x two\n")

    def test_lines_files_and_the_whole_input_are_published(self):
        topic = self.name()
        there = self.subscriber("-q", 2, "-C", 5, topic=topic)
        self.works("pub", "-p", self.plain, "-t", topic, "-l", "-q", 2, input="one\n\nlast")
        self.works("pub", "-p", self.plain, "-t", topic, "-s", input="all\nof it")
        self.works("pub", "-p", self.plain, "-t", topic, "-f", self.path("text", "of a file"))
        self.ended(there, 0, "one\n\nlast\nall\nof it\nof a file\n")
        self.refused(call("pub", "-p", self.plain, "-t", topic, "-f", self.path("none")), 1, "cannot be read")

    def test_a_large_message_goes_through_tls(self):
        topic, text = self.name(), "x" * 1_500_000
        where = ("-p", self.tls, "--cafile", self.path("ca.crt"), "-t", topic)
        self.works("pub", *where, "-r", "-s", input=text)
        self.assertEqual(self.works("sub", *where, "-C", 1), text + "\n")
        self.refused(call("pub", *where, "-s", input=text * 2), 1, "max_packet_size")

    def test_a_retained_message_and_its_end(self):
        topic = self.name()
        self.works("pub", "-p", self.plain, "-t", topic, "-m", "kept", "-r")
        self.assertEqual(self.works("sub", "-p", self.plain, "-t", topic, "-C", 1), "kept\n")
        self.works("pub", "-p", self.plain, "-t", topic, "-n", "-r")
        done = call("sub", "-p", self.plain, "-t", topic, "-W", 1)
        self.assertEqual((done.returncode, done.stdout), (27, ""), done.stderr)

    def test_several_filters(self):
        one, two = self.name(), self.name()
        for topic in (one, two):
            self.works("pub", "-p", self.plain, "-t", topic, "-m", topic, "-r")
        said = self.works("sub", "-p", self.plain, "-t", one, "-t", two, "-C", 2)
        self.assertEqual(sorted(said.split()), sorted((one, two)))

    def test_a_session_that_is_kept_loses_nothing_after_the_count(self):
        for version in ("5", "3.1.1"):
            for qos in (1, 2):
                topic, name = self.name(), self.name()
                session = ("sub", "-p", self.plain, "-V", version, "-c", "-i", name, "-t", topic, "-q", qos)
                first = start(*session)
                self.broker.wait_for(f"{name} {qos} {topic}")
                first.send_signal(signal.SIGTERM)
                self.ended(first, 0, "")
                self.works("pub", "-p", self.plain, "-t", topic, "-l", "-q", qos, input="1\n2\n3\n4\n")
                self.assertEqual(self.works(*session, "-C", 1), "1\n")
                self.assertEqual(self.works(*session, "-C", 2), "2\n3\n")
                self.assertEqual(self.works(*session, "-C", 1), "4\n")

    def test_keep_alive_while_nothing_happens(self):
        done = call("sub", "-p", self.plain, "-t", self.name(), "-k", 1, "-W", 3)
        self.assertEqual((done.returncode, done.stderr), (27, ""))

    def test_the_reason_of_a_disconnect_is_told(self):
        topic, name = self.name(), self.name()
        first = start("sub", "-p", self.plain, "-i", name, "-t", topic)
        self.broker.wait_for(f"{name} 0 {topic}")
        self.works("ping", "-p", self.plain, "-i", name)
        self.assertIn("Session taken over", self.ended(first, 1, ""))

    def test_output_that_nobody_reads_ends_it_and_acknowledges_nothing(self):
        topic, name = self.name(), self.name()
        session = ("sub", "-p", self.plain, "-c", "-i", name, "-t", topic, "-q", 1)
        first = start(*session)
        self.broker.wait_for(f"{name} 1 {topic}")
        first.stdout.close()
        self.works("pub", "-p", self.plain, "-t", topic, "-m", "once", "-q", 1)
        self.assertEqual(first.wait(SECONDS), 1)
        first.stderr.close()
        self.assertEqual(self.works(*session, "-C", 1), "once\n")

    def test_what_the_broker_does_not_take_is_told_before(self):
        self.refused(call("pub", "-p", self.low, "-t", "a", "-m", "x", "-q", 2), 1, "QoS 1 at most")
        self.works("pub", "-p", self.low, "-t", "a", "-m", "x", "-q", 1)

    def test_a_wrong_command_line_ends_with_2(self):
        for words in ((), ("nonsense",), ("pub",), ("pub", "-t", "a"), ("pub", "-t", "a/#", "-m", "x"), ("sub",),
                      ("sub", "-t", "a#"), ("sub", "-t", "a", "-q", "3"), ("sub", "-t", "a", "-c"), ("ping", "-t", "a"),
                      ("pub", "-t", "a", "-m", "x", "-n"), ("ping", "-p"), ("ping", "-p", "0"), ("ping", "-V", "4"),
                      ("ping", "--insecure"), ("ping", "--unix", "/s", "--cafile", "/c"), ("config",),
                      ("ping", "--key", "/k"), ("config", "show"), ("config", "shown", "x")):
            self.refused(call(*words), 2, "bramble-ctl: ")

    def test_help_names_every_option(self):
        for verb, options in (("pub", "-h -p -t -m -f -l -n -s -q -r -i -u -P -k -V --cafile --key --unix"),
                              ("sub", "-t -q -C -W -v -c -x --capath --cert --insecure"), ("ping", "-h -p -W")):
            said = self.works(verb, "--help")
            for option in options.split():
                self.assertRegex(said, rf"(?m)^ (    )?{option}\b|, {option}\b")
        for words in (("--help",), ("--version",), ("explain", "--help")):
            self.works(*words)


class Mosquitto(WithFolder):
    def test_debians_mosquitto_is_a_broker_like_any(self):
        path = self.path("socket")
        conf = self.path("m.conf", f"listener 0 {path}\nallow_anonymous true\nuser root\nlog_dest stderr\n")
        broker = Broker([f"{DEPS}/mosquitto", "-c", conf], "running")
        try:
            for version in ("5", "3.1.1"):
                where = ("--unix", path, "-V", version)
                self.assertEqual(call("ping", *where).returncode, 0)
                for qos in (0, 1, 2):
                    sent = call("pub", *where, "-t", "m", "-m", f"{version} {qos}", "-q", qos, "-r")
                    self.assertEqual((sent.returncode, sent.stderr), (0, ""))
                    done = call("sub", *where, "-t", "m", "-C", 1, "-q", qos)
                    self.assertEqual((done.returncode, done.stdout), (0, f"{version} {qos}\n"), done.stderr)
        finally:
            broker.end()


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
