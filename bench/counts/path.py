"""The broker's code in one process with clients of memory (bramble_counts), counted by callgrind or by qemu's plugin."""
import collections
import json
import os
import re
import subprocess
import tempfile

TOLERANCE = 0.02
COMPARED = ["instructions", "atomic_rmw", "barriers", "allocations"]
PLAIN = {
    # What glibc chooses by the processor would count differently on another one.
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX_Fast_Unaligned_Load,-AVX2,-AVX512F,-AVX512VL,-ERMS,-FSRM",
    # The allocator gives memory back by the clock, and the program's clock is none.
    "MIMALLOC_ALLOW_DECOMMIT": "0",
}
OUTSIDE = ["ScriptedClient::read", "ScriptedClient::write", "Scene::drive", "Scene::begin"]


def scenarios(program):
    said = subprocess.run([*program, "--list"], capture_output=True, text=True, check=True).stdout
    return dict(line.split("\t") for line in said.splitlines())


def run(command, env):
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, env={**os.environ, **env})
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[-2:])}: {done.stdout}{done.stderr[-500:]}")
    return json.loads(done.stdout)


def by_callgrind(program, scenario, folder):
    """All that was counted between the two edges."""
    command = ["valgrind", "--tool=callgrind", "--dump-before=bramble::counts::window_edge*",
               f"--callgrind-out-file={folder}/out"]
    command += [f"--toggle-collect=bramble::counts::{name}*" for name in OUTSIDE]
    command.append("--collect-atstart=yes")  # after those, which turn it off
    totals = run([*command, program, scenario], PLAIN)
    with open(f"{folder}/out.2") as window:
        totals["instructions"] = int(re.search(r"^totals: (\d+)$", window.read(), re.M).group(1))
    return totals


def plugin(folder):
    """icount.c, compiled."""
    made = os.path.join(folder, "icount.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "icount.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O2", source, "-o", made], check=True)
    return made


def by_qemu(program, scenario, folder):
    """The same of an AArch64 program, and what else icount.c tells apart."""
    command = ["qemu-aarch64", "-cpu", "cortex-a72", "-plugin", plugin(folder), "-d", "plugin", "-D", f"{folder}/out"]
    totals = run([*command, program, "--marks", scenario], PLAIN)
    with open(f"{folder}/out") as out:
        words = out.read().split()
    return {**totals, **{name: int(total) for name, total in zip(words[::2], words[1::2])}}


def figures(program, scenario, count=by_callgrind):
    """{figure: a delivery}"""
    with tempfile.TemporaryDirectory() as folder:
        totals = count(program, scenario, folder)
    each = totals["deliveries"]
    return {name: round(total / each, 4) for name, total in totals.items()
            if isinstance(total, int) and name not in ("deliveries", "refused")}


def own_costs(dump):
    """A callgrind dump -> instructions of each function itself."""
    names, costs, function, is_call = {}, collections.Counter(), None, False

    def name(text):
        number, _, words = text.partition(" ")
        return names.setdefault(number, words) if words else names.get(number, number)

    with open(dump) as lines:
        for line in lines:
            if line.startswith("fn="):
                function = name(line[3:].strip())
            elif line.startswith("cfn="):
                name(line[4:].strip())
            elif line.startswith("calls="):
                is_call = True
            elif line[0] in "+-*0123456789":
                if not is_call:
                    costs[function] += int(line.split()[1])
                is_call = False
    return costs


def profile(program, scenario):
    """Lines: instructions a delivery, function."""
    with tempfile.TemporaryDirectory() as folder:
        totals = by_callgrind(program, scenario, folder)
        costs = own_costs(f"{folder}/out.2")
    each = totals["deliveries"]
    yield f"{totals['instructions'] / each:8.1f}  all"
    for function, cost in costs.most_common(40):
        yield f"{cost / each:8.1f}  {function[:150]}"
