#!/usr/bin/env python3
"""bramble-ctl import-mosquitto, with a database of a real Mosquitto's: what it copies, what it changes, what it refuses;
and a broker that starts with the result. Ends with `N passed, N failed`. BRAMBLE_BINARIES names another folder with
Bramble's programs."""
import os
import re
import shutil
import subprocess
import unittest

from mosquitto_files import Mosquitto, Mqtt
from mosquitto_home import CLOSED, STOCK, USER, WithMosquitto, make_certificate, seen
from programs import CTL, call, end_with, run


class Copied(WithMosquitto):
    def test_the_configuration_of_debian_with_users_and_rules_is_all_there_and_is_served(self):
        self.configure(USER + STOCK, home=CLOSED)
        said = self.imported()
        self.assertIn("1 sessions, 1 subscriptions, 2 retained messages, 2 waiting messages", said)
        self.assertIn(f"Tested: bramble starts with {self.to}/bramble.conf", said)
        self.assertIn(f"users of {self.to}/passwd with their password", said)
        self.assertEqual(sorted(os.listdir(self.to)), ["acl", "bramble.conf", "conf.d", "passwd"])
        self.assertEqual(os.listdir(self.data), ["bramble.db"])
        self.assert_serves(self.start().ports[0])

    def test_comments_and_order_stay_and_every_other_line_is_explained(self):
        self.configure(USER + STOCK, home=CLOSED, zz="# nothing yet\n")
        said = self.imported()
        mark = "# import-mosquitto: "
        lines = self.read("etc/bramble/bramble.conf").split("\n")
        self.assertEqual(lines[0], f"# Made by bramble-ctl import-mosquitto from {self.etc}/mosquitto.conf.")
        text = "\n".join(line for line in lines[2:] if not line.startswith(mark))
        self.assertEqual(text, self.moved(USER + STOCK).replace("pid_file", "#pid_file").replace(
            f"persistence_location {self.lib}/", f"#persistence_location {self.lib}/\npersistence_location {self.data}"
        ).replace("log_dest file", "#log_dest file").replace("mosquitto.log\n", "mosquitto.log\nlog_dest stderr\n").replace(
            f"include_dir {self.etc}", f"include_dir {self.to}"))
        self.assertEqual(len([line for line in lines if line.startswith(mark)]), 3)
        self.assertEqual(self.read("etc/bramble/conf.d/zz.conf"), "# nothing yet\n")
        self.assertEqual(self.read("etc/bramble/conf.d/home.conf"), self.moved(CLOSED).replace("/mosquitto/", "/bramble/"))
        first = 1 + len(USER.splitlines())
        for number, name in ((5, "pid_file: left out"), (8, "persistence_location: now"), (10, "log_dest: now log_dest stderr"),
                             (12, "include_dir: now")):
            self.assertIn(f"{self.etc}/mosquitto.conf:{first + number}: {name}", said)

    def test_line_ends_of_windows_stay(self):
        self.configure("\ufeff" + (USER + STOCK).replace("\n", "\r\n"), home=CLOSED.replace("\n", "\r\n"))
        self.imported()
        text = self.read("etc/bramble/bramble.conf")
        self.assertTrue(text.endswith(f"include_dir {self.to}/conf.d\r\n"))
        self.assertIn(".log\r\nlog_dest stderr\r\n", text)
        self.assertIn(f"acl_file {self.to}/acl\r\n", self.read("etc/bramble/conf.d/home.conf"))
        self.assert_serves(self.start().ports[0])

    def test_tls_websockets_and_a_key_that_only_mosquitto_might_read(self):
        os.mkdir(self.at("etc/mosquitto/certs"))
        make_certificate(self.at("etc/mosquitto/certs"))
        self.configure(USER + STOCK, home=CLOSED + "certfile /etc/mosquitto/certs/server.crt\n"
                       "keyfile /etc/mosquitto/certs/server.key\nlistener 0 127.0.0.1\nprotocol websockets\n")
        self.imported()
        self.assertEqual(os.stat(self.at("etc/bramble/certs/server.key")).st_mode & 0o777, 0o600)
        self.assertEqual(os.stat(self.at("etc/bramble/passwd")).st_mode & 0o077, 0)
        shutil.move(self.etc, self.at("elsewhere"))  # it needs none of them
        port = self.start().ports[0]
        done = call("ping", "-h", "localhost", "-p", port, "--cafile", self.at("etc/bramble/certs/server.crt"),
                    "-u", "bob", "-P", "secret")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_settings_of_each_listener_and_files_that_lie_elsewhere_under_the_same_name(self):
        shutil.copy(self.path("users"), self.write("home/pi/passwd", ""))
        self.write("var/certs/ca.pem", "")
        make_certificate(self.at("var/certs"))
        self.configure(f"{USER}per_listener_settings true\npersistence true\npersistence_location /var/lib/mosquitto/\n"
                       "listener 0 127.0.0.1\npassword_file /etc/mosquitto/passwd\nacl_file /etc/mosquitto/acl\n"
                       "listener 0 127.0.0.1\npassword_file /home/pi/passwd\ncertfile /var/certs/server.crt\n"
                       "keyfile /var/certs/server.key\n")
        said = self.imported()
        text = self.read("etc/bramble/bramble.conf")
        self.assertIn(f"password_file {self.to}/passwd\nacl", text)
        self.assertIn(f"password_file {self.to}/passwd-2\ncertfile {self.home}/var/certs/server.crt\n", text)
        self.assertIn(f"Read where it is\n  {self.etc}/mosquitto.conf:", said)
        self.assertFalse(os.path.exists(self.at("etc/bramble/certs")))
        self.assert_serves(self.start().ports[0])

    def test_a_certificate_that_is_a_link_out_of_the_folder_is_read_where_it_is_renewed(self):
        live, archive = self.at("var/letsencrypt/live"), self.at("var/letsencrypt/archive")
        for folder in (live, archive, self.at("etc/mosquitto/certs")):
            os.makedirs(folder)
        make_certificate(archive)
        for name in ("server.crt", "server.key"):
            os.symlink(f"../archive/{name}", f"{live}/{name}")
        os.symlink(f"{live}/server.crt", self.at("etc/mosquitto/certs/linked.crt"))
        os.symlink("linked.crt", self.at("etc/mosquitto/certs/site.crt"))
        self.configure(f"{USER}listener 0 127.0.0.1\ncertfile /etc/mosquitto/certs/site.crt\nkeyfile {live}/server.key\n")
        self.imported()
        self.assertIn(f"certfile {live}/server.crt\nkeyfile {live}/server.key\n", self.read("etc/bramble/bramble.conf"))

    def test_a_folder_of_authorities_is_copied_with_the_names_that_openssl_looks_for(self):
        os.makedirs(self.at("etc/mosquitto/ca"))
        make_certificate(self.at("etc/mosquitto/ca"))
        subprocess.run(["openssl", "rehash", self.at("etc/mosquitto/ca")], check=True)
        self.configure(f"{USER}listener 0 127.0.0.1\ncertfile /etc/mosquitto/ca/server.crt\nkeyfile /etc/mosquitto/ca/server.key\n"
                       "capath /etc/mosquitto/ca\nrequire_certificate true\n")
        self.imported()
        self.assertEqual(sorted(os.listdir(self.at("etc/bramble/ca"))), sorted(os.listdir(self.at("etc/mosquitto/ca"))))
        self.assertEqual(os.stat(self.at("etc/bramble/ca/server.key")).st_mode & 0o777, 0o600)

    def test_mosquittos_own_plugins_take_their_files_along(self):
        self.configure(f"{USER}plugin /usr/lib/mosquitto_password_file.so\nplugin_opt_password_file /etc/mosquitto/passwd\n"
                       "persistence true\npersistence_location /var/lib/mosquitto\nacl_file /etc/mosquitto/acl\n"
                       "listener 0 127.0.0.1\n")
        self.imported()
        self.assertIn(f"plugin_opt_password_file {self.to}/passwd\n", self.read("etc/bramble/bramble.conf"))
        self.assert_serves(self.start().ports[0])

    def test_without_a_folder_for_the_database_it_gets_one(self):
        self.configure(f"{USER}persistence true\npersistence_file m.db\nlistener 0 127.0.0.1\nallow_anonymous true\n")
        shutil.move(f"{self.lib}/mosquitto.db", f"{self.lib}/m.db")
        done = self.import_it(cwd=self.lib)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 retained messages", done.stdout)
        self.assertIn(f"persistence true\n# import-mosquitto: without it, the folder that the broker is started in\n"
                      f"persistence_location {self.data}\npersistence_file m.db\n", self.read("etc/bramble/bramble.conf"))

    def test_without_a_database_there_is_nothing_to_import(self):
        self.configure(f"{USER}listener 0 127.0.0.1\nallow_anonymous true\n")
        self.assertIn("Mosquitto keeps none (persistence false)", self.imported())
        self.assertFalse(os.path.exists(self.data))

    def test_how_old_the_database_is_and_that_a_mosquitto_that_runs_has_more(self):
        self.configure(USER + STOCK, home=CLOSED)
        os.utime(f"{self.lib}/mosquitto.db", (os.stat(self.lib).st_mtime - 7500,) * 2)
        said = self.imported("--dry-run")
        self.assertIn("mosquitto.db (written 2 hours ago) ->", said)
        self.assertNotIn("Mosquitto runs", said)
        theirs = Mosquitto(self.at("var"), f"pid_file {self.at('run.pid')}\n")
        self.addCleanup(theirs.end)
        self.configure((USER + STOCK).replace("/run/mosquitto/mosquitto.pid", self.at("run.pid")))
        said = self.imported()
        self.assertIn(f"Mosquitto runs (process {theirs.process.pid}), and writes its database when it ends", said)
        Mqtt(theirs.port, "still there", clean=True).end()

    def test_what_a_mosquitto_that_runs_writes_when_it_ends_comes_along_by_the_line_that_was_printed(self):
        theirs = Mosquitto(self.lib, f"pid_file {self.at('run.pid')}\n")
        self.addCleanup(theirs.process.kill)
        os.remove(f"{self.lib}/mosquitto.db")
        theirs.client("away", user="bob").subscribe("home/#", 1).end()
        source = theirs.client("source", user="bob", clean=True)
        source.publish("home/lamp", b"on", retain=True).publish("home/door", b"waits").end()
        self.configure((USER + STOCK).replace("/run/mosquitto/mosquitto.pid", self.at("run.pid")), home=CLOSED)
        said = self.imported()
        self.assertIn(f"Database\n  {self.lib}/mosquitto.db: is not there, so nothing is imported\n"
                      f"  Mosquitto runs (process {theirs.process.pid}), and writes its database when it ends", said)
        line = re.search(r"\nNext\n  end Mosquitto, and then (.*) && bramble -c (.*)\n", said)
        theirs.end()
        self.assertTrue(os.path.exists(f"{self.lib}/mosquitto.db"))
        done = run("sh", "-c", line[1].replace("bramble-ctl", CTL, 1))
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assert_serves(self.start(config=line[2]).ports[0])

    def test_an_included_folder_with_nothing_in_it_is_there_in_the_copy_too(self):
        self.configure(USER + STOCK + "include_dir /etc/mosquitto/bridges.d\nlistener 0 127.0.0.1\nallow_anonymous true\n")
        os.mkdir(self.at("etc/mosquitto/bridges.d"))
        self.imported()
        self.assertEqual((os.listdir(f"{self.to}/conf.d"), os.listdir(f"{self.to}/bridges.d")), ([], []))
        self.start()

    def test_who_renews_a_certificate_that_is_copied_is_to_write_the_copy_too(self):
        os.mkdir(self.at("etc/mosquitto/certs"))
        make_certificate(self.at("etc/mosquitto/certs"))
        self.configure(USER + STOCK, home=CLOSED + "certfile /etc/mosquitto/certs/server.crt\n"
                       "keyfile /etc/mosquitto/certs/server.key\n")
        said = self.imported()
        for name, file in (("certfile", "certs/server.crt"), ("keyfile", "certs/server.key")):
            self.assertRegex(said, rf"To be seen to\n(  .*\n)*  .*: {name}: {self.etc}/{file} is copied: who renews it has to "
                                   rf"write {self.to}/{file}, too")
        self.assertIn("Tested: bramble starts", said)

    def test_damaged_records_of_the_database_are_to_be_seen_to(self):
        self.configure(USER + STOCK, home=CLOSED)
        os.truncate(f"{self.lib}/mosquitto.db", os.path.getsize(f"{self.lib}/mosquitto.db") - 10)
        self.assertRegex(self.imported(), r"To be seen to\n  .*mosquitto.db: 1 damaged records are left out: Mosquitto writes")

    def test_what_the_configuration_before_has_included_and_the_copy_does_not_is_told(self):
        self.write("etc/bramble/bramble.conf", f"include_dir {self.to}/conf.d\n")
        own = self.write("etc/bramble/conf.d/own.conf", "mdns true\n")
        self.configure(f"{USER}listener 0 127.0.0.1\nallow_anonymous true\n")
        said = self.imported("--force")
        self.assertIn(f"Not read any more\n  {own}\n", said)
        self.assertNotIn("Not read any more", self.imported())


class Refused(WithMosquitto):
    BRIDGE = "# to the office\nconnection office\naddress office.example:8883\nremote_password do-not-show\ntopic home/# out 1\n"

    def test_a_bridge_is_told_with_its_line_and_goes_only_if_it_is_said(self):
        self.configure(USER + STOCK, home=CLOSED, office=self.BRIDGE)
        done = self.import_it()
        self.assert_nothing_written(done, 3, f"{self.etc}/conf.d/office.conf:2: connection: bridges come later",
                                    "Nothing was written. ", " --leave-out connection.")
        self.assertNotIn("do-not-show", done.stderr)
        said = self.imported("--leave-out", "connection")
        for number in (2, 3, 4, 5):
            self.assertRegex(said, rf"(?m)^  {self.etc}/conf.d/office.conf:{number}: \w+: left out: .*bridge")
        self.assertNotIn("do-not-show", said)
        lines = self.read("etc/bramble/conf.d/office.conf").split("\n")
        self.assertEqual([line for line in lines if not line.startswith("# import-mosquitto: ")],
                         [line and f"#{line}".replace("##", "#") for line in self.BRIDGE.split("\n")])
        self.assert_serves(self.start().ports[0])

    def test_a_plugin_goes_only_if_it_is_said_and_who_may_connect_then_is_told(self):
        self.configure(f"{USER}plugin /usr/lib/mosquitto_dynamic_security.so\nplugin_opt_config_file /etc/mosquitto/dyn.json\n"
                       "listener 0 127.0.0.1\n")
        self.assert_nothing_written(self.import_it(), 3, "mosquitto.conf:", ": plugin: plugins of Mosquitto cannot be loaded",
                                    " --leave-out plugin.")
        said = self.imported("--leave-out", "plugin")
        self.assertIn(": nobody can log in", said)
        self.assertIn("#plugin_opt_config_file", self.read("etc/bramble/bramble.conf"))

    def test_what_bramble_has_cannot_be_left_out(self):
        self.configure(f"{USER}listener 0 127.0.0.1\nprotocol http_api\nacl_file /etc/mosquitto/acl\n")
        self.assert_nothing_written(self.import_it("--leave-out", "protocol"), 3, "protocol: http_api is known to Mosquitto")
        self.configure(f"{USER}listener 0 127.0.0.1\nacl_file /etc/mosquitto/acl\n")
        for name in ("acl_file", "plugin"):
            self.assert_nothing_written(self.import_it("--leave-out", name), 3, f"--leave-out {name}: there is no such line")

    def test_all_mistakes_at_once_with_file_and_line(self):
        self.configure(USER + STOCK, home="listner 1883\nmax_qos 3\n", users="password_file /etc/mosquitto/passwd\n")
        self.assert_nothing_written(self.import_it(), 3, f"{self.etc}/conf.d/home.conf:1: listner: no such option; did you mean",
                                    f"{self.etc}/conf.d/home.conf:2: max_qos: 3 is not a QoS", "Nothing was written.")

    def test_a_mistake_in_a_file_that_is_named_is_told_by_mosquittos_name_of_it(self):
        self.configure(USER + STOCK, home=CLOSED)
        self.write("etc/mosquitto/passwd", "bob:plain\n")
        self.assert_nothing_written(self.import_it(), 3, f"{self.etc}/passwd:1: ", "Nothing was written.")
        os.remove(f"{self.etc}/passwd")
        self.assert_nothing_written(self.import_it(), 3, f"{self.etc}/passwd", "cannot be read", "Nothing was written.")
        os.remove(f"{self.etc}/mosquitto.conf")
        self.assert_nothing_written(self.import_it(), 3, f"{self.etc}/mosquitto.conf: cannot be read")

    def test_what_is_no_database_of_mosquittos_leaves_nothing_half(self):
        self.configure(USER + STOCK, home=CLOSED)
        self.write("var/lib/mosquitto/mosquitto.db", "no database\n")
        self.assert_nothing_written(self.import_it(), 1, f"{self.lib}/mosquitto.db", "All is as it was.")

    def test_a_place_that_cannot_be_written_to_leaves_nothing_half(self):
        os.mkdir(self.at("etc/mosquitto/certs"))
        make_certificate(self.at("etc/mosquitto/certs"))
        self.configure(USER + STOCK, home=CLOSED + "certfile /etc/mosquitto/certs/server.crt\n"
                       "keyfile /etc/mosquitto/certs/server.key\n")
        self.write("etc/bramble/certs", "a file where a folder is to be\n")
        before = seen(self.to)
        self.refused(self.import_it(), 1, "etc/bramble/certs", "All is as it was.")
        self.assertEqual(seen(self.to), before)
        self.assertFalse(os.path.exists(self.data))

    @unittest.skipIf(os.geteuid() != 0, "only root can be somebody else")
    def test_somebody_who_may_not_read_or_write_is_told_so(self):
        self.configure(USER + STOCK, home=CLOSED)
        os.chmod(self.folder, 0o755)

        def as_nobody():
            os.setgid(65534)
            os.setuid(65534)
        self.assert_nothing_written(self.import_it(preexec_fn=as_nobody), 3, f"{self.etc}/passwd", "let that account read it")
        os.chmod(f"{self.etc}/passwd", 0o644)
        os.chmod(f"{self.lib}/mosquitto.db", 0o644)
        self.assert_nothing_written(self.import_it(preexec_fn=as_nobody), 1, "Permission denied")
        os.chmod(self.at("etc"), 0o777)
        os.chmod(self.at("var/lib"), 0o777)
        done = self.import_it(preexec_fn=as_nobody)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual({os.stat(path).st_uid for path in (*seen(self.to), *seen(self.data))}, {65534})

    def test_words_that_say_nothing(self):
        for words, what in ((("--to",), "--to: needs a value"), (("-x",), "unknown option '-x'"),
                            (("--data", ""), "--data: needs a value")):
            self.refused(call("import-mosquitto", *words), 2, what)
        self.configure(f"{USER}listener 0 127.0.0.1\n")
        self.refused(self.import_it("--to", self.etc), 3, f"--to: {self.etc} is where Mosquitto's configuration lies")
        self.configure(f"{USER}include_dir /etc/mosquitto/conf.d\ninclude_dir /etc/br/conf.d\n")
        self.write("etc/br/conf.d/one.conf", "listener 0 127.0.0.1\n")
        for to, folder in ((f"{self.etc}/conf.d",) * 2, (self.at("etc/br"), self.at("etc/br/conf.d"))):
            self.refused(self.import_it("--to", to), 3, f"--to: {folder} is where Mosquitto's configuration lies")
        self.assertIn("--leave-out OPTION", call("import-mosquitto", "--help").stdout)
        self.assertIn("bramble-ctl import-mosquitto", call("--help").stdout)


if __name__ == "__main__":
    end_with(unittest.main(exit=False).result)
