// loadgen - lean epoll MQTT load generator (own encoder/decoder, no MQTT library).
//
//   cmake --build --preset release --target loadgen
//   build/release/bin/loadgen SCENARIO [--key value ...]        prints one JSON line
//
// Scenarios
//   pairs     N publishers -> N subscribers, each pair its own topic          (--pubs N, subs=N)
//   fanin     --pubs N publishers -> --subs K subscribers (pub i goes to subscriber i%K)
//   fanout    --pubs K publishers -> --subs N subscribers, all on the same topic
//   shared    --pubs P publishers -> one $share group of --subs N
//   wild      --filters F filters with + and # over --subs, --pubs hit random topics; 1..3 matches
//   idle      --clients C connections with one subscription each; connect rate, RSS/connection
//   retained  --count R retained messages, then one client subscribes '#'
//   offline   a persistent session with a QoS1 subscription is away while --count Q are queued
//
// Keys: --host --port --pid BROKERPID --qos 0|1|2 --subqos --size BYTES --ver 4|5 --window W --batch B
//       --rate MSGS_PER_S (0: closed loop) --warm S --dur S --threads T --filters F --clients C
//       --count R --conc SIMULTANEOUS_CONNECTS --subbatch FILTERS_PER_SUBSCRIBE --alias 0|1
//
// Closed loop: a publisher may have at most W messages whose deliveries have not all arrived (and,
// with QoS>0, at most W unacknowledged); it sends bursts of exactly B messages, one write() each, so
// that every broker is offered the same batching whatever its speed. Nothing has to be dropped.
// Open loop (--rate): each message has an intended send time; latency counts from that time.
// Every payload starts with {publisher u32, stream u32, seq u64, time u64}; lost, duplicate and
// out-of-order deliveries are found from these.
#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using u8 = uint8_t; using u16 = uint16_t; using u32 = uint32_t; using u64 = uint64_t;

static u64 now_ns() { timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return u64(t.tv_sec) * 1000000000ull + t.tv_nsec; }
static void nap_ms(int ms) { timespec t{ms / 1000, (ms % 1000) * 1000000L}; nanosleep(&t, nullptr); }
[[noreturn]] static void die(const std::string& m) { printf("{\"error\":\"%s\"}\n", m.c_str()); fflush(stdout); _exit(3); }

struct Cfg {
    std::string scen = "pairs", host = "127.0.0.1";
    int port = 1883, pid = 0, pubs = 50, subs = 50, qos = 0, subqos = -1, size = 64, ver = 4;
    int window = 64, batch = 16, threads = 1, filters = 100000, clients = 10000, count = 100000;
    int conc = 256, subbatch = 100, alias = 0, setup_s = 120;
    double rate = 0, warm = 1, dur = 5;
} C;

// ---- histogram: log2 with 64 linear steps per octave (error < 1.6 %) -------------------------------
struct Hist {
    std::vector<u64> b = std::vector<u64>(64 * 60); u64 n = 0, mx = 0;
    static int ix(u64 v) { if (v < 64) return int(v); int e = 63 - __builtin_clzll(v); return (e - 5) * 64 + int((v >> (e - 6)) & 63); }
    static u64 val(int i) { if (i < 64) return u64(i); int e = i / 64 + 5; return ((64ull + u64(i % 64)) << (e - 6)) + (1ull << (e - 6)) / 2; }
    void add(u64 v) { b[size_t(ix(v))]++; n++; if (v > mx) mx = v; }
    void merge(const Hist& o) { for (size_t i = 0; i < b.size(); i++) b[i] += o.b[i]; n += o.n; mx = std::max(mx, o.mx); }
    double q(double p) const { if (!n) return 0; u64 want = u64(std::ceil(p * double(n))), s = 0; for (size_t i = 0; i < b.size(); i++) { s += b[i]; if (s >= want && b[i]) return double(std::min(val(int(i)), mx)) / 1e3; } return double(mx) / 1e3; }
};

// ---- the broker's own figures from /proc ------------------------------------------------------------
static double broker_cpu() {
    if (!C.pid) return 0;
    char p[64]; snprintf(p, sizeof p, "/proc/%d/stat", C.pid);
    FILE* f = fopen(p, "r"); if (!f) return 0;
    char buf[2048]; size_t n = fread(buf, 1, sizeof buf - 1, f); fclose(f); buf[n] = 0;
    char* q = strrchr(buf, ')'); if (!q) return 0;
    unsigned long ut = 0, st = 0;
    sscanf(q + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ut, &st);
    return double(ut + st) / double(sysconf(_SC_CLK_TCK));
}
static double broker_mem(const char* key) { // MiB
    if (!C.pid) return 0;
    char p[64]; snprintf(p, sizeof p, "/proc/%d/status", C.pid);
    FILE* f = fopen(p, "r"); if (!f) return 0;
    char l[256]; double r = 0; size_t k = strlen(key);
    while (fgets(l, sizeof l, f)) if (!strncmp(l, key, k) && l[k] == ':') r = atof(l + k + 1) / 1024.0;
    fclose(f); return r;
}
static double self_cpu() { rusage r; getrusage(RUSAGE_SELF, &r); return double(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + double(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6; }

// ---- encoding ---------------------------------------------------------------------------------------
static void put16(std::string& s, u32 v) { s += char(v >> 8); s += char(v); }
static void put32(std::string& s, u32 v) { put16(s, v >> 16); put16(s, v & 65535); }
static void putvar(std::string& s, u32 v) { do { u8 b = v & 127; v >>= 7; if (v) b |= 128; s += char(b); } while (v); }
static void putstr(std::string& s, const std::string& v) { put16(s, u32(v.size())); s += v; }
static std::string packet(u8 h, const std::string& body) { std::string s(1, char(h)); putvar(s, u32(body.size())); return s + body; }
static std::string enc_connect(const std::string& id, bool clean, u32 expiry) {
    std::string b; putstr(b, "MQTT"); b += char(C.ver); b += char(clean ? 2 : 0); put16(b, 600);
    if (C.ver == 5) { std::string pr; if (expiry) { pr += char(17); put32(pr, expiry); } putvar(b, u32(pr.size())); b += pr; }
    putstr(b, id); return packet(0x10, b);
}
static std::string enc_subscribe(u16 pid, const std::vector<std::string>& fs, int qos) {
    std::string b; put16(b, pid); if (C.ver == 5) b += char(0);
    for (auto& f : fs) { putstr(b, f); b += char(qos); }
    return packet(0x82, b);
}
static const size_t HDR = 24;
// whole PUBLISH with zeroed variable fields; offsets of packet id and payload come back
static std::string enc_publish(const std::string& topic, int qos, bool retain, u16 alias, size_t& off_pid, size_t& off_pay) {
    std::string b; putstr(b, topic); size_t op = b.size(); if (qos) put16(b, 0);
    if (C.ver == 5) { if (alias) { b += char(3); b += char(35); put16(b, alias); } else b += char(0); }
    size_t oy = b.size(); b.append(size_t(std::max<int>(C.size, int(HDR))), 'x');
    std::string s(1, char(0x30 | (qos << 1) | (retain ? 1 : 0))); putvar(s, u32(b.size()));
    off_pid = s.size() + op; off_pay = s.size() + oy; return s + b;
}

// ---- shared state -----------------------------------------------------------------------------------
enum Mode { STREAM, SHARED, WILD, BITMAP };
static Mode mode = STREAM;
enum Phase { SETUP, RUN, DRAIN, STOP };
static std::atomic<int> phase{SETUP};
static std::atomic<bool> measuring{false};
static std::atomic<u32> forgive{0};
static std::atomic<int> ready{0};
struct alignas(64) Credit { std::atomic<u64> got{0}; };   // deliveries of this publisher's messages
static std::vector<Credit> credit;
static u64 factor = 1;                                     // deliveries per publish (window unit)
struct Stream { u64 next = 0, got = 0; };
static std::vector<Stream> wild_f;                         // per filter
static std::vector<u32> wild_seq;                          // per device: messages published
static std::vector<u32> wild_off; static std::string wild_topics;
static u32 wild_base(u32 k) { static const u32 o[3] = {0, 1, 3}; return 6 * (k / 3) + o[k % 3]; }

struct Conn {
    int fd = -1, idx = 0; bool pub = false; u8 st = 0; bool wantout = false; // st 0 connecting 1 connack 2 suback 3 ready 4 dead
    bool session_present = false, established = false;
    std::string in, out, hello; size_t ooff = 0;
    // publisher
    std::string tmpl, tmpl2; size_t op = 0, oy = 0, op2 = 0, oy2 = 0;
    u64 seq = 0, expect = 0, forgiven = 0, rng = 0; u32 unacked = 0, epoch = 0; u16 pid = 0;
    // subscriber
    std::vector<std::string> subs; size_t subi = 0; std::vector<Stream> str; u32 base = 0;
    std::function<void(Conn&)> on_ready;
};

struct alignas(64) Thr {
    int id = 0, ep = -1, ev = -1, opening = 0;
    std::vector<Conn*> pubs, all; std::deque<Conn*> to_open;
    alignas(64) std::atomic<u64> delivered{0}; std::atomic<u64> published{0}; std::atomic<u64> expected{0};
    alignas(64) std::atomic<int> hungry{0};
    u64 back = 0, misrouted = 0, bad = 0, dead = 0, overrun = 0, subfail = 0, acks = 0, bytes = 0;
    Hist lat; std::vector<u64> shared_got; std::vector<u64> bits; u64 bits_dup = 0, not_retained = 0, last_rx = 0;
    u64 due = 0, interval = 0; size_t rr = 0; std::vector<Conn*> dirty;
    std::vector<u8> buf = std::vector<u8>(512 * 1024);

    void init(int i) {
        id = i; ep = epoll_create1(0); ev = eventfd(0, EFD_NONBLOCK);
        epoll_event e{}; e.events = EPOLLIN; e.data.ptr = nullptr; epoll_ctl(ep, EPOLL_CTL_ADD, ev, &e);
    }
    void add(Conn* c) { all.push_back(c); to_open.push_back(c); if (c->pub) pubs.push_back(c); }
    void kill(Conn* c) {
        if (c->st == 4) return;
        if (c->st < 3) opening--;
        c->st = 4; dead++; if (c->fd >= 0) close(c->fd); c->fd = -1;
    }
    void open_one(Conn* c) {
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (c->fd < 0) die(std::string("socket: ") + strerror(errno));
        int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        sockaddr_in a{}; a.sin_family = AF_INET; a.sin_port = htons(u16(C.port)); inet_pton(AF_INET, C.host.c_str(), &a.sin_addr);
        if (C.host.rfind("127.", 0) == 0 && C.scen == "idle") { // spread over source addresses so that ports suffice
            setsockopt(c->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
            sockaddr_in s{}; s.sin_family = AF_INET; s.sin_addr.s_addr = htonl(0x7f000000u | (u32(getpid() % 100 + 1) << 8) | u32(c->idx / 1000 + 2));
            if (bind(c->fd, (sockaddr*)&s, sizeof s)) die(std::string("bind: ") + strerror(errno));
        }
        opening++;
        int r = connect(c->fd, (sockaddr*)&a, sizeof a);
        if (r && errno != EINPROGRESS) { kill(c); return; }
        epoll_event e{}; e.events = EPOLLIN | EPOLLOUT; e.data.ptr = c; c->wantout = true;
        epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
    }
    void arm(Conn* c, bool w) {
        if (c->wantout == w) return;
        c->wantout = w; epoll_event e{}; e.events = u32(EPOLLIN) | (w ? u32(EPOLLOUT) : 0u); e.data.ptr = c; epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
    }
    void flush(Conn* c) {
        while (c->ooff < c->out.size()) {
            ssize_t n = send(c->fd, c->out.data() + c->ooff, c->out.size() - c->ooff, MSG_NOSIGNAL);
            if (n > 0) { c->ooff += size_t(n); continue; }
            if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) { arm(c, true); return; }
            if (n < 0 && errno == EINTR) continue;
            kill(c); return;
        }
        c->out.clear(); c->ooff = 0; arm(c, false);
    }
    void became_ready(Conn* c) { c->st = 3; opening--; ready++; if (c->on_ready) c->on_ready(*c); }

    void put_message(Conn* c, u64 ts) {
        u32 stream = 0; u64 seq;
        size_t at = c->out.size(), op, oy;
        if (mode == WILD) {
            u32 P = u32(C.pubs), D = u32(wild_seq.size());
            c->rng ^= c->rng << 13; c->rng ^= c->rng >> 7; c->rng ^= c->rng << 17;
            u32 k = u32(c->idx) + P * u32((c->rng >> 11) % (D / P));
            stream = k; seq = wild_seq[k]++;
            u32 to = wild_off[k], tl = wild_off[k + 1] - to;
            u32 body = 2 + tl + (C.qos ? 2u : 0u) + (C.ver == 5 ? 1u : 0u) + u32(std::max<int>(C.size, int(HDR)));
            c->out += char(0x30 | (C.qos << 1)); putvar(c->out, body); put16(c->out, tl); c->out.append(wild_topics, to, tl);
            op = c->out.size() - at; if (C.qos) put16(c->out, 0);
            if (C.ver == 5) c->out += char(0);
            oy = c->out.size() - at; c->out.append(size_t(std::max<int>(C.size, int(HDR))), 'x');
            c->expect += k % 3 + 1; expected.store(expected.load(std::memory_order_relaxed) + k % 3 + 1, std::memory_order_relaxed);
        } else {
            seq = c->seq;
            if (seq && !c->tmpl2.empty()) { c->out += c->tmpl2; op = c->op2; oy = c->oy2; }
            else { c->out += c->tmpl; op = c->op; oy = c->oy; }
            c->expect += factor; expected.store(expected.load(std::memory_order_relaxed) + factor, std::memory_order_relaxed);
        }
        c->seq++;
        char* p = c->out.data() + at;
        if (C.qos) { if (!++c->pid) c->pid = 1; p[op] = char(c->pid >> 8); p[op + 1] = char(c->pid); c->unacked++; }
        u32 pub = u32(c->idx); memcpy(p + oy, &pub, 4); memcpy(p + oy + 4, &stream, 4); memcpy(p + oy + 8, &seq, 8); memcpy(p + oy + 16, &ts, 8);
        published.store(published.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    // closed loop: one burst for each publisher with room; true if some could go on at once
    bool pump() {
        bool more = false; u32 fg = forgive.load(std::memory_order_relaxed);
        for (Conn* c : pubs) {
            if (c->st != 3 || c->ooff < c->out.size()) continue;
            u64 got = credit[size_t(c->idx)].got.load(std::memory_order_relaxed);
            if (c->epoch != fg) { c->epoch = fg; c->forgiven = c->expect > got ? c->expect - got : 0; c->unacked = 0; }
            u64 fly = c->expect > got + c->forgiven ? c->expect - got - c->forgiven : 0, lim = u64(C.window) * factor;
            u64 room = fly >= lim ? 0 : (lim - fly) / factor;
            if (C.qos) room = std::min<u64>(room, c->unacked >= u32(C.window) ? 0 : u64(C.window) - c->unacked);
            if (room < u64(C.batch)) continue;
            u64 ts = now_ns();
            for (int i = 0; i < C.batch; i++) put_message(c, ts);
            flush(c);
            if (room >= u64(2 * C.batch)) more = true;
        }
        return more;
    }
    void pump_rate() {
        u64 n = now_ns(); int k = 0;
        while (due <= n && k < 4096) {
            Conn* c = pubs[rr++ % pubs.size()];
            if (c->st != 3) { due += interval; if (rr % pubs.size() == 0 && ++k > 16) break; continue; }
            if (c->out.size() > (16u << 20) || (C.qos && c->unacked > 60000)) overrun++;
            else { if (c->out.empty()) dirty.push_back(c); put_message(c, due); }
            due += interval; k++;
        }
        for (Conn* c : dirty) if (c->st == 3) flush(c);
        dirty.clear();
    }

    void deliver(Conn* c, u8 h, const u8* pay, size_t len, u64 now) {
        if (len < HDR) { bad++; return; }
        u32 pub, stream; u64 seq, ts; memcpy(&pub, pay, 4); memcpy(&stream, pay + 4, 4); memcpy(&seq, pay + 8, 8); memcpy(&ts, pay + 16, 8);
        Stream* s = nullptr;
        if (mode == BITMAP) {
            if (seq / 64 >= bits.size()) { bad++; return; }
            if (bits[seq / 64] >> (seq % 64) & 1) bits_dup++;
            bits[seq / 64] |= 1ull << (seq % 64);
            if (!(h & 1)) not_retained++;
            last_rx = now;
        } else if (mode == WILD) {
            if (pub >= credit.size() || stream >= wild_seq.size()) { bad++; return; }
            u32 b = wild_base(stream), n = stream % 3 + 1;
            for (u32 j = b; j < b + n; j++) if (j % u32(C.subs) == u32(c->idx)) { s = &wild_f[j]; break; }
            if (!s) { misrouted++; return; }
        } else {
            if (pub < c->base || pub - c->base >= c->str.size()) { misrouted++; return; }
            s = &c->str[pub - c->base];
        }
        if (s) {
            s->got++;
            if (seq >= s->next) s->next = seq + 1; else back++;
            if (mode == SHARED) shared_got[pub]++;
            auto& g = credit[pub].got;
            if (C.threads == 1) g.store(g.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); else g.fetch_add(1, std::memory_order_relaxed);
            if (measuring.load(std::memory_order_relaxed)) lat.add(now > ts ? now - ts : 0);
        }
        delivered.store(delivered.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
    static void ack(Conn* c, u8 h, u8 a, u8 b) { char x[4] = {char(h), 2, char(a), char(b)}; c->out.append(x, 4); }
    void on_packet(Conn* c, u8 h, const u8* p, u32 len, u64 now) {
        switch (h >> 4) {
        case 3: {
            if (len < 2) { bad++; return; }
            const u8* e = p + len; const u8* q = p + 2 + (p[0] << 8 | p[1]); int qos = h >> 1 & 3; u8 a = 0, b = 0;
            if (q + (qos ? 2 : 0) > e) { bad++; return; }
            if (qos) { a = q[0]; b = q[1]; q += 2; }
            if (C.ver == 5) { u32 v = 0; int s = 0; while (q < e) { u8 x = *q++; v |= u32(x & 127) << s; s += 7; if (!(x & 128)) break; } q += v; }
            if (q > e) { bad++; return; }
            deliver(c, h, q, size_t(e - q), now);
            if (qos == 1) ack(c, 0x40, a, b); else if (qos == 2) ack(c, 0x50, a, b);
            break; }
        case 4: if (c->unacked) c->unacked--; acks++; break;
        case 5: if (C.ver == 5 && len > 2 && p[2] >= 128) { if (c->unacked) c->unacked--; bad++; } else ack(c, 0x62, p[0], p[1]); break;
        case 6: ack(c, 0x70, p[0], p[1]); break;
        case 7: if (c->unacked) c->unacked--; acks++; break;
        case 2:
            if (len < 2 || p[1] != 0) { bad++; kill(c); return; }
            c->session_present = p[0] & 1; c->established = true;
            if (c->subs.empty()) became_ready(c);
            else { c->st = 2; c->out += c->subs[0]; c->subi = 1; }
            break;
        case 9: {
            u32 i = 2; if (C.ver == 5) i += 1 + (len > 2 ? p[2] : 0);
            for (; i < len; i++) if (p[i] >= 128) subfail++;
            if (c->subi < c->subs.size()) { c->out += c->subs[c->subi]; c->subs[c->subi].clear(); c->subi++; }
            else if (c->st == 2) became_ready(c);
            break; }
        case 14: if (getenv("LG_DEBUG")) fprintf(stderr, "broker DISCONNECT reason %d\n", len ? p[0] : 0); kill(c); break;
        default: break;
        }
    }
    void readable(Conn* c) {
        size_t have = c->in.size();
        if (have + 65536 > buf.size()) buf.resize(have * 2 + 65536);
        if (have) memcpy(buf.data(), c->in.data(), have);
        ssize_t n = recv(c->fd, buf.data() + have, buf.size() - have, 0);
        if (n <= 0) {
            if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
            if (getenv("LG_DEBUG")) fprintf(stderr, "conn %s %d closed by the broker (st %d, %s)\n", c->pub ? "pub" : "sub", c->idx, c->st, n ? strerror(errno) : "eof");
            kill(c); return;
        }
        bytes += u64(n); u64 now = now_ns();
        const u8 *p = buf.data(), *e = p + have + size_t(n);
        while (e - p >= 2) {
            u32 len = 0; int i = 1, sh = 0; bool ok = false;
            while (p + i < e && i <= 4) { u8 b = p[i++]; len |= u32(b & 127) << sh; sh += 7; if (!(b & 128)) { ok = true; break; } }
            if (!ok) { if (i > 4) { bad++; kill(c); return; } break; }
            if (size_t(e - p) < size_t(i) + len) break;
            on_packet(c, p[0], p + i, len, now);
            if (c->st == 4) return;
            p += size_t(i) + len;
        }
        if (p < e || have) c->in.assign((const char*)p, size_t(e - p));
        if (c->ooff < c->out.size() && !c->wantout) flush(c);
    }
    void round(int timeout_ms) {
        while (!to_open.empty() && opening < C.conc) { Conn* c = to_open.front(); to_open.pop_front(); open_one(c); }
        int ph = phase.load(std::memory_order_acquire); bool spin = false; timespec ts, *tp = &ts;
        u64 tmo = u64(timeout_ms) * 1000000ull;
        if (ph == RUN && !pubs.empty()) {
            if (interval) { pump_rate(); u64 n = now_ns(); tmo = due > n ? std::min(tmo, due - n) : 0; }
            else { if (C.threads > 1) hungry.store(1, std::memory_order_seq_cst); spin = pump(); if (spin) tmo = 0; }
        }
        ts.tv_sec = time_t(tmo / 1000000000ull); ts.tv_nsec = long(tmo % 1000000000ull);
        epoll_event evs[256]; int n = epoll_pwait2(ep, evs, 256, tp, nullptr); u64 d0 = delivered.load(std::memory_order_relaxed);
        for (int i = 0; i < n; i++) {
            Conn* c = (Conn*)evs[i].data.ptr;
            if (!c) { u64 x; if (read(ev, &x, 8)) {} continue; }
            if (c->st == 4) continue;
            if (evs[i].events & EPOLLOUT) {
                if (c->st == 0) {
                    int err = 0; socklen_t l = sizeof err; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &l);
                    if (err) { if (getenv("LG_DEBUG")) fprintf(stderr, "connect: %s\n", strerror(err)); kill(c); continue; }
                    c->st = 1; c->out = c->hello;
                }
                flush(c); if (c->st == 4) continue;
            }
            if (evs[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(c);
        }
        if (C.threads > 1 && delivered.load(std::memory_order_relaxed) != d0) wake_others();
    }
    void wake_others();
    void forever() { prctl(PR_SET_TIMERSLACK, 1000); while (phase.load(std::memory_order_acquire) != STOP) round(20); }
};
static std::vector<std::unique_ptr<Thr>> thr;
void Thr::wake_others() { for (auto& t : thr) if (t->id != id && t->hungry.load(std::memory_order_relaxed) && t->hungry.exchange(0)) { u64 x = 1; if (write(t->ev, &x, 8)) {} } }

static std::vector<std::unique_ptr<Conn>> conns;
static std::string cid(const char* k, int i) { static int salt = int(getpid()); return "lg" + std::to_string(salt) + k + std::to_string(i); }
static Conn* mk(bool pub, int idx, int th, const std::string& id, bool clean = true, u32 expiry = 0) {
    auto c = std::make_unique<Conn>(); Conn* r = c.get(); r->pub = pub; r->idx = idx; r->hello = enc_connect(id, clean, expiry); r->rng = 88172645463325252ull + u64(idx) * 7919;
    conns.push_back(std::move(c)); thr[size_t(th)]->add(r); return r;
}
static void topic_of(Conn* c, const std::string& t, bool retain = false) {
    c->tmpl = enc_publish(t, C.qos, retain, u16(C.alias ? 1 : 0), c->op, c->oy);
    if (C.alias) c->tmpl2 = enc_publish("", C.qos, retain, 1, c->op2, c->oy2);
}
static bool wait_for(Thr& t, double secs, const std::function<bool()>& f) {
    u64 end = now_ns() + u64(secs * 1e9); while (!f()) { if (now_ns() > end) return false; t.round(20); } return true;
}
static u64 sum(std::atomic<u64> Thr::*m) { u64 s = 0; for (auto& t : thr) s += ((*t).*m).load(std::memory_order_relaxed); return s; }
static std::string J;
static void jn(const char* k, double v) { char b[96]; if (v == std::floor(v) && std::fabs(v) < 1e15) snprintf(b, sizeof b, ",\"%s\":%.0f", k, v); else snprintf(b, sizeof b, ",\"%s\":%.6g", k, v); J += b; }
static void js(const char* k, const std::string& v) { J += std::string(",\"") + k + "\":\"" + v + "\""; }
static void finish() { printf("{%s}\n", J.c_str() + 1); fflush(stdout); _exit(0); }

// ---- pairs, fanin, fanout, shared, wild ---------------------------------------------------------------
static void run_flow() {
    int P = C.pubs, S = C.subs, T = C.threads;
    if (C.scen == "pairs") S = C.subs = P;
    mode = C.scen == "wild" ? WILD : C.scen == "shared" ? SHARED : STREAM;
    factor = C.scen == "fanout" ? u64(S) : C.scen == "wild" ? 2 : 1;
    credit = std::vector<Credit>(size_t(P));
    std::vector<std::vector<std::string>> filt(static_cast<size_t>(S));
    if (mode == WILD) {
        u32 D = u32(C.filters) / 2 / 3 * 3; if (D < u32(P)) die("filters < 2 x pubs");
        wild_f.resize(size_t(D) * 2); wild_seq.resize(D); wild_off.push_back(0);
        for (u32 k = 0; k < D; k++) {
            std::string a = std::to_string(k % 100), b = std::to_string(k / 100 % 100), c = std::to_string(k);
            wild_topics += "w/" + a + "/" + b + "/" + c + "/temp"; wild_off.push_back(u32(wild_topics.size()));
            std::vector<std::string> f;
            if (k % 3 == 0) f = {"w/" + a + "/" + b + "/" + c + "/+"};
            else if (k % 3 == 1) f = {"w/" + a + "/+/" + c + "/temp", "w/+/" + b + "/" + c + "/#"};
            else f = {"w/" + a + "/" + b + "/" + c + "/#", "w/" + a + "/+/" + c + "/+", "w/+/" + b + "/" + c + "/temp"};
            u32 at = wild_base(k); for (auto& x : f) filt[at++ % u32(S)].push_back(x);
        }
    }
    for (int i = 0; i < T; i++) thr[size_t(i)]->shared_got.resize(size_t(P));
    for (int i = 0; i < S; i++) {
        Conn* c = mk(false, i, i % T, cid("s", i));
        std::vector<std::string> fs;
        if (C.scen == "pairs") { fs = {"pair/" + std::to_string(i)}; c->base = u32(i); c->str.resize(1); }
        else if (C.scen == "fanin") { fs = {"fanin/" + std::to_string(i) + "/+"}; c->str.resize(size_t(P)); }
        else if (C.scen == "fanout") { fs = {"fanout/all"}; c->str.resize(size_t(P)); }
        else if (C.scen == "shared") { fs = {"$share/g/sh/+"}; c->str.resize(size_t(P)); }
        else fs = filt[size_t(i)];
        for (size_t j = 0, n = 1; j < fs.size(); j += size_t(C.subbatch), n++)
            c->subs.push_back(enc_subscribe(u16(n), {fs.begin() + long(j), fs.begin() + long(std::min(fs.size(), j + size_t(C.subbatch)))}, C.subqos));
        filt[size_t(i)].clear();
    }
    for (int i = 0; i < P; i++) {
        Conn* c = mk(true, i, i % T, cid("p", i));
        if (C.scen == "pairs") topic_of(c, "pair/" + std::to_string(i));
        else if (C.scen == "fanin") topic_of(c, "fanin/" + std::to_string(i % S) + "/" + std::to_string(i));
        else if (C.scen == "fanout") topic_of(c, "fanout/all");
        else if (C.scen == "shared") topic_of(c, "sh/" + std::to_string(i));
    }
    double cpu0 = broker_cpu(), rss0 = broker_mem("VmRSS"); u64 t0 = now_ns();
    std::vector<std::thread> ts; for (auto& t : thr) ts.emplace_back([&t] { t->forever(); });
    while (ready.load() < P + S) {
        nap_ms(5); u64 d = 0; for (auto& t : thr) d += t->dead;
        if (d) die("a connection failed during setup");
        if (now_ns() - t0 > u64(C.setup_s) * 1000000000ull) die("setup timed out, ready " + std::to_string(ready.load()) + " of " + std::to_string(P + S));
    }
    double setup = double(now_ns() - t0) / 1e9, setup_cpu = broker_cpu() - cpu0, setup_rss = broker_mem("VmRSS") - rss0;
    u64 start = now_ns();
    if (C.rate > 0) for (auto& t : thr) if (!t->pubs.empty()) {
        t->interval = u64(1e9 * T / C.rate); t->due = start + u64(t->id) * u64(1e9 / C.rate) + 1000000; }
    phase = RUN; for (auto& t : thr) { u64 x = 1; if (write(t->ev, &x, 8)) {} }
    u64 stalls = 0, lastd = 0, lastt = start; double rssmax = 0;
    auto watch = [&](double secs) {
        u64 end = now_ns() + u64(secs * 1e9), rem;
        while ((rem = now_ns()) < end) {
            nap_ms(std::max(1, int(std::min<u64>(50, (end - rem) / 1000000))));
            u64 d = sum(&Thr::delivered);
            if (d != lastd) { lastd = d; lastt = now_ns(); }
            else if (now_ns() - lastt > 1500000000ull) { stalls++; forgive++; lastt = now_ns(); for (auto& t : thr) { u64 x = 1; if (write(t->ev, &x, 8)) {} } }
        }
    };
    watch(C.warm);
    measuring = true;
    double c1 = broker_cpu(), g1 = self_cpu(); u64 d1 = sum(&Thr::delivered), p1 = sum(&Thr::published), m1 = now_ns();
    watch(C.dur);
    double c2 = broker_cpu(), g2 = self_cpu(); u64 d2 = sum(&Thr::delivered), p2 = sum(&Thr::published), m2 = now_ns();
    measuring = false; rssmax = broker_mem("VmHWM"); double rss = broker_mem("VmRSS");
    phase = DRAIN; u64 quiet = now_ns(); lastd = 0;
    while (true) {
        nap_ms(10); u64 d = sum(&Thr::delivered); if (d >= sum(&Thr::expected) && now_ns() - m2 > 100000000ull) break;
        if (d != lastd) { lastd = d; quiet = now_ns(); }
        if (now_ns() - quiet > 3000000000ull || now_ns() - m2 > 60000000000ull) break;
    }
    nap_ms(50); phase = STOP; for (auto& t : ts) t.join();
    u64 lost = 0, dup = 0, back = 0, mis = 0, bad = 0, dead = 0, over = 0, sf = 0; Hist h;
    for (auto& t : thr) { back += t->back; mis += t->misrouted; bad += t->bad; dead += t->dead; over += t->overrun; sf += t->subfail; h.merge(t->lat); }
    auto tally = [&](u64 pub, u64 got) { if (pub > got) lost += pub - got; else dup += got - pub; };
    std::vector<u64> sent(static_cast<size_t>(P));
    for (auto& c : conns) if (c->pub) sent[size_t(c->idx)] = c->seq;
    if (mode == WILD) { for (u32 k = 0; k < wild_seq.size(); k++) for (u32 j = wild_base(k); j < wild_base(k) + k % 3 + 1; j++) tally(wild_seq[k], wild_f[j].got); }
    else if (mode == SHARED) { for (size_t p = 0; p < size_t(P); p++) { u64 g = 0; for (auto& t : thr) g += t->shared_got[p]; tally(sent[p], g); } }
    else for (auto& c : conns) if (!c->pub) for (size_t j = 0; j < c->str.size(); j++) {
        size_t p = c->base + j; if (C.scen == "fanin" && int(p) % S != c->idx) continue;
        tally(sent[p], c->str[j].got); }
    double el = double(m2 - m1) / 1e9, md = double(d2 - d1), mp = double(p2 - p1);
    js("scenario", C.scen); jn("qos", C.qos); jn("subqos", C.subqos); jn("ver", C.ver); jn("pubs", P); jn("subs", S); jn("size", C.size);
    jn("window", C.window); jn("batch", C.batch); jn("rate", C.rate); jn("threads", T); if (mode == WILD) jn("filters", double(wild_f.size()));
    jn("secs", el); jn("delivered_per_s", md / el); jn("published_per_s", mp / el);
    jn("delivered", double(sum(&Thr::delivered))); jn("expected", double(sum(&Thr::expected)));
    jn("lost", double(lost)); jn("dup", double(dup)); jn("ooo", double(back > dup ? back - dup : 0)); jn("misrouted", double(mis)); jn("bad", double(bad));
    jn("disconnects", double(dead)); jn("stalls", double(stalls)); jn("overrun", double(over)); jn("subfail", double(sf));
    jn("p50_us", h.q(.5)); jn("p99_us", h.q(.99)); jn("p999_us", h.q(.999)); jn("max_us", double(h.mx) / 1e3);
    if (C.pid) { jn("cpu_s", c2 - c1); jn("cpu_per_M", md > 0 ? (c2 - c1) / md * 1e6 : 0); jn("broker_cores", (c2 - c1) / el); jn("rss_mb", rss); jn("rss_peak_mb", rssmax);
        jn("setup_cpu_s", setup_cpu); jn("setup_rss_mb", setup_rss); if (mode == WILD) jn("rss_per_filter_b", setup_rss * 1048576 / double(wild_f.size())); }
    jn("gen_cpu_per_M", md > 0 ? (g2 - g1) / md * 1e6 : 0); jn("gen_cores", (g2 - g1) / el); jn("setup_s", setup);
    finish();
}

// ---- idle ---------------------------------------------------------------------------------------------
static void run_idle() {
    Thr& t = *thr[0]; mode = BITMAP; t.bits.resize(size_t(C.clients) / 64 + 1); C.window = std::min(C.window, 1000);
    for (int i = 0; i < C.clients; i++) { Conn* c = mk(false, i, 0, cid("i", i)); c->subs = {enc_subscribe(1, {"idle/" + std::to_string(i)}, C.subqos)}; }
    double rss0 = broker_mem("VmRSS"), c0 = broker_cpu(); u64 t0 = now_ns();
    wait_for(t, C.setup_s, [&] { return ready + int(t.dead) >= C.clients; });
    double el = double(now_ns() - t0) / 1e9, c1 = broker_cpu(); int okc = ready;
    wait_for(t, 1.0, [&] { return false; });
    double rss1 = broker_mem("VmRSS"), ci = broker_cpu(); wait_for(t, std::max(1.0, C.dur), [&] { return false; }); double idle_cpu = (broker_cpu() - ci) / std::max(1.0, C.dur);
    u64 dead0 = t.dead;
    // all alive? one message to each, at most 500 outstanding
    Conn* p = mk(true, 0, 0, cid("ip", 0)); wait_for(t, 10, [&] { return p->st >= 3; });
    double c2 = broker_cpu(); u64 t2 = now_ns();
    for (int i = 0; i < C.clients && p->st == 3; i++) {
        size_t op, oy; std::string m = enc_publish("idle/" + std::to_string(i), 0, false, 0, op, oy); u64 s = u64(i), ts = now_ns(); memcpy(&m[oy + 8], &s, 8); memcpy(&m[oy + 16], &ts, 8); p->out += m;
        if (i % 100 == 99 || i == C.clients - 1) { t.flush(p); if (!wait_for(t, 3, [&] { return t.delivered + 500 > u64(i); })) break; }
    }
    wait_for(t, 5, [&] { return t.delivered >= u64(okc); });
    double c3 = broker_cpu(), e3 = double(now_ns() - t2) / 1e9;
    js("scenario", C.scen); jn("ver", C.ver); jn("clients", C.clients); jn("connected", okc); jn("setup_s", el); jn("connects_per_s", okc / el);
    jn("failed", double(dead0)); jn("subfail", double(t.subfail)); jn("touched", double(t.delivered)); jn("lost", double(C.clients) - double(t.delivered - t.bits_dup)); jn("dup", double(t.bits_dup)); jn("touch_s", e3);
    if (C.pid) { jn("rss_base_mb", rss0); jn("rss_mb", rss1); jn("rss_per_conn_b", (rss1 - rss0) * 1048576 / std::max(1, okc)); jn("rss_peak_mb", broker_mem("VmHWM"));
        jn("cpu_s", c1 - c0); jn("cpu_ms_per_connect", (c1 - c0) * 1e3 / std::max(1, okc)); jn("idle_cores", idle_cpu); jn("touch_cpu_per_M", t.delivered ? (c3 - c2) / double(t.delivered) * 1e6 : 0); }
    finish();
}

// ---- retained -------------------------------------------------------------------------------------------
// publishes count messages through P publishers, QoS as given, with a window of acks (QoS0: a PINGREQ-free
// barrier is impossible in MQTT, so QoS0 publishers go flat out and then settle for 1 s)
static void send_counted(Thr& t, std::vector<Conn*>& ps, int count, const std::function<std::string(int)>& topic, bool retain) {
    int i = 0;
    while (i < count) {
        for (Conn* p : ps) {
            if (p->st != 3) die("publisher lost");
            int n = 0;
            while (i < count && n < C.batch && p->out.size() < 65536 && (!C.qos || p->unacked < u32(C.window))) {
                size_t op, oy; std::string m = enc_publish(topic(i), C.qos, retain, 0, op, oy); u64 s = u64(i), ts = now_ns(); u32 z = 0;
                if (C.qos) { if (!++p->pid) p->pid = 1; m[op] = char(p->pid >> 8); m[op + 1] = char(p->pid); p->unacked++; }
                memcpy(&m[oy], &z, 4); memcpy(&m[oy + 8], &s, 8); memcpy(&m[oy + 16], &ts, 8); p->out += m; i++; n++;
            }
            if (p->ooff < p->out.size() && !p->wantout) t.flush(p);
        }
        static u64 lasta = 0; static u64 when = 0; t.round(i < count && (!C.qos || t.acks != lasta) ? 0 : 1);
        if (t.acks != lasta || !C.qos) { lasta = t.acks; when = now_ns(); } else if (when && now_ns() - when > 20000000000ull) die("no acknowledgement for 20 s");
    }
    if (!wait_for(t, 60, [&] { for (Conn* p : ps) if (p->st != 3 || p->unacked || !p->out.empty()) return false; return true; })) die("publishers not acknowledged after 60 s");
}
static void run_retained() {
    Thr& t = *thr[0]; mode = BITMAP; t.bits.resize(size_t(C.count) / 64 + 1); int P = std::min(C.pubs, 10);
    std::vector<Conn*> ps; for (int i = 0; i < P; i++) ps.push_back(mk(true, i, 0, cid("rp", i)));
    if (!wait_for(t, 10, [&] { return ready == P; })) die("connect");
    double c0 = broker_cpu(), r0 = broker_mem("VmRSS"); u64 t0 = now_ns();
    send_counted(t, ps, C.count, [](int i) { return "ret/" + std::to_string(i % 100) + "/" + std::to_string(i / 100 % 100) + "/" + std::to_string(i); }, true);
    double pubs_s = double(now_ns() - t0) / 1e9; wait_for(t, 1.5, [] { return false; });
    double c1 = broker_cpu(), r1 = broker_mem("VmRSS"); t.not_retained = 0;
    Conn* s = mk(false, 0, 0, cid("rs", 0)); wait_for(t, 10, [&] { return s->st >= 3; });
    u64 t1 = now_ns(); s->out += enc_subscribe(1, {"#"}, C.subqos); t.flush(s);
    u64 last = 0, lastt = now_ns();
    wait_for(t, 120, [&] { u64 d = t.delivered; if (d != last) { last = d; lastt = now_ns(); } return d >= u64(C.count) || s->st == 4 || now_ns() - lastt > 6000000000ull; });
    double el = t.last_rx > t1 ? double(t.last_rx - t1) / 1e9 : 0, c2 = broker_cpu();
    wait_for(t, .3, [] { return false; });
    u64 uniq = t.delivered - t.bits_dup;
    js("scenario", C.scen); jn("qos", C.qos); jn("subqos", C.subqos); jn("ver", C.ver); jn("count", C.count); jn("publish_s", pubs_s); jn("receive_s", el); jn("received", double(uniq));
    jn("delivered_per_s", el > 0 ? double(uniq) / el : 0); jn("lost", double(C.count) - double(uniq)); jn("dup", double(t.bits_dup)); jn("not_retained", double(t.not_retained)); jn("disconnects", double(t.dead));
    if (C.pid) { jn("publish_cpu_per_M", (c1 - c0) / C.count * 1e6); jn("cpu_per_M", uniq ? (c2 - c1) / double(uniq) * 1e6 : 0); jn("rss_per_retained_b", (r1 - r0) * 1048576 / C.count); jn("rss_peak_mb", broker_mem("VmHWM")); }
    finish();
}

// ---- offline queue ----------------------------------------------------------------------------------------
static void run_offline() {
    Thr& t = *thr[0]; mode = STREAM; C.qos = std::max(C.qos, 1); C.subqos = std::max(C.subqos, 1); credit = std::vector<Credit>(1); t.shared_got.resize(1);
    std::string id = cid("off", 0);
    Conn* s = mk(false, 0, 0, id, false, 3600); s->subs = {enc_subscribe(1, {"off/+"}, C.subqos)};
    if (!wait_for(t, 10, [&] { return s->st >= 3; }) || s->st != 3) die("session not accepted");
    s->out += std::string("\xe0\x00", 2); t.flush(s); wait_for(t, 1, [&] { return s->st == 4; }); if (s->st != 4) t.kill(s);
    std::vector<Conn*> ps{mk(true, 0, 0, cid("op", 0))}; if (!wait_for(t, 10, [&] { return ps[0]->st == 3; })) die("connect");
    double c0 = broker_cpu(), r0 = broker_mem("VmRSS"); u64 t0 = now_ns();
    send_counted(t, ps, C.count, [](int) { return std::string("off/1"); }, false);
    double pub_s = double(now_ns() - t0) / 1e9; wait_for(t, .5, [] { return false; }); double c1 = broker_cpu(), r1 = broker_mem("VmRSS");
    Conn* r = mk(false, 0, 0, id, false, 3600); r->str.resize(1); u64 t1 = now_ns(), last = 0, lastt = t1, fin = t1;
    wait_for(t, 180, [&] { u64 d = t.delivered; if (d != last) { last = d; lastt = fin = now_ns(); } return d >= u64(C.count) || r->st == 4 || now_ns() - lastt > 8000000000ull; });
    double el = double(fin - t1) / 1e9, c2 = broker_cpu(); wait_for(t, .3, [] { return false; });
    u64 got = r->str[0].got, dup = got > u64(C.count) ? got - u64(C.count) : 0;
    js("scenario", C.scen); jn("qos", C.qos); jn("ver", C.ver); jn("count", C.count); jn("queue_s", pub_s); jn("receive_s", el); jn("received", double(got)); jn("delivered_per_s", el > 0 ? double(got) / el : 0);
    jn("session_present", r->session_present); jn("lost", double(C.count) > double(got) ? double(C.count) - double(got) : 0); jn("dup", double(dup)); jn("ooo", double(t.back > dup ? t.back - dup : 0));
    if (C.pid) { jn("queue_cpu_per_M", (c1 - c0) / C.count * 1e6); jn("cpu_per_M", got ? (c2 - c1) / double(got) * 1e6 : 0); jn("rss_per_queued_b", (r1 - r0) * 1048576 / C.count); jn("rss_peak_mb", broker_mem("VmHWM")); }
    finish();
}

int main(int argc, char** argv) {
    if (argc < 2) { fprintf(stderr, "loadgen pairs|fanin|fanout|shared|wild|idle|retained|offline [--key value ...]\n"); return 2; }
    C.scen = argv[1]; bool subs_set = false;
    for (int i = 2; i + 1 < argc; i += 2) {
        std::string k = argv[i]; const char* v = argv[i + 1];
        if (k == "--host") C.host = v; else if (k == "--port") C.port = atoi(v); else if (k == "--pid") C.pid = atoi(v);
        else if (k == "--pubs") C.pubs = atoi(v); else if (k == "--subs") { C.subs = atoi(v); subs_set = true; } else if (k == "--qos") C.qos = atoi(v);
        else if (k == "--subqos") C.subqos = atoi(v); else if (k == "--size") C.size = atoi(v); else if (k == "--ver") C.ver = atoi(v);
        else if (k == "--window") C.window = atoi(v); else if (k == "--batch") C.batch = atoi(v); else if (k == "--rate") C.rate = atof(v);
        else if (k == "--warm") C.warm = atof(v); else if (k == "--dur") C.dur = atof(v); else if (k == "--threads") C.threads = atoi(v);
        else if (k == "--filters") C.filters = atoi(v); else if (k == "--clients") C.clients = atoi(v); else if (k == "--count") C.count = atoi(v);
        else if (k == "--conc") C.conc = atoi(v); else if (k == "--subbatch") C.subbatch = atoi(v); else if (k == "--alias") C.alias = atoi(v);
        else if (k == "--setup") C.setup_s = atoi(v); else { fprintf(stderr, "unknown %s\n", k.c_str()); return 2; }
    }
    if (!subs_set && C.scen == "fanin") C.subs = 1;
    if (C.subqos < 0) C.subqos = C.qos;
    if (C.batch > C.window) C.batch = C.window;
    rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
    bool flow = C.scen == "pairs" || C.scen == "fanin" || C.scen == "fanout" || C.scen == "shared" || C.scen == "wild";
    if (!flow) C.threads = 1;
    for (int i = 0; i < C.threads; i++) { thr.push_back(std::make_unique<Thr>()); thr.back()->init(i); }
    if (flow) run_flow(); else if (C.scen == "idle") run_idle(); else if (C.scen == "retained") run_retained(); else if (C.scen == "offline") run_offline();
    else { fprintf(stderr, "unknown scenario\n"); return 2; }
}
