#!/usr/bin/python3
"""The Debian packages, in bare Debians of their own: installed, started, used, upgraded, removed and purged; and with
systemd booted in one of them. As root, after `tools/setup --deploy`.

    tests/deploy/package.py [--arch arm64] [--build FOLDER]

FOLDER is where the programs have been built and cpack is run: build/release, or build/arm64. What this machine cannot do is
said. Ends with `N passed, N failed`.
"""

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

from debian_root import SOURCES, Network, Root, cannot_run, native, run  # noqa: E402
from service_manager import Manager  # noqa: E402

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
EXPOSURE_MAX = 25  # tenths, as systemd-analyze has them
LATER_SUITE = "trixie"
BOOT_SECONDS = 600
CONF = "/etc/bramble/bramble.conf"

passed = failed = 0


@contextlib.contextmanager
def check(sentence):
    global passed, failed
    began = time.monotonic()
    try:
        yield
        passed += 1
        print(f"ok   {sentence} ({time.monotonic() - began:.1f} s)", flush=True)
    except (AssertionError, OSError, subprocess.SubprocessError) as why:
        failed += 1
        print(f"FAIL {sentence}: {why}", flush=True)


def skip(sentence, why):
    print(f"skipped: {sentence}: {why}", flush=True)


def is_in(part, whole):
    assert part in whole, f"{part!r} is not in {whole[-2000:]!r}"


# --- the files


class Packages:
    def __init__(self, build, architecture):
        for old in build.glob(f"*_{architecture}.deb"):
            old.unlink()
        run("cpack", cwd=build)
        self.broker, self.tools = (next(build.glob(f"{name}_*_{architecture}.deb")) for name in ("bramble", "bramble-tools"))

    def depends(self):
        fields = [run("dpkg-deb", "-f", each, "Depends").strip() for each in (self.broker, self.tools)]
        return sorted({one.strip() for field in fields for one in field.split(",")})

    def newer(self, folder):
        """The same with a higher version."""
        run("dpkg-deb", "-R", self.broker, folder / "newer")
        control = folder / "newer/DEBIAN/control"
        control.write_text(re.sub(r"^(Version: .*)$", r"\1+newer", control.read_text(), flags=re.M))
        run("dpkg-deb", "-b", folder / "newer", folder / "newer.deb")
        return folder / "newer.deb"


def check_files(packages, build, architecture):
    with check("lintian has nothing to say"):
        run("lintian", "--fail-on", "error,warning", "--allow-root", packages.broker, packages.tools)
    with check("they need no library whose name differs between Debian 12 and 13"):
        named = [one for one in packages.depends() if re.match(r"lib(fmt|mimalloc|spdlog|wslay)", one)]
        assert not named, named
    with check("the exposure of the unit is small"):
        run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE_MAX}", TREE / "tools/package/bramble.service")
    check_later_suite(packages, architecture)


def check_later_suite(packages, architecture):
    """Against the next Debian's index, which takes only this machine's settings with another suite in them."""
    sentence = f"Debian 13 has all that they depend on ({', '.join(packages.depends())})"
    with tempfile.TemporaryDirectory() as folder:
        text = Path(next(path for path in SOURCES if os.path.exists(path))).read_text().replace("bookworm", LATER_SUITE)
        source = Path(folder) / ("later.sources" if "Types:" in text else "later.list")
        source.write_text(text)
        os.makedirs(f"{folder}/lists/partial")
        Path(folder, "status").touch()
        settings = [f"-oAPT::Architecture={architecture}", f"-oAPT::Architectures={architecture}", "-oDir::Etc::sourceparts=/dev/null",
                    f"-oDir::Etc::sourcelist={source}", f"-oDir::State::lists={folder}/lists", f"-oDir::State::status={folder}/status",
                    f"-oDir::Cache={folder}", "-oAPT::Sandbox::User=root"]
        told = subprocess.run(["apt-get", "-qq", *settings, "update"], capture_output=True, text=True)
        if told.returncode != 0 or "Err" in told.stdout or not list(Path(folder, "lists").glob("*_Packages*")):
            return skip(sentence, "its index is not to be had here: untested")
        with check(sentence):
            run("apt-get", "-qq", "-s", *settings, "satisfy", *packages.depends())


# --- in a bare Debian, without systemd


class Installed:
    """The package in a Root, and its broker, of which we are the service manager."""

    def __init__(self, root, network):
        self.root, self.network = root, network
        self.log = tempfile.TemporaryFile()
        self.manager = Manager(str(root / "run/notify"), "/run/notify", self.log)

    def inside(self, *words):
        return [*self.network.inside, "chroot", *words]

    def said(self):
        self.log.seek(0)
        return self.log.read().decode()[-2000:]

    def start(self):
        try:
            return self.manager.start(*self.inside("--userspec=bramble:bramble", str(self.root.path), "/usr/bin/bramble", "-c", CONF),
                                      watchdog=4)
        except AssertionError as why:
            raise AssertionError(f"{why}\n{self.said()}")

    def user(self, *words, password=None, **more):
        """What a user's bramble-ctl says."""
        environment = {**os.environ, **({"BRAMBLE_PASSWORD": password} if password else {})}
        return run(*self.inside("--userspec=ann:ann", self.root.path, "bramble-ctl", *words), env=environment, **more)

    def message_comes(self, **more):
        login = ["-u", "ann"] if more else []
        words = self.inside("--userspec=ann:ann", str(self.root.path), "bramble-ctl", "sub", *login, "-t", "lamp", "-C", "1", "-W", "60")
        environment = {**os.environ, **({"BRAMBLE_PASSWORD": more["password"]} if more else {})}
        self.user("pub", *login, "-t", "lamp", "-m", "on", "-r", **more)
        done = subprocess.run(words, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
        assert (done.returncode, done.stdout) == (0, "on\n"), done

    def close(self):
        self.manager.close()


def check_installed(packages, root, network, folder):
    (root / "etc/mosquitto").mkdir()
    (root / "etc/mosquitto/mosquitto.conf").touch()
    before = root.unowned()
    with check("apt installs the package in a bare Debian 12, and says how to take Mosquitto's files over"):
        shutil.copy(packages.broker, root / "root/bramble.deb")
        is_in("bramble-ctl import-mosquitto", root.apt("install", "-y", "--no-install-recommends", "/root/bramble.deb"))
    root.run("useradd", "ann")
    with check("the account, its folder and a place for users are there"):
        is_in("/usr/sbin/nologin", root.run("getent", "passwd", "bramble"))
        told = root.run("stat", "-c", "%U:%G %a", "/var/lib/bramble", "/etc/bramble/passwd", CONF)
        assert told.split("\n")[:3] == ["bramble:bramble 750", "root:bramble 640", "root:root 644"], told
    with check("the allocator is the one that the program brings"):
        is_in("mimalloc", root.run("env", "MIMALLOC_VERBOSE=1", "bramble", "--version"))
    with check("its configuration is right as it comes"):
        is_in("/var/lib/bramble", root.run("bramble-ctl", "config", "show", CONF))
    installed = Installed(root, network)
    try:
        check_used(installed)
    finally:
        installed.close()
    with check("an upgrade keeps a changed configuration"):
        with open(root / CONF[1:], "a") as conf:
            conf.write("# mine\n")
        shutil.copy(packages.newer(folder), root / "root/newer.deb")
        root.apt("install", "-y", "/root/newer.deb")
        is_in("+newer", root.run("dpkg-query", "-W", "bramble"))
        is_in("# mine\n", (root / CONF[1:]).read_text())
    with check("what is removed leaves its configuration and data"):
        root.apt("remove", "-y", "bramble")
        assert (root / CONF[1:]).exists() and (root / "var/lib/bramble/bramble.db").exists()
        assert not (root / "usr/bin/bramble").exists()
    with check("what is purged leaves nothing but the account, and says so"):
        is_in("the account bramble stays", root.apt("purge", "-y", "bramble"))
        left = root.unowned() - before
        assert not left, sorted(left)[:20]
        root.run("getent", "passwd", "bramble")


def check_used(installed):
    root = installed.root
    with check("it starts as its account, and a user publishes and is published to"):
        process = installed.start()
        assert os.stat(f"/proc/{process.pid}").st_uid == int(root.run("id", "-u", "bramble"))
        installed.message_comes()
    with check("the watchdog hears of it"):
        installed.manager.wait_for("WATCHDOG=1")
    with check("who comes while it is restarted waits, and what was kept is there"):
        assert installed.manager.stop(signal.SIGTERM) == 0
        waits = subprocess.Popen(installed.inside("--userspec=ann:ann", str(root.path), "bramble-ctl", "sub", "-t", "lamp", "-C", "1",
                                                  "-W", "60"), stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        installed.start()
        got = waits.communicate(timeout=60)[0]
        assert (got, waits.returncode) == ("on\n", 0), f"{got!r}, {waits.returncode}; {installed.manager.heard}\n{installed.said()}"
    with check("a password lets a user in from the network, by the three lines of its configuration"):
        lines = re.search(r"local\.conf:\n((?:# {3}.*\n)+)", (root / CONF[1:]).read_text()).group(1)
        (root / "etc/bramble/conf.d/local.conf").write_text(lines.replace("#   ", ""))
        root.run("bramble-passwd", "-b", "/etc/bramble/passwd", "ann", "secret")
        installed.manager.heard.clear()
        installed.manager.process.send_signal(signal.SIGHUP)
        is_in("0.0.0.0:1883", installed.manager.wait_for("STATUS="))
        installed.manager.wait_for("READY=1")
        installed.message_comes(password="secret")
        installed.user("ping", "-u", "ann", password="wrong", status=1)
        installed.user("ping", status=1)
        assert installed.manager.stop() == 0


def check_tools(packages, root):
    with check("bramble-tools stands alone"):
        shutil.copy(packages.tools, root / "root/tools.deb")
        root.apt("install", "-y", "--no-install-recommends", "/root/tools.deb")
        is_in("pairs", root.run("bramble-bench", "--help"))
        assert (root / "usr/share/bash-completion/completions/bramble-bench").exists()
        root.apt("purge", "-y", "bramble-tools")


# --- with systemd


def check_booted(packages, build, folder):
    global passed, failed
    root = Root(build, "systemd", native(), "systemd,systemd-sysv,dbus")
    root.apt("install", "-y", "--no-install-recommends", *[re.sub(r" \(.*", "", one) for one in packages.depends()])
    root.forbid_services(False)
    shutil.copy(packages.broker, root / "root/bramble.deb")
    shutil.copy(folder / "newer.deb", root / "root/newer.deb")
    shutil.copy(HERE / "boot.sh", root / "root/boot.sh")
    run("dpkg", "-x", packages.broker, root / "root/bramble")
    (root / "etc/systemd/system/probe.service").write_text(
        "[Unit]\nAfter=multi-user.target\n[Service]\nType=oneshot\nStandardOutput=file:/root/said\nStandardError=inherit\n"
        "ExecStart=/bin/bash /root/boot.sh\nExecStopPost=/bin/systemctl poweroff --no-block\n[Install]\nWantedBy=default.target\n")
    (root / "etc/systemd/system/default.target.wants").mkdir()
    (root / "etc/systemd/system/default.target.wants/probe.service").symlink_to("../probe.service")
    done = subprocess.run(["timeout", "-k", "5", str(BOOT_SECONDS), "systemd-nspawn", "-q", "-b", "-D", root.path, "--register=no",
                           "--keep-unit", "--private-network", "--console=pipe"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    said = root / "root/said"
    if not said.exists():
        return skip("systemd", f"it does not boot here: {(done.stdout + done.stderr)[-300:]!r}")
    lines = said.read_text()
    print(lines, end="")
    good, bad = (len(re.findall(f"^{word} ", lines, re.M)) for word in ("ok", "FAIL"))
    passed, failed = passed + good, failed + bad
    with check("systemd came to the end of boot.sh"):
        is_in("no unit has failed", lines)
    root.remove()


def main():
    words = argparse.ArgumentParser()
    words.add_argument("--arch", default=native())
    words.add_argument("--build", type=Path)
    words = words.parse_args()
    if os.geteuid() != 0:
        print("package.py: as root, please: it makes file systems", file=sys.stderr)
        sys.exit(2)
    build = (words.build or TREE / "build" / ("release" if words.arch == native() else words.arch)).resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        packages = None
        with check("cpack makes both packages"):
            packages = Packages(build, words.arch)
        if packages:
            check_files(packages, build, words.arch)
            check_roots(packages, build / "deploy", words.arch, folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def check_roots(packages, build, architecture, folder):
    why = cannot_run(architecture)
    if why:
        return skip("the package in a Debian", why)
    network = Network()
    try:
        root = Root(build, "bare", architecture)
        check_installed(packages, root, network, folder)
        check_tools(packages, root)
        root.remove()
    finally:
        network.close()
    if architecture != native():
        return skip("systemd", "it is not booted under qemu")
    with check("systemd boots with the package"):
        check_booted(packages, build, folder)


if __name__ == "__main__":
    main()
