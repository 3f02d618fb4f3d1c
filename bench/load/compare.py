#!/usr/bin/env python3
"""Side-by-side comparison of MQTT brokers on one machine (see README.md next to this file).

  ./compare.py --broker flashmq --broker mosquitto21 \\
               --broker 'bramble=/path/to/bramble --port {port}' --reps 3 --out run.json

A broker is a known name (table below; binary from the env variable in the table, else PATH) or
NAME=COMMAND. In a command {port} is replaced by a free port, {dir} by a fresh temporary directory;
a command without {port} needs --port NAME=NUMBER. Each sample gets a fresh broker, brokers are
interleaved (A B C A B C; the whole set of scenarios is repeated, so that early results cover all), and
an exclusive lock (--lock) is held while a scenario runs through all brokers.
Primary figure: the broker's CPU seconds (user+system, all threads) per million deliveries.
"""
import argparse, contextlib, fcntl, json, os, platform, resource, shlex, shutil, signal, socket, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.path.normpath(f"{HERE}/../../build/release/bin")   # where `cmake --build --preset release` puts loadgen and limit
DEPS = os.path.normpath(f"{HERE}/../../.deps")               # where tools/setup --test unpacks Debian's mosquitto

def w(path, text):
    with open(path, "w") as f: f.write(text)

def find(env, *names):
    p = os.environ.get(env)
    if p: return p
    for n in names:
        q = shutil.which(n) or shutil.which(n, path=f"{BIN}:{DEPS}:/usr/sbin:/usr/local/sbin")
        if q: return q
    raise SystemExit(f"broker binary not found: set {env}")

def certificate(d):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", f"{d}/key.pem", "-out", f"{d}/cert.pem", "-subj", "/CN=localhost"], check=True, capture_output=True)
    return f"certfile {d}/cert.pem\nkeyfile {d}/key.pem\n"

# What the one listener speaks: options of the listener, and the words that bramble-bench needs for it.
TRANSPORTS = {
    "tls": (certificate, ["--insecure"]),
    "ws": (lambda d: "protocol websockets\n", ["--websocket"]),
    "wss": (lambda d: "protocol websockets\n" + certificate(d), ["--websocket", "--insecure"]),
}
def client_words(name): return TRANSPORTS[name.partition("-")[2]][1] if name in KNOWN and name.partition("-")[2] in TRANSPORTS else []

def mosquitto(env, more="", name="mosquitto", transport=""):   # bramble speaks the same configuration language
    def start(port, d):
        lines = TRANSPORTS[transport][0](d) if transport else ""
        w(f"{d}/m.conf", f"listener {port} 127.0.0.1\n{lines}allow_anonymous true\npersistence false\nlog_dest none\nuser root\n"
          "max_queued_messages 0\nmax_queued_bytes 0\nmax_inflight_messages 0\nset_tcp_nodelay true\n" + more)
        return [find(env, name), "-c", f"{d}/m.conf"]
    return start

def flashmq(threads, nodelay="true"):
    def start(port, d):
        w(f"{d}/f.conf", f"""log_file /dev/null
log_level error
allow_anonymous true
thread_count {threads}
rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[1]}
max_qos_msg_pending_per_client 65535
max_qos_bytes_pending_per_client 2000000000
client_max_write_buffer_size 268435456
retained_messages_delivery_limit 0
listen {{
    protocol mqtt
    inet_protocol ip4
    inet4_bind_address 127.0.0.1
    tcp_nodelay {nodelay}
    port {port}
}}
""")
        return [find("FLASHMQ", "flashmq"), "--config-file", f"{d}/f.conf"]
    return start

def nanomq(port, d):
    w(f"{d}/n.conf", f"""system {{ num_taskq_thread = 2
 max_taskq_thread = 2 }}
mqtt {{ property_size = 32
 max_packet_size = 10MB
 max_mqueue_len = 65535
 retry_interval = 60s
 keepalive_multiplier = 1.5
 max_inflight_window = 65535 }}
listeners.tcp {{ bind = "127.0.0.1:{port}" }}
log {{ to = [console]
 level = fatal }}
auth {{ allow_anonymous = true
 no_match = allow
 deny_action = ignore }}
""")
    return [find("NANOMQ", "nanomq"), "start", "--conf", f"{d}/n.conf"]

def nats(port, d):
    w(f"{d}/nats.conf", f"""server_name: peer
listen: "127.0.0.1:{port + 1}"
max_pending: 1073741824
max_connections: 60000
max_subscriptions: 0
jetstream {{ store_dir: "{d}", max_memory_store: 4294967296, max_file_store: 8589934592 }}
mqtt {{ listen: "127.0.0.1:{port}", max_ack_pending: 65535 }}
""")
    return [find("NATS", "nats-server"), "-c", f"{d}/nats.conf"]

def aedes(port, d):
    w(f"{d}/a.js", f"""const net = require('net');
(async () => {{ const m = await import(process.env.AEDES_DIR + '/aedes.js'); const A = m.Aedes;
  const opt = {{ concurrency: 1000, queueLimit: 1000000 }};
  const b = A.createBroker ? await A.createBroker(opt) : new A(opt);
  net.createServer(b.handle).listen({{ port: {port}, host: '127.0.0.1', backlog: 4096 }}); }})();
""")
    os.environ.setdefault("AEDES_DIR", "aedes")
    return [find("NODE", "node"), f"{d}/a.js"]

def limit(threads):
    return lambda port, d: [os.environ.get("LIMIT", f"{BIN}/limit"), str(port), str(threads)]

RELAYED = ["pairs_q0", "pairs_q0_b1", "pairs_q0_1k", "pairs_q0_16k", "fanout_q0", "fanout_q0_1k", "fanout_q0_16k", "lat_pairs_10k"]
KNOWN = {  # name: (command builder, the scenarios it can do, None: all; those it cannot)
    "limit1": (limit(1), RELAYED, []),
    "limit2": (limit(2), RELAYED, []),
    "flashmq": (flashmq(2), None, []),
    "flashmq1": (flashmq(1), None, []),
    "flashmq-nagle": (flashmq(2, "false"), None, []),   # its default: no TCP_NODELAY
    "flashmq1-nagle": (flashmq(1, "false"), None, []),
    "mosquitto": (mosquitto("MOSQUITTO"), None, []),
    "mosquitto21": (mosquitto("MOSQUITTO21"), None, []),
    "mosquitto20": (mosquitto("MOSQUITTO20"), None, []),
    "bramble": (mosquitto("BRAMBLE", "threads 2\n", "bramble"), None, []),
    "bramble1": (mosquitto("BRAMBLE", "threads 1\n", "bramble"), None, []),
    "nanomq": (nanomq, None, []),
    "nats": (nats, None, ["pairs_q2", "shared_q1", "pairs_q0_v5", "fanout_q1_v5"]),   # 2.9: no QoS 2, no v5, no $share
    "aedes": (aedes, None, ["shared_q1", "pairs_q0_v5", "fanout_q1_v5"]),
}
for kind in TRANSPORTS:   # of bench/run only
    KNOWN[f"bramble1-{kind}"] = (mosquitto("BRAMBLE", "threads 1\n", "bramble", kind), None, [])
    KNOWN[f"mosquitto-{kind}"] = (mosquitto("MOSQUITTO", transport=kind), None, [])
SCEN = {  # name: (loadgen arguments, primary metric, further metrics)
    "pairs_q0": ("pairs --pubs 50 --qos 0", "cpu_per_M", ["delivered_per_s"]),
    "pairs_q0_b1": ("pairs --pubs 50 --qos 0 --batch 1 --window 1", "cpu_per_M", ["delivered_per_s", "p50_us"]),
    "pairs_q1": ("pairs --pubs 50 --qos 1", "cpu_per_M", ["delivered_per_s"]),
    "pairs_q2": ("pairs --pubs 50 --qos 2", "cpu_per_M", ["delivered_per_s"]),
    "pairs_q0_v5": ("pairs --pubs 50 --qos 0 --ver 5", "cpu_per_M", ["delivered_per_s"]),
    "pairs_q0_1k": ("pairs --pubs 50 --qos 0 --size 1024", "cpu_per_M", ["delivered_per_s"]),
    "pairs_q0_16k": ("pairs --pubs 50 --qos 0 --size 16384", "cpu_per_M", ["delivered_per_s"]),
    "fanin_q0": ("fanin --pubs 100 --qos 0", "cpu_per_M", ["delivered_per_s"]),
    "fanin_q1": ("fanin --pubs 100 --qos 1", "cpu_per_M", ["delivered_per_s"]),
    "fanout_q0": ("fanout --pubs 1 --subs 500 --qos 0", "cpu_per_M", ["delivered_per_s"]),
    "fanout_q0_1k": ("fanout --pubs 1 --subs 500 --qos 0 --size 1024", "cpu_per_M", ["delivered_per_s"]),
    "fanout_q0_16k": ("fanout --pubs 1 --subs 500 --qos 0 --size 16384", "cpu_per_M", ["delivered_per_s"]),
    "fanout_q1": ("fanout --pubs 1 --subs 500 --qos 1", "cpu_per_M", ["delivered_per_s"]),
    "fanout_q1_v5": ("fanout --pubs 1 --subs 500 --qos 1 --ver 5", "cpu_per_M", ["delivered_per_s"]),
    "shared_q1": ("shared --pubs 10 --subs 10 --qos 1", "cpu_per_M", ["delivered_per_s"]),
    "wild_100k": ("wild --pubs 50 --subs 50 --filters 100000", "cpu_per_M", ["delivered_per_s", "setup_cpu_s", "rss_per_filter_b"]),
    "wild_1m": ("wild --pubs 50 --subs 50 --filters 1000000 --setup 100", "cpu_per_M", ["delivered_per_s", "setup_cpu_s", "rss_per_filter_b"]),
    "idle_10k": ("idle --clients 10000 --dur 2", "rss_per_conn_b", ["connects_per_s", "cpu_ms_per_connect", "idle_cores"]),
    "idle_18k": ("idle --clients 18000 --dur 2", "rss_per_conn_b", ["connects_per_s", "cpu_ms_per_connect", "idle_cores"]),
    "retained_100k": ("retained --count 100000 --qos 1 --subqos 0", "cpu_per_M", ["receive_s", "publish_cpu_per_M", "rss_per_retained_b"]),
    "offline_60k": ("offline --count 60000", "cpu_per_M", ["receive_s", "queue_cpu_per_M", "rss_per_queued_b"]),
    "offline_100k": ("offline --count 100000", "cpu_per_M", ["receive_s", "queue_cpu_per_M", "rss_per_queued_b"]),
    "offline_1m": ("offline --count 1000000", "cpu_per_M", ["receive_s", "queue_cpu_per_M", "rss_per_queued_b"]),
    "retained_1m": ("retained --count 1000000 --qos 1 --subqos 0", "cpu_per_M", ["receive_s", "publish_cpu_per_M", "rss_per_retained_b"]),
    "lat_pairs_10k": ("pairs --pubs 50 --qos 0 --rate 10000", "cpu_per_M", ["p50_us", "p99_us", "p999_us"]),
    "lat_pairs_10k_q1": ("pairs --pubs 50 --qos 1 --rate 10000", "cpu_per_M", ["p50_us", "p99_us", "p999_us"]),
}
ONLY_BY_NAME = ("wild_1m", "idle_18k", "retained_1m", "offline_1m")   # long or large
FLOW = ("pairs", "fanin", "fanout", "shared", "wild", "lat")
HIGHER = {"delivered_per_s", "connects_per_s"}

def free_port():
    while True:
        with socket.socket() as a:
            a.bind(("127.0.0.1", 0)); p = a.getsockname()[1]
            if p % 2 == 0: p -= 1
            p = 10000 + p % 20000
        with socket.socket() as a, socket.socket() as b:
            try: a.bind(("127.0.0.1", p)); b.bind(("127.0.0.1", p + 1)); return p
            except OSError: continue

def found():
    """The known brokers that are on this machine; of one in several configurations the first of the table."""
    names, programs = [], set()
    for name, (command, _, _) in KNOWN.items():
        if name == "aedes" and "AEDES_DIR" not in os.environ: continue
        with tempfile.TemporaryDirectory() as d:
            try: program = command(0, d)[0]
            except SystemExit: continue
        program = os.path.realpath(program)
        if program in programs or not os.access(program, os.X_OK): continue
        programs.add(program); names.append(name)
    return names

def can(name, sc):
    _, only, never = KNOWN.get(name, (None, None, []))
    return sc not in never and (only is None or sc in only)

@contextlib.contextmanager
def running(name, cmd, port, tmp):
    """Starts a fresh broker and ends it with the block. Gives its Popen and port, or None and what went wrong."""
    d = tempfile.mkdtemp(prefix=f"cmp-{name}-", dir=tmp); os.chmod(d, 0o755)
    port = port or free_port()
    argv = KNOWN[name][0](port, d) if cmd is None else shlex.split(cmd.replace("{port}", str(port)).replace("{dir}", d))
    p = None
    try:
        with open(f"{d}/out", "w") as log:
            p = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=d, start_new_session=True)
        fault = "broker does not listen"
        for _ in range(100):
            if p.poll() is not None: fault = "broker ended at start: " + open(f"{d}/out").read()[-200:]; break
            try: socket.create_connection(("127.0.0.1", port), 1).close(); fault = None; break
            except OSError: time.sleep(0.05)
        time.sleep(0.3)
        yield (None, fault) if fault else (p, port)
    finally:
        if p and p.poll() is None:
            p.terminate()
            try: p.wait(5)
            except subprocess.TimeoutExpired: p.kill(); p.wait()
        shutil.rmtree(d, ignore_errors=True)

def ask(argv, p, timeout):
    """Runs a load generator against the broker p; the JSON line it ends with, or {"error": ...}."""
    try:
        r = subprocess.run(argv, capture_output=True, text=True, timeout=timeout)
        out = json.loads(r.stdout.strip().splitlines()[-1])
    except subprocess.TimeoutExpired: out = {"error": f"no result within {timeout} s"}
    except (ValueError, IndexError): out = {"error": "no JSON: " + r.stderr[-200:]}
    if p.poll() is not None: out["error"] = f"broker died ({p.returncode})"
    out["load1"] = os.getloadavg()[0]
    return out

def sample(name, cmd, port, sc, a):
    with running(name, cmd, port, a.tmp) as (p, at):
        if not p: return {"error": at}
        args = SCEN[sc][0].split()
        if sc.startswith(FLOW): args += ["--dur", str(a.dur), "--warm", str(a.warm)]
        return ask([a.loadgen, *args, *a.extra.split(), "--port", str(at), "--pid", str(p.pid)], p, a.timeout)

def fmt(v):
    if v >= 1e6: return f"{v/1e6:.2f}M"
    if v >= 1e4: return f"{v/1e3:.1f}k"
    if v >= 100: return f"{v:.0f}"
    return f"{v:.3g}"

def cell(xs):
    m = statistics.median(xs)
    return fmt(m) if len(xs) == 1 else f"{fmt(m)} ({fmt(min(xs))}..{fmt(max(xs))})"

def table(res, order, ref):
    """res: {scenario: {broker: [sample]}} -> markdown; the ratio is to the best broker that is not `ref` nor a limit."""
    out = []
    for sc in SCEN:
        if sc not in res: continue
        _, prim, more = SCEN[sc]; rows = []; good = {}
        for b, ss in res[sc].items():
            ok = [s for s in ss if "error" not in s and s.get(prim)]
            if ok: good[b] = statistics.median(s[prim] for s in ok)
        # the best peer is one that delivered everything
        peers = {b: v for b, v in good.items() if b != ref and not b.startswith("limit") and not any(s.get("lost") or s.get("dup") for s in res[sc][b])}
        best = min(peers.values()) if peers else None
        out.append(f"\n**{sc}** (`{SCEN[sc][0]}`)\n\n| broker | {prim} | vs best peer | " + " | ".join(more) + " | lost/dup/ooo | notes |\n|---|---|---|" + "---|" * (len(more) + 2))
        for b in sorted(res[sc], key=lambda b: good.get(b, 1e18)):
            ss = res[sc][b]; ok = [s for s in ss if "error" not in s and s.get(prim)]
            if not ok: out.append(f"| {b} | - | - |" + " - |" * len(more) + f" - | {ss[-1].get('error', 'nothing delivered')[:90]} |"); continue
            cor = "/".join(str(int(sum(s.get(k, 0) for s in ok))) for k in ("lost", "dup", "ooo"))
            notes = [f"{int(sum(s.get(k, 0) for s in ok))} {k}" for k in ("stalls", "disconnects", "misrouted", "bad", "subfail", "not_retained", "overrun", "failed") if sum(s.get(k, 0) for s in ok)]
            if sc.startswith("idle"): notes.append(f"connected {int(min(s['connected'] for s in ok))}")
            if sc.startswith("offline") and not all(s.get("session_present") for s in ok): notes.append("session not present")
            if len(ok) < len(ss): notes.append(f"{len(ss) - len(ok)} failed: " + next((s["error"] for s in ss if "error" in s), "nothing delivered")[:60])
            out.append(f"| {b} | {cell([s[prim] for s in ok])} | {good[b] / best if best else 0:.2f}x | " + " | ".join(cell([s.get(m, 0) for s in ok]) for m in more) + f" | {cor} | {', '.join(notes)} |")
    return "\n".join(out)

def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that the running broker is ended too
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--broker", action="append", default=[], help="known name or NAME=COMMAND; known: " + " ".join(KNOWN))
    ap.add_argument("--port", action="append", default=[], help="NAME=PORT for a command without {port}")
    ap.add_argument("--scenarios", default="", help="comma list or prefixes ending in *; default all but the largest")
    ap.add_argument("--reps", type=int, default=3); ap.add_argument("--dur", type=float, default=4); ap.add_argument("--warm", type=float, default=1)
    ap.add_argument("--timeout", type=float, default=200, help="seconds for one sample"); ap.add_argument("--budget", type=float, default=1e9, help="stop starting samples after so many seconds")
    ap.add_argument("--out", default="compare.json", help="JSON; samples already there are kept and added to")
    ap.add_argument("--ref", default="bramble", help="our broker: the ratio column compares with the best of the others")
    ap.add_argument("--loadgen", default=os.environ.get("LOADGEN", f"{BIN}/loadgen")); ap.add_argument("--lock", default=os.path.join(tempfile.gettempdir(), "measure.lock")); ap.add_argument("--tmp", default=None)
    ap.add_argument("--hold", type=float, default=100, help="give the lock to others after so many seconds, between scenarios")
    ap.add_argument("--extra", default="", help="further loadgen arguments"); ap.add_argument("--table", action="store_true", help="only print the table of --out")
    ap.add_argument("--from", dest="frm", default="", help="further JSON files to merge into the table, comma separated")
    a = ap.parse_args()
    db = {"machine": {"uname": " ".join(platform.uname()[:3]), "cpus": os.cpu_count()}, "samples": []}
    if os.path.exists(a.out): db = json.load(open(a.out))
    brokers = [(b.partition("=")[0], b.partition("=")[2] or None) for b in a.broker]; ports = dict((x.split("=")[0], int(x.split("=")[1])) for x in a.port)
    for n, c in brokers:
        if client_words(n): raise SystemExit(f"{n}: the load generator here knows plain TCP only; bench/run has the other")
        if c is None and n not in KNOWN: raise SystemExit(f"unknown broker {n}")
        if c and "{port}" not in c and n not in ports: raise SystemExit(f"{n}: command without {{port}} needs --port {n}=NUMBER")
    want = [s for s in a.scenarios.split(",") if s]; scs = []
    for s in SCEN:
        if (not want and s not in ONLY_BY_NAME) or s in want or any(x.endswith("*") and s.startswith(x[:-1]) for x in want): scs.append(s)
    t0 = time.time()
    if not a.table:
        if not os.access(a.loadgen, os.X_OK): raise SystemExit(f"no load generator at {a.loadgen}: cmake --preset release && cmake --build --preset release --target loadgen limit")
        lock = open(a.lock, "a"); since = None
        for rep in range(a.reps):
            for sc in scs:
                if time.time() - t0 > a.budget or not any(can(n, sc) for n, _ in brokers): continue
                if since and time.time() - since > a.hold: fcntl.flock(lock, fcntl.LOCK_UN); since = None; time.sleep(0.2)
                if not since: fcntl.flock(lock, fcntl.LOCK_EX); since = time.time()
                for n, c in brokers:
                    if not can(n, sc) or time.time() - t0 > a.budget: continue
                    r = sample(n, c, ports.get(n), sc, a)
                    db["samples"].append({"broker": n, "scenario_name": sc, "rep": rep, "at": int(time.time()), "result": r})
                    with open(a.out + ".tmp", "w") as f: json.dump(db, f, indent=0)
                    os.replace(a.out + ".tmp", a.out)
                    prim = SCEN[sc][1]
                    print(f"{sc:16} {n:12} {r.get(prim, 0):10.4g} {prim}" + "".join(f"  {m}={r.get(m, 0):.4g}" for m in SCEN[sc][2]) + "".join(f"  {k}={r[k]}" for k in ("lost", "dup", "ooo", "stalls", "disconnects", "error") if r.get(k)), file=sys.stderr, flush=True)
        lock.close()
    res = {}
    for f in [x for x in a.frm.split(",") if x]: db["samples"] = db["samples"] + json.load(open(f))["samples"]
    for s in db["samples"]: res.setdefault(s["scenario_name"], {}).setdefault(s["broker"], []).append(s["result"])
    print(table(res, [n for n, _ in brokers], a.ref))

if __name__ == "__main__": main()
