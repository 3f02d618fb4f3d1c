#!/usr/bin/python3
"""Makes a manual page of what a program says with --help, or of configs/reference.conf, in which every option stands as its
row has it.

    manual.py NAME SECTION VERSION PROGRAM...       (PROGRAM: the binary, with an emulator in front where it needs one)
    manual.py bramble.conf 5 VERSION REFERENCE

Prints the page.
"""

import os
import re
import subprocess
import sys
import time

WHAT = {
    "bramble": "multithreaded MQTT broker",
    "bramble.conf": "configuration of the MQTT broker bramble",
    "bramble-ctl": "look at configurations and databases of bramble, and talk to brokers",
    "bramble-passwd": "set the passwords of MQTT users",
    "bramble-bench": "load tester for MQTT brokers",
}
SIGNALS = [
    ("SIGHUP", "Reads the configuration again, and the files that it names. One that is wrong is not taken."),
    ("SIGTERM, SIGINT", "Tells the clients, writes what is to be kept, and ends with status 0."),
    ("SIGUSR1", "Writes what has changed to bramble.db now."),
    ("SIGUSR2", "Prints every subscription to the standard output."),
    ("SIGRTMIN", "Opens its log files anew, after something has moved them away."),
]
FILES = [
    ("/etc/bramble/bramble.conf", "the configuration of the service"),
    ("/etc/bramble/conf.d/*.conf", "read in addition to it"),
    ("/etc/bramble/passwd", "a place for the users: password_file"),
    ("/var/lib/bramble/bramble.db", "what is kept: retained messages, sessions and what waits for them"),
]
PAGES = {"bramble": "8", "bramble.conf": "5", "bramble-ctl": "1", "bramble-passwd": "1", "bramble-bench": "1"}
TERM = re.compile(r"^ {1,4}(?: {0,4}(?=-))(\S.*?)(?: {2,}(\S.*))?$|^ {1,4}(\S.*?)(?: {2,}(\S.*))$")


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga").replace("'", "\\(aq").replace("^", "\\(ha")
    return "\\&" + text if text.startswith(".") else text


def terms(rows):
    return "".join(f".TP\n.B {roff(term)}\n{roff(text)}\n" for term, text in rows)


def section(title, body):
    return f".SH {title}\n{body}" if body else ""


class Help:
    """What --help says, taken apart: `usage`, the lines behind "Usage:"; and the rest as roff."""

    def __init__(self, said):
        self.usage, self.body = [], ""
        for block in re.split(r"\n\s*\n", said.rstrip()):
            lines = block.split("\n")
            if lines[0].lower().startswith("usage:"):
                self.usage = [line.rstrip() for line in lines]
                self.usage[0] = " " * 6 + self.usage[0][6:]
            elif not re.match(r"^\S+ version ", block):
                self.add(lines)

    def add(self, lines):
        rows, text = [], ""
        for line in lines:
            row = TERM.match(line)
            if row:
                rows.append([row.group(1) or row.group(3), row.group(2) or row.group(4) or ""])
            elif rows and line.startswith(" "):
                rows[-1][1] += " " + line.strip()
            else:
                text += roff(line.strip()) + "\n"
        heading = re.match(r"^(\S[^.]*?)(?: \(.*\))?:\n$", text)
        if heading and rows:
            text = f".SS {heading.group(1)}\n"
        self.body += (".PP\n" if not text.startswith(".SS") else "") + text + terms(rows)

    def synopsis(self):
        indent = min(len(line) - len(line.lstrip()) for line in self.usage)
        return ".nf\n" + "".join(roff(line[indent:]) + "\n" for line in self.usage) + ".fi\n"


def says(program, *words):
    done = subprocess.run([*program, *words, "--help"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def of_program(name, program):
    said = says(program)
    assert said, f"{program} says nothing"
    whole = Help(said)
    page = section("SYNOPSIS", whole.synopsis()) + section("DESCRIPTION", whole.body)
    for command in dict.fromkeys(re.findall(rf"\b{name} ([a-z][a-z-]+)", said)):
        more = says(program, command)
        if more:
            part = Help(more)
            page += section(f'"{name.upper()} {command.upper()}"', part.synopsis() + part.body)
    if name == "bramble":
        page += section("SIGNALS", terms(SIGNALS)) + section("FILES", terms(FILES))
    return page


def of_options(reference):
    """Blocks of the file: a heading, a comment, and under a comment the option with its default."""
    page = ("A line holds one option and its value; a # begins a comment. The language is mosquitto.conf's. Options of listeners "
            "belong to the listener that they follow. Each option is shown with its default; one without a value is not given.\n")
    page = section("DESCRIPTION", roff(page))
    blocks = reference.strip().split("\n\n")[1:]
    for block in blocks:
        lines = block.split("\n")
        if lines[0].startswith("# --- "):
            page += f".SH {roff(lines[0][6:].upper())}\n"
            lines = lines[1:]
        text = " ".join(line[2:] for line in lines if line.startswith("# "))
        option = [line[1:] for line in lines if re.match(r"#[a-z]", line)]
        page += terms([(option[0], text)]) if option else (f".PP\n{roff(text)}\n" if text else "")
    return page


def main():
    name, number, version, *rest = sys.argv[1:]
    body = of_options(open(rest[0], encoding="utf-8").read()) if number == "5" else of_program(name, rest)
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())))
    also = ", ".join(f".BR {page} ({of})" for page, of in PAGES.items() if page != name).replace(", ", " ,\n")
    print(f'.TH {roff(name.upper())} {number} {date} "Bramble {version}" Bramble\n'
          + section("NAME", f"{roff(name)} \\- {roff(WHAT[name])}\n") + body + section("SEE ALSO", also), end="\n")


main()
