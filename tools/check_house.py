#!/usr/bin/env python3
"""Checks what the compiler does not: which folder may include which, and what a header has to say.

    tools/check_house.py

Prints every finding as FILE:LINE: what, and ends with `N passed, N failed`: one for each file of C++, and one for each
example of its own that a rule has to find, or to let pass.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES_MAX = 400

# A folder may include what is named here and itself. `broker` alone stands for the files directly in it, but account, main.cc and start_check.
CORE = {
    "core/base": [],
    "core/mqtt": ["core/base"],
    "core/sync": ["core/base"],
    "core/timing": ["core/base"],
    "core/topic": ["core/base", "core/mqtt", "core/sync", "core/timing"],
}
CORE["core/session"] = list(CORE)
CORE["core/auth"] = ["core/base", "core/mqtt", "core/sync", "core/timing", "core/topic"]
CORE["core/websocket"] = ["core/base", "core/mqtt"]
CORE["core/control"] = ["core/base", "core/mqtt"]
ORDER = [  # each includes those before it
    ["broker/config", "broker/log", "broker/metrics"],
    ["broker/reactor"],
    ["broker/store", "broker/auth", "broker/cluster"],
    ["broker/net"],
    ["broker/session"],
    ["broker/routing"],
    ["broker/connection"],
    ["broker/shard"],
    ["broker/admin"],
    ["broker/account"],
    ["broker"],
    ["broker/start_check"],
    ["broker/main"],
]
# The words that code of core never needs: it has no socket, file, clock, thread of its own, log or global.
CORE_INCLUDES_NOT = re.compile(r"#include <(fmt|spdlog|fstream|iostream|filesystem|sys/|netinet/|arpa/|unistd|thread)")
CORE_SAYS_NOT = re.compile(r"\b(steady_clock|system_clock)::now\b")
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
NEEDS_THREADS_LINE = re.compile(r"#include <(atomic|mutex|shared_mutex|condition_variable|thread)>")
SAYS_THREADS = re.compile(r"///.*\bthreads?\b", re.IGNORECASE)
MACRO = re.compile(r"^\s*#\s*define\s+(?!DOCTEST_CONFIG_|_GNU_SOURCE)")


def allowed_folders():
    """Folder -> the folders it may include."""
    allowed = {folder: {folder, *below} for folder, below in CORE.items()}
    core = set(allowed)
    below = set()
    for layer in ORDER:
        for folder in layer:
            peers = set(layer) if "broker/log" in layer else {folder}
            allowed[folder] = core | below | peers
        below |= set(layer)
    allowed["tools"] = core | {"tools"}
    # explains what a configuration means and whether it can start, and reads and makes databases, which only the code
    # that reads them can; nothing that runs
    allowed["tools/ctl"] = core | {"broker/account", "broker/config", "broker/start_check", "broker/store", "broker/session", "tools", "tools/ctl"}
    allowed["bench"] = core | below | {"bench"}  # measures whatever there is
    return allowed


ALLOWED = allowed_folders()


def folder_of(path):
    """The folder whose rule holds for a path as it is included; None: no rule."""
    parts = path.split("/")
    if parts[0] == "broker" and len(parts) == 2:
        name = parts[1].rsplit(".", 1)[0]
        return f"broker/{name}" if f"broker/{name}" in ALLOWED else "broker"
    if parts[0] in ("core", "broker"):
        return "/".join(parts[:2])
    if parts[:2] == ["tools", "ctl"]:
        return "tools/ctl"
    return parts[0] if parts[0] in ("tools", "bench") else None


def include_findings(path, number, line):
    match = re.match(r'#include "([^"]+)"', line)
    folder = folder_of(path)
    if not match or folder is None:
        return
    to = match.group(1)
    if "/" not in to:
        yield number, f'"{to}" is not written from the root'
        return
    if path.startswith("tools/make_config_reference"):
        return  # made from the options' rows
    if folder not in ALLOWED:
        yield number, f"{folder} has no place in the order of folders: give it one in tools/check_house.py"
    elif folder_of(to) is not None and folder_of(to) not in ALLOWED[folder]:
        yield number, f"{folder} may not include {to}"


def findings(path, text):
    """(line, what is wrong) of one file."""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        yield from include_findings(path, number, line)
        if MARKS.search(line):
            yield number, "finish it, or say it in an issue"
        if path.startswith(("core/", "broker/")) and MACRO.match(line):
            yield number, "a function or a constant instead of a macro"
        if path.startswith("core/"):
            if CORE_INCLUDES_NOT.match(line):
                yield number, "core has no socket, file, thread or log"
            if CORE_SAYS_NOT.search(line):
                yield number, "core is told the time"
    if len(lines) > LINES_MAX + 1:
        yield LINES_MAX, f"{len(lines) - 1} lines: split by noun, at most {LINES_MAX}"
    if path.endswith(".h"):
        if not text.startswith("#pragma once\n"):
            yield 1, "a header begins with #pragma once"
        if path.startswith(("core/", "broker/")) and NEEDS_THREADS_LINE.search(text) and not SAYS_THREADS.search(text):
            yield 1, "it has to do with threads, so it says which may use it: `/// Threads: ...`"


def examples():
    """Each rule finds what it is there for, and lets the rest pass: how many do, and what to say of the others."""
    wrong = [
        ("core/base/a.h", '#pragma once\n#include "core/mqtt/types.h"\n'),
        ("core/mqtt/a.h", '#pragma once\n#include "core/topic/topic.h"\n'),
        ("broker/reactor/a.cc", '#include "broker/session/sessions.h"\n'),
        ("broker/net/a.cc", '#include "broker/shard.h"\n'),
        ("broker/odd/a.cc", '#include "core/base/bytes.h"\n'),
        ("tools/bench/a.cc", '#include "broker/log.h"\n'),
        ("tools/bench/a.cc", '#include "broker/config/config.h"\n'),
        ("tools/bench/a.cc", '#include "tools/ctl/client.h"\n'),
        ("tools/ctl/a.cc", '#include "broker/net/tcp.h"\n'),
        ("core/base/a.cc", '#include "bytes.h"\n'),
        ("core/base/a.cc", "#include <thread>\n"),
        ("core/base/a.cc", "auto t = std::chrono::steady_clock::now();\n"),
        ("core/base/a.cc", "// TO" + "DO later\n"),
        ("broker/net/a.cc", "#define X 1\n"),
        ("core/base/a.h", "#include <mutex>\n"),
        ("core/base/a.h", "#pragma once\n#include <atomic>\n"),
        ("core/base/a.cc", "\n" * (LINES_MAX + 1)),
    ]
    right = [
        ("core/session/a.h", '#pragma once\n#include "core/topic/topic.h"\n#include <atomic>\n/// Threads: any.\n'),
        ("broker/log.cc", '#include "broker/config/config.h"\n'),
        ("broker/shard.cc", '#include "broker/connection/connection.h"\n#include "broker/log.h"\n'),
        ("broker/main.cc", '#include "broker/broker.h"\n'),
        ("tools/bench/a.cc", '#include "tools/bench/scenario.h"\n#include "core/mqtt/frame.h"\n'),
        ("tools/ctl/a.cc", '#include "broker/config/show.h"\n#include "tools/passwd/ask.h"\n'),
        ("tests/broker/a.cc", '#include "broker/broker.h"\n#include "core/base/bytes.h"\n'),
        ("bench/counts/a.cc", '#include "broker/shard.h"\n#include "bench/counts/a.h"\n'),
        ("core/base/a.cc", "\n" * LINES_MAX),
    ]
    missed = [path for path, text in wrong if not list(findings(path, text))]
    false = [(path, list(findings(path, text))) for path, text in right if list(findings(path, text))]
    said = [f"no rule finds this in {path}" for path in missed] + [f"{path}: wrongly found: {what}" for path, what in false]
    return len(wrong) + len(right) - len(said), said


def main():
    # Tracked or about to be; a tree without git is walked.
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.cc"], cwd=ROOT,
                            capture_output=True, text=True).stdout.split("\n")
    paths = [path for path in listed if path and (ROOT / path).exists()]
    if not paths:
        paths = [str(path.relative_to(ROOT)) for top in ("core", "broker", "tools", "tests", "bench")
                 for path in sorted((ROOT / top).rglob("*")) if path.suffix in (".h", ".cc")]
    passed, said = examples()
    failed = len(said) + (0 if paths else 1)
    for path in paths:
        found = list(findings(path, (ROOT / path).read_text(encoding="utf-8")))
        said += [f"{path}:{number}: {what}" for number, what in found]
        passed, failed = (passed, failed + 1) if found else (passed + 1, failed)
    print(*said, f"{passed} passed, {failed} failed", sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
