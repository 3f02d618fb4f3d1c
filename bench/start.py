#!/usr/bin/python3
"""How long a broker takes from its start to its first CONNACK, and the memory that it then has: Bramble and Mosquitto by
turns, each with a configuration of one listener, nothing kept.

    bench/start.py [--runs 21] [--warm]

Unless --warm, the kernel forgets before each run what it has read from the disk: that takes root. Mosquitto is the one
that tools/setup --test unpacks."""
import argparse
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BROKERS = {"Bramble": [f"{ROOT}/build/release/bin/bramble", "-c"], "Mosquitto": [f"{ROOT}/.deps/mosquitto", "-c"]}
CONNECT = b"\x10\x0d\0\4MQTT\4\2\0\x3c\0\1s"
CONNACK = b"\x20\2\0\0"
PATIENCE = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def forget():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")


def first_connack(port, process):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
                client.sendall(CONNECT)
                if client.recv(4) == CONNACK:
                    return
        except ConnectionError:
            time.sleep(0.0005)
    raise RuntimeError("no CONNACK")


def field(pid, file, name):
    with open(f"/proc/{pid}/{file}", encoding="ascii") as text:
        return int(re.search(rf"^{name}:\s+(\d+) kB", text.read(), re.MULTILINE).group(1))


def run(command, folder):
    """Milliseconds, and KiB resident and its own."""
    port, config = free_port(), os.path.join(folder, "conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"listener {port} 127.0.0.1\nallow_anonymous true\n" + ("user root\n" if os.geteuid() == 0 else ""))
    began = time.monotonic()
    process = subprocess.Popen([*command, config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        first_connack(port, process)
        took = (time.monotonic() - began) * 1000
        return took, field(process.pid, "status", "VmRSS"), field(process.pid, "smaps_rollup", "Pss")
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=21)
    parser.add_argument("--warm", action="store_true")
    options = parser.parse_args()
    found = {name: [] for name in BROKERS}
    with tempfile.TemporaryDirectory(prefix="bramble-start-") as folder:
        for _ in range(options.runs):
            for name, command in BROKERS.items():
                if not options.warm:
                    forget()
                found[name].append(run(command, folder))
    print("medians (lowest..highest)   ms to CONNACK          RSS, MB            PSS, MB")
    for name, runs in found.items():
        cells = []
        for values, by in zip(zip(*runs), (1, 1024, 1024)):
            figures = [value / by for value in (statistics.median(values), min(values), max(values))]
            cells.append("{} ({}..{})".format(*(f"{each:.1f}" for each in figures)))
        print(f"{name:<26}" + "".join(f"{cell:>22}" for cell in cells))
    return 0


if __name__ == "__main__":
    sys.exit(main())
