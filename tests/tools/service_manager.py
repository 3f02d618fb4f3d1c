"""What stands for systemd in tests of the broker as a service."""
import array
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time

from programs import PLAIN, SECONDS

FIRST_HANDED = 3


class Manager:
    """Stands for systemd: hears what the broker says, and keeps the sockets that it is given."""

    def __init__(self, path, seen_as=None, log=subprocess.DEVNULL):
        """`seen_as`: the path, where the broker has another root."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.path = seen_as or path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        os.chmod(path, 0o666)
        self.heard, self.store, self.process = [], {}, None
        self.log = log

    def start(self, *command, watchdog=None):
        """Hands over what it keeps."""
        handed = [(name, fcntl.fcntl(each, fcntl.F_DUPFD, 64)) for name, each in self.store.items()]
        script = "".join(f"exec {FIRST_HANDED + i}<&{each} {each}<&-; " for i, (_, each) in enumerate(handed))
        environment = {**PLAIN, "NOTIFY_SOCKET": self.path, "LISTEN_FDS": str(len(handed)),
                       "LISTEN_FDNAMES": ":".join(name for name, _ in handed)}
        if watchdog:
            environment["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        self.heard.clear()
        self.process = subprocess.Popen(
            ["bash", "-c", script + 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"', "bash", *command],
            env=environment, pass_fds=[each for _, each in handed], stderr=self.log)
        for _, each in handed:
            os.close(each)
        self.wait_for("READY=1")
        return self.process

    def hear(self, patience):
        """One message more; False: there was none."""
        self.socket.settimeout(patience)
        try:
            data, parts, *_ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
        except (TimeoutError, BlockingIOError):
            return False
        given = array.array("i")
        for _, _, content in parts:
            given.frombytes(content)
        said = data.decode()
        self.heard.append(said)
        name = said.partition("FDNAME=")[2]
        if said.startswith("FDSTORE=1\n"):
            self.store[name] = given[0]
        elif said.startswith("FDSTOREREMOVE=1\n"):
            os.close(self.store.pop(name))
        return True

    def wait_for(self, text):
        """The message that begins with this."""
        until = time.monotonic() + SECONDS
        while not any(said.startswith(text) for said in self.heard):
            assert time.monotonic() < until, f"{text} is not in {self.heard}"
            assert self.hear(0.1) or self.process.poll() is None, f"it has ended; {self.heard}"
        return next(said for said in self.heard if said.startswith(text))

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        status = self.process.wait(SECONDS)
        while self.hear(0):
            pass
        return status

    def close(self):
        if self.process and self.process.poll() is None:
            self.stop(signal.SIGKILL)
        for each in self.store.values():
            os.close(each)
        self.socket.close()
