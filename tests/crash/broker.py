"""A broker with a durable store, as the crash tests start and stop it."""
import asyncio
import os
import re
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.environ.get("BRAMBLE_BIN", f"{ROOT}/build/release/bin/bramble")
PATIENCE = 60
END = 10  # in which the broker ends


class Broker:
    """In `folder` are its configuration, log and output; in `location`, in there, what it keeps."""

    def __init__(self, program, folder, location, durability, threads, environment=None):
        self.program, self.environment = program, environment
        name = os.path.join(folder, os.path.basename(location))
        self.config, self.log, self.output = name + ".conf", name + ".log", name + ".out"
        self.process, self.began_at = None, 0
        user = "user root\n" if os.geteuid() == 0 else ""
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(f"listener 0 127.0.0.1\nallow_anonymous true\n{user}threads {threads}\npersistence true\n"
                       f"persistence_location {location}\ndurability {durability}\nmax_queued_messages 0\n"
                       "sys_interval 1\nconnection_messages false\n")

    async def start(self):
        """False: it has ended, or says nothing for too long."""
        with open(self.log, "ab") as log, open(self.output, "wb") as output:
            self.began_at = log.tell()
            self.process = subprocess.Popen([self.program, "-c", self.config], stdout=output, stderr=log,
                                            env=self.environment)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = re.search(r"listens on 127\.0\.0\.1:(\d+)", self.said())
            if found:
                self.port = int(found.group(1))
                return True
            if self.process.poll() is not None:
                return False
            await asyncio.sleep(0.01)
        return False

    def said(self):
        """Since it started."""
        with open(self.log, "rb") as log:
            log.seek(self.began_at)
            return log.read().decode()

    def times(self, words):
        return self.said().count(words)

    def resident(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read()).group(1)) << 10

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def end(self):
        """After SIGTERM: its status; None: it does not end."""
        self.process.terminate()
        end = time.monotonic() + END
        while self.process.poll() is None and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return self.process.poll()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
