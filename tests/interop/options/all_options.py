#!/usr/bin/python3
"""Every option of mosquitto.conf that the broker knows: accepted, in effect (by what a client sees), taken over by
SIGHUP or not as its row says, and a wrong value refused with FILE:LINE.

    tests/interop/options/all_options.py [NAME ...]

NAME chooses options. An option that the broker knows and no table has here is a failure: say how it shows. BRAMBLE_BIN
is the broker's binary; without it build/release/bin/bramble. Ends with `N passed, N failed`.
"""

import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import peers  # noqa: E402
from clients import Client  # noqa: E402
from kit import Kit  # noqa: E402
from table import (START, TABLE, WITHOUT_EFFECT, WRONG, Row, broker, configuration, start_refused,  # noqa: E402
                   where)
import of_limits, of_listener, of_process, of_security  # noqa: E402, E401, F401  they fill the tables
import refused  # noqa: E402

ALIASES = {"maximum_qos": "max_qos", "retained_persistence": "persistence", "websockets_headers_size":
           "packet_buffer_size"}
AT_ONCE = 6  # brokers and their probes
ALONE = ("busy_poll_us",)  # first: about time that others would take


def the_options_of_the_broker(folder):
    """All that --test-config shows, and what stands beside rows: the words that open listeners and files."""
    config = folder / "plain.conf"
    config.write_text("listener 0 127.0.0.1\nallow_anonymous true\n")
    shown = subprocess.run([peers.BINARY, "-c", config, "--test-config"], capture_output=True, text=True, check=True)
    table = shown.stdout.partition("\nWho may do what\n")[0]
    return set(re.findall(r"^  ([a-z][a-z_0-9.]*) ", table, re.M))


def every_option_has_a_row(folder):
    known = {row.option for row in TABLE} | {row[0] for row in WITHOUT_EFFECT}
    options = the_options_of_the_broker(folder)
    assert {"user", "persistence", "max_qos", "certfile", "acl_file"} <= options, sorted(options)
    assert not options - known, f"no row says how these show: {sorted(options - known)}"
    more = known - options - {"listener", "include_dir"} - set(ALIASES)
    assert not more, f"the broker does not know {sorted(more)}"


def by_the_client_that_was_there(row, place, client, wanted):
    if row.there:
        got = row.there(client)
        assert got == wanted, f"the client of before the reload sees {got}, not {wanted}"


def is_in_effect(row, folder, kit):
    """Under one value and the other, from the start and by SIGHUP."""
    def text(value, at=folder):
        return configuration(row, value, at, kit)

    def check(place, wanted, when):
        got = place.seen(row, wanted)
        assert got == wanted, f"{when} {row.option} shows {got}, not {wanted}"

    with broker(folder, text(row.value), kit) as place:
        check(place, row.sees, f"with {row.value}")
        since = place.reload(text(row.other), "holds")
        if row.taken == START:
            name = ALIASES.get(row.option, row.option)
            place.logged(rf"keep their values until the broker is restarted: {name}\.", since)
            if row.restarts:
                check(place, row.else_sees, "after a restart")
            else:
                check(place, row.sees, "before the restart")
        else:
            check(place, row.else_sees, f"after SIGHUP with {row.other}")
            there = Client(place.tcp()) if row.there else None
            place.reload(text(row.value), "holds")
            by_the_client_that_was_there(row, place, there, row.sees)
            check(place, row.sees, f"after SIGHUP with {row.value} again")
    if row.taken == START:
        alone = folder / "alone"  # nothing is there of the broker before
        alone.mkdir()
        with broker(alone, text(row.other, alone), kit) as place:
            check(place, row.else_sees, f"with {row.other}")


def is_refused_if_wrong(option, wrong, folder, kit):
    value, top, listener, at_listener = wrong
    row = Row(option, value, None, None, None, value, None, top, listener, at_listener, None, False, None, None, False)
    text = configuration(row, value, folder, kit)
    said = start_refused(folder, text)
    assert where(text, option) + option in said, f"{value!r} is answered with\n{said}"


def has_no_effect(row, folder, kit):
    """It is taken, and the log warns if there is something to say."""
    option, value, _, says, at_listener = row
    like = Row(option, value, None, None, None, None, None, "", "", at_listener, None, False, None, None, False)
    text = configuration(like, value, folder, kit)
    with broker(folder, text, kit) as place:
        if says:
            place.logged(re.escape(f"{where(text, option).replace('refused', 'broker')}{option}: ") + f".*{says}")
        assert place.code() == 0
        place.reload(configuration(like, None, folder, kit), "holds")
        assert place.code() == 0


def checks(folder, kit, names):
    """(what, function of a folder) of each."""
    if not names:
        yield "every option has a row", every_option_has_a_row
        yield from refused.checks()
    for row in TABLE:
        if names and row.option not in names:
            continue
        what = f"{row.option} {row.value}"
        yield what, None if row.needs else lambda at, r=row: is_in_effect(r, at, kit)
        if row.needs:
            print(f"skipped: {what}: {row.needs}")
    for row in WITHOUT_EFFECT:
        if not names or row[0] in names:
            yield f"{row[0]} {row[1]}, without effect: {row[2]}", lambda at, r=row: has_no_effect(r, at, kit)
    for option, wrongs in WRONG.items():
        for wrong in wrongs:
            if wrong[0] and (not names or option in names):
                yield f"{option} {wrong[0]}, refused", lambda at, o=option, w=wrong: is_refused_if_wrong(o, w, at, kit)


def main():
    saying = threading.Lock()

    def tried(number, what, check):
        at = folder / f"{number}"
        at.mkdir(mode=0o755)
        try:
            began = time.monotonic()
            check(at)
            if os.environ.get("VERBOSE"):
                print(f"{time.monotonic() - began:5.1f} s: {what}")
            return True
        except Exception as error:  # whatever it is, the others go on
            with saying:
                print(f"failed: {what}: {error}" if isinstance(error, AssertionError) else
                      f"failed: {what}: {traceback.format_exc()}")
            return False

    with tempfile.TemporaryDirectory(prefix="bramble-options-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # a broker that is somebody else reads its files again
        kit = Kit(folder)
        works = list(enumerate(each for each in checks(folder, kit, sys.argv[1:]) if each[1]))
        results = [tried(number, *work) for number, work in works if work[0].startswith(ALONE)]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            results += pool.map(lambda each: tried(each[0], *each[1]),
                                [each for each in works if not each[1][0].startswith(ALONE)])
    shown = {row.option for row in TABLE}
    print(f"{len(shown)} options are shown by what they do, {len(WITHOUT_EFFECT)} have no effect to show")
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
