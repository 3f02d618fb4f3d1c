#!/usr/bin/env python3
"""bramble-ctl as people call it: what it shows of a configuration, and what it explains. Ends with `N passed, N failed`.
BRAMBLE_BINARIES names another folder with Bramble's programs."""
import os
import subprocess
import unittest

from programs import BROKER, PASSWD, Broker, WithFolder, call, end_with, run

AS_ROOT = "user root\n" if os.geteuid() == 0 else ""  # nobody may not write to the test's folder


class Show(WithFolder):
    def test_show_is_what_test_config_prints(self):
        conf = self.path("a.conf", "listener 1883\nallow_anonymous true\npersistence true\n"
                                   f"persistence_location {self.folder}\n{AS_ROOT}")
        shown, tested = call("config", "show", conf), run(BROKER, "--test-config", "-c", conf)
        self.assertEqual((shown.returncode, tested.returncode), (0, 0))
        self.assertEqual((shown.stdout, shown.stderr), (tested.stdout, tested.stderr))
        self.assertRegex(shown.stdout, rf"(?m)^  allow_anonymous +true +{conf}:2$")
        self.assertRegex(shown.stdout, r"(?m)^  max_packet_size +2000000 +default$")
        self.assertIn("Warning: not encrypted", shown.stdout)
        self.assertIn("Mosquitto writes its database", shown.stdout)

    def test_a_wrong_file_ends_with_3_and_its_errors(self):
        conf = self.path("b.conf", "listener 1883\nmax_qos 3\n")
        self.refused(call("config", "show", conf), 3, f"{conf}:2: max_qos: 3 is not a QoS")
        self.refused(call("config", "show", self.path("none")), 3, "cannot be read")

    def test_what_cannot_start_ends_with_3(self):
        broken = self.path("broken", "do-not-show\n")
        none, plain = self.path("none"), self.path("plain", "bob:do-not-show\n")
        self.certificate()
        tls = f"certfile {self.path('pem')}\nkeyfile {self.path('key')}\n"
        for lines, says in ((f"password_file {plain}", "plain text"), (f"password_file {none}", "cannot be read"),
                            (f"acl_file {broken}", "is not known here"), (f"acl_file {none}", "cannot be read"),
                            (f"certfile {none}\nkeyfile {none}", "cannot be used: No such file or directory"),
                            (f"certfile {broken}\nkeyfile {broken}", "certfile: "),
                            (f"{tls}ciphers nonsense", "ciphers: "), (f"{tls}cafile {none}", "cafile: "),
                            (f"psk_file {none}", "psk_file: "), (f"psk_file {none}\npsk_hint h", "psk_file: "),
                            (f"protocol websockets\nhttp_dir {none}", "http_dir: "),
                            (f"log_dest file {none}/log", "log_dest: "), (f"pid_file {none}/pid", "pid_file: "),
                            (f"control_socket {none}/s", "control_socket: "), (f"listener 0 {none}/s", f"cannot open {none}/s"),
                            (f"control_socket {plain}", f"control_socket: Cannot listen on {plain}: it is there already"),
                            (f"listener 0 {plain}", f":3: Cannot listen on {plain}: it is there already; it is no socket"),
                            (f"listener 0 /{'x' * 108}", "a Unix socket's path has at most 107 bytes"),
                            (f"persistence true\npersistence_location {none}/store",
                             f":4: persistence_location: cannot make {none}/store: No such file or directory; create"),
                            (f"retained_persistence true\npersistence_location {plain}\n{AS_ROOT}",
                             f":4: persistence_location: cannot write to {plain}: Not a directory; name another folder"),
                            *([("persistence true\npersistence_location /root", ":4: persistence_location: cannot write "
                                "to /root: Permission denied; running as "),
                               ("user no-such-user", "user: there is no account")] if os.geteuid() == 0 else [])):
            conf = self.path("f.conf", f"listener 1883\nallow_anonymous true\n{lines}\n")
            for done in (call("config", "show", conf), run(BROKER, "--test-config", "-c", conf)):
                self.refused(done, 3, says)
                self.assertNotIn("bob:do-not-show", done.stderr)

    def test_looking_writes_nothing_and_asks_for_nothing(self):
        self.certificate("-aes256", "-passout", "pass:secret")
        conf = self.path("n.conf", f"{AS_ROOT}listener 1883\nallow_anonymous true\nlog_dest file {self.path('log')}\n"
                                   f"pid_file {self.path('pid')}\ncertfile {self.path('pem')}\n"
                                   f"keyfile {self.path('key')}\npersistence true\n"
                                   f"persistence_location {self.path('store')}\n")
        for done in (call("config", "show", conf), run(BROKER, "--test-config", "-c", conf)):
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"keyfile: {self.path('key')} is encrypted, so it was not read", done.stderr)
            for name in ("log", "pid", "store"):
                self.assertFalse(os.path.exists(self.path(name)), name)

    def certificate(self, *protection):
        """Files pem and key."""
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out",
                        self.path("plain_key")], check=True, capture_output=True)
        subprocess.run(["openssl", "req", "-x509", "-key", self.path("plain_key"), "-subj", "/CN=localhost", "-out",
                        self.path("pem")], check=True, capture_output=True)
        subprocess.run(["openssl", "ec", "-in", self.path("plain_key"), *protection, "-out", self.path("key")],
                       check=True, capture_output=True)

    def test_passwords_and_keys_are_not_shown(self):
        subprocess.run([PASSWD, "-c", "-b", self.path("pw"), "bob", "do-not-show"], check=True)
        with open(self.path("pw")) as file:
            hashed = file.read().split("$")[-1].strip()
        conf = self.path("c.conf", f"listener 1883\npassword_file {self.path('pw')}\nlistener 1884\npsk_hint h\n"
                                   f"psk_file {self.path('psk', 'bob:00d0067500' + chr(10))}\n")
        done = call("config", "show", conf)
        self.assertEqual(done.returncode, 0, done.stderr)
        for secret in ("do-not-show", hashed, "00d0067500"):
            self.assertNotIn(secret, done.stdout + done.stderr)
        bridge = self.path("d.conf", "connection x\naddress h\nremote_password do-not-show\nbridge_psk do-not-show\n")
        done = call("config", "show", bridge)
        self.assertEqual(done.returncode, 3)
        self.assertNotIn("do-not-show", done.stdout + done.stderr)


class Explain(WithFolder):
    def setUp(self):
        subprocess.run([PASSWD, "-c", "-b", self.path("pw"), "bob", "secret"], check=True)
        self.path("acl", "topic read open\nuser bob\ntopic read s/#\ntopic deny s/secret\npattern write c/%c/#\n")
        self.conf = self.path("e.conf", f"password_file {self.path('pw')}\nacl_file {self.path('acl')}\n"
                                        "listener 1883\nmax_qos 1\nlistener 1884 127.0.0.1\nmount_point c/\n"
                                        "listener_allow_anonymous true\n")

    def explain(self, *words, listener=1883):
        return call("explain", *words, "--listener", listener, "-c", self.conf)

    def test_a_rule_that_allows_is_named_with_its_line(self):
        done = self.explain("publish", "--client", "x", "--user", "bob", "--topic", "c/x/1")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"allowed by {self.path('acl')}:5: pattern write c/%c/#", done.stdout)
        self.assertRegex(done.stdout, rf"(?m)^    max_qos +1 +{self.conf}:4$")
        self.assertTrue(done.stdout.endswith("\nallowed\n"))

    def test_what_no_rule_allows_and_what_a_rule_denies(self):
        done = self.explain("publish", "--client", "y", "--user", "bob", "--topic", "c/x/1")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"no line of {self.path('acl')} allows it", done.stdout)
        done = self.explain("subscribe", "--client", "y", "--user", "bob", "--topic", "s/secret")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"denied by {self.path('acl')}:4: topic deny s/secret", done.stdout)
        self.assertTrue(done.stdout.endswith("\ndenied\n"))

    def test_a_filter_that_is_allowed_in_part(self):
        done = self.explain("subscribe", "--client", "y", "--user", "bob", "--topic", "s/+")
        self.assertEqual(done.returncode, 0)
        for rule in ("allowed by {}:3: topic read s/#", "denied by {}:4: topic deny s/secret"):
            self.assertIn(rule.format(self.path("acl")), done.stdout)
        self.assertTrue(done.stdout.endswith("\nallowed in part\n"))
        self.assertIn("all of it", self.explain("subscribe", "--user", "bob", "--topic", "s/a/#").stdout)
        self.assertEqual(self.explain("subscribe", "--user", "bob", "--topic", "other/#").returncode, 1)

    def test_the_mount_point_comes_before_the_rules(self):
        done = self.explain("publish", "--client", "x", "--user", "bob", "--topic", "x/1", listener=1884)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn(f"c/x/1 to others (mount_point, {self.conf}:6)", done.stdout)

    def test_who_may_connect(self):
        done = self.explain("connect", "--client", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("anonymous clients are not allowed (allow_anonymous false, default)", done.stdout)
        self.assertEqual(self.explain("connect", "--client", "x", listener=1884).returncode, 0)
        done = self.explain("connect", "--user", "eve")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"eve is not in {self.path('pw')}", done.stdout)
        done = self.explain("connect", "--user", "bob")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"(?m)^    global_max_connections +-1 +default$")
        self.assertNotIn("$argon2id", done.stdout)
        conf = self.path("f.conf", "clientid_prefixes dev-\nallow_anonymous true\nlistener 1883\n")
        done = call("explain", "connect", "--client", "x", "-c", conf)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"clientid_prefixes, {conf}:1", done.stdout)

    def test_topics_that_nobody_may_use(self):
        for topic in ("a/#", "$SYS/x"):
            self.assertEqual(self.explain("publish", "--user", "bob", "--topic", topic).returncode, 1)
        self.assertEqual(self.explain("subscribe", "--user", "bob", "--topic", "a/#/b").returncode, 1)

    def test_what_is_missing_is_said(self):
        self.refused(call("explain", "publish", "--topic", "a", "-c", self.conf), 2, "--listener of 1883, 1884")
        self.refused(self.explain("publish", "--topic", "a", listener=7), 2, "none on 7, but on 1883, 1884")
        self.refused(call("explain", "publish", "--topic", "a"), 2, "-c FILE")
        self.refused(self.explain("publish"), 2, "--topic")
        self.refused(call("explain"), 2, "publish, subscribe or connect")
        gone = self.path("g.conf", f"listener 1883\nallow_anonymous true\nacl_file {self.path('gone')}\n")
        self.refused(call("explain", "publish", "--topic", "a", "-c", gone), 3, f"{gone}:3: acl_file", "cannot be read")

    def test_the_broker_says_the_same(self):
        conf = self.path("h.conf", f"allow_anonymous true\nacl_file {self.path('acl')}\nlistener 0 127.0.0.1\n"
                                   "log_type all\n")
        broker = Broker([BROKER, "-c", conf], "listens on")
        try:
            for topic in ("c/x/1", "c/y/1", "c/x", "s/1", "open", "c/x/a/b", "other"):
                who = ("-i", "x", "-u", "bob", "-P", "any")
                asked = call("pub", "-h", "127.0.0.1", "-p", broker.ports[0], *who, "-t", topic, "-m", "1", "-q", 1)
                told = call("explain", "publish", "--client", "x", "--user", "bob", "--topic", topic, "-c", conf)
                self.assertEqual(asked.returncode, told.returncode, (topic, asked.stderr, told.stdout))
                if asked.returncode:
                    self.assertIn("Not authorized", asked.stderr)
        finally:
            broker.end()


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
