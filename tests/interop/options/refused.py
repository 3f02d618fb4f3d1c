"""Options of Mosquitto that Bramble does not take: each stops the start with FILE:LINE, its name and what to do."""

import re

from peers import BINARY, ROOT, run
from table import start_refused, where

PLUGINS = "use password_file and acl_file"
ENGINES = "a key in a file"
LINES = {
    "auth_plugin /usr/lib/plugin.so": PLUGINS,
    "global_plugin /usr/lib/plugin.so": PLUGINS,
    "plugin /usr/lib/plugin.so": PLUGINS,
    "plugin_load name /usr/lib/plugin.so": PLUGINS,
    "plugin_use name": PLUGINS,
    "plugin_opt_file value": PLUGINS,
    "auth_opt_file value": PLUGINS,
    "auth_plugin_deny_special_chars false": "take the line out",
    "enable_control_api true": "Take the line out",
    "tls_engine pkcs11": ENGINES,
    "tls_engine_kpass_sha1 00": ENGINES,
    "tls_keyform engine": ENGINES,
    "protocol http_api": "bramble-ctl",
    "protocol mqttsn": "mqtt or websockets",
    "log_dest dlt": "topic or file",
    "max_qos": "needs a value",
    "max_qoss 1": "did you mean max_qos?",
    "nonsense 1": "no such option",
    "listener 0": "is for a Unix socket",
    "port 0": "is for a Unix socket",
    "plugin /opt/mosquitto_acl_file_evil.so": PLUGINS,
    "plugin /usr/lib/mosquitto_acl_file.so": "plugin_opt_acl_file FILE",
    "global_plugin /usr/lib/mosquitto_password_file.so": "plugin_opt_password_file FILE",
}
# Above the first listener.
FOR_NONE = "below the `listener` line it is for"
ABOVE = ("mount_point house/", "accept_protocol_versions 3", "tls_version tlsv1.3", "unix_socket_mode 600")
OF_LISTENERS = ("mount_point", "accept_protocol_versions")  # without any listener, too
# Text that is given twice.
TWICE = ("user root", "pid_file /tmp/pid", "auto_id_prefix a-", "mount_point house/", "acl_file /a", "password_file /p",
         "log_timestamp_format %s", "bind_interface lo", "tls_version tlsv1.2")
# The value that asks for what is done anyway is taken.
TAKEN = ("auth_plugin_deny_special_chars true", "enable_control_api false",
         "tls_keyform pem", "retry_interval 20")
# A value that is right, of each option of a bridge, and one that is wrong if there is such a thing.
BRIDGE = {
    "address": ("192.0.2.1:1883", None), "addresses": ("192.0.2.1:1883", None), "bridge_alpn": ("mqtt", None),
    "bridge_attempt_unsubscribe": ("true", "perhaps"), "bridge_bind_address": ("192.0.2.2", None),
    "bridge_cafile": ("/ca.pem", None), "bridge_capath": ("/ca", None), "bridge_certfile": ("/a.pem", None),
    "bridge_ciphers": ("AES128-SHA", None), "bridge_ciphers_tls1.3": ("TLS_AES_128_GCM_SHA256", None),
    "bridge_identity": ("me", None), "bridge_insecure": ("false", "no"), "bridge_keyfile": ("/a.key", None),
    "bridge_max_packet_size": ("0", "-1"), "bridge_max_topic_alias": ("10", "65536"),
    "bridge_outgoing_retain": ("true", "perhaps"), "bridge_protocol_version": ("mqttv50", "mqttv6"),
    "bridge_psk": ("00ff", "xyz"), "bridge_receive_maximum": ("20", "0"), "bridge_reload_type": ("lazy", "eager"),
    "bridge_require_ocsp": ("true", "perhaps"), "bridge_session_expiry_interval": ("0", "-1"),
    "bridge_tcp_keepalive": ("10 10 10", None), "bridge_tcp_user_timeout": ("0", "-1"),
    "bridge_tls_use_os_certs": ("true", "perhaps"), "bridge_tls_version": ("tlsv1.3", "tlsv1.0"),
    "cleansession": ("true", "perhaps"), "clientid": ("me", None), "idle_timeout": ("60", "0"),
    "keepalive_interval": ("60", "4"), "local_cleansession": ("true", "perhaps"), "local_clientid": ("me", None),
    "local_password": ("secret", None), "local_username": ("me", None), "notification_topic": ("state", "a/#"),
    "notifications": ("true", "perhaps"), "notifications_local_only": ("true", "perhaps"), "password": ("secret", None),
    "remote_clientid": ("me", None), "remote_password": ("secret", None), "remote_username": ("me", None),
    "restart_timeout": ("5 30", None), "round_robin": ("true", "perhaps"), "start_type": ("lazy", "manual"),
    "threshold": ("10", "0"), "topic": ("# both 1", None), "try_private": ("true", "perhaps"), "username": ("me", None),
}


def begin(folder, line):
    text = f"listener 0 127.0.0.1\nallow_anonymous true\n{line}\n"
    return text, start_refused(folder, text)


def stops(folder, line, remedy):
    text, said = begin(folder, line)
    name = line.split(" ")[0]
    assert where(text, name) + name in said and remedy in said, said


def stops_above(folder, line):
    for below in ("", "listener 0 127.0.0.1\n") if line.split(" ")[0] in OF_LISTENERS else ("listener 0 127.0.0.1\n",):
        said = start_refused(folder, f"{line}\n{below}")
        assert f"refused.conf:1: {line.split(' ')[0]}: " in said and FOR_NONE in said, said


def stops_twice(folder, line):
    text, said = begin(folder, f"{line}\n{line}")
    assert where(text, line.split(" ")[0]) + line.split(" ")[0] + ": given at " in said, said
    assert "refused.conf:3 too" in said, said


def stops_outside_of_a_bridge(folder, name, right):
    stops(folder, f"{name} {right}", "belongs to a bridge")


def stops_in_a_bridge(folder, name, right, wrong):
    """The bridge itself is refused; the option's value too if it is wrong, and only then."""
    text, said = begin(folder, f"connection remote\n{name} {right}")
    assert where(text, "connection") + "connection: bridges come later" in said and f": {name}" not in said, said
    if wrong:
        text, said = begin(folder, f"connection remote\n{name} {wrong}")
        assert where(text, name) + name in said, said


def is_taken(folder, line):
    config = folder / "taken.conf"
    config.write_text(f"listener 0 127.0.0.1\nallow_anonymous true\n{line}\n")
    run(BINARY, "-c", config, "--test-config")


def every_refused_option_is_here(_):
    """By the table of the broker's own source, where there is one."""
    source = (ROOT / "broker/config/refused_option.cc").read_text()
    names = set(re.findall(r'^    \{"([a-z_0-9.]+)"', source, re.M))
    tried = {line.split(" ")[0] for line in LINES} | set(BRIDGE) | {"connection"}
    assert not names - tried, f"nobody tries these: {sorted(names - tried)}"


def checks():
    yield "every refused option is tried", every_refused_option_is_here
    for line, remedy in LINES.items():
        yield f"{line}, refused", lambda at, each=line, then=remedy: stops(at, each, then)
    for line in ABOVE:
        yield f"{line} above the first listener, refused", lambda at, each=line: stops_above(at, each)
    for line in TWICE:
        yield f"{line} twice, refused", lambda at, each=line: stops_twice(at, each)
    yield "connection, refused", lambda at: stops(at, "connection remote", "Take the bridge out of this file")
    for name, (right, wrong) in BRIDGE.items():
        yield f"{name}, refused outside of a bridge", lambda at, n=name, r=right: stops_outside_of_a_bridge(at, n, r)
        yield f"{name}, refused in a bridge", lambda at, n=name, r=right, w=wrong: stops_in_a_bridge(at, n, r, w)
    for line in TAKEN:
        yield f"{line}, which asks for nothing else", lambda at, each=line: is_taken(at, each)
