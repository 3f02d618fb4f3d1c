"""Options of the process, its files and its log."""

import contextlib
import ctypes
import json
import os
import pwd
import re
import socket
import subprocess
import time
from pathlib import Path

from peers import BINARY, PATIENCE, write_users
from table import NOW, ROOT_USER, START, shows

AS_ROOT = None if ROOT_USER else "only root may"
LOGGED = "log_dest stderr"  # beside what a row is about: the harness reads it


def status(on, word):
    return re.search(rf"^{word}:\s+(\S+)", Path(f"/proc/{on.process.pid}/status").read_text(), re.M).group(1)


@shows("user", "nobody", sees="nobody", other="root", else_sees="root", taken=START, wrong="no_such_account",
       needs=AS_ROOT)
def user(on):
    return pwd.getpwuid(int(status(on, "Uid"))).pw_name


@shows("pid_file", "{folder}/pid", sees=True, else_sees=False, taken=START, wrong="/nonexistent/pid")
def pid_file(on):
    path = on.folder / "pid"
    return path.exists() and path.read_text().strip() == str(on.process.pid)


@shows("control_socket", "{folder}/control", sees=True, else_sees=False, taken=START, wrong="not/from/the/root")
def control_socket(on):
    """Whether bramble-ctl finds the client that is there."""
    client = on.client()
    done = subprocess.run([BINARY.parent / "bramble-ctl", "clients", "--socket", on.folder / "control"],
                          capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode == 0 and client.id in done.stdout


@shows("threads", 3, sees=2, other=1, else_sees=0, taken=START, wrong="65")
def threads(on):
    """Beyond those that there are with one."""
    return int(status(on, "Threads")) - THREADS_WITH_ONE


THREADS_WITH_ONE = 3  # main, one reactor, the log's


@shows("per_listener_settings", "true", sees=[0x87, 0], other="false", else_sees=[0, 0], taken=NOW, wrong="perhaps",
       listener="allow_anonymous false\nlistener 0 127.0.0.1\nallow_anonymous true")
def per_listener(on):
    return [on.code(stream=on.tcp(port=int(at.rpartition(":")[2]))) for at in on.addresses]


@shows("watch_files", "true", sees=True, else_sees=False, taken=NOW, wrong="inotify",
       top="password_rate 0\npassword_file {watched}")
def watched(on):
    """Whether another password holds soon."""
    password, since = f"new {time.monotonic()}", on.mark()
    write_users(on.kit.names["watched"], anna=password)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        if on.code(user="anna", password=password) == 0:
            on.logged("has been read again, and holds", since)
            return True
        time.sleep(0.05)
    return False


@shows("mdns", "true", sees=True, else_sees=False, taken=NOW, wrong="avahi")
def mdns(on):
    """Whether it looked for something to announce when it last took a configuration: there is loopback alone. What is
    announced is seen in tests/deploy/mdns.py."""
    with on.more:
        lines = list(on.lines)
    taken = [i for i, line in enumerate(lines) if re.search("listens on |has been read again, and", line)]
    since = taken[-2] if len(taken) > 1 else 0
    return any("mdns: nothing is announced: no listener" in line for line in lines[since:taken[-1]])


@shows("set_tcp_nodelay", "false", sees=0, else_sees=1, wrong="perhaps")
def nodelay(on):
    client = on.client()
    with at_the_broker(on, client.stream) as theirs:
        return int(theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0)


PIDFD_GETFD = 438  # the number of this system call on every architecture


@contextlib.contextmanager
def at_the_broker(on, ours):
    """The broker's end of a connection."""
    process, descriptors = os.pidfd_open(on.process.pid), f"/proc/{on.process.pid}/fd"
    for name in os.listdir(descriptors):
        if not os.readlink(f"{descriptors}/{name}").startswith("socket:"):
            continue
        taken = ctypes.CDLL(None, use_errno=True).syscall(PIDFD_GETFD, process, int(name), 0)
        assert taken >= 0, os.strerror(ctypes.get_errno())
        with contextlib.suppress(OSError), contextlib.closing(socket.socket(fileno=taken)) as theirs:
            if theirs.getpeername() == ours.getsockname():
                os.close(process)
                yield theirs
                return
    raise AssertionError("the broker has no such connection")


# --- $SYS and the log


@shows("sys_interval", 0, sees=False, other=1, else_sees=True, taken=NOW, wrong="65536", settles=True)
def sys_topics(on):
    client = on.client()
    client.subscribe("$SYS/broker/uptime")
    first = client.drain()
    if not first:
        return False
    client.stream.settimeout(3)
    try:
        return client.receive().payload != first[0].payload
    except TimeoutError:
        return False


def log_of_a_connection(on):
    """The line of a client that comes, as it stands in the broker's log."""
    since = on.mark()
    name = f"logged-{since}-{time.monotonic_ns()}"
    client = on.client(name)
    return on.logged(f" as {client.id} ", since)


def in_file(on, path):
    """Whether what is logged stands there too."""
    line = log_of_a_connection(on)
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if path.exists() and line in path.read_text():
            return True
    return False


@shows("log_dest", "file {folder}/log file", sees=True, else_sees=False, taken=NOW, top=LOGGED, wrong="dlt")
def log_file(on):
    return in_file(on, on.folder / "log file")


@shows("log_dest", "topic", sees=True, else_sees=False, taken=NOW, top=LOGGED, wrong="printer")
def log_topic(on):
    reader = on.client()
    reader.subscribe("$SYS/broker/log/#")
    line = log_of_a_connection(on)
    reader.stream.settimeout(1)
    with contextlib.suppress(TimeoutError):
        while True:
            if reader.receive().payload.decode() == line:
                return True
    return False


@shows("log_dest", "stdout", sees=2, else_sees=1, taken=NOW, top=LOGGED, wrong="file")
def log_stdout(on):
    """How often a line comes to stdout and stderr, which are one here."""
    since, line = on.mark(), log_of_a_connection(on)
    log_of_a_connection(on)
    return on.lines[since:].count(line)


SYSLOG = Path("/dev/log")
NO_SYSLOG = AS_ROOT or ("there is one" if SYSLOG.exists() else None)


@shows("log_facility", 3, sees=(16 + 3) * 8 + 5, other=5, else_sees=(16 + 5) * 8 + 5, taken=NOW, wrong="8",
       top=LOGGED + "\nlog_dest syslog", needs=NO_SYSLOG)
def facility(on):
    """The number before a notice that comes to the socket of syslog."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as syslog:
        SYSLOG.unlink(missing_ok=True)
        syslog.bind(str(SYSLOG))
        SYSLOG.chmod(0o666)
        try:
            syslog.settimeout(5)
            name = re.search(r" as (\S+) ", log_of_a_connection(on)).group(1)
            while name not in (line := syslog.recv(4096).decode()):
                pass
            return int(re.match(r"<(\d+)>.*bramble\[", line).group(1))
        finally:
            SYSLOG.unlink()


def log_of_everything(on):
    """What is logged when a client comes, subscribes, unsubscribes, is refused and goes."""
    since = on.mark()
    client = on.client()
    client.subscribe("filter")
    client.unsubscribe("filter")
    client.leave()
    on.code("")
    log_of_a_connection(on)
    return since, client


NOTICES = LOGGED + "\nlog_type notice"


@shows("log_type", "subscribe", sees=True, else_sees=False, taken=NOW, top=NOTICES, wrong="loud")
def type_subscribe(on):
    since, client = log_of_everything(on)
    return any(re.search(f"{client.id} 0 filter$", line) for line in on.lines[since:])


@shows("log_type", "unsubscribe", sees=True, else_sees=False, taken=NOW, top=NOTICES)
def type_unsubscribe(on):
    since, client = log_of_everything(on)
    return any(re.search(f"{client.id} filter$", line) for line in on.lines[since:])


@shows("log_type", "all", sees=True, else_sees=False, taken=NOW, top=NOTICES)
def type_all(on):
    return type_subscribe(on) and type_unsubscribe(on)


@shows("log_timestamp", "false", sees=False, else_sees=True, taken=NOW, wrong="none")
def timestamp(on):
    return re.match(r"\d+: ", log_of_a_connection(on)) is not None


@shows("log_timestamp_format", "%Y-%m-%dT%H:%M:%S", sees=True, else_sees=False, taken=NOW, wrong="%n")
def timestamp_format(on):
    return re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d: ", log_of_a_connection(on)) is not None


@shows("log_format", "json", sees=True, else_sees=False, taken=NOW, wrong="xml")
def log_format(on):
    try:
        return "as" in json.loads(log_of_a_connection(on))["message"]
    except ValueError:
        return False


@shows("connection_messages", "false", sees=False, else_sees=True, taken=NOW, wrong="few",
       top=NOTICES + "\nlog_type subscribe")
def connection_messages(on):
    since, client = on.mark(), on.client()
    client.subscribe("filter")
    on.logged(f"{client.id} 0 filter", since)
    return any(f" as {client.id} " in line for line in on.lines[since:])


# --- files within the configuration


@shows("include_dir", "{conf_d}", sees=3, else_sees=20, wrong="/nonexistent")
def include_dir(on):
    return on.client().told("ReceiveMaximum")
