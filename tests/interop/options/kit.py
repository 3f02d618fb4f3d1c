"""The files that configurations of the table name. Made once."""

import shutil
import socket
from pathlib import Path

from peers import ROOT, Authority, run, write_users
from table import HERE

MOSQUITTO_DB = ROOT / "tests/broker/store/mosquitto_2_0.db"  # written by Mosquitto 2.0, with kept/plain and more retained


class Kit:
    """`names` are what {name} in a row stands for; `pairs` clients' certificates by name."""

    def __init__(self, folder):
        self.folder = folder
        self.ca, foreign = Authority(folder, "ours"), Authority(folder, "foreign")
        ours, localhost = self.ca.sign, "DNS:localhost,IP:127.0.0.1"
        server = ours("server", "/CN=localhost", names=localhost)
        other = ours("other", "/CN=other", names=localhost)
        rsa = ours("rsa", "/CN=localhost", names=localhost, key=("rsa:2048",))
        past = ("-startdate", "200101000000Z", "-enddate", "200102000000Z")
        self.pairs = {"alice": ours("alice", "/O=Bramble/CN=alice"), "revoked": ours("revoked", "/CN=revoked"),
                      "expired": ours("expired", "/CN=expired", dates=past),
                      "stranger": foreign.sign("stranger", "/CN=alice")}
        self.names = {
            "server_pem": server[0], "server_key": server[1], "other_pem": other[0], "other_key": other[1],
            "rsa_pem": rsa[0], "rsa_key": rsa[1], "ca": self.ca.pem, "foreign": foreign.pem,
            "crl": self.ca.revoke("revoked"), "dh": folder / "dh.pem",
            "ca_path": self.hashed("ca_path", self.ca.pem), "foreign_path": self.hashed("foreign_path", foreign.pem),
            "keys": self.text("keys", "sensor:000102030405060708090a0b0c0d0e0f\n"),
            "other_keys": self.text("other_keys", "other:000102030405060708090a0b0c0d0e0f\n"),
            "rules": self.text("rules", "topic readwrite open/#\n"),
            "changing_rules": self.text("changing_rules", ""),
            "users": folder / "users", "other_users": folder / "other_users", "watched": folder / "watched",
            "theirs": Path(shutil.copy(MOSQUITTO_DB, folder / "theirs.db")),
            "pages": folder / "pages", "conf_d": folder / "conf.d",
        }
        run("openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072", "-out",
            folder / "dh.pem")
        write_users(folder / "users", anna="secret")
        write_users(folder / "other_users", anna="other")
        write_users(folder / "watched", anna="secret")
        (folder / "pages").mkdir()
        (folder / "pages" / "index.html").write_text("<p>hello")
        (folder / "conf.d").mkdir()
        (folder / "conf.d" / "a.conf").write_text("max_inflight_messages 3\n")
        self.take_ports()
        self.later = folder / "later.so"
        run("cc", "-shared", "-fPIC", "-O1", "-o", self.later, HERE / "later.c")

    def text(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def hashed(self, name, pem):
        (self.folder / name).mkdir()
        shutil.copy(pem, self.folder / name / "ca.pem")
        run("openssl", "rehash", self.folder / name)
        return self.folder / name

    def take_ports(self):
        """Ports {port}, {port2} ... for rows that need one which stays."""
        for name in ("port", "port2", "port3", "port4", "port5"):
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self.names[name] = str(probe.getsockname()[1])
