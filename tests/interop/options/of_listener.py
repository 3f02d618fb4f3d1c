"""Options of a listener: where it is, what it speaks, how it names its clients."""

import contextlib
import http.client
import os
import socket
import stat

import peers
from clients import CLOSED, Client
from table import NOW, ROOT_USER, of_listener, shows


def opens(on, host, port=None):
    with contextlib.suppress(OSError), contextlib.closing(on.tcp(host, port)):
        return True
    return False


@shows("listener", "{port} 127.0.0.2", sees=(False, True), other="0 127.0.0.1", else_sees=(False, False), taken=NOW,
       wrong="65536", settles=True)
def listener(on):
    port = int(on.kit.names["port"])
    return opens(on, "127.0.0.1", port), opens(on, "127.0.0.2", port)


@shows("port", "{port2}", sees=True, other="{port3}", else_sees=False, taken=NOW, top="bind_address 127.0.0.1", wrong="65536",
       settles=True)
def port(on):
    return opens(on, "127.0.0.1", int(on.kit.names["port2"]))


@shows("bind_address", "127.0.0.2", sees=(False, True), other="127.0.0.3", else_sees=(False, False), taken=NOW,
       top="port {port3}", wrong="192.0.2.300", settles=True)
def bind_address(on):
    at = int(on.kit.names["port3"])
    return opens(on, "127.0.0.1", at), opens(on, "127.0.0.2", at)


OTHERS = [name for name in sorted(os.listdir("/sys/class/net")) if name != "lo"]


@of_listener("bind_interface", OTHERS[0] if OTHERS else "none", sees=False, other="lo", else_sees=True, taken=NOW,
             top="listener {port4}", wrong="no_device", settles=True, needs=None if ROOT_USER and OTHERS else
             "only root may, and a device beside lo is needed")
def bind_interface(on):
    return opens(on, "127.0.0.1", int(on.kit.names["port4"]))


@of_listener("socket_domain", "ipv4", sees=(True, False), else_sees=(True, True), taken=NOW, top="listener {port5}",
             wrong="ipv5", settles=True, needs=None if os.path.exists("/proc/net/if_inet6") else "there is no IPv6")
def socket_domain(on):
    at = int(on.kit.names["port5"])
    return opens(on, "127.0.0.1", at), opens(on, "::1", at)


@of_listener("unix_socket_mode", "600", sees=0o600, else_sees=0o660, taken=NOW, top="listener 0 {folder}/socket",
             wrong="888")
def unix_socket_mode(on):
    with socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(peers.PATIENCE)
        stream.connect(str(on.folder / "socket"))
        assert Client(stream).code == 0
    return stat.S_IMODE((on.folder / "socket").stat().st_mode)


def web(on, **more):
    return peers.WebSocket(on.tcp(), **more)


@of_listener("protocol", "websockets", sees="a WebSocket", other="mqtt", else_sees=0, wrong="mqttsn")
def protocol(on):
    with contextlib.suppress(AssertionError):  # HTTP, which is no CONNACK
        return on.code()
    return "a WebSocket" if Client(web(on)).code == 0 else None


@shows("packet_buffer_size", 1024, sees=False, else_sees=True, listener="protocol websockets", wrong="1023")
@shows("websockets_headers_size", 1024, sees=False, else_sees=True, listener="protocol websockets", wrong="65536")
def request_size(on):
    with contextlib.suppress(EOFError, ConnectionError):
        return web(on, headers="X-Long: " + "x" * 2000 + "\r\n").status == 101
    return False


@of_listener("websockets_origin", "https://home.test", sees=(101, 403), else_sees=(101, 101), wrong=None,
             listener="protocol websockets")
def origin(on):
    return tuple(web(on, headers=f"Origin: https://{name}.test\r\n").status for name in ("home", "street"))


@of_listener("http_dir", "{pages}", sees=(200, b"<p>hello"), else_sees=(404, None), listener="protocol websockets",
             wrong="/nonexistent")
def http_dir(on):
    page = http.client.HTTPConnection("127.0.0.1", on.port, timeout=peers.PATIENCE)
    with contextlib.closing(page):
        page.request("GET", "/index.html")
        answer = page.getresponse()
        body = answer.read()
    return answer.status, body if answer.status == 200 else None


@of_listener("trusted_proxies", "127.0.0.1", sees="203.0.113.7", else_sees="127.0.0.1",
             listener="protocol websockets", wrong="proxy.example")
def forwarded(on):
    return address_of(on, web(on, headers="X-Forwarded-For: 203.0.113.7\r\n"))


def address_of(on, stream):
    """Where the log says that a client on it comes from."""
    client = Client(stream)
    if client.code != 0:
        return client.code
    return on.logged(f" as {client.id} ").partition(" from ")[2].split(" ")[0].partition(":")[0]


@of_listener("enable_proxy_protocol", 2, sees="203.0.113.7", else_sees=CLOSED, wrong="3")
def proxy_protocol(on):
    stream = on.tcp()
    stream.sendall(peers.proxy_v2())
    return address_of(on, stream)


@of_listener("proxy_protocol_v2_require_tls", "true", sees=(CLOSED, 0), else_sees=(0, 0),
             listener="enable_proxy_protocol 2", wrong="v2")
def proxy_tls(on):
    def code(tlvs):
        stream = on.tcp()
        stream.sendall(peers.proxy_v2(tlvs=tlvs))
        return on.code(stream=stream)
    return code(b""), code(peers.tls_tlv())


@of_listener("mount_point", "house/", sees=[b"in"], else_sees=[b"in", b"out"], wrong="house/#",
             listener="listener 0 127.0.0.1\nallow_anonymous true")
def mount_point(on):
    """The option's listener is the second."""
    inside = on.client(stream=on.tcp(port=int(on.addresses[1].rpartition(":")[2])))
    outside, watcher = on.client(), on.client()
    inside.subscribe("lamp")
    watcher.subscribe("#")
    inside.publish("lamp", b"in", 1)
    outside.publish("lamp", b"out", 1)
    topics = [message.topic for message in watcher.drain()]
    got = [message.payload for message in inside.drain()]
    assert topics[0] == ("house/lamp" if len(got) == 1 else "lamp"), topics
    return got


# --- names


@of_listener("use_username_as_clientid", "true", sees=("anna", 0x87), else_sees=("mine", 0), wrong="id",
             top="password_file {users}")
def name_as_id(on):
    client = on.client("mine", user="anna", password="secret")
    on_log = on.logged(r" as \S+ .*anna").partition(" as ")[2].split(" ")[0] if client.code == 0 else client.code
    on.lines.clear()
    return on_log, on.code()


def made_up(on):
    name = on.client("").told("AssignedClientIdentifier")
    return name[:5]


@shows("auto_id_prefix", "mine-", sees="mine-", else_sees="auto-", wrong="x" * 51)
def auto_id_prefix(on):
    return made_up(on)


@of_listener("listener_auto_id_prefix", "here-", sees="here-", else_sees="mine-", top="auto_id_prefix mine-",
             wrong="y" * 51)
def listener_auto_id_prefix(on):
    return made_up(on)


@shows("allow_zero_length_clientid", "false", sees=0x85, else_sees=0, wrong="perhaps")
def no_id(on):
    return on.code("")
