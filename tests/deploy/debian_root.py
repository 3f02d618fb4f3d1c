"""A bare Debian 12 in a folder, made with this machine's own apt settings; and a network that nothing else is in."""
import glob
import os
import re
import shutil
import subprocess
from pathlib import Path

SUITE = "bookworm"
SOURCES = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"]
EMULATED = Path("/proc/sys/fs/binfmt_misc/qemu-aarch64")


def run(*command, status=0, **more):
    """What it says, to both streams."""
    done = subprocess.run([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, **more)
    assert status is None or done.returncode == status, f"{' '.join(map(str, command))}: {done.returncode}\n{done.stdout[-3000:]}"
    return done.stdout


def native():
    return run("dpkg", "--print-architecture").strip()


def cannot_run(architecture):
    """Why programs of that architecture do not run here; empty: they do."""
    if architecture == native() or EMULATED.exists():
        return ""
    if not EMULATED.parent.joinpath("register").exists():
        subprocess.run(["mount", "-t", "binfmt_misc", "none", EMULATED.parent], capture_output=True)
    subprocess.run(["/usr/lib/systemd/systemd-binfmt", "/usr/lib/binfmt.d/qemu-aarch64.conf"], capture_output=True)
    return "" if EMULATED.exists() else f"the kernel runs no programs of {architecture} (binfmt_misc, qemu-user-static)"


class Root:
    """Unpacked anew each time; what it is made of is made once, in `build`."""

    def __init__(self, build, name, architecture, packages=""):
        build.mkdir(parents=True, exist_ok=True)
        archive = build / f"{name}-{architecture}.tar"
        if not archive.exists():
            more = [f"--include={packages}"] if packages else []
            source = next(path for path in SOURCES if os.path.exists(path))
            fresh = archive.with_suffix(".new.tar")
            run("mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={architecture}", *more,
                "--aptopt=Acquire::Check-Valid-Until \"false\"", SUITE, fresh, source)
            fresh.rename(archive)
        self.path = build / f"{name}-{architecture}"
        self.remove()
        self.path.mkdir()
        run("tar", "-C", self.path, "-xf", archive)
        shutil.copy("/etc/resolv.conf", self / "etc/resolv.conf")
        (self / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")  # as an installer does
        for settings in glob.glob("/etc/apt/apt.conf.d/99*"):
            shutil.copy(settings, self / "etc/apt/apt.conf.d")
        self.forbid_services()
        self.apt("update")

    def __truediv__(self, path):
        return self.path / path

    def forbid_services(self, forbidden=True):
        policy = self / "usr/sbin/policy-rc.d"
        if not forbidden:
            return policy.unlink()
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)

    def run(self, *command, **more):
        return run("chroot", self.path, *command, **more)

    def apt(self, *words):
        return self.run("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "Dpkg::Use-Pty=0", *words)

    def unowned(self):
        """Files that belong to no package, but for what apt, dpkg and the tools for accounts themselves write."""
        owned = set()
        for listed in (self / "var/lib/dpkg/info").glob("*.list"):
            for line in listed.read_text().splitlines():
                top = line.split("/")[1] if line.count("/") else ""
                owned.add("/usr" + line if (self / top).is_symlink() else line)
        own = ("/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/var/lib/dpkg", "/var/lib/apt", "/var/cache", "/var/log/apt", "/var/log/dpkg.log")
        found = {f"/{path.relative_to(self.path)}" for path in self.path.rglob("*")}
        return {path for path in found - owned if not path.startswith(own) and not re.fullmatch("/etc/[a-z]+-", path)}

    def remove(self):
        if self.path.exists():
            shutil.rmtree(self.path)


class Network:
    """A network namespace with nothing but its loopback."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.inside = ["nsenter", "--net=" + f"/proc/{self.holder.pid}/ns/net"]
        here = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.holder.pid}/ns/net") == here:
            assert self.holder.poll() is None, "this machine lets nobody make a network namespace"
        run(*self.inside, "ip", "link", "set", "lo", "up")

    def close(self):
        self.holder.kill()
        self.holder.wait()
