"""Machines that are no more than namespaces of this one: each has its network, host name and /run of its own, with a
system D-Bus and Avahi in it. Nothing of them is seen outside, and all ends with the script that made them."""

import contextlib
import re
import subprocess
import sys
import time
from collections import namedtuple
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "interop"))

import peers  # noqa: E402

PATIENCE = 40
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")
BUS_CONFIG = Path("/usr/share/dbus-1/system.conf")
AVAHI_CONFIG = """[server]
host-name={name}
use-ipv4=yes
use-ipv6=yes
[wide-area]
enable-wide-area=no
[publish]
publish-hinfo=no
publish-workstation=no
"""

Service = namedtuple("Service", "interface protocol name type host address port txt")


def why_not():
    """Why there can be no such machines; None: there can."""
    try:
        done = subprocess.run(["unshare", "--net", "--mount", "--uts", "ip", "link", "add", "eth0", "type", "veth", "peer",
                               "name", "eth1"], capture_output=True, text=True, timeout=PATIENCE)
    except FileNotFoundError as error:
        return str(error)
    return None if done.returncode == 0 else done.stderr.strip()


def wait_for(what, look):
    """What `look` gives once it gives something. Trying costs some time itself."""
    until = time.monotonic() + PATIENCE
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < until, f"{what}: not within {PATIENCE} s"
        time.sleep(0.05)


class Machine:
    def __init__(self, folder, name):
        self.folder, self.name = Path(folder), name
        self.bus = self.avahi = None
        inside = ("mount -t tmpfs tmpfs /run && mkdir -p /run/dbus /run/avahi-daemon && "
                  "mount -t tmpfs tmpfs /etc/avahi/services && hostname \"$0\" && ip link set lo up && echo ready && "
                  "exec sleep infinity")
        self.namespaces = subprocess.Popen(
            [*DIES_WITH_US, "unshare", "--net", "--mount", "--uts", "--propagation", "private", "sh", "-c", inside, name],
            stdout=subprocess.PIPE)
        assert self.namespaces.stdout.readline() == b"ready\n", f"{name} has no namespaces"
        self.pid = str(self.namespaces.pid)

    def command(self, *words):
        return [*DIES_WITH_US, "nsenter", "-t", self.pid, "--net", "--mount", "--uts", "--", *map(str, words)]

    def run(self, *words):
        return peers.run(*self.command(*words))

    def start_bus(self):
        """The system's own rules, but as root: a change of account would keep it when we are killed."""
        config = self.folder / f"bus-{self.name}.conf"
        rules = re.sub(r"<user>.*</user>", "", BUS_CONFIG.read_text())
        config.write_text(rules.replace("<includedir>system.d", f"<includedir>{BUS_CONFIG.parent}/system.d"))
        self.bus = subprocess.Popen(self.command("dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"),
                                    stderr=subprocess.DEVNULL)
        path = Path(f"/proc/{self.pid}/root/run/dbus/system_bus_socket")
        wait_for("D-Bus", path.is_socket)

    def stop_bus(self):
        self.bus.kill()
        self.bus.wait()
        Path(f"/proc/{self.pid}/root/run/dbus/system_bus_socket").unlink()

    def start_avahi(self):
        config = self.folder / f"avahi-{self.name}.conf"
        config.write_text(AVAHI_CONFIG.format(name=self.name))
        self.avahi = subprocess.Popen(
            self.command("avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits", "-f", config),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("Avahi", lambda: self.avahi_answers() or self.avahi.poll() is not None)
        assert self.avahi.poll() is None, "avahi-daemon ended"

    def avahi_answers(self):
        done = subprocess.run(self.command("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.Avahi", "/",
                                           "org.freedesktop.Avahi.Server.GetState"), capture_output=True, text=True)
        return "int32 2" in done.stdout  # running

    def stop_avahi(self):
        self.avahi.terminate()
        self.avahi.wait(PATIENCE)

    def browse(self, kind):
        """The services of that type that others announce, as they can be resolved here, now."""
        text = self.run("avahi-browse", "--parsable", "--no-db-lookup", "--resolve", "--terminate", "--ignore-local", kind)
        found = set()
        for line in text.splitlines():
            fields = line.split(";", 9)
            if fields[0] == "=":
                _, interface, protocol, name, kind, _, host, address, port, txt = fields
                name = re.sub(r"\\(\d{3})", lambda digits: chr(int(digits[1])), name)
                records = frozenset(re.findall(r'"([^"]*)"', txt))
                found.add(Service(interface, protocol, name, kind, host, address, int(port), records))
        return found

    def resolve(self, host):
        """Its IPv4 address; None: nobody tells."""
        done = subprocess.run(self.command("avahi-resolve", "-4", "-n", host), capture_output=True, text=True,
                              timeout=PATIENCE)
        return done.stdout.split()[1] if done.returncode == 0 and done.stdout else None

    def end(self):
        for process in (self.avahi, self.bus, self.namespaces):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.namespaces.stdout.close()


def cable(one, other, device):
    """Joins two machines by a network device that has this name in both."""
    peers.run("ip", "link", "add", device, "netns", one.pid, "type", "veth", "peer", "name", device, "netns", other.pid)
    for machine in (one, other):
        machine.run("ip", "link", "set", device, "up")


class Broker(peers.Broker):
    """A broker on a machine, as the account that root becomes by itself."""

    def __init__(self, machine, text, name="broker"):
        super().__init__(machine.folder, [], start=False)
        self.config = machine.folder / f"{name}.conf"
        self.config.write_text(f"threads 2\nallow_anonymous true\n{text}")
        self.process = subprocess.Popen(machine.command(peers.BINARY, "-c", self.config), stderr=subprocess.STDOUT,
                                        stdout=subprocess.PIPE)
        self.follow(self.process.stdout)
        self.logged(r"bramble version \S+ listens on ")

    def reload(self, text):
        self.config.write_text(f"threads 2\nallow_anonymous true\n{text}")
        since = self.mark()
        self.process.send_signal(1)
        self.logged("The configuration has been read again, and holds", since)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def of_mdns(self, since=0):
        with self.more:
            return [line for line in self.lines[since:] if "mdns:" in line]


@contextlib.contextmanager
def broker(machine, text, name="broker"):
    made = Broker(machine, text, name)
    try:
        yield made
        made.stop()
    finally:
        made.end()
