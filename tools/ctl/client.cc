#include "tools/ctl/client.h"

#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <poll.h>

#include "tools/ctl/table.h"

namespace bramble::ctl {

using mqtt::Frame;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::ReasonCode;
using mqtt::Version;

namespace {

constexpr std::chrono::seconds kPingPatience{30};

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

tl::unexpected<std::string> wrong(const Error& error) {
  return wrong(fmt::format("the broker sent what MQTT does not allow: {}", error.what));
}

SteadyTime now() { return std::chrono::steady_clock::now(); }

std::string words(ReasonCode code) {
  return fmt::format("{} (0x{:02X})", mqtt::name(code), static_cast<unsigned>(code));
}

/// What a person can do about a CONNACK that says no.
std::string remedy(ReasonCode code, const Login& login) {
  switch (code) {
    case ReasonCode::not_authorized:
    case ReasonCode::bad_user_name_or_password:
      return login.user_name ? "; is that the user (-u), and the password (-P, or BRAMBLE_PASSWORD)?"
                             : "; it wants to know who you are: -u and -P, or BRAMBLE_PASSWORD";
    case ReasonCode::client_identifier_not_valid:
      return login.client_id.empty() ? "; give a client id (-i)" : "; give another client id (-i)";
    case ReasonCode::unsupported_protocol_version:
      return login.version == Version::v5 ? "; try -V 3.1.1" : "; try -V 5";
    case ReasonCode::connection_rate_exceeded:
    case ReasonCode::server_busy:
    case ReasonCode::server_unavailable: return "; try again later";
    default: return "";
  }
}

tl::unexpected<std::string> refused(const mqtt::Connack& connack, const Login& login) {
  std::string message = "the broker refuses the connection: " + words(connack.code);
  if (connack.reason_string) message += ": " + printable(*connack.reason_string);
  return wrong(message + remedy(connack.code, login));
}

std::string what_is_missing(PacketType type) {
  switch (type) {
    case PacketType::connack: return "CONNECT";
    case PacketType::suback: return "SUBSCRIBE";
    case PacketType::pingresp: return "PINGREQ";
    case PacketType::pubcomp: return "PUBREL";
    default: return "PUBLISH";
  }
}

}  // namespace

OrMessage<Client> Client::connect(const Place& place, const Login& login, SteadyTime until) {
  auto stream = Stream::open(place, until);
  if (!stream) return wrong(std::move(stream.error()));
  Client client(std::move(*stream), login);
  mqtt::Connect connect;
  connect.version = login.version;
  connect.client_id = login.client_id;
  connect.keep_alive = login.keep_alive;
  connect.clean_start = login.clean_start;
  if (login.user_name) connect.user_name = *login.user_name;
  if (login.password) connect.password = *login.password;
  if (login.version == Version::v5) {
    connect.session_expiry = login.session_expiry;
    connect.request_problem_information = true;
  }
  std::string packet;
  mqtt::append_connect(packet, connect);
  if (const auto sent = client.send(packet, until); !sent) return wrong(sent.error());
  const auto frame = client.await(PacketType::connack, 0, until);
  if (!frame) {
    return wrong(frame.error() + " before it said yes or no. Is this a port for MQTT without " +
                 (place.tls() ? "WebSocket?" : "TLS (--cafile) and WebSocket?") + " The broker's log says more");
  }
  const auto connack = mqtt::decode_connack(*frame, login.version);
  if (!connack) return wrong(connack.error());
  if (mqtt::failed(connack->code)) return refused(*connack, login);
  client.limits_ = *connack;
  client.limits_.assigned_client_identifier = client.limits_.reason_string = client.limits_.response_information = {};
  client.keep_alive_ = std::chrono::seconds(connack->server_keep_alive.value_or(login.keep_alive));
  return client;
}

OrMessage<void> Client::send(const std::string& packet, SteadyTime until) {
  if (auto written = stream_->write(packet, until); !written) return written;
  last_sent_ = now();
  return {};
}

OrMessage<std::optional<Frame>> Client::take_frame() {
  const auto frame = mqtt::next_frame(std::string_view(in_).substr(taken_), 0, version_);
  if (!frame) return wrong(frame.error());
  if (frame->size == 0) {
    in_.erase(0, taken_);
    taken_ = 0;
    return std::nullopt;
  }
  taken_ += frame->size;
  return *frame;
}

SteadyTime Client::next_ping() const {
  if (keep_alive_.count() == 0) return kNever;
  return pinged_ ? *pinged_ + kPingPatience : last_sent_ + keep_alive_ / 2;
}

OrMessage<void> Client::stay_alive() {
  if (now() < next_ping()) return {};
  if (pinged_) return wrong(fmt::format("the broker has not answered a PINGREQ for {} s", kPingPatience.count()));
  std::string packet;
  mqtt::append_pingreq(packet);
  pinged_ = now();
  return send(packet, *pinged_ + kPingPatience);
}

OrMessage<std::optional<Frame>> Client::next_frame(SteadyTime until, int also) {
  for (;;) {
    if (auto frame = take_frame(); !frame || *frame) return frame;
    const auto bytes = stream_->read();
    if (!bytes) return wrong(bytes.error());
    in_ += *bytes;
    if (!bytes->empty()) continue;
    if (const auto alive = stay_alive(); !alive) return wrong(alive.error());
    std::array<pollfd, 2> waits{pollfd{stream_->descriptor(), POLLIN, 0}, pollfd{also, POLLIN, 0}};
    const int ready = ::poll(waits.data(), waits.size(), milliseconds_until(std::min(until, next_ping())));
    if (ready > 0 && waits[1].revents != 0) return std::nullopt;
    if (ready <= 0 && now() >= until) return std::nullopt;
  }
}

OrMessage<void> Client::handle(const Frame& frame) {
  switch (frame.type) {
    case PacketType::publish: waiting_.emplace_back(frame.whole()); return {};
    case PacketType::pingresp: pinged_.reset(); return {};
    case PacketType::pubrel: {
      const auto pubrel = mqtt::decode_ack(frame, version_);
      if (!pubrel) return wrong(pubrel.error());
      const bool known = unreleased_.erase(pubrel->packet_id) != 0;
      std::string packet;
      mqtt::append_ack(packet, version_, PacketType::pubcomp, pubrel->packet_id,
                       known ? ReasonCode::success : ReasonCode::packet_identifier_not_found);
      return send(packet, now() + kPingPatience);
    }
    case PacketType::disconnect: {
      const auto disconnect = mqtt::decode_disconnect(frame, version_, mqtt::Sender::server);
      if (!disconnect) return wrong(disconnect.error());
      return wrong("the broker ended the connection: " + words(disconnect->code));
    }
    default: return wrong("the broker sent a packet that nobody asked for");
  }
}

OrMessage<Frame> Client::await(PacketType type, mqtt::PacketId id, SteadyTime until) {
  for (;;) {
    const auto frame = next_frame(until);
    if (!frame) return wrong(frame.error());
    if (!*frame) return wrong("the broker did not answer " + what_is_missing(type) + " in time (-W)");
    const Frame& got = **frame;
    const bool it_is = got.type == type || (type == PacketType::pubcomp && got.type == PacketType::pubrec);
    if (!it_is) {
      if (auto handled = handle(got); !handled) return wrong(std::move(handled.error()));
      continue;
    }
    if (type == PacketType::pingresp) pinged_.reset();
    const bool has_id = id != 0 && got.body.size() >= 2;
    const auto byte = [&](std::size_t at) { return static_cast<unsigned>(static_cast<unsigned char>(got.body[at])); };
    if (has_id && (byte(0) << 8 | byte(1)) != id) return wrong("the broker acknowledged what was not sent");
    if (got.type == type) return got;
  }
}

OrMessage<ReasonCode> Client::await_ack(PacketType type, mqtt::PacketId id, SteadyTime until) {
  const auto frame = await(type, id, until);
  if (!frame) return wrong(frame.error());
  const auto ack = mqtt::decode_ack(*frame, version_);
  if (!ack) return wrong(ack.error());
  return ack->code;
}

OrMessage<void> Client::may_publish(const mqtt::PublishHeader& header, const mqtt::PublishContent& content) const {
  if (limits_.maximum_qos && header.qos > *limits_.maximum_qos) {
    return wrong(
        fmt::format("the broker takes QoS {} at most here (max_qos): -q", static_cast<int>(*limits_.maximum_qos)));
  }
  if (header.retain && !limits_.retain_available.value_or(true)) {
    return wrong("the broker keeps no messages (retain_available false): leave out -r");
  }
  const std::size_t bytes = mqtt::publish_size(version_, header, content);
  const std::size_t most = limits_.maximum_packet_size.value_or(mqtt::kPacketSizeMax);
  if (bytes <= most) return {};
  return wrong(
      fmt::format("the packet would have {} bytes, and the broker takes {} at most (max_packet_size)", bytes, most));
}

OrMessage<void> Client::publish(std::string_view topic, std::string_view payload, Qos qos, bool retain,
                                SteadyTime until) {
  const mqtt::PublishHeader header{
      .qos = qos, .retain = retain, .packet_id = qos == Qos::at_most_once ? mqtt::PacketId{0} : new_id()};
  const mqtt::PublishContent content{topic, {}, payload};
  if (auto may = may_publish(header, content); !may) return may;
  std::string packet;
  mqtt::append_publish(packet, version_, header, content);
  if (auto sent = send(packet, until); !sent || qos == Qos::at_most_once) return sent;
  const auto first = qos == Qos::at_least_once ? PacketType::puback : PacketType::pubrec;
  auto code = await_ack(first, header.packet_id, until);
  if (code && !mqtt::failed(*code) && qos == Qos::exactly_once) {
    packet.clear();
    mqtt::append_ack(packet, version_, PacketType::pubrel, header.packet_id);
    if (auto sent = send(packet, until); !sent) return sent;
    code = await_ack(PacketType::pubcomp, header.packet_id, until);
  }
  if (!code) return wrong(code.error());
  if (!mqtt::failed(*code)) return {};
  const bool rights = *code == ReasonCode::not_authorized;
  return wrong(fmt::format("the broker refuses the message: {}{}", words(*code),
                           rights ? "; `bramble-ctl explain publish` names the rule" : ""));
}

OrMessage<std::vector<ReasonCode>> Client::subscribe(const std::vector<std::string>& filters, Qos qos,
                                                     SteadyTime until) {
  mqtt::Subscribe subscribe;
  subscribe.packet_id = new_id();
  for (const std::string& filter : filters) subscribe.entries.push_back({filter, {.qos = qos}});
  std::string packet;
  mqtt::append_subscribe(packet, version_, subscribe);
  if (const auto sent = send(packet, until); !sent) return wrong(sent.error());
  const auto frame = await(PacketType::suback, subscribe.packet_id, until);
  if (!frame) return wrong(frame.error());
  const auto suback = mqtt::decode_suback(*frame, version_);
  if (!suback) return wrong(suback.error());
  if (suback->codes.size() != filters.size())
    return wrong("the broker answers for other filters than it was asked for");
  std::vector<ReasonCode> codes;
  for (const char code : suback->codes) codes.push_back(static_cast<ReasonCode>(static_cast<unsigned char>(code)));
  return codes;
}

/// None: it is one that was acknowledged already, and is so again.
OrMessage<std::optional<Delivery>> Client::delivery(const Frame& frame) {
  const auto publish = mqtt::decode_publish(frame, version_, mqtt::Sender::server);
  if (!publish) return wrong(publish.error());
  Delivery got{publish->topic, publish->payload, publish->qos, publish->packet_id};
  if (got.qos != Qos::exactly_once || !unreleased_.contains(got.packet_id)) return got;
  if (auto again = acknowledge(got, now() + kPingPatience); !again) return wrong(std::move(again.error()));
  return std::nullopt;
}

OrMessage<std::optional<Delivery>> Client::next(SteadyTime until, int stop) {
  for (;;) {
    std::optional<Frame> frame;
    if (!waiting_.empty()) {
      current_ = std::move(waiting_.front());
      waiting_.pop_front();
      frame = *mqtt::next_frame(current_, 0, version_);
    } else {
      auto got = next_frame(until, stop);
      if (!got) return wrong(std::move(got.error()));
      if (!*got) return std::nullopt;
      frame = *got;
    }
    if (frame->type != PacketType::publish) {
      if (auto handled = handle(*frame); !handled) return wrong(std::move(handled.error()));
      continue;
    }
    if (auto found = delivery(*frame); !found || *found) return found;
  }
}

OrMessage<void> Client::acknowledge(const Delivery& delivery, SteadyTime until) {
  if (delivery.qos == Qos::at_most_once) return {};
  std::string packet;
  const bool once = delivery.qos == Qos::exactly_once;
  if (once) unreleased_.insert(delivery.packet_id);
  mqtt::append_ack(packet, version_, once ? PacketType::pubrec : PacketType::puback, delivery.packet_id);
  return send(packet, until);
}

OrMessage<void> Client::settle(SteadyTime until) {
  while (!unreleased_.empty()) {
    const auto frame = next_frame(until);
    if (!frame) return wrong(frame.error());
    if (!*frame) return {};
    if ((*frame)->type == PacketType::publish) continue;  // not acknowledged: its session gets it again
    if (auto handled = handle(**frame); !handled) return handled;
  }
  return {};
}

OrMessage<void> Client::ping(SteadyTime until) {
  std::string packet;
  mqtt::append_pingreq(packet);
  if (auto sent = send(packet, until); !sent) return sent;
  const auto answer = await(PacketType::pingresp, 0, until);
  if (!answer) return wrong(answer.error());
  return {};
}

OrMessage<void> Client::wait_for(int descriptor) {
  for (;;) {
    const auto frame = next_frame(kNever, descriptor);
    if (!frame) return wrong(frame.error());
    if (!*frame) return {};
    if (auto handled = handle(**frame); !handled) return handled;
  }
}

OrMessage<void> Client::disconnect(SteadyTime until) {
  std::string packet;
  mqtt::append_disconnect(packet, version_, ReasonCode::success);
  if (!send(packet, until)) return {};
  for (;;) {
    const auto frame = next_frame(until);
    if (!frame || !*frame) return {};  // it has closed, as it should
    if ((*frame)->type == PacketType::disconnect) return handle(**frame);
  }
}

}  // namespace bramble::ctl
