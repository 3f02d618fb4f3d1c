#!/usr/bin/env python3
"""bramble-ctl import-mosquitto as root on a machine that has Bramble's package: /etc and /var are folders of the test, in
a mount namespace, with an account bramble, and with dpkg's word on what the package has brought. The broker runs as
systemd would start it: as that account. Ends with `N passed, N failed`. BRAMBLE_BINARIES names another folder with
Bramble's programs."""
import hashlib
import os
import shutil
import threading
import unittest

from mosquitto_home import STOCK, WithMosquitto, make_certificate, seen
from programs import BROKER, CTL, end_with, run

BRAMBLE, OTHERS = 64_111, 64_112  # ids
PACKAGED = "# of the package\nlistener 1883 127.0.0.1\nallow_anonymous true\ninclude_dir /etc/bramble/conf.d\n"
CLOSED = """allow_anonymous false
password_file /etc/mosquitto/passwd
acl_file /etc/mosquitto/acl
listener 0 127.0.0.1
"""


@unittest.skipIf(os.geteuid() != 0, "only root can make such a machine")
class Service(WithMosquitto):
    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        self.write("etc/passwd", f"root:x:0:0:root:/root:/bin/sh\nmosquitto:x:{OTHERS}:{OTHERS}::/:/bin/false\n"
                                 f"bramble:x:{BRAMBLE}:{BRAMBLE}::/:/bin/false\n")
        self.write("etc/group", f"root:x:0:\nmosquitto:x:{OTHERS}:\nbramble:x:{BRAMBLE}:\n")
        self.as_installed()
        sum_ = hashlib.md5(PACKAGED.encode()).hexdigest()
        self.write("var/lib/dpkg/status", "Package: bramble\nStatus: install ok installed\nMaintainer: x\nArchitecture: all\n"
                   f"Version: 1\nConffiles:\n /etc/bramble/bramble.conf {sum_}\nDescription: x\n\n")
        for path in (f"{self.etc}/passwd", f"{self.lib}/mosquitto.db"):
            os.chown(path, OTHERS, OTHERS)
            os.chmod(path, 0o600)
        self.configure(STOCK, home=CLOSED)

    def as_installed(self):
        for folder in (self.to, self.data):
            shutil.rmtree(folder, ignore_errors=True)
        self.write("etc/bramble/bramble.conf", PACKAGED)
        self.write("etc/bramble/passwd", "")
        os.makedirs(self.at("etc/bramble/conf.d"))
        os.makedirs(self.data, 0o750)
        os.chown(self.data, BRAMBLE, BRAMBLE)

    def moved(self, text):
        return text  # here a whole path is one

    def there(self, *command):
        """As words of a program: the command on that machine."""
        mounts = "".join(f"mount --bind {self.at(name)} /{name} && " for name in ("etc", "var"))
        return ["unshare", "--mount", "sh", "-c", f'{mounts}exec "$@"', "sh", *command]

    def import_it(self, *words, tracing=None, **more):
        trace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", tracing) if tracing else ()
        return run(*self.there(*trace, CTL, "import-mosquitto", *words), **more)

    def contents(self, left=False):
        """Of Bramble's folders, but for when each was changed, what SQLite numbers anew, and names for what is set aside.
        `left`: neither of a folder that waits."""
        found = {}
        for path, (mode, user, group, _, inside) in (seen(self.to) | seen(self.data)).items():
            if "before-import" in path or (left and "/.import-" in path):
                continue
            found[path] = (mode, user, group, b"" if path.endswith(".db") else inside)
        return found

    def as_service(self):
        return self.start(*self.there("setpriv", "--reuid", "bramble", "--regid", "bramble", "--init-groups"),
                          config="/etc/bramble/bramble.conf")

    def whose(self, name):
        about = os.stat(self.at(name))
        return about.st_uid, about.st_gid, oct(about.st_mode & 0o777)

    def test_after_one_command_the_service_has_it_all(self):
        said = self.imported()
        self.assertTrue(said.endswith("Next\n  systemctl stop bramble && systemctl disable --now mosquitto && systemctl start "
                                      "bramble\n  bramble --test-config -c /etc/bramble/bramble.conf    what the configuration means\n"), said)
        self.assertIn("/etc/bramble/bramble.conf, in the place of the package's, which is "
                      "/etc/bramble/bramble.conf.before-import now", said)
        self.assertEqual(self.read("etc/bramble/bramble.conf.before-import"), PACKAGED)
        self.assertIn("/etc/bramble/passwd, in the place of the package's", said)
        for name, mode in (("bramble.conf", "0o644"), ("conf.d/home.conf", "0o644"), ("acl", "0o644"), ("passwd", "0o640")):
            self.assertEqual(self.whose(f"etc/bramble/{name}"), (0, BRAMBLE, mode), name)
        self.assertEqual(self.whose("var/lib/bramble/bramble.db"), (BRAMBLE, BRAMBLE, "0o600"))
        self.assertIn("\nuser bramble\n", self.read("etc/bramble/bramble.conf"))
        self.assert_serves(self.as_service().ports[0])

    def test_the_account_of_the_file_becomes_bramble_and_a_key_of_mosquittos_is_brambles(self):
        os.makedirs(f"{self.etc}/certs")
        make_certificate(f"{self.etc}/certs")
        os.chown(f"{self.etc}/certs/server.key", OTHERS, OTHERS)
        self.configure("user mosquitto\n" + STOCK, home=CLOSED + "certfile /etc/mosquitto/certs/server.crt\n"
                       "keyfile /etc/mosquitto/certs/server.key\n")
        self.imported()
        self.assertIn("#user mosquitto\nuser bramble\n", self.read("etc/bramble/bramble.conf"))
        self.assertEqual(self.whose("etc/bramble/certs"), (0, BRAMBLE, "0o750"))
        self.assertEqual(self.whose("etc/bramble/certs/server.key"), (0, BRAMBLE, "0o640"))
        self.as_service()

    def test_a_folder_that_the_service_has_not_made_yet_is_made_for_it(self):
        os.rmdir(self.data)
        shutil.rmtree(self.to)
        self.imported()
        self.assertEqual(self.whose("var/lib/bramble"), (BRAMBLE, BRAMBLE, "0o700"))
        self.assertEqual(self.whose("etc/bramble"), (0, BRAMBLE, "0o750"))
        self.assert_serves(self.as_service().ports[0])

    def test_a_configuration_that_somebody_has_changed_is_nobodys_to_replace(self):
        self.write("etc/bramble/bramble.conf", PACKAGED + "max_qos 1\n")
        before = seen(self.to) | seen(self.data)
        self.refused(self.import_it(), 1, "/etc/bramble/bramble.conf: is there already, and differs", "--force")
        self.assertEqual(seen(self.to) | seen(self.data), before)
        self.imported("--force")
        self.assertIn("max_qos 1\n", self.read("etc/bramble/bramble.conf.before-import"))

    def test_a_certificate_that_the_account_may_not_read_is_told_and_who_may_not_be_started(self):
        os.makedirs(self.at("etc/letsencrypt/live"), 0o700)
        make_certificate(self.at("etc/letsencrypt/live"))
        self.configure(STOCK, home=CLOSED + "certfile /etc/letsencrypt/live/server.crt\n"
                       "keyfile /etc/letsencrypt/live/server.key\n")
        before = self.contents()
        self.refused(self.import_it(), 3, "Bramble would not start with it:\n", "server.crt: cannot be used: Permission denied",
                     "conf.d/home.conf:6: keyfile: /etc/letsencrypt/live/server.key: the account bramble may not read it: let "
                     "its group, and `usermod -aG GROUP bramble`", "All is as it was.")
        self.assertEqual(self.contents(), before)
        os.chmod(self.at("etc/letsencrypt/live"), 0o750)
        for name in ("letsencrypt/live", "letsencrypt/live/server.key"):
            os.chown(self.at(f"etc/{name}"), 0, OTHERS)
        os.chmod(self.at("etc/letsencrypt/live/server.key"), 0o640)
        self.write("etc/group", f"root:x:0:\ncerts:x:{OTHERS}:bramble\nbramble:x:{BRAMBLE}:\n")
        self.assertNotIn("may not read", self.imported())
        self.as_service()

    def test_what_the_service_cannot_see_or_do_is_told(self):
        home = self.at("var/tmp/pi")  # as /home is for the service: its own, and empty
        os.makedirs(home)
        os.makedirs(self.at("var/ssd"))
        make_certificate(home)
        self.configure(STOCK, home=CLOSED + "certfile /var/tmp/pi/server.crt\nkeyfile /var/tmp/pi/server.key\n"
                       "listener 443 127.0.0.1\nprotocol websockets\nhttp_dir /var/tmp/pi\nlistener 0 /run/is-not-there/mosquitto.sock\n")
        done = self.import_it("--data", "/var/ssd/bramble")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("--data: the service may not write to /var/ssd/bramble: `systemctl edit bramble`, and there the two lines "
                      "`[Service]` and `ReadWritePaths=/var/ssd/bramble`", done.stdout)
        self.assertIn("Tested: bramble reads all that it needs", done.stdout)
        self.assertIn("keyfile: /var/tmp/pi/server.key is copied, for the service cannot look there", done.stdout)
        self.assertIn("http_dir: /var/tmp/pi: the service cannot look there", done.stdout)
        self.assertIn("port 443 is below 1024", done.stdout)
        self.assertIn("`listener 0 /run/bramble/mosquitto.sock`", done.stdout)
        self.assertEqual(self.whose("etc/bramble/certs/server.key"), (0, BRAMBLE, "0o640"))
        self.assertIn("certfile /etc/bramble/certs/server.crt\n", self.read("etc/bramble/conf.d/home.conf"))


    def test_what_the_packages_configuration_has_and_mosquittos_says_nothing_of_goes_on(self):
        self.configure(STOCK, home=CLOSED + "log_dest topic\n", mdns="mdns false\n")
        self.imported()
        text = self.read("etc/bramble/bramble.conf")
        self.assertIn("\nuser bramble\ncontrol_socket /var/lib/bramble/control\n\n", text)  # nor the time, which topics lack
        shutil.rmtree(self.to)
        os.remove(f"{self.data}/bramble.db")
        self.configure(STOCK, home=CLOSED, mdns="")
        said = self.imported()
        self.assertIn("\ncontrol_socket /var/lib/bramble/control\nmdns true\nlog_timestamp false\n\n",
                      self.read("etc/bramble/bramble.conf"))
        self.assertIn("/etc/bramble/bramble.conf: mdns true is new, at its top: as the package's has it\n", said)
        self.as_service()
        done = run(*self.there(CTL, "clients", "-c", "/etc/bramble/bramble.conf"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_killed_at_any_name_that_it_gives_it_leaves_what_is_whole_and_the_next_goes_on(self):
        self.imported()
        whole = self.contents()
        for number in range(1, 20):
            self.as_installed()
            done = self.import_it(tracing=f"inject=/^rename:signal=KILL:when={number}")
            if done.returncode == 0:
                break
            self.assertEqual(done.returncode, -9)
            self.assertIn(self.read("etc/bramble/bramble.conf"), (PACKAGED, whole[f"{self.to}/bramble.conf"][3].decode()))
            if self.read("etc/bramble/bramble.conf") != PACKAGED:  # it comes last
                self.assertEqual(self.contents(left=True), whole)
            self.imported()
            self.assertEqual(self.contents(), whole)
        self.assertGreater(number, 5)

    def test_ctrl_c_ends_it_once_all_is_as_it_was(self):
        before = self.contents()
        for number in range(1, 5):
            for signal in (2, 15):
                done = self.import_it(tracing=f"inject=/^rename:signal={signal}:when={number}")
                self.assertEqual(done.returncode, -signal)
                self.assertIn("interrupted\nAll is as it was.", done.stderr)
                self.assertEqual(self.contents(), before)

    def test_a_link_that_the_account_puts_where_its_database_is_made_gives_it_nothing(self):
        theirs = self.write("etc/shadow", "")
        os.chmod(self.at("etc"), 0o755)
        names = [f"{self.data}/{name}" for name in ("bramble.db", "bramble.db.new")]
        done = []

        def put_links():
            while not done:
                for name in names:
                    if os.path.lexists(name):
                        os.symlink(theirs, f"{self.data}/link")
                        os.rename(f"{self.data}/link", name)
                        return done.append(name)
        thread = threading.Thread(target=put_links)
        thread.start()
        self.import_it(tracing="inject=/chown:delay_enter=300000")
        self.assertTrue(done)
        done.append("end")
        thread.join()
        self.assertEqual(os.stat(theirs).st_uid, 0)


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
