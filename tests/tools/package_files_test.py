#!/usr/bin/python3
"""What the packages bring beside the programs: manual pages, made of what the programs say, and the shell's completion.
Ends with `N passed, N failed`."""
import os
import re
import shutil
import subprocess
import unittest

from programs import BINARIES, ROOT, WithFolder, end_with, run

MANUAL = os.path.join(ROOT, "tools/package/manual.py")
COMPLETION = os.path.join(ROOT, "tools/package/completion.bash")
REFERENCE = os.path.join(ROOT, "configs/reference.conf")
PROGRAMS = {"bramble": 8, "bramble-ctl": 1, "bramble-passwd": 1, "bramble-bench": 1}


def page(name, number, *source):
    done = run(MANUAL, name, number, "1.2.3", *source)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plain(roff):
    return roff.replace("\\-", "-").replace("\\(aq", "'").replace("\\(ga", "`")


class Files(WithFolder):
    def pages(self):
        made = {f"{name}.{number}": page(name, number, os.path.join(BINARIES, name)) for name, number in PROGRAMS.items()}
        return {**made, "bramble.conf.5": page("bramble.conf", 5, REFERENCE)}

    def test_every_option_of_a_program_has_its_place_in_the_manual(self):
        for name, number in PROGRAMS.items():
            terms = re.findall(r"^\.B (-.*)", plain(page(name, number, os.path.join(BINARIES, name))), re.M)
            said = run(os.path.join(BINARIES, name), "--help").stdout
            options = [line.split("  ")[0].strip() for line in re.findall(r"^ +(-.*)", said, re.M)]
            self.assertTrue(options or name == "bramble-ctl", said)
            self.assertLessEqual(set(options), set(terms), name)

    def test_the_commands_of_bramble_ctl_are_explained_with_their_options(self):
        text = plain(page("bramble-ctl", 1, os.path.join(BINARIES, "bramble-ctl")))
        for command in "pub", "sub", "ping", "clients", "explain", "store":
            self.assertIn(f'.SH "BRAMBLE-CTL {command.upper()}"', text)
        self.assertIn(".B --subscribed TOPIC\n", text)

    def test_every_option_of_the_configuration_is_in_its_manual_with_its_default_and_its_help(self):
        text = plain(page("bramble.conf", 5, REFERENCE))
        with open(REFERENCE) as reference:
            options = re.findall(r"^#([a-z].*)$", reference.read(), re.M)
        self.assertGreater(len(options), 80)
        for option in options:
            self.assertIn(f".TP\n.B {option}\n", text)
        self.assertRegex(text, r"\.B max_keepalive 0\nLargest Keep Alive, in seconds\.")

    @unittest.skipUnless(shutil.which("man"), "no man")
    def test_the_manual_is_set_without_a_complaint(self):
        for name, text in self.pages().items():
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", self.path(name, text)],
                                  capture_output=True, text=True, env={**os.environ, "MANWIDTH": "80"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_the_shell_completes_commands_and_options_by_what_the_program_says(self):
        for words, some, none in (
            (["bramble-ctl", "cl"], {"clients"}, {"pub"}),
            (["bramble-ctl", ""], {"pub", "sub", "store", "config"}, {"version", "COMMAND"}),
            (["bramble-ctl", "clients", "--"], {"--socket", "--away"}, {"--topic"}),
            (["bramble-ctl", "sub", "--to"], {"--topic"}, {"--socket"}),
            (["bramble", "--te"], {"--test-config"}, {"--help"}),
            (["bramble-bench", "f"], {"fanin", "fanout"}, {"pairs"}),
            (["bramble-bench", "pub", "--qo"], {"--qos"}, {"--pubs"}),
            (["bramble-passwd", "-"], {"-c", "-D", "--help"}, set()),
        ):
            line = " ".join(f"'{word}'" for word in words)
            done = run("bash", "-c", f"source {COMPLETION}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _bramble {words[0]}; "
                       'printf "%s\\n" "${COMPREPLY[@]}"', env={**os.environ, "PATH": f"{BINARIES}:{os.environ['PATH']}"})
            found = done.stdout.split("\n")[:-1]
            self.assertEqual(len(found), len(set(found)), words)
            self.assertLessEqual(some, set(found), words)
            self.assertFalse(none & set(found), words)


if __name__ == "__main__":
    end_with(unittest.main(argv=["package_files_test"], exit=False, verbosity=2).result)
