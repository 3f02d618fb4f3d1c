#!/usr/bin/env python3
"""Checks docs/conformance.md: which test shows which normative statement of MQTT 5.0 and 3.1.1.

    tests/conformance/check_table.py [--check | --write]

The lists of statements are clauses_v5.txt and clauses_v3_1_1.txt; the tests are the TEST_CASE names of *_test.cc here,
which begin with the statements they show. The check, which is what it does unless told otherwise, fails when the page is
not what it would be, when a statement has neither a test nor a reason, or when a test names an unknown statement.
--write makes the page first. Ends with `N passed, N failed`.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent.parent / "docs" / "conformance.md"
VERSIONS = (("5.0", "clauses_v5.txt"), ("3.1.1", "clauses_v3_1_1.txt"))

TEST_CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)\)')
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
CLAUSE = re.compile(r"\[(?:(3\.1\.1): )?(MQTT-[0-9.\-]+)\] ?")
LABEL = re.compile(r"^(\[[^\]]*\] ?)+")


def read_clauses(path):
    """[(number, binds, reason)] in the order of the file."""
    clauses = []
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            number, binds, reason = (line.split(" ", 2) + [""])[:3]
            clauses.append((number, binds, reason))
    return clauses


def read_tests():
    """[(file, sentence, {(version, number)})] of every test case."""
    tests = []
    for path in sorted(HERE.glob("*_test.cc")):
        for match in TEST_CASE.finditer(path.read_text()):
            name = "".join(STRING.findall(match.group(1)))
            shown = {(version or "5.0", number) for version, number in CLAUSE.findall(name)}
            tests.append((path.name, LABEL.sub("", name), shown))
    return tests


def cell(text):
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def page(clauses, tests_of, tests):
    lines = [
        "# Conformance",
        "",
        "Each normative statement of MQTT 5.0 and 3.1.1, whom it binds, and the tests in `tests/conformance` that show",
        "it on the running broker, byte by byte; or why none does. Made by `tests/conformance/check_table.py --write`.",
        "",
        f"{len(tests)} test cases.",
    ]
    for version, _ in VERSIONS:
        shown = sum(1 for number, _, _ in clauses[version] if tests_of[version, number])
        lines += [
            "",
            f"## MQTT {version}",
            "",
            f"{shown} of {len(clauses[version])} statements have tests.",
            "",
            "| statement | binds | shown by |",
            "|---|---|---|",
        ]
        for number, binds, reason in clauses[version]:
            found = [f"`{file}`: {cell(sentence)}" for file, sentence in tests_of[version, number]]
            lines.append(f"| {number} | {binds} | {'<br>'.join(found) or 'no test: ' + cell(reason)} |")
    return "\n".join(lines) + "\n"


def main():
    if sys.argv[1:] not in ([], ["--check"], ["--write"]):
        sys.exit(__doc__)
    clauses = {version: read_clauses(HERE / name) for version, name in VERSIONS}
    tests = read_tests()
    tests_of = defaultdict(list)
    for file, sentence, shown in tests:
        for clause in shown:
            tests_of[clause].append((file, sentence))

    failures = []
    passed = 0
    for version, _ in VERSIONS:
        for number, binds, reason in clauses[version]:
            if tests_of[version, number] or reason:
                passed += 1
            else:
                failures.append(f"{version} {number} ({binds}) has neither a test nor a reason")
    known = {(version, number) for version in clauses for number, _, _ in clauses[version]}
    for file, sentence, shown in tests:
        for version, number in sorted(shown - known):
            failures.append(f"{file}: {version} has no {number}: {sentence}")

    text = page(clauses, tests_of, tests)
    if "--write" in sys.argv:
        PAGE.write_text(text)
    if not PAGE.exists() or PAGE.read_text() != text:
        failures.append("docs/conformance.md is stale: run tests/conformance/check_table.py --write")
    else:
        passed += 1
    for failure in failures:
        print(failure)
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
