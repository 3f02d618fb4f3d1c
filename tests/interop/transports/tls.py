"""Versions, resumption, names, keys and certificates."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import termios
import time

import peers
from peers import Broker, SecretStream, run
from world import KEY, PSK, TLS12, TLS13, Case, world


class Tls(Case):
    def s_client(self, name, *words):
        """What `openssl s_client` says of a connection on which it gets a CONNACK, or of its failure."""
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{world.ports[name]}", "-nocommands", "-CAfile",
                   str(world.ca.pem), *map(str, words)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.write(peers.connect("s_client"))
                process.stdin.flush()
            said = b""
            while b"\x20\x02\0\0" not in said and (more := process.stdout.read1(65536)):
                said += more
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            said += process.stdout.read()
        return said.decode(errors="replace")

    def accepted(self, name, *words):
        said = self.s_client(name, *words)
        self.assertIn("\x20\x02\0\0", said)
        return said

    def test_versions(self):
        self.assertIn("Protocol  : TLSv1.2", self.accepted("tls", "-tls1_2"))
        self.assertIn("New, TLSv1.3", self.accepted("tls", "-tls1_3"))
        self.assertIn("New, TLSv1.3", self.accepted("tls13"))
        self.assertIn("alert protocol version", self.s_client("tls13", "-tls1_2"))
        for old in ("-tls1", "-tls1_1"):
            self.assertIn("alert protocol version", self.s_client("tls", old, "-cipher", "ALL:@SECLEVEL=0"))

    def test_a_session_is_resumed_by_its_ticket(self):
        for version in ("-tls1_2", "-tls1_3"):
            for name, more in (("tls", ()), ("mtls", ("-cert", world.alice[0], "-key", world.alice[1]))):
                with self.subTest(version=version, listener=name):
                    file = world.folder / f"session{version}{name}"
                    self.assertIn("New, TLSv", self.accepted(name, version, "-sess_out", file, *more))
                    since = world.broker.mark()
                    self.assertIn("Reused, TLSv", self.accepted(name, version, "-sess_in", file, *more))
                    if more:
                        world.broker.logged(r"as s_client .*u'alice'", since)

    def test_no_ticket_outlives_the_certificate_of_its_client(self):
        end = time.time() + 4
        date = time.strftime("%y%m%d%H%M%SZ", time.gmtime(end))
        pair = world.ca.sign("brief", "/CN=brief", dates=("-startdate", "200101000000Z", "-enddate", date))
        shown = ("-cert", pair[0], "-key", pair[1])
        for version in ("-tls1_2", "-tls1_3"):
            self.assertIn("New, TLSv", self.accepted("mtls", version, "-sess_out", world.folder / f"brief{version}", *shown))
            self.assertIn("Reused, TLSv", self.accepted("mtls", version, "-sess_in", world.folder / f"brief{version}", *shown))
        while time.time() < int(end) + 1:
            time.sleep(0.1)  # what is waited for is the clock
        for version in ("-tls1_2", "-tls1_3"):
            said = self.s_client("mtls", version, "-sess_in", world.folder / f"brief{version}", *shown)
            self.assertNotIn("\x20\x02\0\0", said)

    def test_a_session_is_of_its_listener_alone(self):
        file = world.folder / "session-elsewhere"
        self.accepted("tls", "-tls1_2", "-sess_out", file)
        certificate, key = world.alice
        self.assertIn("New, TLSv1.2", self.accepted("mtls", "-tls1_2", "-sess_in", file, "-cert", certificate, "-key", key))

    def test_the_certificate_is_the_last_of_the_name_asked_for_or_of_all(self):
        for asked, subject in (("localhost", "localhost"), ("other.test", "other"), ("one.many.test", "other"),
                               ("two.many.test", "later"), ("nobody.test", "localhost")):
            for version in ("-tls1_2", "-tls1_3"):
                self.assertIn(f"subject=CN = {subject}\n", self.accepted("tls", version, "-servername", asked))
        self.assertIn("subject=CN = localhost\n", self.accepted("tls", "-noservername"))
        self.assertIn("subject=CN = localhost\n", self.accepted("tls", "-servername", "x" * 250))

    def test_alpn(self):
        self.assertIn("ALPN protocol: mqtt", self.accepted("tls", "-alpn", "h2,mqtt"))
        self.assertIn("No ALPN negotiated", self.accepted("tls", "-alpn", "h2"))
        self.assertIn("ALPN protocol: http/1.1", self.s_client("wss", "-alpn", "http/1.1,mqtt"))

    def test_ciphers_and_curves(self):
        self.assertIn("Cipher is ECDHE-ECDSA-CHACHA20-POLY1305", self.accepted("suites", "-tls1_2"))
        said = self.accepted("suites", "-tls1_3")
        self.assertIn("Cipher is TLS_CHACHA20_POLY1305_SHA256", said)
        self.assertIn("Server Temp Key: X448", said)
        self.assertIn("ECDH, secp384r1", self.accepted("suites", "-tls1_3", "-groups", "P-384"))
        for words in (("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), ("-groups", "X25519"),
                      ("-tls1_3", "-ciphersuites", "TLS_AES_128_GCM_SHA256")):
            self.assertIn("alert handshake failure", self.s_client("suites", *words))

    def test_diffie_hellman_parameters(self):
        said = self.accepted("dh", "-tls1_2", "-cipher", "DHE")
        self.assertIn("Cipher is DHE-RSA-AES256-GCM-SHA384", said)
        self.assertIn("Server Temp Key: DH, 3072 bits", said)

    def test_renegotiation_is_refused(self):
        with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{world.ports['tls']}", "-tls1_2"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            said = b""
            while b"Verify return code" not in said:
                said += process.stdout.read1(65536)
            process.stdin.write(b"R\n")
            process.stdin.flush()
            while b"no renegotiation" not in said and (more := process.stdout.read1(65536)):
                said += more
            process.kill()
        self.assertIn(b"no renegotiation", said)

    def test_psk(self):
        for version in ("-tls1_2", "-tls1_3"):
            self.assertEqual(world.connected_as(SecretStream(world.ports["psk"], version, *PSK, "-psk", KEY)), "sensor")
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk", version, *PSK, "-psk", "00" * 16))
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk", version, "-psk_identity", "x", "-psk", KEY))
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk", version))
        self.works()

    def test_who_offers_a_key_and_does_not_prove_it_is_nobody(self):
        for words in ((), ("-psk_identity", "admin", "-psk", "00" * 16, "-ciphersuites", "TLS_AES_256_GCM_SHA384")):
            for version in ("-tls1_2", "-tls1_3"):
                self.assertNotIn("\x20\x02\0\0", self.s_client("psk_or_certificate", version, *words))
        for version in ("-tls1_2", "-tls1_3"):
            words = (version, "-cipher", "PSK", *PSK, "-psk")  # of TLS 1.2, where the certificate would go first
            stream = SecretStream(world.ports["psk_or_certificate"], *words, KEY)
            self.assertEqual(world.connected_as(stream), "sensor")
            self.assertNotIn("\x20\x02\0\0", self.s_client("psk_or_certificate", *words, "00" * 16))

    def in_terminal(self, broker, phrase):
        """A broker that has been given the passphrase; what it said so far."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(peers.BINARY, [peers.BINARY, "-c", broker.config])
        said = b""
        while b"Passphrase of" not in said:
            said += os.read(terminal, 4096)
        while termios.tcgetattr(terminal)[3] & termios.ECHO:
            os.sched_yield()
        os.write(terminal, phrase.encode() + b"\n")
        return pid, terminal, said

    def test_a_passphrase_is_remembered_for_reloads_whatever_happens_to_its_key(self):
        certificate, key = world.server
        locked = world.folder / "kept.key"
        run("openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:open sesame")
        broker = Broker(world.folder, [("tls", f"certfile {certificate}\nkeyfile {locked}\n")], start=False)
        pid, terminal, said = self.in_terminal(broker, "open sesame")

        def until(words):
            nonlocal said
            while words not in said:
                said += os.read(terminal, 4096)
            said = b""

        until(b" listens on ")
        os.rename(locked, f"{locked}.away")
        os.kill(pid, signal.SIGHUP)
        until(b"is not taken; the one before stays")
        os.rename(f"{locked}.away", locked)
        os.kill(pid, signal.SIGHUP)
        until(b"has been read again, and holds")
        run("openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:another")
        os.kill(pid, signal.SIGHUP)
        until(b"the passphrase does not open it")
        os.kill(pid, 15)
        with contextlib.suppress(OSError):
            while os.read(terminal, 4096):
                pass
        os.close(terminal)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)

    def test_an_encrypted_key_asks_for_its_passphrase(self):
        certificate, key = world.server
        locked = world.folder / "locked.key"
        run("openssl", "pkcs8", "-topk8", "-in", key, "-out", locked, "-passout", "pass:open sesame")
        for phrase, good in (("open sesame", True), ("wrong", False)):
            listeners = [("tls", f"certfile {certificate}\nkeyfile {locked}\n" * 2)]
            broker = Broker(world.folder, listeners, start=False)
            pid, terminal, said = self.in_terminal(broker, phrase)
            with contextlib.suppress(OSError):
                if good:
                    while b" listens on " not in said:
                        said += os.read(terminal, 4096)
                    os.kill(pid, 15)
                while more := os.read(terminal, 4096):
                    said += more
            os.close(terminal)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            self.assertEqual(status == 0, good, said)
            self.assertEqual(said.count(b"Passphrase of"), 1, said)  # two certificates with one key ask once
            self.assertNotIn(phrase.encode(), said)
            if not good:
                self.assertRegex(said.decode(), r"keyfile: .*locked.key: is encrypted, and the passphrase does not open it")
        broker = Broker(world.folder, listeners, start=False)
        done = subprocess.run([peers.BINARY, "-c", broker.config], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, start_new_session=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"keyfile: .*locked.key: is encrypted, and nobody can be asked for its passphrase")

    def test_a_key_that_cannot_be_read_any_more_says_why(self):
        if os.geteuid() != 0:
            self.skipTest("only root can start what may not read its key again")
        certificate, key = world.server
        folder = world.folder / "readable"
        folder.mkdir()
        for file in (certificate, key):
            shutil.copy(file, folder)
        path = folder / "broker.conf"
        path.write_text(f"user nobody\nlistener 0 127.0.0.1\nallow_anonymous true\ncertfile {folder / certificate.name}\n"
                        f"keyfile {folder / key.name}\n")
        for below in (world.folder, folder, path, folder / certificate.name):
            below.chmod(0o755)
        (folder / key.name).chmod(0o600)
        broker = Broker(world.folder, [("tls", "")], start=False)
        broker.process = subprocess.Popen([peers.BINARY, "-c", path], stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
                                          start_new_session=True)
        self.addCleanup(broker.process.kill)
        broker.follow(broker.process.stdout)
        broker.logged(" listens on ")
        broker.process.send_signal(signal.SIGHUP)
        broker.logged(r"keyfile: .*: cannot be used: Permission denied to the account that the broker runs as")


class Certificates(Case):
    def test_the_user_is_the_common_name_or_the_subject(self):
        for most in (TLS12, TLS13):
            self.assertEqual(world.connected_as(world.tls("mtls", world.alice, most=most)), "alice")
            self.assertEqual(world.connected_as(world.tls("undated", world.alice, most=most)), "CN=alice,O=Bramble")

    def refusal(self, pair, most, listener="mtls"):
        return world.refused(lambda: self.tls(listener, pair, most=most))

    def test_those_that_are_refused(self):
        cases = (("revoked", world.revoked), ("expired", world.expired), ("unknown", world.stranger))
        for most in (TLS12, TLS13):
            for words, pair in cases:
                self.assertRegex(self.refusal(pair, most), f"(?i)alert.*{words}")
            self.assertRegex(self.refusal(None, most), "(?i)alert.*(handshake failure|required)")
            self.assertRegex(self.refusal(world.stranger, most, "undated"), "(?i)alert.*unknown")

    def test_dates_may_be_left_unchecked(self):
        self.assertEqual(world.connected_as(world.tls("undated", world.expired)), "CN=expired")

    def test_the_log_says_what_was_wrong(self):
        since = world.broker.mark()
        self.refusal(world.revoked, TLS13)
        world.broker.logged(r"Client <unknown> \[127\.0\.0\.1:\d+\] disconnected: certificate verify failed: "
                            r"certificate revoked \(CN=revoked\)\.", since)
