// limit - the physical-limit stand-in for `pairs` and `fanout` at QoS 0.
//
//   cmake --build --preset release --target limit && build/release/bin/limit PORT [THREADS]
//
// It does what no broker can avoid: read() a big chunk from a publisher's socket, send() the very same
// bytes to each target socket. It answers CONNECT and SUBSCRIBE with the least that keeps a client
// going (v3.1.1 or v5), learns a publisher's topic from its first PUBLISH, and from then on never
// looks at a byte of that publisher again. Not a broker: exact topics only, QoS 0 only, one publisher
// for each topic (bytes of several would interleave inside packets), no clean-up of topics.
// With THREADS > 1 each thread has an epoll and a SO_REUSEPORT listener; a publisher's thread writes to
// the target's socket itself, under that target's lock.
#include <arpa/inet.h>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <netinet/tcp.h>
#include <signal.h>
#include <string>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>
using u8 = uint8_t;

struct Conn;
struct Topic { std::mutex m; std::vector<std::shared_ptr<Conn>> subs; };
struct Conn {
    int fd, ep; bool relay = false, v5 = false, armed = false;
    std::string in; std::shared_ptr<Topic> to; std::vector<std::shared_ptr<Conn>> targets; std::shared_ptr<Conn> self;
    std::mutex m; std::string pend; size_t off = 0; bool dead = false;
};
static std::mutex tm_; static std::map<std::string, std::shared_ptr<Topic>> topics;
static std::shared_ptr<Topic> topic(const std::string& t) { std::lock_guard<std::mutex> l(tm_); auto& r = topics[t]; if (!r) r = std::make_shared<Topic>(); return r; }
static void arm(Conn& c, bool w) { if (c.armed == w) return; c.armed = w; epoll_event e{}; e.events = uint32_t(EPOLLIN) | (w ? uint32_t(EPOLLOUT) : 0u); e.data.ptr = &c; epoll_ctl(c.ep, EPOLL_CTL_MOD, c.fd, &e); }
static void push(Conn& c) { // lock held
    while (c.off < c.pend.size()) {
        ssize_t n = send(c.fd, c.pend.data() + c.off, c.pend.size() - c.off, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) c.off += size_t(n); else { if (n < 0 && errno == EAGAIN) arm(c, true); return; }
    }
    c.pend.clear(); c.off = 0; arm(c, false);
}
static void put(Conn& c, const char* p, size_t n) {
    std::lock_guard<std::mutex> l(c.m);
    if (c.dead) return;
    if (c.pend.empty()) { ssize_t k = send(c.fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT); if (k > 0) { p += k; n -= size_t(k); } }
    if (n) { c.pend.append(p, n); arm(c, true); }
}
static void relay(Conn& c, const char* p, size_t n) { for (auto& t : c.targets) put(*t, p, n); }
static bool control(Conn& c) { // parse until it turns out to be a publisher
    size_t at = 0; std::string& b = c.in;
    while (b.size() - at >= 2) {
        size_t len = 0, i = at + 1; int sh = 0; bool ok = false;
        while (i < b.size() && sh < 28) { u8 x = u8(b[i++]); len |= size_t(x & 127) << sh; sh += 7; if (!(x & 128)) { ok = true; break; } }
        if (!ok || b.size() - i < len) break;
        u8 t = u8(b[at]) >> 4; const char* p = b.data() + i;
        if (t == 1) { c.v5 = len > 6 && p[6] == 5; if (c.v5) put(c, "\x20\x03\0\0\0", 5); else put(c, "\x20\x02\0\0", 4); }
        else if (t == 8) {
            size_t q = 2; if (c.v5) q += 1 + size_t(u8(p[2])); std::string codes;
            while (q + 2 < len) { size_t l = size_t(u8(p[q])) << 8 | u8(p[q + 1]); auto to = topic(std::string(p + q + 2, l)); { std::lock_guard<std::mutex> g(to->m); to->subs.push_back(c.self); } codes += char(0); q += 3 + l; }
            std::string r("\x90", 1); r += char(2 + (c.v5 ? 1 : 0) + codes.size()); r.append(p, 2); if (c.v5) r += char(0); r += codes; put(c, r.data(), r.size());
        } else if (t == 12) put(c, "\xd0\0", 2);
        else if (t == 3) {
            size_t l = size_t(u8(p[0])) << 8 | u8(p[1]); c.to = topic(std::string(p + 2, l)); { std::lock_guard<std::mutex> g(c.to->m); c.targets = c.to->subs; }
            c.relay = true; relay(c, b.data() + at, b.size() - at); b.clear(); return true;
        } else if (t == 14) return false;
        at = i + len;
    }
    b.erase(0, at); return true;
}
static void loop(int port) {
    int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1; setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); setsockopt(ls, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    sockaddr_in a{}; a.sin_family = AF_INET; a.sin_port = htons(uint16_t(port)); a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(ls, (sockaddr*)&a, sizeof a) || listen(ls, 4096)) { perror("listen"); exit(1); }
    int ep = epoll_create1(0); epoll_event e{}; e.events = EPOLLIN; e.data.ptr = nullptr; epoll_ctl(ep, EPOLL_CTL_ADD, ls, &e);
    std::vector<char> buf(256 * 1024);
    while (true) {
        epoll_event ev[256]; int n = epoll_wait(ep, ev, 256, -1);
        for (int i = 0; i < n; i++) {
            Conn* c = (Conn*)ev[i].data.ptr;
            if (!c) {
                int fd; while ((fd = accept4(ls, nullptr, nullptr, SOCK_NONBLOCK)) >= 0) {
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); auto s = std::make_shared<Conn>(); s->fd = fd; s->ep = ep; s->self = s;
                    epoll_event x{}; x.events = EPOLLIN; x.data.ptr = s.get(); epoll_ctl(ep, EPOLL_CTL_ADD, fd, &x);
                }
                continue;
            }
            if (ev[i].events & EPOLLOUT) { std::lock_guard<std::mutex> l(c->m); push(*c); }
            if (!(ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
            ssize_t r = read(c->fd, buf.data(), buf.size()); bool keep = true;
            if (r < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (r <= 0) keep = false; else if (c->relay) relay(*c, buf.data(), size_t(r)); else { c->in.append(buf.data(), size_t(r)); keep = control(*c); }
            if (!keep) { { std::lock_guard<std::mutex> l(c->m); c->dead = true; close(c->fd); } c->targets.clear(); auto me = std::move(c->self); }
        }
    }
}
int main(int argc, char** argv) {
    if (argc < 2) { fprintf(stderr, "limit PORT [THREADS]\n"); return 2; }
    signal(SIGPIPE, SIG_IGN); rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
    int port = atoi(argv[1]), n = argc > 2 ? atoi(argv[2]) : 1; std::vector<std::thread> ts;
    for (int i = 1; i < n; i++) ts.emplace_back(loop, port);
    loop(port);
}
