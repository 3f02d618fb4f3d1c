"""The disk under a broker: disk.c records what the broker does to it, this makes what a power cut leaves."""
import os
import shutil
import struct
import subprocess

HEAD = struct.Struct("<ccIQ")
FILES = {b"d": "bramble.db", b"w": "bramble.db-wal", b"j": "bramble.db-journal"}
SECTOR = 512


def build(folder):
    """The library for LD_PRELOAD."""
    library = os.path.join(folder, "disk.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "disk.c")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


class Disk:
    """Of a broker whose files are in `folder`. `random`: what of the writes that were not synced is left."""

    def __init__(self, folder, work, random):
        self.folder, self.work, self.random = folder, work, random
        self.library = build(work)
        self.log = os.path.join(work, "writes")
        self.fault = os.path.join(work, "fault")
        self.before = os.path.join(work, "before")
        self.dropped = self.torn = 0

    def environment(self):
        return dict(os.environ, LD_PRELOAD=self.library, BRAMBLE_DISK_FOLDER=self.folder, BRAMBLE_DISK_LOG=self.log,
                    BRAMBLE_DISK_FAULT=self.fault)

    def begin(self):
        """What is there now is on the disk."""
        shutil.rmtree(self.before, ignore_errors=True)
        os.mkdir(self.before)
        for name in FILES.values():
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                shutil.copy(path, os.path.join(self.before, name))
        if os.path.exists(self.log):
            os.remove(self.log)

    def steps(self):
        with open(self.log, "rb") as file:
            while True:
                head = file.read(HEAD.size)
                if len(head) < HEAD.size:
                    return
                what, name, size, at = HEAD.unpack(head)
                bytes_ = file.read(size)
                if len(bytes_) < size:
                    return  # the broker died in the middle of it
                yield what, name, at, bytes_

    def cut_power(self):
        """The broker is dead: its files become what would be there if the machine had lost its power then."""
        synced, waiting = {}, {}
        for mark, name in FILES.items():
            path = os.path.join(self.before, name)
            if os.path.exists(path):
                with open(path, "rb") as file:
                    synced[mark] = bytearray(file.read())
        for what, mark, at, bytes_ in self.steps() if os.path.exists(self.log) else ():
            if what == b"U":  # seen at once, as after a crash of a journalling file system
                synced.pop(mark, None)
                waiting.pop(mark, None)
            elif what == b"S":
                image = synced.setdefault(mark, bytearray())
                for step in waiting.pop(mark, []):
                    self.apply(image, *step)
            else:
                waiting.setdefault(mark, []).append((what, at, bytes_))
        for mark, steps in waiting.items():
            image = synced.setdefault(mark, bytearray())
            for step in steps:
                self.apply_some(image, *step)
        for mark, name in FILES.items():
            path = os.path.join(self.folder, name)
            if mark in synced:
                with open(path, "r+b" if os.path.exists(path) else "wb") as file:
                    file.truncate(0)
                    file.write(synced[mark])
            elif os.path.exists(path):
                os.remove(path)

    @staticmethod
    def apply(image, what, at, bytes_):
        if what == b"T":
            del image[at:]
            image.extend(bytes(max(0, at - len(image))))
            return
        if len(image) < at + len(bytes_):
            image.extend(bytes(at + len(bytes_) - len(image)))
        image[at:at + len(bytes_)] = bytes_

    def apply_some(self, image, what, at, bytes_):
        luck = self.random.random()
        if luck < 0.4:
            self.dropped += 1
        elif luck < 0.7:
            self.apply(image, what, at, bytes_)
        else:
            self.torn += 1
            for start in range(0, len(bytes_), SECTOR):
                if self.random.random() < 0.5:
                    self.apply(image, what, at + start, bytes_[start:start + SECTOR])
