#include "broker/net/websocket.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/net/packet_frames.h"
#include "broker/net/tcp.h"
#include "core/websocket/answers.h"
#include "core/websocket/frames.h"
#include "core/websocket/path.h"
#include "core/websocket/upgrade.h"

namespace bramble {

namespace {

constexpr std::size_t kPiecesMax = 64;       // of a WriteQueue
constexpr std::size_t kBytesADelivery = 64;  // of frames that bring no MQTT
constexpr std::size_t kFileReadBytes = 64 * 1024;
constexpr int kFileReadsMax = 8;  // at once; others wait for the reactor meanwhile

/// An address as peer() tells it; empty: it is none.
std::string as_peer(std::string_view text) {
  std::string address(text);
  if (text.starts_with('[') && text.ends_with(']')) address = text.substr(1, text.size() - 2);
  std::array<unsigned char, sizeof(in6_addr)> parsed{};
  if (::inet_pton(AF_INET, address.c_str(), parsed.data()) == 1) return address;
  return ::inet_pton(AF_INET6, address.c_str(), parsed.data()) == 1 ? "[" + address + "]" : std::string();
}

/// A file below `folder`; links may not lead out of it. -1: there is none.
int open_below(const std::string& folder, const std::string& path) {
  std::array<char, PATH_MAX> root, file;
  if (!::realpath(folder.c_str(), root.data())) return -1;
  const std::string wanted = folder + path + (path.ends_with('/') ? "index.html" : "");
  if (!::realpath(wanted.c_str(), file.data())) return -1;
  const std::string_view base = root.data(), found = file.data();
  if (!found.starts_with(base) || (base != "/" && found.size() > base.size() && found[base.size()] != '/')) return -1;
  return ::open(file.data(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
}

/// What is only there until the WebSocket is open.
struct Opening {
  explicit Opening(std::size_t head_bytes_max) : reader(head_bytes_max) {}
  ~Opening() {
    if (file >= 0) ::close(file);
  }
  RequestReader reader;
  int file = -1;           ///< that is being sent
  std::uint64_t left = 0;  ///< of it
  bool answered = false;   ///< no WebSocket: nothing more is read
  bool written = false;    ///< some of the answer, since it was last asked
};

class WebSocketTransport final : public Transport {
 public:
  WebSocketTransport(std::unique_ptr<Transport> below, std::shared_ptr<const ListenerRules> rules,
                     std::size_t head_bytes_max)
      : below_(std::move(below)), rules_(std::move(rules)), opening_(std::make_unique<Opening>(head_bytes_max)) {
    established_ = false;
  }

  int descriptor() const override { return below_->descriptor(); }
  Moved read(char* to, std::size_t size) override;
  Moved write(std::span<const iovec> pieces) override;
  void finish() override;
  std::string peer() const override { return peer_.empty() ? below_->peer() : peer_; }
  std::string kind() const override {
    const std::string below = below_->kind();
    return below == "tcp" ? "websocket" : "websocket+" + below;
  }
  ProvenIdentity identity() const override { return below_->identity(); }
  bool has_answered_more() override { return opening_ && std::exchange(opening_->written, false); }
  const char* fault() const override { return *fault_ != '\0' ? fault_ : below_->fault(); }

 private:
  Moved read_request(char* to, std::size_t size);
  Moved read_frames(char* bytes, std::size_t size);
  /// MQTT in frames that have come, moved to the front of them.
  Moved take_frames(char* bytes, std::size_t size);
  /// No WebSocket, but an answer: the connection ends when it is written.
  Moved answer_and_end(HttpStatus status, const char* why);
  Moved send_file(const HttpRequest& request);
  void open_socket(const HttpRequest& request);
  Moved write_frames(std::span<const iovec> pieces);
  /// Writes what goes before any new frame. False: some is left, or it is closed (see closed_).
  bool write_own();
  bool own_waits() const { return !own_.empty() || (!ended_ && input_.has_replies()); }
  /// If no frame has begun; true also if one has.
  bool write_own_between() { return !frames_.between_frames() || write_own(); }
  /// What is to be written next into own_, which is empty: of the file, or pongs.
  void refill_own();
  /// All of an answer that is no WebSocket has been written.
  bool answer_is_out() const { return own_.empty() && opening_->file < 0 && !below_->wants_write(); }
  void see_what_waits();

  std::unique_ptr<Transport> below_;
  std::shared_ptr<const ListenerRules> rules_;
  std::unique_ptr<Opening> opening_;
  WebSocketInput input_;
  std::string own_;  ///< HTTP, or pongs and the close: goes before the next frame
  PacketFrames frames_;
  std::string peer_;
  const char* fault_ = "";
  bool closed_ = false;
  bool ended_ = false;  ///< by a close frame or a mistake of the peer; the close that answers it is for finish()
  bool said_close_ = false;
};

Transport::Moved WebSocketTransport::read(char* to, std::size_t size) {
  const Moved moved = opening_ ? read_request(to, size) : read_frames(to, size);
  see_what_waits();
  unseen_ = below_->has_unseen_bytes() || (ended_ && moved.bytes != 0);  // the end is behind what has been read
  return moved;
}

void WebSocketTransport::see_what_waits() {
  wants_write_ = below_->wants_write() || !own_.empty() || (opening_ && opening_->file >= 0);
}

Transport::Moved WebSocketTransport::read_frames(char* bytes, std::size_t size) {
  if (ended_) return {0, State::closed};
  const Moved moved = below_->read(bytes, size);
  if (moved.bytes == 0) return moved;
  Moved taken = take_frames(bytes, moved.bytes);
  taken.effort = moved.effort + static_cast<std::uint32_t>((moved.bytes - taken.bytes) / kBytesADelivery);
  return taken;
}

Transport::Moved WebSocketTransport::take_frames(char* bytes, std::size_t size) {
  const auto taken = input_.take(bytes, size);
  if (taken.status == WebSocketInput::Status::failed) fault_ = taken.what;
  ended_ = taken.status != WebSocketInput::Status::open;
  if (input_.has_replies()) write_own_between();
  if (taken.payload != 0) return {taken.payload, State::open};
  return {0, ended_ ? State::closed : State::would_block};
}

Transport::Moved WebSocketTransport::read_request(char* to, std::size_t size) {
  const Moved moved = below_->read(to, size);
  if (opening_->answered && answer_is_out()) return {0, State::closed};
  if (moved.bytes == 0 || opening_->answered) return {0, moved.bytes == 0 ? moved.state : State::would_block};
  const auto taken = opening_->reader.take({to, moved.bytes});
  if (taken.state == RequestReader::State::more) return {0, State::would_block};
  if (taken.state == RequestReader::State::failed) {
    return answer_and_end(opening_->reader.status(), opening_->reader.what());
  }
  const HttpRequest request = opening_->reader.request();
  if (!request.websocket) return send_file(request);
  if (!origin_allowed(request.origin, rules_->options.websockets_origin)) {
    return answer_and_end(HttpStatus::forbidden, "it came from a web page that websockets_origin does not name");
  }
  open_socket(request);
  const std::size_t rest = moved.bytes - taken.used;
  std::memmove(to, to + taken.used, rest);
  return take_frames(to, rest);
}

void WebSocketTransport::open_socket(const HttpRequest& request) {
  const auto& trusted = rules_->options.trusted_proxies;
  if (!request.forwarded_for.empty() && std::ranges::find(trusted, host_of(below_->peer())) != trusted.end()) {
    peer_ = as_peer(last_address(request.forwarded_for));
  }
  // Browsers and Node.js offer compression; a simple client may take a frame for a packet.
  if (request.offers_extensions) frames_.hold(PacketFrames::Holds::all);
  append_switching_protocols(own_, request);
  opening_.reset();
  established_ = true;
  write_own();
}

Transport::Moved WebSocketTransport::answer_and_end(HttpStatus status, const char* why) {
  append_error(own_, status, opening_->reader.request().head_only);
  opening_->answered = true;
  fault_ = why;
  write_own();
  return {0, answer_is_out() ? State::closed : State::would_block};
}

Transport::Moved WebSocketTransport::send_file(const HttpRequest& request) {
  const std::string& folder = rules_->options.http_dir;
  const int file = folder.empty() ? -1 : open_below(folder, request.path);
  struct stat about {};
  if (file < 0 || ::fstat(file, &about) != 0 || !S_ISREG(about.st_mode)) {
    if (file >= 0) ::close(file);
    return answer_and_end(HttpStatus::not_found, "it asked for a page by HTTP that is not there");
  }
  opening_->file = file;
  opening_->left = static_cast<std::uint64_t>(about.st_size);
  opening_->answered = true;
  fault_ = "it was sent a file by HTTP";
  const std::string etag = fmt::format("{:x}-{:x}", about.st_mtim.tv_sec, about.st_size);
  const std::string path = request.path.ends_with('/') ? "index.html" : request.path;
  const bool known = etag_matches(request.if_none_match, etag);
  if (known) {
    append_not_modified(own_, etag);
  } else {
    append_file_head(own_, media_type(path), opening_->left, etag);
  }
  if (known || request.head_only) opening_->left = 0;
  write_own();
  return {0, answer_is_out() ? State::closed : State::would_block};
}

void WebSocketTransport::refill_own() {
  if (!opening_) {
    if (!ended_) input_.take_replies(own_);
  } else if (opening_->file >= 0) {
    own_.resize(std::min<std::uint64_t>(kFileReadBytes, opening_->left));
    const auto got = ::read(opening_->file, own_.data(), own_.size());
    own_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    opening_->left -= own_.size();
    if (got <= 0 || opening_->left == 0) ::close(std::exchange(opening_->file, -1));
  }
}

bool WebSocketTransport::write_own() {
  for (int reads = 0; !closed_; ++reads) {
    if (own_.empty() && reads < kFileReadsMax) refill_own();
    if (own_.empty()) break;
    const iovec piece{own_.data(), own_.size()};
    const Moved moved = below_->write({&piece, 1});
    own_.erase(0, moved.bytes);
    if (opening_ && moved.bytes != 0) opening_->written = true;
    closed_ = moved.state == State::closed;
    if (!own_.empty()) break;
  }
  if (own_.empty()) own_.shrink_to_fit();
  see_what_waits();
  return own_.empty() && !closed_;
}

Transport::Moved WebSocketTransport::write(std::span<const iovec> pieces) {
  if (!write_own_between()) return {0, closed_ ? State::closed : State::would_block};
  if (opening_ || pieces.empty()) {
    Moved moved = below_->wants_write() ? below_->write({}) : Moved{};
    see_what_waits();
    if (opening_ && opening_->answered && answer_is_out()) moved.state = State::closed;
    return moved;
  }
  const Moved moved = write_frames(pieces);
  see_what_waits();
  if (own_waits()) write_own_between();
  return moved;
}

Transport::Moved WebSocketTransport::write_frames(std::span<const iovec> pieces) {
  std::array<iovec, kPiecesMax> left;
  auto end = std::ranges::copy(pieces, left.begin()).out;
  auto begin = left.begin();
  Moved all;
  PacketFrames::Room room;
  while (begin != end && all.state == State::open) {
    if (own_waits() && !write_own_between()) return {all.bytes, closed_ ? State::closed : State::would_block};
    const std::span<const iovec> packets(begin, end);
    const auto frames =
        frames_.fill(room, packets, own_waits() ? PacketFrames::Until::end_of_frame : PacketFrames::Until::full);
    std::uint64_t offered = 0;
    for (const iovec& each : frames) offered += each.iov_len;
    const Moved moved = below_->write(frames);
    std::uint64_t of_packets = frames_.written(moved.bytes, packets);
    all.bytes += of_packets;
    all.state = moved.bytes < offered && moved.state == State::open ? State::would_block : moved.state;
    for (; begin != end && of_packets >= begin->iov_len; ++begin) of_packets -= begin->iov_len;
    if (begin != end) *begin = {static_cast<char*>(begin->iov_base) + of_packets, begin->iov_len - of_packets};
  }
  return all;
}

void WebSocketTransport::finish() {
  if (established_ && !std::exchange(said_close_, true)) {
    if (ended_) {
      input_.take_replies(own_);
    } else {
      append_close_frame(own_, CloseCode::normal);
    }
    write_own_between();
  }
  below_->finish();
}

}  // namespace

std::unique_ptr<Transport> make_websocket_transport(std::unique_ptr<Transport> below,
                                                    std::shared_ptr<const ListenerRules> rules,
                                                    std::size_t head_bytes_max) {
  return std::make_unique<WebSocketTransport>(std::move(below), std::move(rules), head_bytes_max);
}

}  // namespace bramble
