"""Clients that send the bytes they are told to, and the bytes of a few packets."""
import socket
import struct

from programs import SECONDS


def text(value):
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">H", len(data)) + data


def connect(client_id, user=None, password=None, version=4, keep_alive=60, will=None):
    flags = 2 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0) | (4 if will else 0)
    body = text("MQTT") + bytes([version, flags]) + struct.pack(">H", keep_alive) + (b"\0" if version == 5 else b"")
    body += text(client_id)
    for part in [*(will or ()), user, password]:
        body += text(part) if part is not None else b""
    return packet(0x10, body)


def packet(first, body):
    assert len(body) < 128 * 128
    size = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return bytes([first]) + size + body


DISCONNECT = b"\xe0\0"


class Client:
    """Sends these packets; what the broker makes of them is in its log."""

    opened = []

    def __init__(self, port, *packets):
        Client.opened.append(self)
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.address = "127.0.0.1:%d" % self.socket.getsockname()[1]
        self.socket.sendall(b"".join(packets))

    def answer(self):
        return self.socket.recv(4096)

    def end(self):
        """Once the broker has closed."""
        try:
            while self.socket.recv(4096):
                pass
        except ConnectionResetError:
            pass
        self.close()

    def close(self):
        self.socket.close()
