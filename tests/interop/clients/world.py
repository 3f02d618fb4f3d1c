"""The broker that every client meets: a listener for each transport, which lets in whoever knows the password."""

import socket

from peers import ROOT, Authority, Broker, tcp, tls_context, write_users

USER, PASSWORD = "anna", "secret"
URLS = {"tcp": "mqtt://127.0.0.1:{}", "tls": "mqtts://127.0.0.1:{}", "ws": "ws://127.0.0.1:{}/mqtt",
        "wss": "wss://127.0.0.1:{}/mqtt"}
VERSIONS = {3: "3.1", 4: "3.1.1", 5: "5"}
INSTALLED = ROOT / ".deps/clients"  # by tools/setup --clients
PICTURES = ROOT / "build/clients"


class World:
    """Made once, before the first test."""

    def make(self, folder):
        self.folder = folder
        self.ca = Authority(folder, "ours")
        certificate, key = self.ca.sign("server", "/CN=localhost", names="DNS:localhost,IP:127.0.0.1")
        self.certificate = certificate
        write_users(folder / "users", **{USER: PASSWORD})
        users = f"allow_anonymous false\npassword_file {folder / 'users'}\n"
        tls, web = f"certfile {certificate}\nkeyfile {key}\n", "protocol websockets\n"
        self.broker = Broker(folder, [("tcp", users), ("tls", users + tls), ("ws", users + web),
                                      ("wss", users + tls + web), ("old", users + "accept_protocol_versions 3\n")])
        self.ports = self.broker.ports
        self.at_end = [self.broker.stop]  # last first

    def stop(self):
        """What was wrong at the end."""
        for stop in reversed(self.at_end):
            try:
                stop()
            except AssertionError as error:
                yield error

    def url(self, transport):
        return URLS[transport].format(self.ports[transport])

    def stream(self, transport, buffer=None):
        """A stream of bytes to the broker; WebSocket without its handshake."""
        made = tcp(self.ports[transport], buffer)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each write is a segment
        if transport in ("tls", "wss"):
            made = tls_context(self.ca.pem).wrap_socket(made, server_hostname="localhost")
        return made


world = World()
