"""What the machine under a measurement is, and in what state it is: to be told with every figure."""
import glob
import os
import platform
import shutil
import subprocess
import typing

THROTTLED = {  # bits of vcgencmd get_throttled, by the Raspberry Pi documentation
    0: "under-voltage", 1: "ARM frequency capped", 2: "throttled", 3: "soft temperature limit",
    16: "under-voltage happened", 17: "frequency capping happened", 18: "throttling happened",
    19: "soft temperature limit happened",
}


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read().strip("\0\n ")
    except OSError:
        return None


def cpu_model(cpuinfo):
    """By the text of /proc/cpuinfo: "model name" on a PC, "Model" (of the board) on a Pi."""
    fields = dict(line.split(":", 1) for line in cpuinfo.splitlines() if ":" in line)
    fields = {name.strip(): value.strip() for name, value in fields.items()}
    return fields.get("model name") or fields.get("Model") or platform.machine()


def describe():
    governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    commit = subprocess.run(["git", "-C", os.path.dirname(os.path.abspath(__file__)), "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip() if shutil.which("git") else ""
    known = {
        "cpu": cpu_model(read("/proc/cpuinfo") or ""),
        "cores": os.cpu_count(),
        "kernel": " ".join(platform.uname()[i] for i in (0, 2, 4)),
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20,
        "governor": governor,
        "commit": commit,
    }
    return {name: value for name, value in known.items() if value}


class ProcessUse(typing.NamedTuple):
    """What a process has used since it began, all threads, and its memory now."""
    cpu_s: float       # user and system, in steps of 10 ms
    rss_b: int
    wchar: int         # handed to write() and its like: files, but pipes and sockets too where it writes to them so
    write_bytes: int   # of pages that are to go to a disk, where the filesystem counts them


def process_use(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()  # from the third of proc(5) on
    with open(f"/proc/{pid}/io") as io:
        moved = dict(line.split(": ") for line in io)
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    rss_b = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return ProcessUse(cpu_s, rss_b, int(moved["wchar"]), int(moved["write_bytes"]))


def throttled_words(answer):
    """vcgencmd's "throttled=0x50005" as words; none: nothing is or was wrong."""
    bits = int(answer.split("=")[1], 16)
    return [words for bit, words in THROTTLED.items() if bits >> bit & 1]


def state():
    """Temperature (the hottest zone), clock and throttling, as far as this machine tells them."""
    known = {}
    zones = [read(path) for path in glob.glob("/sys/class/thermal/thermal_zone*/temp")]
    if degrees := [int(zone) / 1000 for zone in zones if zone and zone.lstrip("-").isdigit()]:
        known["temperature_c"] = max(degrees)
    if khz := read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"):
        known["mhz"] = int(khz) / 1000
    if shutil.which("vcgencmd"):
        answer = subprocess.run(["vcgencmd", "get_throttled"], capture_output=True, text=True).stdout
        if "=0x" in answer:
            known["throttled"] = throttled_words(answer)
    return known
