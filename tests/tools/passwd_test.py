#!/usr/bin/env python3
"""bramble-passwd as people call it: the files it writes, what it asks and says, its exit status; and that Debian's
mosquitto and mosquitto_passwd (tools/setup --test) read what it writes, and it what they write. Ends with `N passed, N
failed`. BRAMBLE_PASSWD names another program, BRAMBLE_DEPS another folder with Debian's."""
import contextlib
import glob
import os
import pty
import re
import resource
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import termios
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PASSWD = os.environ.get("BRAMBLE_PASSWD", os.path.join(ROOT, "build/release/bin/bramble-passwd"))
DEPS = os.environ.get("BRAMBLE_DEPS", os.path.join(ROOT, ".deps"))
LIBRARIES = ":".join(glob.glob(f"{DEPS}/usr/lib/*-linux-gnu") + glob.glob(f"{DEPS}/lib/*-linux-gnu"))
ARGON2ID = r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}"
SECONDS = 60


def call(*words, **more):
    return subprocess.run([PASSWD, *words], capture_output=True, timeout=SECONDS, **{"stdin": subprocess.DEVNULL, **more})


def mosquitto_passwd(*words):
    return subprocess.run([f"{DEPS}/usr/bin/mosquitto_passwd", *words], capture_output=True, timeout=SECONDS, check=True,
                          env={**os.environ, "LD_LIBRARY_PATH": LIBRARIES})


def connect(path, user, password):
    """The return code of the CONNACK: 0 welcome, 5 not authorised."""
    def field(data):
        return len(data).to_bytes(2, "big") + data
    rest = b"\0\x04MQTT\x04\xC2\0\x3C" + field(b"") + field(user.encode()) + field(password.encode())
    assert len(rest) < 128
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        client.connect(path)
        client.sendall(b"\x10" + bytes([len(rest)]) + rest)
        answer = b""
        while len(answer) < 4:
            more = client.recv(4 - len(answer))
            assert more, "closed"
            answer += more
        return answer[3]


@contextlib.contextmanager
def mosquitto(folder, password_file):
    """Debian's broker with this password file, on a socket file; gives its path."""
    path, conf = os.path.join(folder, "socket"), os.path.join(folder, "mosquitto.conf")
    with open(conf, "w") as out:
        out.write(f"listener 0 {path}\nallow_anonymous false\npassword_file {password_file}\nuser root\nlog_dest stderr\n")
    broker = subprocess.Popen([f"{DEPS}/mosquitto", "-c", conf], stderr=subprocess.PIPE, text=True)
    try:
        said = []
        for line in broker.stderr:
            said.append(line)
            if line.rstrip().endswith("running"):
                break
        else:
            raise AssertionError("mosquitto does not start: " + "".join(said))
        yield path
    finally:
        broker.kill()
        broker.wait()
        broker.stderr.close()


class Terminal:
    """bramble-passwd on a terminal of its own."""

    def __init__(self, *words):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(PASSWD, [PASSWD, *words])
        self.shown = ""

    def until(self, text):
        while not self.shown.endswith(text):
            self.shown += os.read(self.fd, 4096).decode()

    def type(self, text):
        os.write(self.fd, text.encode())

    def echoes(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def end(self):
        """What else it shows, and its exit status; a signal is a negative one."""
        with contextlib.suppress(OSError):  # the end of a pty
            while more := os.read(self.fd, 4096):
                self.shown += more.decode()
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Passwd(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        self.file = os.path.join(self.folder, "users")

    def write(self, text):
        with open(self.file, "wb") as out:
            out.write(text.encode())

    def read(self):
        with open(self.file, "rb") as file:
            return file.read().decode()

    def good(self, *words, **more):
        done = call(*words, **more)
        self.assertEqual((done.returncode, done.stderr, done.stdout), (0, b"", b""), words)

    def bad(self, said, *words, **more):
        done = call(*words, **more)
        self.assertEqual((done.returncode, done.stdout), (1, b""), words)
        self.assertIn(said, done.stderr.decode())
        self.assertTrue(done.stderr.startswith(b"bramble-passwd: "))
        self.assertEqual(done.stderr.count(b"\n"), 1)
        return done.stderr.decode()

    def test_a_new_file_has_one_argon2id_hash_and_is_for_its_owner_alone(self):
        self.good("-c", "-b", self.file, "alice", "secret")
        self.assertRegex(self.read(), rf"\Aalice:{ARGON2ID}\n\Z")
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        first = self.read()
        self.good("-b", self.file, "alice", "secret")
        self.assertNotEqual(self.read(), first)  # another salt
        self.assertEqual(os.listdir(self.folder), ["users"])

    def test_all_other_lines_stay_as_they_are(self):
        self.good("-c", "-b", self.file, "bob", "x")
        bob = self.read().strip()
        self.write(f"# who\r\n\r\nalice:{bob[4:]}\r\n{bob}\n# end")
        self.good("-b", self.file, "alice", "new")
        self.assertRegex(self.read(), rf"\A# who\r\n\r\nalice:{ARGON2ID}\r\n{re.escape(bob)}\n# end\Z")
        self.good("-b", self.file, "carol", "new")
        self.assertRegex(self.read(), rf"{re.escape(bob)}\n# end\ncarol:{ARGON2ID}\n\Z")
        self.good("-D", self.file, "alice")
        self.assertRegex(self.read(), rf"\A# who\r\n\r\n{re.escape(bob)}\n# end\ncarol:{ARGON2ID}\n\Z")

    def test_a_user_who_is_there_twice_is_there_once_with_a_new_password(self):
        self.good("-c", "-b", self.file, "alice", "x")
        self.write(self.read() * 2 + self.read().replace("alice", "bob") + self.read())
        self.good("-b", self.file, "alice", "new")
        self.assertRegex(self.read(), rf"\Aalice:{ARGON2ID}\nbob:{ARGON2ID}\n\Z")

    def test_who_is_not_there_cannot_be_deleted(self):
        self.write("alice:x\n")
        self.bad(f"{self.file}: there is no user bob in it", "-D", self.file, "bob")
        self.assertEqual(self.read(), "alice:x\n")

    def test_mode_and_owner_stay_with_another_password_and_with_c(self):
        for words in (("-b",), ("-c", "-b")):
            self.write("# empty\n")
            os.chmod(self.file, 0o640)
            if os.getuid() == 0:
                os.chown(self.file, 12345, 23456)
            before = os.stat(self.file)
            self.good(*words, self.file, "alice", "secret")
            after = os.stat(self.file)
            self.assertEqual((after.st_mode, after.st_uid, after.st_gid), (before.st_mode, before.st_uid, before.st_gid))
            self.assertNotEqual(after.st_ino, before.st_ino)
        self.assertRegex(self.read(), rf"\Aalice:{ARGON2ID}\n\Z")  # -c has replaced it

    def test_a_link_stays_and_the_file_that_it_leads_to_changes(self):
        link = os.path.join(self.folder, "link")
        self.write("")
        os.symlink("users", link)
        self.good("-b", link, "alice", "secret")
        self.good("-c", "-b", link, "bob", "secret")
        self.assertTrue(os.path.islink(link))
        self.assertRegex(self.read(), rf"\Abob:{ARGON2ID}\n\Z")
        os.unlink(self.file)
        self.bad("is a link to a file that does not exist", "-c", "-b", link, "bob", "secret")
        self.assertTrue(os.path.islink(link))

    def test_U_hashes_what_is_plain_text_and_nothing_else(self):
        mosquitto_passwd("-c", "-b", self.file, "dave", "secret")
        dave = self.read()
        self.write(f"# plain\nalice:one two\r\n{dave}\nbob:$money:more\ncarol: three ")
        self.good("-U", self.file)
        self.assertRegex(self.read(), rf"\A# plain\nalice:{ARGON2ID}\r\n{re.escape(dave)}\nbob:{ARGON2ID}\ncarol:{ARGON2ID}\n\Z")
        before, inode = self.read(), os.stat(self.file).st_ino
        self.good("-U", self.file)
        self.assertEqual((self.read(), os.stat(self.file).st_ino), (before, inode))

    def test_U_changes_nothing_if_there_is_a_line_that_it_cannot_understand(self):
        for line, said in (("no colon", "has no ':'"), ("bob:", "has no hash for user 'bob'"), (":x", "has no user"),
                           ("bob:$7$1$x", "a hash that needs a salt"), ("bob:$2b$12$abc", "none of the known forms")):
            text = f"alice:plain\n{line}\n"
            self.write(text)
            self.bad(f"{self.file}:2: {said}" if line != "bob:$2b$12$abc" else said, "-U", self.file)
            self.assertEqual(self.read(), text)

    def test_it_says_what_the_broker_will_not_take_for_what_was_there_before(self):
        self.write("alice:plain\nbob:\n")
        done = call("-b", self.file, "bob", "x")
        self.assertEqual(done.returncode, 0)
        self.assertIn(f"{self.file}:1: user 'alice' has a password in plain text", done.stderr.decode())
        self.assertRegex(self.read(), rf"\Aalice:plain\nbob:{ARGON2ID}\n\Z")

    def test_a_name_that_no_client_or_no_file_can_have_is_refused(self):
        self.write("")
        for name, said in (("", "no name"), ("a:b", "':'"), ("a\tb", "control"), ("a\x7f", "control"), ("a\nb", "control"),
                           ("u" * 65536, "65535"), ("#a", "'#'"), (" a", "blank"), ("a ", "blank"), (b"a\xff", "UTF-8")):
            self.bad(said, "-b", self.file, name, "x")
        self.bad("65535", "-b", self.file, "a", "x" * 65536)
        self.assertEqual(self.read(), "")
        for name in ("u" * 65535, "jürgen müller", "-D", "$", "a#"):
            self.good("-b", self.file, name, "x" * 65535)

    def test_a_file_that_cannot_be_changed_is_named_with_the_reason(self):
        missing = os.path.join(self.folder, "missing")
        for words in (("-b", missing, "a", "x"), ("-D", missing, "a"), ("-U", missing), (missing, "a")):
            self.bad(f"{missing}: does not exist; create it with -c", *words)
        self.bad(f"{missing}/x: no file can be made in its folder", "-c", "-b", missing + "/x", "a", "x")
        self.bad(f"{self.folder}: is no regular file", "-b", self.folder, "a", "x")
        os.mkfifo(missing)
        self.bad(f"{missing}: is no regular file", "-b", missing, "a", "x")
        self.assertEqual(os.listdir(self.folder), ["missing"])

    def test_a_disk_that_is_full_leaves_the_old_file(self):
        self.write("# old\n" * 20)
        self.bad(f"{self.file}: cannot be written: File too large", "-b", self.file, "a", "x", restore_signals=False,
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
        self.assertEqual(self.read(), "# old\n" * 20)
        self.assertEqual(os.listdir(self.folder), ["users"])

    def test_changes_at_the_same_time_are_all_there(self):
        self.write("")
        running = [subprocess.Popen([PASSWD, "-H", "sha512", "-b", self.file, f"user{i}", "x"]) for i in range(20)]
        self.assertEqual([process.wait(SECONDS) for process in running], [0] * 20)
        self.assertEqual(sorted(re.findall(r"(?m)^(\w+):", self.read())), sorted(f"user{i}" for i in range(20)))

    def test_a_terminal_is_asked_twice_and_shows_no_password(self):
        self.write("")
        terminal = Terminal("-H", "sha512-pbkdf2", self.file, "alice")
        terminal.until("Password: ")
        self.assertFalse(terminal.echoes())
        terminal.type("s3cret\n")
        terminal.until("Reenter password: ")
        self.assertFalse(terminal.echoes())
        terminal.type("s3cret\n")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn("s3cret", terminal.shown)
        with mosquitto(self.folder, self.file) as broker:
            self.assertEqual(connect(broker, "alice", "s3cret"), 0)

    def test_two_passwords_that_differ_and_an_empty_one_change_nothing(self):
        self.write("# old\n")
        terminal = Terminal(self.file, "alice")
        for question, word in (("Password: ", "one\n"), ("Reenter password: ", "two\n")):
            terminal.until(question)
            terminal.type(word)
        self.assertEqual(terminal.end(), 1)
        self.assertIn("the two passwords are not the same", terminal.shown)
        for given, said in ((b"one\ntwo\n", "not the same"), (b"\n\n", "empty"), (b"one\n", "input ended"), (b"", "input ended"),
                            (b"x" * 65536 + b"\n", "65535")):
            self.bad(said, self.file, "alice", stdin=None, input=given)
        self.assertEqual(self.read(), "# old\n")

    def test_a_signal_while_it_asks_leaves_the_terminal_as_it_was(self):
        self.write("# old\n")
        for end in (lambda terminal: terminal.type("\x03"), lambda terminal: os.kill(terminal.pid, signal.SIGTERM)):
            terminal = Terminal(self.file, "alice")
            terminal.until("Password: ")
            hold = os.open(f"/proc/{terminal.pid}/fd/0", os.O_RDWR | os.O_NOCTTY)  # what is set outlives the program
            self.assertFalse(terminal.echoes())
            end(terminal)
            status = os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1])
            self.assertIn(status, (-signal.SIGINT, -signal.SIGTERM))
            self.assertTrue(terminal.echoes())
            os.close(hold)
            os.close(terminal.fd)
        self.assertEqual(self.read(), "# old\n")

    def test_where_there_is_no_terminal_two_lines_of_the_input_are_the_password(self):
        self.write("")
        words = ("-H", "sha512-pbkdf2", self.file)
        self.good(*words, "alice", stdin=None, input=b"two words\ntwo words\nmore")
        self.good(*words, "bob", stdin=None, input=b"crlf\r\ncrlf")
        with mosquitto(self.folder, self.file) as broker:
            self.assertEqual(connect(broker, "alice", "two words"), 0)
            self.assertEqual(connect(broker, "bob", "crlf"), 0)

    def test_mosquitto_lets_in_whom_bramble_passwd_has_written_and_nobody_else(self):
        self.good("-c", "-H", "sha512-pbkdf2", "-b", self.file, "alice", "one")
        self.good("-H", "sha512", "-b", self.file, "bob", "two")
        self.good("-I", "1000", "-b", self.file, "jürgen müller", "drei ß")
        with open(self.file, "a") as out:
            out.write("dave:four\n")
        self.good("-H", "sha512-pbkdf2", "-I", "7", "-U", self.file)
        self.assertRegex(self.read(), r"\Aalice:\$7\$100000\$.{16}\$.{88}\nbob:\$6\$.{16}\$.{88}\njürgen müller:\$7\$1000\$.*\ndave:\$7\$7\$")
        with mosquitto(self.folder, self.file) as broker:
            for user, password in (("alice", "one"), ("bob", "two"), ("jürgen müller", "drei ß"), ("dave", "four")):
                self.assertEqual(connect(broker, user, password), 0, user)
                self.assertEqual(connect(broker, user, password + "x"), 5, user)
                self.assertEqual(connect(broker, user, ""), 5, user)
            self.assertEqual(connect(broker, "erin", "one"), 5)

    def test_mosquitto_passwd_and_bramble_passwd_change_the_same_file(self):
        mosquitto_passwd("-c", "-b", self.file, "alice", "one")
        mosquitto_passwd("-H", "sha512", "-b", self.file, "bob", "two")
        theirs = self.read()
        self.good("-U", self.file)  # reads every hash, and has none to change
        self.assertEqual(self.read(), theirs)
        self.good("-H", "sha512-pbkdf2", "-b", self.file, "carol", "three")
        self.assertTrue(self.read().startswith(theirs))
        self.good("-H", "sha512-pbkdf2", "-b", self.file, "alice", "new")
        mosquitto_passwd("-b", self.file, "dave", "four")
        mosquitto_passwd("-b", self.file, "carol", "other")
        self.good("-b", self.file, "erin", "x")  # without a word, so Bramble reads all of it
        self.good("-D", self.file, "erin")
        mosquitto_passwd("-D", self.file, "bob")
        with mosquitto(self.folder, self.file) as broker:
            for user, password in (("alice", "new"), ("carol", "other"), ("dave", "four")):
                self.assertEqual(connect(broker, user, password), 0, user)
            for user, password in (("alice", "one"), ("bob", "two"), ("carol", "three")):
                self.assertEqual(connect(broker, user, password), 5, user)

    def test_c_writes_one_line_to_the_standard_output_for_a_file_named_minus(self):
        done = call("-c", "-b", "-", "alice", "secret")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertRegex(done.stdout.decode(), rf"\Aalice:{ARGON2ID}\n\Z")

    def test_help_and_version_are_answers(self):
        for word in ("-h", "--help"):
            done = call(word)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            self.assertIn(b"Usage: bramble-passwd", done.stdout)
        self.assertRegex(call("--version").stdout.decode(), r"\Abramble-passwd version \d+\.\d+\.\d+\n\Z")
        with open("/dev/full", "w") as full:
            done = subprocess.run([PASSWD, "--help"], stdout=full, stderr=subprocess.PIPE, timeout=SECONDS)
        self.assertEqual(done.returncode, 1)

    def test_a_wrong_command_line_changes_nothing(self):
        self.write("# old\n")
        f = self.file
        for words in ((), (f,), ("-b", f, "a"), ("-b", f), (f, "a", "secret"), ("-c", "-b", f, "a", "b", "c"), ("-c", "-D", f, "a"),
                      ("-c", "-U", f), ("-D", "-U", f), ("-D", "-b", f, "a"), ("-D", f), ("-D", f, "a", "b"), ("-U",), ("-U", f, "a"),
                      ("-H", "md5", "-b", f, "a", "x"), ("-H",), ("-I",), ("-I", "0", "-b", f, "a", "x"), ("-I", "x", "-b", f, "a", "x"),
                      ("-I", "1000001", "-b", f, "a", "x"), ("-I", "9", "-H", "argon2id", "-b", f, "a", "x"), ("-x", f, "a"),
                      ("-cb", f, "a", "x"), ("-b", "", "a", "x"), ("-b", "-", "a", "x"), ("--", "-b", f, "a", "x")):
            self.bad("(bramble-passwd --help)", *words)
        self.assertEqual(self.read(), "# old\n")
        self.good("-b", "--", f, "-a", "-x")


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - bad} passed, {bad} failed")
    sys.exit(1 if bad else 0)
