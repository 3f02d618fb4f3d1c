"""What transports/ and options/ talk to a broker with: the broker itself, certificates, and clients that know MQTT,
WebSocket and PROXY only as bytes."""

import base64
import contextlib
import hashlib
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 20
BINARY = Path(os.environ.get("BRAMBLE_BIN") or ROOT / "build/release/bin/bramble").resolve()

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 5, 6, 7, 8, 9
PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14


def run(*command, **more):
    """What the command says, which must go well."""
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, **more)
    output = (done.stdout + done.stderr).decode(errors="replace").strip()
    assert done.returncode == 0, output or f"{command[0]} ended with {done.returncode}"
    return output


def counted(result, bad=0):
    """Says how many tests passed, with `bad` failures beside them; the status to end with."""
    for test, why in result.skipped:
        print(f"skipped: {test.id()}: {why}")
    bad += len(result.failures) + len(result.errors)
    print(f"{result.testsRun - len(result.skipped) - bad} passed, {bad} failed")
    return 1 if bad else 0


# --- the broker


class Broker:
    """A broker with the listeners given as (name, options), each on a free port of loopback, or a Unix socket if its
    options begin with a path. Its log is read as it comes."""

    def __init__(self, folder, listeners, options="", start=True):
        self.folder, self.names = Path(folder), [name for name, _ in listeners]
        text = f"per_listener_settings true\nthreads 2\n{options}\n" + ("user root\n" if os.geteuid() == 0 else "")
        for _, lines in listeners:
            path, lines = lines.split("\n", 1) if lines.startswith("/") else ("127.0.0.1", lines)
            text += f"listener 0 {path}\n{lines}\n"
            if "allow_anonymous" not in lines:
                text += "allow_anonymous true\n"
        self.config = self.folder / f"broker-{id(self)}.conf"
        self.config.write_text(text)
        self.lines, self.more = [], threading.Condition()
        if start:
            self.begin()

    def begin(self):
        self.process = subprocess.Popen([BINARY, "-c", self.config], stderr=subprocess.STDOUT, stdout=subprocess.PIPE,
                                        start_new_session=True)
        self.follow(self.process.stdout)
        self.take_addresses()

    def restart(self):
        """It ends, and begins on the ports that it had."""
        self.stop()
        text = self.config.read_text()
        for port in self.ports.values():
            text = text.replace("listener 0 127.", f"listener {port} 127.", 1)
        self.config.write_text(text)
        self.lines.clear()
        self.begin()

    def follow(self, stream):
        self.reader = threading.Thread(target=self.read_log, args=(stream,), daemon=True)
        self.reader.start()

    def read_log(self, stream):
        for line in stream:
            with self.more:
                self.lines.append(line.decode(errors="replace").rstrip())
                self.more.notify_all()
        with self.more:
            self.lines.append("(end of the log)")
            self.more.notify_all()

    def take_addresses(self):
        line = self.logged(r"bramble version \S+ listens on ")
        addresses = re.search(r"listens on (.*) with \d+ reactor", line).group(1).split(", ")
        assert len(addresses) == len(self.names), line
        self.ports = {name: int(at.rpartition(":")[2]) for name, at in zip(self.names, addresses) if ":" in at}

    def logged(self, pattern, since=0, times=1):
        """The line with `pattern`, or the last of that many, from line `since` on, waited for."""
        until = time.monotonic() + PATIENCE
        with self.more:
            while True:
                found = [line for line in self.lines[since:] if re.search(pattern, line)]
                if len(found) >= times:
                    return found[times - 1]
                left = until - time.monotonic()
                if left <= 0 or self.lines[-1:] == ["(end of the log)"]:
                    raise AssertionError(f"the broker did not log {pattern!r}:\n" + "\n".join(self.lines[since:][-30:]))
                self.more.wait(left)

    def mark(self):
        with self.more:
            return len(self.lines)

    def rss(self):
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def sanitized(self):
        """Its memory is not that of the program alone."""
        return re.search(r"lib[at]san", Path(f"/proc/{self.process.pid}/maps").read_text())

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        faults = [line for line in self.lines if "Sanitizer" in line or "runtime error" in line]
        assert status == 0 and not faults, f"the broker ended with {status}:\n" + "\n".join(self.lines[-60:])


def write_users(path, **passwords):
    """A password file as mosquitto_passwd writes it, with hashes that cost little. Replaces the file at once."""
    text = ""
    for user, password in passwords.items():
        salt = os.urandom(12)
        digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
        text += f"{user}:$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}\n"
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


# --- certificates


class Authority:
    """An authority of our own, and what it signs: FOLDER/NAME.pem and NAME.key."""

    def __init__(self, folder, name):
        self.folder, self.name = Path(folder) / name, name
        self.folder.mkdir()
        (self.folder / "index.txt").touch()
        (self.folder / "config").write_text(
            "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
            "policy=any\ndefault_days=2\ndefault_crl_days=2\ncopy_extensions=copy\nunique_subject=no\n"
            "[any]\ncommonName=supplied\norganizationName=optional\n")
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-keyout", "ca.key", "-out", "ca.pem", "-subj", f"/CN={name}")
        self.pem = self.folder / "ca.pem"

    def openssl(self, *words):
        return run("openssl", *words, cwd=self.folder)

    def sign(self, name, subject, *, names="", dates=(), key=("ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
        more = ["-addext", f"subjectAltName={names}"] if names else []
        self.openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                     "-subj", subject, *more)
        self.openssl("ca", "-batch", "-config", "config", "-cert", "ca.pem", "-keyfile", "ca.key", "-rand_serial",
                     "-notext", "-preserveDN", "-in", f"{name}.csr", "-out", f"{name}.pem", *dates)
        return self.pair(name)

    def pair(self, name):
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def revoke(self, name):
        """A list with this one revoked."""
        common = ("-config", "config", "-cert", "ca.pem", "-keyfile", "ca.key")
        self.openssl("ca", *common, "-revoke", f"{name}.pem")
        self.openssl("ca", *common, "-gencrl", "-out", "crl.pem")
        return self.folder / "crl.pem"


# --- streams


def tcp(port, buffer=None):
    made = socket.socket()
    if buffer:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    made.settimeout(PATIENCE)
    made.connect(("127.0.0.1", port))
    return made


def tls_context(authority, pair=None, least=ssl.TLSVersion.TLSv1_2, most=ssl.TLSVersion.TLSv1_3):
    context = ssl.create_default_context(cafile=str(authority))
    context.minimum_version, context.maximum_version = least, most
    if pair:
        context.load_cert_chain(*map(str, pair))
    return context


def below(secret):
    """The socket under TLS, for bytes that TLS knows nothing of."""
    raw = socket.socket(fileno=os.dup(secret.fileno()))
    raw.settimeout(PATIENCE)
    return raw


def recv_exactly(stream, size):
    data = bytearray()
    while len(data) < size:
        more = stream.recv(size - len(data))
        if not more:
            raise EOFError("closed")
        data += more
    return bytes(data)


def read_packet(stream):
    """(first byte, what follows the Remaining Length) of the next packet."""
    first = recv_exactly(stream, 1)[0]
    size = shift = 0
    while True:
        digit = recv_exactly(stream, 1)[0]
        size |= (digit & 127) << shift
        shift += 7
        if digit < 128:
            return first, recv_exactly(stream, size)


def recv_all(stream):
    """All until the other side closes, or breaks off."""
    data = bytearray()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while more := stream.recv(65536):
            data += more
    return bytes(data)


class SecretStream:
    """The inside of `openssl s_client`, for what Python's ssl cannot do."""

    def __init__(self, port, *words):
        self.process = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-quiet", "-nocommands", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def sendall(self, data):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(data)
            self.process.stdin.flush()

    def recv(self, size):
        return self.process.stdout.read1(size)

    def close(self):
        self.process.kill()
        self.process.communicate()


class WebSocket:
    """A client's WebSocket: sendall() is one binary frame, recv() what is in those that come. Control frames that came
    wait in `controls`."""

    def __init__(self, stream, protocol="mqtt", path="/mqtt", headers="", first=b""):
        self.stream, self.controls, self.rest, self.sizes = stream, [], b"", []
        key = base64.b64encode(os.urandom(16)).decode()
        request = (f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                   f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n")
        if protocol:
            request += f"Sec-WebSocket-Protocol: {protocol}\r\n"
        stream.sendall((request + headers + "\r\n").encode() + first)
        self.answer = self.read_head()
        self.status = int(self.answer.split(" ")[1])
        if self.status != 101:
            return
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        assert f"Sec-WebSocket-Accept: {accept.decode()}\r\n" in self.answer, self.answer

    def read_head(self):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += recv_exactly(self.stream, 1)
        return head.decode()

    @staticmethod
    def frame(payload, opcode=2, last=True, key=b"\x01\xfe\x55\x00"):
        size = len(payload)
        head = bytes([opcode | (0x80 if last else 0)])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 65536:
            head += b"\xfe" + struct.pack(">H", size)
        else:
            head += b"\xff" + struct.pack(">Q", size)
        mask = int.from_bytes((key * (size // 4 + 1))[:size], "big")
        masked = (int.from_bytes(payload, "big") ^ mask).to_bytes(size, "big")
        return head + key + masked

    def sendall(self, data):
        self.stream.sendall(self.frame(data))

    def read_frame(self):
        """(opcode, payload) of the next; an unmasked one, whole."""
        first, second = recv_exactly(self.stream, 2)
        assert first & 0xF0 == 0x80 and second < 0x80, (first, second)
        size = second
        if size == 126:
            size = struct.unpack(">H", recv_exactly(self.stream, 2))[0]
        elif size == 127:
            size = struct.unpack(">Q", recv_exactly(self.stream, 8))[0]
        return first & 15, recv_exactly(self.stream, size)

    def recv(self, size):
        while not self.rest:
            opcode, payload = self.read_frame()
            if opcode == 8:
                self.controls.append((opcode, payload))
                return b""
            if opcode != 2:
                self.controls.append((opcode, payload))
                continue
            self.sizes.append(len(payload))
            self.rest = payload
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    def close(self):
        self.stream.close()


class Relay:
    """A proxy before a listener: it says a header, then hands on both ways."""

    def __init__(self, port, header):
        self.target, self.header = port, header
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listening.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                server.sendall(self.header)
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self.pump, args=pair, daemon=True).start()

    @staticmethod
    def pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        self.thread.join(PATIENCE)


def proxy_v1(client="203.0.113.7", port=4711):
    return f"PROXY TCP4 {client} 127.0.0.1 {port} 1883\r\n".encode()


def proxy_v2(client="203.0.113.7", port=4711, command=1, tlvs=b""):
    body = socket.inet_aton(client) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", port, 1883) + tlvs
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x20 | command, 0x11]) + struct.pack(">H", len(body)) + body


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def tls_tlv(name=None, client=0x03, verify=0):
    inside = tlv(0x21, b"TLSv1.3") + (tlv(0x22, name.encode()) if name else b"")
    return tlv(0x20, bytes([client]) + struct.pack(">I", verify) + inside)


# --- MQTT 3.1.1


def text(words):
    data = words.encode()
    return struct.pack(">H", len(data)) + data


def packet(first, body):
    size, head = len(body), bytes([first])
    while True:
        size, digit = divmod(size, 128)
        head += bytes([digit | (128 if size else 0)])
        if not size:
            return head + body


def connect(client_id, keep=0, clean=True, user=None, password=None):
    flags = (2 if clean else 0) | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    body = text("MQTT") + bytes([4, flags]) + struct.pack(">H", keep) + text(client_id)
    return packet(0x10, body + b"".join(text(each) for each in (user, password) if each is not None))


def subscribe(topic, qos, number=1):
    return packet(0x82, struct.pack(">H", number) + text(topic) + bytes([qos]))


def publish(topic, payload, qos=0, number=1, retain=False):
    return packet(0x30 | qos << 1 | retain, text(topic) + (struct.pack(">H", number) if qos else b"") + payload)


def ack(kind, number):
    return packet(kind << 4 | (2 if kind == PUBREL else 0), struct.pack(">H", number))


PING, PONG = b"\xc0\0", b"\xd0\0"
DISCONNECTING = b"\xe0\0"


class Mqtt:
    """MQTT on any stream, a step after the other."""

    names = iter(range(1_000_000))

    def __init__(self, stream, client_id=None, **more):
        self.stream, self.number = stream, 0
        self.id = client_id or f"raw-{next(self.names)}"
        self.send(connect(self.id, **more))
        kind, body = self.read()
        assert kind == CONNACK << 4 and body[1] == 0, f"CONNACK {body.hex()}"
        self.present = body[0] == 1

    def send(self, data):
        self.stream.sendall(data)

    def read(self):
        return read_packet(self.stream)

    def subscribe(self, topic, qos=0):
        self.send(subscribe(topic, qos))
        first, body = self.read()
        assert (first, body[2]) == (SUBACK << 4, qos), (first, body)

    def publish(self, topic, payload, qos=0, retain=False):
        """Sees it through."""
        self.number = self.number % 65535 + 1
        self.send(publish(topic, payload, qos, self.number, retain))
        if qos == 1:
            self.expect(ack(PUBACK, self.number))
        elif qos == 2:
            self.expect(ack(PUBREC, self.number))
            self.send(ack(PUBREL, self.number))
            self.expect(ack(PUBCOMP, self.number))

    def expect(self, data):
        got = recv_exactly(self.stream, len(data))
        assert got == data, f"{got[:40].hex()} for {data[:40].hex()}"

    def ping(self):
        self.send(PING)
        self.expect(PONG)

    def receive(self):
        """(topic, payload, qos) of the next message, acknowledged."""
        first, body = self.read()
        assert first >> 4 == PUBLISH, f"{first:02x} {body[:40].hex()}"
        qos = first >> 1 & 3
        size = struct.unpack(">H", body[:2])[0]
        topic, rest = body[2:2 + size].decode(), body[2 + size:]
        if qos:
            number, rest = struct.unpack(">H", rest[:2])[0], rest[2:]
            self.send(ack(PUBACK if qos == 1 else PUBREC, number))
            if qos == 2:
                self.expect(ack(PUBREL, number))
                self.send(ack(PUBCOMP, number))
        return topic, rest, qos

    def end(self):
        self.send(DISCONNECTING)
        self.stream.close()


# --- mosquitto's clients


class Mosquitto:
    """mosquitto_pub and mosquitto_sub with the words that lead to one listener."""

    installed = shutil.which("mosquitto_sub")

    def __init__(self, *words):
        self.words = [str(word) for word in words]

    def round_trip(self, topic, qos, payloads):
        """Publishes the files and checks what comes."""
        got = self.hear(topic, qos, len(payloads), lambda: [self.publish(topic, path, qos) for path in payloads])
        wanted = [(qos, False, path.read_bytes()) for path in payloads]
        assert got == wanted, f"{len(got)} messages came of {len(wanted)}, or not as they were sent"

    def publish(self, topic, path, qos, *more):
        run("mosquitto_pub", *self.words, "-t", topic, "-q", str(qos), "-f", path, *more)

    def hear(self, topic, qos, count, meanwhile):
        """(QoS, whether retained, payload) of so many messages. What sends them is called once we are subscribed."""
        command = ["mosquitto_sub", *self.words, "-t", topic, "-q", str(qos), "-d", "-C", str(count),
                   "-F", "message %q %r %x", "-W", str(PATIENCE)]
        with subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                got = []
                for line in process.stdout:
                    if line.startswith(b"Subscribed"):
                        meanwhile()
                    elif line.startswith(b"message "):
                        got_qos, retained, payload = line.decode().rstrip("\n").split(" ")[1:]
                        got.append((int(got_qos), retained == "1", bytes.fromhex(payload)))
            finally:
                process.kill()
        return got
