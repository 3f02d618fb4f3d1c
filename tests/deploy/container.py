#!/usr/bin/python3
"""bramble --container as an image starts it, with the real paths, in a mount and network namespace of its own: which
configuration counts, what the first start makes, what the environment says, and what the health check finds.
BRAMBLE_BIN names another broker, with bramble-ctl and bramble-passwd beside it. Ends with `N passed, N failed`."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import spaces

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))
from peers import BINARY, PATIENCE, Authority, Mqtt, counted, run, tcp  # noqa: E402

OURS = 1883  # the image's uid
OWN, MOSQUITTO, DATA = Path("/etc/bramble"), Path("/mosquitto"), Path("/var/lib/bramble")
CONFIG, PASSWORDS = DATA / "bramble.conf", DATA / "passwd"
PASSWORD = re.compile(r"^ +password  ([a-z2-9]{6}(?:-[a-z2-9]{6}){3})$", re.MULTILINE)
FOLDER = Path(tempfile.mkdtemp(prefix="bramble-container-"))
BROKER, CTL, PASSWD = (FOLDER / name for name in ("bramble", "bramble-ctl", "bramble-passwd"))


def environment(**variables):
    return {"PATH": os.environ["PATH"], **variables}


class Started:
    """A broker. What it says lies in a file."""

    def __init__(self, *words, user=OURS, stdout=None, **variables):
        self.output = tempfile.NamedTemporaryFile(dir=FOLDER)
        more = {} if user == 0 else {"user": user, "group": user, "extra_groups": []}
        self.process = subprocess.Popen([BROKER, "--container", *words], stdout=stdout or self.output, stderr=self.output,
                                        env=environment(**variables), cwd="/", **more)

    def said(self):
        return Path(self.output.name).read_text(errors="replace")

    def says(self, words, times=1):
        end = time.monotonic() + PATIENCE
        while self.said().count(words) < times:
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{words!r} was not said:\n{self.said()}")
            time.sleep(0.01)
        return self.said()

    def status(self):
        return self.process.wait(PATIENCE)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        return self.status()

    def kill(self):
        self.process.kill()
        self.process.wait()


class WithPlaces(unittest.TestCase):
    """Each test has the three folders empty."""

    def setUp(self):
        for place in (OWN, MOSQUITTO, DATA):
            run("mount", "-t", "tmpfs", "-o", "size=64m,mode=0755", "tmpfs", place)
            self.addCleanup(run, "umount", "--lazy", place)
        (MOSQUITTO / "config").mkdir()
        os.chown(DATA, OURS, OURS)

    def start(self, *words, **more):
        broker = Started(*words, **more)
        self.addCleanup(broker.stop)
        return broker

    def running(self, *words, **more):
        broker = self.start(*words, **more)
        broker.says(" listens on ")
        return broker

    def refused(self, status, *parts, **more):
        broker = self.start(**more)
        self.assertEqual(broker.status(), status, broker.said())
        for part in parts:
            self.assertIn(part, broker.said())
        return broker.said()

    def ctl(self, *words, **variables):
        return subprocess.run([CTL, *words], capture_output=True, text=True, timeout=PATIENCE, user=OURS, group=OURS,
                              extra_groups=[], env=environment(**variables))

    def may_publish(self, *words):
        return self.ctl("pub", "-t", "t", "-m", "x", *words).returncode == 0


class FirstStart(WithPlaces):
    def test_it_makes_a_user_whose_password_is_printed_once_and_lets_in_nobody_else(self):
        first = self.running()
        found = PASSWORD.findall(first.said())
        self.assertEqual(len(found), 1, first.said())
        self.assertIn("user      bramble\n", first.said())
        login = ["-u", "bramble", "-P", found[0]]
        self.assertTrue(self.may_publish(*login))
        self.assertFalse(self.may_publish())
        self.assertFalse(self.may_publish("-u", "bramble", "-P", "wrong"))
        self.assertEqual(first.stop(), 0)

        for path in (CONFIG, PASSWORDS):
            status = path.stat()
            self.assertEqual((status.st_mode & 0o7777, status.st_uid), (0o600, OURS), path)
        self.assertTrue(PASSWORDS.read_text().startswith("bramble:$argon2id$"))
        self.assertNotIn(found[0], CONFIG.read_text() + PASSWORDS.read_text())
        self.assertEqual(sorted(path.name for path in DATA.iterdir()), ["bramble.conf", "bramble.db", "passwd"])

        second = self.running()
        self.assertNotIn("password", second.said())
        self.assertTrue(self.may_publish(*login))

    def test_no_two_passwords_are_the_same(self):
        self.running().stop()
        first = PASSWORDS.read_text()
        CONFIG.unlink()
        PASSWORDS.unlink()
        self.running().stop()
        self.assertNotEqual(first, PASSWORDS.read_text())

    def test_the_password_is_printed_also_where_nothing_is_logged(self):
        broker = self.start(BRAMBLE_LOG_DEST="none")
        broker.says("    password  ")

    def test_a_password_that_cannot_be_shown_does_not_count(self):
        with open("/dev/full", "w") as full:
            said = self.refused(1, "cannot be printed on stdout: No space left on device", stdout=full)
        self.assertNotIn(" listens on ", said)
        self.assertFalse(CONFIG.exists() or PASSWORDS.exists())
        self.assertEqual(len(PASSWORD.findall(self.running().said())), 1)

    def test_a_start_that_was_cut_off_is_finished_by_the_next(self):
        self.running().stop()
        users = PASSWORDS.read_text()
        CONFIG.rename(DATA / "bramble.conf.new")  # as a kill before the last step leaves it
        (DATA / "bramble.conf.new").write_text("half of it")
        second = self.running()
        self.assertNotIn("password", second.said())
        self.assertEqual(PASSWORDS.read_text(), users)
        self.assertIn("allow_anonymous false", CONFIG.read_text())

    def test_one_that_is_killed_at_any_time_is_finished_by_the_next(self):
        known = set()
        for wait in range(12):
            broker = Started()
            time.sleep(wait * 0.006)  # when is left to chance: what holds, holds at any time
            broker.kill()
            known |= set(PASSWORD.findall(broker.said()))
            if CONFIG.exists():
                break
        broker = self.running()
        known |= set(PASSWORD.findall(broker.said()))
        self.assertTrue(any(self.may_publish("-u", "bramble", "-P", each) for each in known), known)

    def test_of_two_at_once_one_makes_it(self):
        both = [self.start() for _ in range(2)]
        end = time.monotonic() + PATIENCE
        while not any(" listens on " in each.said() for each in both) or all(each.process.poll() is None for each in both):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        self.assertEqual(len(PASSWORD.findall("".join(each.said() for each in both))), 1)

    def test_a_folder_of_somebody_else_stops_it_and_the_line_says_what_to_do(self):
        os.chown(DATA, 0, 0)
        said = self.refused(1, "Error: /var/lib/bramble: the first start cannot make /var/lib/bramble/bramble.conf there: "
                            "Permission denied; it belongs to 0:0, and the broker runs as 1883:1883: on the host, `chown "
                            "1883:1883` the folder that is mounted there, or `docker run --user 0:0`")
        self.assertNotIn("password  ", said)

    def test_a_full_disk_stops_it_and_the_line_says_so(self):
        run("mount", "-t", "tmpfs", "-o", "size=4k,mode=0777", "tmpfs", DATA)
        self.addCleanup(run, "umount", "--lazy", DATA)
        (DATA / "other").write_bytes(bytes(4096))
        self.refused(1, "No space left on device; make room on its disk")

    def test_what_lies_in_the_way_of_its_files_is_not_written_into(self):
        os.mkfifo(DATA / "passwd.new")
        victim = OWN / "victim"
        victim.write_text("as it was")
        victim.chmod(0o666)
        (DATA / "bramble.conf.new").symlink_to(victim)
        self.running()
        self.assertTrue(PASSWORDS.is_file() and CONFIG.is_file() and not CONFIG.is_symlink())
        self.assertEqual(victim.read_text(), "as it was")

    def test_a_left_over_of_root_is_no_hindrance(self):
        (DATA / "passwd.new").write_text("")
        (DATA / "passwd.new").chmod(0o600)
        self.assertEqual(len(PASSWORD.findall(self.running().said())), 1)

    def test_a_folder_of_its_own_that_it_may_not_write_to_is_told_of(self):
        DATA.chmod(0o555)
        self.refused(1, "Permission denied; on the host, `chmod u+rwx` the folder that is mounted there")

    def test_no_user_is_made_where_nobody_needs_him(self):
        users = OWN / "users"
        users.write_text("")
        users.chmod(0o644)
        run(PASSWD, "-b", users, "pump", "secret")
        for variables, login in (({"BRAMBLE_PASSWORD_FILE": str(users)}, ["-u", "pump", "-P", "secret"]),
                                 ({"BRAMBLE_ALLOW_ANONYMOUS": "true"}, [])):
            with self.subTest(**variables):
                broker = self.running(**variables)
                self.assertNotIn("password  ", broker.said())
                self.assertEqual(PASSWORDS.read_text(), "")
                self.assertTrue(self.may_publish(*login))
                broker.stop()
                run(PASSWD, "-b", PASSWORDS, "late", "secret", user=OURS, group=OURS, extra_groups=[])
                broker = self.running()  # without the variable, and with a user
                self.assertTrue(self.may_publish("-u", "late", "-P", "secret"))
                self.assertFalse(self.may_publish())
                broker.stop()
                for path in list(DATA.iterdir()):
                    path.unlink()

    def test_root_that_may_give_nothing_away_is_told_what_to_do(self):
        done = subprocess.run(["setpriv", "--bounding-set=-chown", BROKER, "--container"], capture_output=True, text=True,
                              timeout=PATIENCE, env=environment())
        self.assertEqual(done.returncode, 1)
        self.assertIn("Operation not permitted; leave the container the capability CHOWN, or run it as", done.stderr)

    def test_root_makes_it_for_the_account_that_it_becomes(self):
        os.chown(DATA, 0, 0)
        broker = self.running(user=0)
        account = os.stat(f"/proc/{broker.process.pid}").st_uid
        self.assertNotEqual(account, 0)
        self.assertEqual({path.stat().st_uid for path in (DATA, CONFIG, PASSWORDS)}, {account})
        broker.process.send_signal(signal.SIGHUP)
        broker.says("has been read again, and holds")

    def test_a_new_password_is_known_at_once(self):
        self.running()
        run(PASSWD, "-b", PASSWORDS, "bramble", "another", user=OURS, group=OURS, extra_groups=[])
        end = time.monotonic() + PATIENCE
        while not self.may_publish("-u", "bramble", "-P", "another"):
            self.assertLess(time.monotonic(), end)

    def test_test_config_makes_nothing(self):
        broker = self.start("--test-config", BRAMBLE_MAX_QUEUED_MESSAGES="77")
        self.assertEqual(broker.status(), 0, broker.said())
        self.assertIn("/var/lib/bramble/bramble.conf: is not there yet: the start makes it", broker.said())
        self.assertRegex(broker.said(), r"max_queued_messages +77 +BRAMBLE_MAX_QUEUED_MESSAGES")
        self.assertEqual(list(DATA.iterdir()), [])


class Configuration(WithPlaces):
    def test_bramble_conf_counts_before_mosquitto_conf_and_both_before_the_first_start(self):
        (MOSQUITTO / "config/mosquitto.conf").write_text("listener 1884\nallow_anonymous true\n")
        broker = self.running()
        self.assertIn(":1884", broker.said())
        broker.stop()
        (OWN / "bramble.conf").write_text("listener 1885\nallow_anonymous true\n")
        self.assertIn(":1885", self.running().said())
        self.assertEqual(list(DATA.iterdir()), [])

    def test_dash_c_counts_before_all(self):
        (OWN / "bramble.conf").write_text("listener 1885\n")
        (OWN / "mine.conf").write_text("listener 1886\n")
        self.assertIn(":1886", self.running("-c", str(OWN / "mine.conf"), BRAMBLE_LOG_TYPE="all").said())

    def test_a_mosquitto_conf_without_a_listener_is_told_to_reach_nobody(self):
        (MOSQUITTO / "config/mosquitto.conf").write_text("# as eclipse-mosquitto has it\n")
        self.assertIn("mosquitto.conf: opens no listener, so nobody outside this container reaches the broker",
                      self.running().said())

    def test_a_variable_is_an_option_and_wins_over_the_file(self):
        (OWN / "bramble.conf").write_text("port 1883\nlog_type error\nallow_anonymous false\n")
        broker = self.running(BRAMBLE_PORT="1887", BRAMBLE_ALLOW_ANONYMOUS="true", BRAMBLE_LOG_TYPE="all")
        self.assertIn(":1887", broker.said())
        self.assertNotIn(":1883,", broker.said())
        self.assertIn("/etc/bramble/bramble.conf:1: port: not used: BRAMBLE_PORT takes its place", broker.said())
        self.assertTrue(self.may_publish("-p", "1887"))

    def test_a_link_that_leads_nowhere_stops_it(self):
        (OWN / "bramble.conf").symlink_to("..data/bramble.conf")
        self.refused(3, "/etc/bramble/bramble.conf: cannot be read: No such file or directory")
        self.assertEqual(list(DATA.iterdir()), [])

    def test_an_unknown_variable_stops_it_before_anything_is_made(self):
        self.refused(3, "BRAMBLE_MAX_QEUED_MESSAGES: max_qeued_messages: no such option; did you mean max_queued_messages?",
                     BRAMBLE_MAX_QEUED_MESSAGES="5")
        self.assertEqual(list(DATA.iterdir()), [])

    def test_what_kubernetes_sets_for_a_service_does_not_stop_it(self):
        broker = self.running(BRAMBLE_PORT="tcp://10.0.0.7:1883", BRAMBLE_SERVICE_HOST="10.0.0.7", BRAMBLE_SERVICE_PORT="1883",
                              BRAMBLE_PORT_1883_TCP="tcp://10.0.0.7:1883", BRAMBLE_PORT_1883_TCP_ADDR="10.0.0.7")
        self.assertIn("BRAMBLE_PORT_1883_TCP_ADDR", re.search(r".*as Kubernetes sets them.*", broker.said())[0])
        self.assertIn(":1883", broker.said())

    def test_without_container_the_environment_says_nothing(self):
        (OWN / "bramble.conf").write_text("listener 1888\n")
        with open(FOLDER / "plain", "w+") as out:
            process = subprocess.Popen([BROKER, "-c", OWN / "bramble.conf"], stderr=out, env=environment(BRAMBLE_NONSENSE="1"),
                                       user=OURS, group=OURS, extra_groups=[])
            end = time.monotonic() + PATIENCE
            while " listens on " not in Path(out.name).read_text():
                self.assertLess(time.monotonic(), end)
                self.assertIsNone(process.poll())
        process.terminate()
        self.assertEqual(process.wait(PATIENCE), 0)

    def test_sighup_sees_the_same_file_and_the_same_environment(self):
        config = MOSQUITTO / "config/mosquitto.conf"
        config.write_text("listener 1884\nlog_type error\n")
        broker = self.running(BRAMBLE_ALLOW_ANONYMOUS="true", BRAMBLE_LOG_TYPE="all")
        (OWN / "bramble.conf").write_text("listener 1885\n")
        config.write_text("allow_anonymous false\nlistener 1884\nlistener 1886\n")
        broker.process.send_signal(signal.SIGHUP)
        broker.says("has been read again, and holds")
        self.assertTrue(self.may_publish("-p", "1884"))
        self.assertTrue(self.may_publish("-p", "1886"))
        self.assertFalse(self.may_publish("-p", "1885"))

    def test_config_show_tells_of_the_same(self):
        (OWN / "bramble.conf").write_text("listener 1885\n")
        shown = self.ctl("config", "show", "--container", BRAMBLE_MAX_QUEUED_MESSAGES="77")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"max_queued_messages +77 +BRAMBLE_MAX_QUEUED_MESSAGES")
        self.assertIn("port 1885 of all addresses (/etc/bramble/bramble.conf:1)", shown.stdout)


class Health(WithPlaces):
    @classmethod
    def setUpClass(cls):
        cls.authority = Authority(FOLDER, "ca")
        cls.authority.sign("server", "/CN=server")
        for path in (FOLDER / "ca").iterdir():
            path.chmod(0o644)
        (FOLDER / "psk").write_text("gate:0123456789abcdef\n")

    def ping(self, *words, **variables):
        return self.ctl("ping", "--container", *words, **variables)

    def healthy(self, config, says, **variables):
        """Found well while it runs, and not before or after."""
        (OWN / "bramble.conf").write_text(config)
        self.assertEqual(self.ping(**variables).returncode, 1)
        broker = self.running(**variables)
        found = self.ping(**variables)
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn(says, found.stdout)
        return broker

    def tls(self, more=""):
        return f"certfile {FOLDER}/ca/server.pem\nkeyfile {FOLDER}/ca/server.key\ncafile {FOLDER}/ca/ca.pem\n{more}"

    def test_the_first_start_is_healthy_once_it_is_up(self):
        self.assertIn("bramble.conf is not there yet", self.ping().stderr)
        self.running()
        self.assertIn("127.0.0.1:1883 answers: CONNACK, Not authorized", self.ping().stdout)

    def test_plain(self):
        broker = self.healthy("listener 1890\nallow_anonymous true\n", "127.0.0.1:1890 answers: CONNACK, Success")
        broker.stop()
        self.assertEqual(self.ping().returncode, 1)

    def test_another_port_by_the_environment(self):
        self.healthy("port 1883\n", "127.0.0.1:1891 answers", BRAMBLE_PORT="1891")

    def test_tls_alone(self):
        self.healthy("listener 8883\n" + self.tls(), "127.0.0.1:8883 answers: CONNACK")

    def test_tls_with_certificates_of_clients(self):
        self.healthy("listener 8883\n" + self.tls("require_certificate true\n"), "it asks for a certificate or key")

    def test_pre_shared_keys(self):
        self.healthy(f"listener 8883\npsk_hint gate\npsk_file {FOLDER}/psk\n", "it asks for a certificate or key")

    def test_websocket_alone(self):
        self.healthy("listener 9001\nprotocol websockets\n", "127.0.0.1:9001 answers: CONNACK")

    def test_websocket_of_some_pages_over_tls(self):
        self.healthy("listener 9001\nprotocol websockets\nwebsockets_origin https://a.example\n" + self.tls(), "CONNACK")

    def test_behind_a_proxy(self):
        self.healthy("listener 1892\nenable_proxy_protocol 1\n", "127.0.0.1:1892 answers: CONNACK")

    def test_behind_a_proxy_that_has_to_say_that_it_was_tls(self):
        self.healthy("listener 1893\nenable_proxy_protocol 2\nproxy_protocol_v2_require_tls true\n", "CONNACK")

    def test_a_unix_socket(self):
        self.healthy(f"listener 0 {DATA}/socket\n", "/var/lib/bramble/socket answers: CONNACK")

    def test_one_address_and_old_clients(self):
        self.healthy("listener 1894 ::1\naccept_protocol_versions 3\n", "[::1]:1894 answers: CONNACK")

    def test_the_listener_that_wants_least_is_asked(self):
        self.healthy("listener 8883\n" + self.tls() + "listener 9001\nprotocol websockets\nlistener 1895\n", ":1895 answers")

    def test_one_that_is_full_is_well(self):
        broker = self.healthy("listener 1896\nmax_connections 1\nallow_anonymous true\n", "CONNACK, Success")
        client = Mqtt(tcp(1896))
        self.assertIn("it takes no more connections now", self.ping().stdout)
        client.end()
        broker.process.send_signal(signal.SIGSTOP)
        self.assertEqual(self.ping("-W", "1").returncode, 1)

    def test_one_listener_that_answers_is_enough(self):
        for config in ("listener 1880 10.1.2.3\nlistener 1881\n", "listener 1880 10.1.2.3\nlistener 1881 127.0.0.1\n",
                       "listener 1880 10.1.2.3\nlistener 1881\nprotocol websockets\n"):
            with self.subTest(config):
                self.healthy(config, "127.0.0.1:1881 answers: CONNACK").stop()

    def test_a_file_that_was_changed_meanwhile_makes_it_no_less_well(self):
        kinds = {"plain": "", "TLS": self.tls(), "WebSocket": "protocol websockets\n", "PROXY": "enable_proxy_protocol 2\n",
                 "one address": ""}
        for kind, more in kinds.items():
            address = " 127.0.0.2" if kind == "one address" else ""
            broker = self.healthy(f"listener 1882{address}\nallow_anonymous true\n" + more, "CONNACK")
            for changed in ("garbage\n", "listener 1884\n"):
                with self.subTest(kind, changed=changed):
                    (OWN / "bramble.conf").write_text(changed)
                    found = self.ping()
                    self.assertEqual(found.returncode, 0, found.stderr)
                    self.assertRegex(found.stdout, r"^the broker that runs answers at 127\.0\.0\.[12]:1882, but not by its configur")
                    broker.process.send_signal(signal.SIGSTOP)
                    self.assertNotEqual(self.ping("-W", "1").returncode, 0)
                    broker.process.send_signal(signal.SIGCONT)
            broker.stop()
            self.assertNotEqual(self.ping("-W", "1").returncode, 0)

    def test_a_file_that_was_changed_meanwhile_with_dash_c(self):
        mine = DATA / "mine.conf"
        mine.write_text("listener 1899\nallow_anonymous true\n")
        self.running("-c", str(mine))
        mine.write_text("garbage\n")
        self.assertEqual(self.ping("-c", str(mine)).returncode, 0)
        self.assertEqual(self.ctl("ping", "-c", str(mine)).returncode, 3)

    def test_one_that_hangs_is_not(self):
        broker = self.healthy("listener 1897\nallow_anonymous true\n", "CONNACK, Success")
        broker.process.send_signal(signal.SIGSTOP)
        asked = self.ping("-W", "1")
        self.assertEqual((asked.returncode, asked.stdout), (1, ""))
        self.assertIn("does not answer", asked.stderr)
        broker.process.send_signal(signal.SIGCONT)

    def test_something_else_at_the_port_is_not(self):
        (OWN / "bramble.conf").write_text("listener 1898\n")
        with socket.create_server(("127.0.0.1", 1898)):
            self.assertEqual(self.ping("-W", "1").returncode, 1)

    def test_with_dash_c_it_is_another_file(self):
        (DATA / "mine.conf").write_text("listener 1899\nallow_anonymous true\n")
        self.running("-c", str(DATA / "mine.conf"))
        found = self.ctl("ping", "-c", str(DATA / "mine.conf"))
        self.assertEqual(found.returncode, 0, found.stderr)
        self.assertIn("127.0.0.1:1899 answers", found.stdout)

    def test_what_cannot_be_asked_is_told(self):
        (OWN / "bramble.conf").write_text("listener 0 127.0.0.1\n")
        self.assertIn("no listener of the configuration can be asked from this machine", self.ping().stderr)

    def test_the_configuration_says_where_so_nothing_else_may(self):
        asked = self.ping("-p", "1883")
        self.assertEqual(asked.returncode, 2)
        self.assertIn("the configuration says where and how", asked.stderr)


def main():
    why = spaces.cannot()
    if why:
        print(f"skipped: {why}\n0 passed, 0 failed")
        return 0
    # The mount points are made on the machine itself, and go again if they were not there.
    made = []
    if spaces.INSIDE not in sys.argv:
        for place in (OWN, MOSQUITTO, DATA):
            if not place.exists():
                place.mkdir()
                made.append(place)
    try:
        spaces.enter()
        FOLDER.chmod(0o755)
        for program in (BROKER, CTL, PASSWD):
            shutil.copy(BINARY.parent / program.name, program)
        return counted(unittest.main(exit=False, verbosity=2).result)
    finally:
        shutil.rmtree(FOLDER)
        for place in made:
            place.rmdir()


if __name__ == "__main__":
    sys.exit(main())
