"""Disks that fail when they are told to, and are well again."""
import os
import random
import subprocess

from disk import Disk


class FaultyDisk:
    """As disk.c makes it."""

    def __init__(self, folder, error):
        self.error = error
        self.data = os.path.join(folder, "data")
        work = os.path.join(folder, "disk")
        os.mkdir(self.data)
        os.mkdir(work)
        self.disk = Disk(self.data, work, random.Random(0))
        self.environment = self.disk.environment()
        del self.environment["BRAMBLE_DISK_LOG"]

    def fail(self, error=None):
        with open(self.disk.fault + "-", "w", encoding="utf-8") as file:
            file.write(error or self.error)
        os.rename(self.disk.fault + "-", self.disk.fault)

    def recover(self):
        os.remove(self.disk.fault)

    def met(self):
        """How often the broker has met a disk that hangs, or cannot be read."""
        path = self.disk.fault + ".met"
        return os.path.getsize(path) if os.path.exists(path) else 0

    def remove(self):
        pass


class FullDisk:
    """A file system of its own, of 4 MB."""
    environment = None

    def __init__(self, folder):
        self.data = os.path.join(folder, "data")
        os.mkdir(self.data)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", self.data], capture_output=True)
        if done.returncode != 0:
            raise OSError(done.stderr.decode().strip())
        self.filler = os.path.join(self.data, "filler")

    def fail(self):
        with open(self.filler, "ab", buffering=0) as file:
            for size in (65536, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def recover(self):
        os.remove(self.filler)

    def remove(self):
        subprocess.run(["umount", "-l", self.data], check=False)
