"""Images and containers without Docker: buildah builds, podman and crun run. Storage lies in build/image of the tree.

A base image under the real one's name is made from this machine's own apt sources, once. Containers run in a mount and
network namespace of their own (spaces): crun wants a single cgroup tree, and no port is anybody else's."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import spaces

ROOT = Path(__file__).resolve().parent.parent.parent
STORE = ROOT / "build/image"
BASE = "docker.io/library/debian:bookworm-slim"
TOOLS = ["buildah", "podman", "crun", "mmdebstrap", "strip"]
PATIENCE = 60


def cannot():
    """Why this machine runs no container; None: it does."""
    missing = [name for name in TOOLS if not shutil.which(name)]
    return f"no {', '.join(missing)} (tools/setup --deploy)" if missing else spaces.cannot()


def call(*words, check=True, seconds=PATIENCE, **more):
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, timeout=seconds, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done


def storage():
    """Overlay where the kernel can lay one over the tree's disk; else whole copies."""
    probe = STORE / "probe"
    for name in ("lower", "upper", "work", "merged"):
        (probe / name).mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={probe}/lower,upperdir={probe}/upper,workdir={probe}/work"
    laid = call("mount", "-t", "overlay", "overlay", "-o", options, probe / "merged", check=False).returncode == 0
    if laid:
        call("umount", probe / "merged")
    shutil.rmtree(probe)
    driver = "overlay" if laid else "vfs"
    return ["--root", f"{STORE}/{driver}", "--runroot", f"{STORE}/run", "--storage-driver", driver]


def podman(*words, **more):
    return call("podman", *storage_words, "--cgroup-manager=cgroupfs", *words, **more)


storage_words = []


def prepare():
    global storage_words
    STORE.mkdir(parents=True, exist_ok=True)
    storage_words = storage()


def apt_settings():
    """This machine's own, for the image's base and its RUN steps: sources, and what goes with them."""
    sources = [path for path in (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
               if path.exists()]
    certificates = [path for path in (Path("/etc/ssl/certs/ca-certificates.crt"),) if path.exists()]
    return sources[:1], [*sorted(Path("/etc/apt/apt.conf.d").glob("99*")), *certificates]


def make_base():
    """As Debian makes its slim one: no documentation and no translations."""
    if podman("image", "exists", BASE, check=False).returncode == 0:
        return
    archive = STORE / "base.tar"
    sources, _ = apt_settings()
    leave_out = [f"--dpkgopt=path-exclude={path}" for path in ("/usr/share/doc/*", "/usr/share/man/*",
                                                              "/usr/share/locale/*", "/usr/share/info/*")]
    call("mmdebstrap", "--quiet", "--variant=minbase", *leave_out,
         "--customize-hook=rm -rf $1/etc/apt/sources.list $1/etc/apt/sources.list.d/*",
         "--aptopt=Acquire::Check-Valid-Until \"false\"", "bookworm", archive, *sources, seconds=1200)
    podman("import", "-c", 'CMD ["bash"]', archive, BASE, seconds=300)
    archive.unlink()


def build(folder, image, seconds, log):
    """The image of the Dockerfile in `folder`. apt's settings are mounted for its RUN steps: they stay out of it."""
    sources, settings = apt_settings()
    mounts = [word for path in sources + settings for word in ("--volume", f"{path}:{path}:ro")]
    with open(log, "wb") as out:
        done = subprocess.run(["buildah", *storage_words, "bud", "--isolation", "chroot", "--layers", "--format", "docker",
                               "--network", "host", "--pull-never", *mounts, "--tag", image, str(folder)],
                              stdout=out, stderr=subprocess.STDOUT, timeout=seconds)
    if done.returncode != 0:
        raise AssertionError(f"buildah ended with {done.returncode}:\n" + Path(log).read_text(errors="replace")[-4000:])


def settle():
    """What a container needs of a mount namespace."""
    call("umount", "-R", "/sys/fs/cgroup", check=False)
    call("mount", "-t", "cgroup2", "none", "/sys/fs/cgroup")


class Container:
    """One that runs, or has ended."""

    def __init__(self, image, name, *words, arguments=(), check=True):
        self.name = name
        limits = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=1000:1000"]
        done = podman("run", "--detach", "--name", name, "--cgroups=disabled", "--network", "host", *limits,
                      "--health-interval=disable", *words, image, *arguments, check=check)
        self.begun = done.returncode == 0

    def said(self):
        done = podman("logs", self.name, check=False)
        return done.stdout + done.stderr

    def inspect(self, what):
        return json.loads(podman("inspect", self.name, "--format", "{{json " + what + "}}").stdout)

    def running(self):
        return self.inspect(".State.Running")

    def wait_for(self, words, times=1):
        """Until it has said them so often, over all its starts."""
        end = time.monotonic() + PATIENCE
        while (said := self.said()).count(words) < times:
            assert self.running() and time.monotonic() < end, f"{words!r} was not said:\n{said[-4000:]}"
            time.sleep(0.05)
        return said

    def ended(self):
        """Its exit status, waited for."""
        return int(podman("wait", self.name).stdout)

    def execute(self, *words, check=True):
        return podman("exec", self.name, *words, check=check)

    def healthy(self):
        return podman("healthcheck", "run", self.name, check=False).returncode == 0

    def start(self):
        podman("start", self.name)

    def signal(self, name):
        podman("kill", "--signal", name, self.name)

    def stop(self):
        podman("stop", "--time", "20", self.name)

    def process(self):
        return self.inspect(".State.Pid")

    def remove(self):
        podman("rm", "--force", "--time", "0", "--volumes", self.name, check=False)
