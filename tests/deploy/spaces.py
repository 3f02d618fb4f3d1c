"""Namespaces of one's own for a test: mounts and ports that nobody else has. As root."""

import os
import shutil
import subprocess
import sys

INSIDE = "--inside"
WORDS = ["unshare", "--mount", "--net", "--propagation", "private"]


def cannot():
    """Why there are none; None: there are."""
    if os.geteuid() != 0:
        return "only root can make namespaces"
    missing = [name for name in ("unshare", "ip") if not shutil.which(name)]
    if missing:
        return f"no {', '.join(missing)} (tools/setup --test)"
    if subprocess.run([*WORDS, "true"], capture_output=True).returncode != 0:
        return "this machine lets nobody make namespaces"
    return None


def enter():
    """Runs this script in them. The outer one ends here, with the inner one's status."""
    if INSIDE in sys.argv:
        sys.argv.remove(INSIDE)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    else:
        sys.exit(subprocess.run([*WORDS, sys.executable, *sys.argv, INSIDE]).returncode)
