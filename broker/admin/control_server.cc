#include "broker/admin/control_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/log.h"

namespace bramble {

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::size_t kUnwrittenMax = 256 * 1024;  // above it no more of the answer is made
constexpr std::size_t kDrainBytes = 1 << 20;       // of what nobody wants to know, so that the answer can be read
constexpr std::size_t kAcceptsMax = 16;
constexpr Milliseconds kRestWhenExhausted{250};

std::string error_line(std::string_view why) {
  return control::Line(std::string(control::kVersion) + " error").add("why", why).text();
}

/// Root, or who the broker is itself.
bool may_ask(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace

/// One connection: its request, then its answer, then its end.
class ControlServer::Peer {
 public:
  Peer(int socket, const Limits& limits, SteadyTime now)
      : socket_(socket), limits_(limits), until_(now + limits.silence), in_all_until_(now + limits.in_all) {}
  Peer(const Peer&) = delete;
  ~Peer() { ::close(socket_); }

  pollfd waits() const {
    const auto events = phase_ == Phase::answering ? POLLOUT : POLLIN;
    return {socket_, static_cast<short>(events), 0};
  }
  SteadyTime until() const { return std::min(until_, in_all_until_); }

  void refuse(std::string_view why) {
    out_ = error_line(why);
    phase_ = Phase::answering;
  }

  /// False: it is over.
  bool go_on(short events, const Commons& commons, SteadyTime now) {
    if (now >= until()) return false;
    if (events == 0) return true;
    switch (phase_) {
      case Phase::asking: return read_request(commons);
      case Phase::answering: return write_answer(now);
      default: return drain();
    }
  }

 private:
  enum class Phase : std::uint8_t { asking, answering, ending };

  bool read_request(const Commons& commons) {
    std::array<char, kReadBytes> bytes;
    const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    const std::size_t before = in_.size();
    in_.append(bytes.data(), static_cast<std::size_t>(got));
    const auto end = in_.find('\n', before);
    if (std::min(end, in_.size()) > control::kRequestBytesMax) {
      refuse(fmt::format("a request has at most {} bytes", control::kRequestBytesMax));
    } else if (end != std::string::npos) {
      in_.resize(end);
      answer(commons);
    } else {
      return true;
    }
    in_ = {};
    return true;
  }

  void answer(const Commons& commons) {
    const auto request = control::Line::parse(in_);
    if (!request) return refuse("that is no line as this socket takes it");
    auto answer = answer_to(*request, commons);
    if (!answer) return refuse(answer.error());
    answer_ = std::move(*answer);
    phase_ = Phase::answering;
  }

  bool write_answer(SteadyTime now) {
    if (answer_ && out_.size() - written_ < kUnwrittenMax && !answer_->more(out_)) answer_.reset();
    const ssize_t taken = ::send(socket_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (taken < 0) return errno == EAGAIN || errno == EINTR;
    written_ += static_cast<std::size_t>(taken);
    until_ = now + limits_.silence;
    if (written_ >= kUnwrittenMax || written_ == out_.size()) {
      out_.erase(0, written_);
      written_ = 0;
    }
    if (answer_ || !out_.empty()) return true;
    ::shutdown(socket_, SHUT_WR);
    phase_ = Phase::ending;
    return drain();
  }

  /// A close with something unread would take the answer away from who has not read it yet.
  bool drain() {
    std::array<char, kReadBytes> bytes;
    const ssize_t got = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    drained_ += static_cast<std::size_t>(got);
    return got != 0 && drained_ < kDrainBytes;
  }

  const int socket_;
  const Limits& limits_;
  SteadyTime until_;
  const SteadyTime in_all_until_;
  Phase phase_ = Phase::asking;
  std::string in_;
  std::unique_ptr<Answer> answer_;  // null: all of it is in out_
  std::string out_;
  std::size_t written_ = 0;  // of out_
  std::size_t drained_ = 0;
};

ControlServer::ControlServer(BoundSocket socket, const Commons& commons, Limits limits)
    : socket_(std::move(socket)), commons_(commons), limits_(limits) {}

ControlServer::ControlServer(BoundSocket socket, const Commons& commons)
    : ControlServer(std::move(socket), commons, Limits()) {}

ControlServer::~ControlServer() { stop(); }

void ControlServer::start() {
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  check(wake_ >= 0, "eventfd for the control socket");
  thread_ = std::thread([this] { run(); });
}

void ControlServer::stop() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  check(::write(wake_, &one, sizeof one) == sizeof one, "an eventfd takes a wake");
  thread_.join();
  peers_.clear();
  ::close(wake_);
}

void ControlServer::run() {
  std::vector<pollfd> waits;
  while (true) {
    SteadyTime now = std::chrono::steady_clock::now();
    const bool rests = now < accept_after_;
    waits = {{wake_, POLLIN, 0}, {rests ? -1 : socket_.descriptor(), POLLIN, 0}};
    SteadyTime first = rests ? accept_after_ : SteadyTime::max();
    for (const auto& peer : peers_) {
      waits.push_back(peer->waits());
      first = std::min(first, peer->until());
    }
    const auto left = std::chrono::ceil<Milliseconds>(first - now).count();
    const int timeout = first == SteadyTime::max() ? -1 : static_cast<int>(std::max<Milliseconds::rep>(left, 0));
    if (::poll(waits.data(), waits.size(), timeout) < 0 && errno != EINTR) {
      return log::write(LogType::error, "The control socket is not served any more: {}.", std::strerror(errno));
    }
    if (waits[0].revents != 0) return;
    now = std::chrono::steady_clock::now();
    std::size_t i = 2;
    std::erase_if(peers_, [&](const auto& peer) { return !peer->go_on(waits[i++].revents, commons_, now); });
    if (waits[1].revents != 0) accept_some(now);
  }
}

void ControlServer::accept_some(SteadyTime now) {
  for (std::size_t accepted = 0; accepted < kAcceptsMax; ++accepted) {  // they are read before more push them out
    const int socket = ::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (socket < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) accept_after_ = now + kRestWhenExhausted;
      return;
    }
    if (peers_.size() == limits_.connections) {
      peers_.erase(std::ranges::min_element(peers_, {}, [](const auto& peer) { return peer->until(); }));
    }
    peers_.push_back(std::make_unique<Peer>(socket, limits_, now));
    if (!may_ask(socket)) peers_.back()->refuse("only root and the account that the broker runs as may ask");
  }
}

}  // namespace bramble
