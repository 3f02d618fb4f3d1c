"""Options that bound what clients may do and what is kept for them."""

import contextlib
import re
import time
from pathlib import Path

import peers
from clients import CLOSED
from kit import MOSQUITTO_DB
from table import NOW, START, shows, without_effect


def unacknowledged(on, payloads):
    """How many of these a subscriber gets while it acknowledges none."""
    subscriber, publisher = on.client(level=4), on.client(level=4)
    subscriber.subscribe("topic", 1)
    for payload in payloads:
        publisher.publish("topic", payload, 1)
    return len(subscriber.drain())


def left_waiting(on, payloads, qos=1):
    """How many of these wait for a client that was away."""
    on.client("away", clean=False).subscribe("topic", 1)
    away = on.client("away", clean=False)
    away.leave()
    publisher = on.client()
    for payload in payloads:
        publisher.publish("topic", payload, qos)
    publisher.drain()
    back = on.client("away", clean=False)
    got = len(back.drain())
    on.client("away").leave()
    return got


TENS = [b"0123456789"] * 5


@shows("max_inflight_messages", 3, sees=(3, 3), else_sees=(None, 5), other=0, wrong="65536")
def in_flight(on):
    return on.client().told("ReceiveMaximum"), unacknowledged(on, TENS)


@shows("max_inflight_bytes", 20, sees=2, else_sees=5, wrong="4294967296")
def in_flight_bytes(on):
    return unacknowledged(on, TENS)


@shows("max_keepalive", 60, sees=(60, 2), else_sees=(None, 0), wrong="65536")
def keep_alive(on):
    return on.client(keep=100).told("ServerKeepAlive"), on.code(level=4, keep=100)


@shows("max_packet_size", 100, sees=(100, 0x95), else_sees=(2_000_000, None), wrong="19")
def packet_size(on):
    client = on.client()
    client.publish("topic", bytes(200))
    return client.told("MaximumPacketSize"), client.end_code()


@shows("max_queued_messages", 2, sees=2, else_sees=5, wrong="x")
def queued(on):
    return left_waiting(on, TENS)


@shows("max_queued_bytes", 20, sees=2, else_sees=5, wrong="many")
def queued_bytes(on):
    return left_waiting(on, TENS)


@shows("queue_qos0_messages", "true", sees=5, else_sees=0, wrong="yes")
def queued_qos_0(on):
    return left_waiting(on, TENS, qos=0)


@shows("message_size_limit", 10, sees=([0, 0x97], 1), else_sees=([0, 0], 2), wrong="268435456")
def message_size(on):
    client = on.client()
    client.subscribe("topic")
    codes = [client.publish("topic", payload, 1) for payload in (b"0123456789", b"eleven byte")]
    return codes, len(client.drain())


@shows("retain_available", "false", sees=(0, 0x9A), else_sees=(None, None), wrong="no")
def retain(on):
    client = on.client()
    client.publish("retained", b"", retain=True)
    return client.told("RetainAvailable"), client.end_code()


@shows("allow_duplicate_messages", "false", sees=1, else_sees=2, taken=NOW, wrong="once")
def duplicates(on):
    client = on.client()
    client.subscribe("a/b")
    client.subscribe("a/+")
    client.publish("a/b", b"", 1)
    return len(client.drain())


@shows("upgrade_outgoing_qos", "true", sees=1, else_sees=0, wrong="perhaps")
def upgraded(on):
    client = on.client()
    client.subscribe("topic", 1)
    client.publish("topic", b"", 0)
    return client.receive().qos


def session_after(on, hours):
    on.client("kept", clean=False).leave()
    on.hours_later(hours)
    on.turn()
    kept = on.client("kept", clean=False)
    present = kept.present
    kept.leave()
    on.code("kept")
    return present


@shows("persistent_client_expiration", "2h", sees=(True, False), else_sees=(True, True), taken=NOW, wrong="14")
def expiration(on):
    return session_after(on, 1), session_after(on, 3)


@shows("global_max_clients", 1, sees=(0, 0x97), else_sees=(0, 0), taken=NOW, wrong="-2", settles=True)
def clients(on):
    first = on.client()
    return first.code, on.client().code


@shows("global_max_connections", 1, sees=(0, CLOSED), else_sees=(0, 0), taken=NOW, wrong="-2", settles=True)
def connections(on):
    first = on.client()
    return first.code, on.client().code


@shows("clientid_prefixes", "home-", sees=(0, 0x87), else_sees=(0, 0))
def prefixes(on):
    return on.code("home-1"), on.code("street-1")


RETAINED = "$SYS/broker/retained messages/count"


@shows("retain_expiry_interval", 0, sees=False, other=1, else_sees=True, top="sys_interval 1", taken=NOW, wrong="65536")
def swept(on):
    """Whether what has expired is gone before anybody asks for it."""
    client = on.client(keep=0)
    for number in range(10):
        client.publish(f"{client.id}/{number}", b"1", 1, retain=True, MessageExpiryInterval=1)
    client.subscribe(RETAINED)
    most, ticks = 0, on.client()
    ticks.subscribe("$SYS/broker/uptime")
    for _ in range(6):
        ticks.receive()
        count = [int(message.payload) for message in client.drain()]
        if any(each <= most - 10 for each in count):
            return True
        most = max([most, *count])
        on.hours_later(seconds=2)
    return False


@shows("connect_timeout", 1, sees=b"", other=30, else_sees=None, wrong="0")
def connect_in_time(on):
    return silent_end(on)


def silent_end(on):
    """What a connection that says nothing has got some seconds later; None: nothing, it is still there."""
    silent = on.tcp()
    silent.settimeout(0.1)
    time.sleep(0.05)  # until it is accepted
    on.hours_later(seconds=5)
    for _ in range(10):
        with contextlib.suppress(TimeoutError):
            return silent.recv(1)
        on.turn()
    return None


@shows("handshake_timeout", 1, sees=b"", else_sees=None, listener="protocol websockets", wrong="0")
def handshake_in_time(on):
    return silent_end(on)


WRONG_PASSWORDS = 15


@shows("password_rate", 1, sees=True, other=0, else_sees=False, top="password_file {users}", taken=START, wrong="-1")
def password_rate(on):
    codes = {on.code(user="anna", password=f"wrong {n}") for n in range(WRONG_PASSWORDS)}
    return 0x9F in codes


@shows("max_takeovers", 1, sees=0x89, other=0, else_sees=0, taken=NOW, wrong="-1")
def takeovers(on):
    return [on.client("twin").code for _ in range(4)][-1]


@shows("max_subscriptions", 1, sees=[0, 0x97], else_sees=[0, 0], taken=NOW, wrong="few", there=lambda client: [
    client.subscribe("a"), client.subscribe("b")])
def subscriptions(on):
    client = on.client()
    return [client.subscribe("a"), client.subscribe("b")]


@shows("max_filter_levels", 2, sees=[0, 0x97], else_sees=[0, 0], taken=NOW, wrong="65536", there=lambda client: [
    client.subscribe("a/b"), client.subscribe("a/b/c")])
def levels(on):
    client = on.client()
    return [client.subscribe("a/b"), client.subscribe("a/b/c")]


@shows("memory_limit", 1000, sees=0x97, else_sees=0, taken=NOW, wrong="1G", settles=True)
def memory(on):
    return on.code()


MANY = 100


@shows("max_output_bytes", 1000, sees=False, other=100_000_000, else_sees=True, wrong="0")
def output(on):
    """Whether all comes to a client that begins to read late."""
    deaf, publisher = on.client(stream=on.tcp(buffer=4096)), on.client()
    deaf.subscribe("topic")
    for _ in range(MANY):
        publisher.publish("topic", bytes(100_000))
    publisher.drain()
    return len(deaf.drain()) == MANY


@shows("max_inbox_bytes", 1, sees=True, else_sees=False, taken=START, top="threads 4\nsys_interval 1", wrong="0",
       settles=True)
def inbox(on):
    """Whether $SYS tells of publishers slowed or messages dropped when there is much for every reactor."""
    readers, publisher, watcher = [on.client() for _ in range(8)], on.client(), on.client()
    for reader in readers:
        reader.subscribe("topic")
    publisher.stream.sendall(peers.packet(0x30, peers.text("topic") + b"\0" + bytes(100)) * 2000)
    publisher.publish("other", b"", 1)
    for topic in ("uptime", "publish/slowed", "publish/messages/dropped/inbox_full"):
        watcher.subscribe(f"$SYS/broker/{topic}")
    on.hours_later(seconds=2)
    figures, ticks = {}, 0
    while ticks < 2:
        message = watcher.receive()
        figures[message.topic] = message.payload
        ticks += message.topic.endswith("uptime")
    return any(value != b"0" for topic, value in figures.items() if not topic.endswith("uptime"))


@shows("busy_poll_us", 10_000, sees=True, other=0, else_sees=False, taken=START, top="sys_interval 0", wrong="10001")
def busy(on):
    """Whether the broker seldom sleeps between messages that come every 2 ms; later ones do not count."""
    client, slept = on.client(), []
    while len(slept) < 50:
        client.drain()
        began, before = time.monotonic(), sleeps(on)
        time.sleep(0.002)
        client.drain()
        if time.monotonic() - began < 0.008:
            slept.append(sleeps(on) > before)
    return slept.count(True) < 25


def sleeps(on):
    """How often its threads have gone to sleep."""
    tasks = Path(f"/proc/{on.process.pid}/task").glob("*/status")
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", task.read_text(), re.M).group(1)) for task in tasks)


def time_of(on, payload, count):
    """Whether so many messages of one client take more than half a second."""
    reader, publisher = on.client(), on.client()
    reader.subscribe("topic")
    began = time.monotonic()
    publisher.stream.sendall(peers.packet(0x30, peers.text("topic") + b"\0" + payload) * count)
    for _ in range(count):
        reader.receive()
    return time.monotonic() - began > 0.5


@shows("max_publish_rate", 50, sees=True, else_sees=False, taken=NOW, at_listener=True, wrong="10000001")
def publish_rate(on):
    return time_of(on, b"", 90)


@shows("max_publish_bytes_rate", 10_000, sees=True, else_sees=False, taken=NOW, at_listener=True, wrong="fast")
def publish_bytes_rate(on):
    return time_of(on, bytes(9000), 3)


@shows("max_connections", 1, sees=(0, CLOSED), else_sees=(0, 0), at_listener=True, wrong="x", settles=True)
def connections_here(on):
    return connections(on)


@shows("max_connection_rate", 1, sees=True, else_sees=False, taken=NOW, at_listener=True, wrong="1000001")
def connection_rate(on):
    return CLOSED in [on.code() for _ in range(15)]


@shows("max_qos", 1, sees=(1, 0x9B), other=2, else_sees=(None, None), at_listener=True, wrong="3")
@shows("maximum_qos", 1, sees=(1, 0x9B), other=2, else_sees=(None, None), at_listener=True, wrong="3")
def qos(on):
    client = on.client()
    client.stream.sendall(peers.packet(0x34, peers.text("topic") + b"\0\1\0"))
    kind, _, body = client.read()
    return client.told("MaximumQoS"), body[0] if kind == peers.DISCONNECT else None


@shows("max_topic_alias", 3, sees=(3, 0x94), other=5, else_sees=(5, None), at_listener=True, wrong="65536")
def aliases(on):
    client = on.client()
    client.publish("topic", b"", TopicAlias=5)
    return client.told("TopicAliasMaximum"), client.end_code()


@shows("max_topic_alias_broker", 0, sees=None, else_sees=1, at_listener=True, wrong="65536")
def aliases_of_the_broker(on):
    client = on.client(TopicAliasMaximum=10)
    client.subscribe("a/long/topic")
    client.publish("a/long/topic")
    return client.receive().alias


@shows("accept_protocol_versions", "3,5", sees=(1, 0), else_sees=(0, 0), at_listener=True, wrong="3,6")
def versions(on):
    return on.code(level=4), on.code(level=5)


without_effect("websockets_log_level", 255, "of libwebsockets, which neither Mosquitto 2.1 nor Bramble uses",
               wrong="-1")
KEPT = "sys_interval 1\npersistence_location {folder}"


def of_store(on, topic):
    client = on.client()
    client.subscribe(f"$SYS/broker/store/{topic}")
    return client.receive().payload


@shows("persistence", "true", sees=b"interval", else_sees=b"none", wrong="on", taken=START, top=KEPT)
@shows("durability", "commit", sees=b"commit", other="none", else_sees=b"none", wrong="always", taken=START,
       top=KEPT + "\npersistence true")
def durability(on):
    return of_store(on, "durability")


@shows("durability_interval", 7, sees=b"7 seconds", else_sees=b"1 seconds", wrong="0", taken=START,
       top=KEPT + "\npersistence true")
def durability_interval(on):
    return of_store(on, "loss_window")


@shows("persistence_location", "{folder}/.", sees=True, other="{folder}", else_sees=False, taken=START,
       top="persistence true")
def persistence_location(on):
    return any("/./bramble.db" in str(line) for line in on.lines)


def retained(on, topic):
    client = on.client()
    client.subscribe(topic)
    found = client.drain()
    return found[0].payload if found else None


def retain_and_restart(on, topic, payload):
    """What is retained after it."""
    on.client().publish(topic, payload, 1, retain=True)
    on.restart()
    return retained(on, topic)


@shows("retained_persistence", "true", sees=b"on", other="false", else_sees=None, wrong="on", taken=START,
       top="persistence_location {folder}", restarts=True)
def retained_persistence(on):
    return retain_and_restart(on, "lamp", b"on")


@shows("persistence_file", "../theirs.db", sees=(b"on", b"changed", True), else_sees=(None, b"changed", True),
       taken=START, top="persistence true\npersistence_location {folder}")
def persistence_file(on):
    """What Mosquitto has retained; whether it comes back in the place of what has been retained since; whether
    Mosquitto's file is as it was."""
    theirs = retained(on, "kept/plain")
    changed = retain_and_restart(on, "kept/plain", b"changed")
    if theirs:
        on.client().publish("kept/plain", theirs, 1, retain=True)
    return theirs, changed, on.kit.names["theirs"].read_bytes() == MOSQUITTO_DB.read_bytes()


for name, value, wrong in (("autosave_interval", 60, "x"), ("autosave_on_changes", "true", "often")):
    without_effect(name, value, "durability_interval alone says when, and the log says so", wrong=wrong,
                   says="durability_interval alone says")
