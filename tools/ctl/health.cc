#include "tools/ctl/health.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <vector>

#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"
#include "core/websocket/client_frames.h"
#include "tools/ctl/stream.h"

namespace bramble::ctl {

namespace {

using mqtt::Version;

constexpr std::uint32_t kMaskKey = 0x2A2A2A2A;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

bool asks_for_secret(const ListenerOptions& listener) {
  return listener.tls.require_certificate || (listener.tls.on() && listener.tls.certfile.empty());  // a PSK
}

/// An address that this machine may not have, or not yet.
bool of_one_address(const ListenerOptions& listener) {
  const std::string& address = listener.bind_address;
  const bool always_there = address.empty() || address == "0.0.0.0" || address == "::" || address == "::1" ||
                            address == "localhost" || address.starts_with("127.");
  return !listener.unix_socket() && !always_there;
}

/// What is said between us and the broker besides MQTT, and may fail: the fewer the better.
int hurdles(const ListenerOptions& listener) {
  return 16 * asks_for_secret(listener) + 8 * (listener.enable_proxy_protocol != 0) +
         4 * (listener.protocol == Protocol::websockets) + 2 * listener.tls.on() + of_one_address(listener);
}

/// A port that the system picks is not known here, and what is bound to a device hears nothing from this machine.
bool can_be_asked(const ListenerOptions& listener) {
  if (listener.unix_socket()) return true;
  return listener.port != 0 && (listener.bind_interface.empty() || listener.bind_interface == "lo");
}

std::vector<const ListenerOptions*> best_first(const Config& config) {
  std::vector<const ListenerOptions*> all;
  for (const ListenerOptions& listener : config.listeners) {
    if (can_be_asked(listener) && !listener.optional) all.push_back(&listener);
  }
  std::ranges::stable_sort(all, {}, [](const ListenerOptions* each) { return hurdles(*each); });
  return all;
}

/// Of a proxy that says: the client is here, and came by TLS.
std::string proxy_header(unsigned version) {
  if (version == 1) return "PROXY TCP4 127.0.0.1 127.0.0.1 1 1\r\n";
  using namespace std::string_view_literals;
  constexpr auto kVersion2 =
      "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x14"  // PROXY, TCP over IPv4, 20 bytes
      "\x7f\0\0\1\x7f\0\0\1\0\1\0\1"        // addresses and ports
      "\x20\0\5\1\0\0\0\1"sv;               // by TLS, without a certificate
  return std::string(kVersion2);
}

Place place_of(const ListenerOptions& listener) {
  Place place;
  place.port = listener.port;
  place.any_certificate = listener.tls.on();
  if (listener.enable_proxy_protocol != 0) place.before_tls = proxy_header(listener.enable_proxy_protocol);
  if (listener.unix_socket()) {
    place.unix_socket = listener.bind_address;
  } else if (listener.bind_address == "::" ||
             (listener.bind_address.empty() && listener.socket_domain == SocketDomain::ipv6)) {
    place.host = "::1";
  } else {
    place.host =
        listener.bind_address.empty() || listener.bind_address == "0.0.0.0" ? "127.0.0.1" : listener.bind_address;
  }
  return place;
}

Version version_of(const ListenerOptions& listener) {
  return listener.accept_v5 ? Version::v5 : listener.accept_v4 ? Version::v3_1_1 : Version::v3_1;
}

/// Bytes of MQTT to the broker and back, in WebSocket frames where the listener wants them.
class Exchange {
 public:
  Exchange(Stream& stream, const ListenerOptions& listener, SteadyTime until)
      : stream_(stream), websocket_(listener.protocol == Protocol::websockets), until_(until) {
    if (!listener.websockets_origin.empty()) more_headers_ = "Origin: " + listener.websockets_origin.front() + "\r\n";
  }

  OrMessage<void> open() {
    if (!websocket_) return {};
    const UpgradeQuestion question{.host = "localhost", .more_headers = more_headers_};
    if (auto sent = stream_.write(upgrade_request(question), until_); !sent) return sent;
    std::string answer;
    while (true) {
      const auto more = receive();
      if (!more) return wrong(more.error());
      answer += *more;
      const UpgradeAnswer read = read_upgrade_answer(answer, question);
      if (read.state == UpgradeAnswer::State::refused) {
        return wrong(fmt::format("no WebSocket: {} (status {})", read.wrong, read.status));
      }
      if (read.state == UpgradeAnswer::State::open) return take(answer.substr(read.used));
    }
  }

  OrMessage<void> send(const std::string& packet) {
    if (!websocket_) return stream_.write(packet, until_);
    std::string frame;
    append_client_frame(frame, packet, kMaskKey);
    return stream_.write(frame, until_);
  }

  /// The first packet that comes. It points into this object.
  OrMessage<mqtt::Frame> first_packet(Version version) {
    while (true) {
      const auto frame = mqtt::next_frame(packets_, 0, version);
      if (!frame) return wrong(fmt::format("the broker sent what MQTT does not allow: {}", frame.error().what));
      if (frame->size != 0) return *frame;
      const auto more = receive();
      if (!more) return wrong(more.error());
      if (const auto taken = take(std::string(*more)); !taken) return wrong(taken.error());
    }
  }

 private:
  OrMessage<std::string_view> receive() {
    while (true) {
      const auto bytes = stream_.read();
      if (!bytes || !bytes->empty()) return bytes;
      if (!stream_.wait_to_read(until_)) return wrong("the broker does not answer");
    }
  }

  OrMessage<void> take(std::string bytes) {
    std::size_t size = bytes.size();
    if (websocket_) {
      const WebSocketInput::Taken taken = frames_.take(bytes.data(), bytes.size());
      if (taken.status != WebSocketInput::Status::open && taken.payload == 0)
        return wrong("the broker closed the WebSocket");
      size = taken.payload;
    }
    packets_.append(bytes, 0, size);
    return {};
  }

  Stream& stream_;
  const bool websocket_;
  const SteadyTime until_;
  std::string more_headers_;
  WebSocketInput frames_{WebSocketInput::Peer::server};
  std::string packets_;
};

/// What the broker says to a CONNECT without anything in it, in words.
OrMessage<std::string> connack(const ListenerOptions& listener, const Place& place, SteadyTime until) {
  const auto stream = Stream::open(place, until);
  if (!stream) return wrong(stream.error());
  Exchange exchange(**stream, listener, until);
  if (const auto opened = exchange.open(); !opened) return wrong(opened.error());
  mqtt::Connect connect;
  connect.version = version_of(listener);
  connect.client_id = connect.version == Version::v5 ? "" : "bramble-health";
  connect.clean_start = true;
  std::string packet;
  mqtt::append_connect(packet, connect);
  if (const auto sent = exchange.send(packet); !sent) return wrong(sent.error());
  const auto frame = exchange.first_packet(connect.version);
  if (!frame) return wrong(frame.error());
  const auto answer = mqtt::decode_connack(*frame, connect.version);
  if (!answer) return wrong(fmt::format("the broker answers a CONNECT with something else: {}", answer.error().what));
  std::string end;
  mqtt::append_disconnect(end, connect.version, mqtt::ReasonCode::success);
  if (!mqtt::failed(answer->code)) (void)exchange.send(end);
  return fmt::format("CONNACK, {}", mqtt::name(answer->code));
}

bool has_limits(const Config& config, const ListenerOptions& listener) {
  return listener.max_connections > 0 || listener.max_connection_rate > 0 || config.broker.global_max_connections >= 0;
}

/// It closes before anything has been said, as a broker does that has too many.
bool turned_away(Place place, SteadyTime until) {
  place.any_certificate = false;
  place.before_tls.clear();
  const auto stream = Stream::open(place, until);
  if (!stream) return false;
  do {
    if (const auto bytes = (*stream)->read(); !bytes || !bytes->empty()) return !bytes;
  } while ((*stream)->wait_to_read(until));
  return false;
}

OrMessage<std::string> ask(const Config& config, const ListenerOptions& listener, SteadyTime until) {
  const Place place = place_of(listener);
  const auto answer = connack(listener, place, until);
  if (answer) return fmt::format("{} answers: {}", place.name(), *answer);
  // OpenSSL says so of each alert that comes from the other side
  if (asks_for_secret(listener) && answer.error().find(" alert ") != std::string::npos) {
    return fmt::format("{} answers: it asks for a certificate or key", place.name());
  }
  if (has_limits(config, listener) && turned_away(place, until)) {
    return fmt::format("{} answers: it takes no more connections now", place.name());
  }
  return wrong(answer.error());
}

}  // namespace

OrMessage<std::string> ask_health(const Config& config, SteadyTime until) {
  const auto listeners = best_first(config);
  if (listeners.empty()) {
    return wrong("no listener of the configuration can be asked from this machine: add `listener 1883 127.0.0.1`");
  }
  std::string why;
  std::size_t left = listeners.size();
  for (const ListenerOptions* const each : listeners) {
    auto answer = ask(config, *each, share_of(until, left--));
    if (answer) return answer;
    if (why.empty()) why = answer.error();
  }
  return wrong(why);
}

}  // namespace bramble::ctl
