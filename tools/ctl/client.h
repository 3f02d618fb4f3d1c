#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"
#include "tools/ctl/stream.h"

namespace bramble::ctl {

/// Who connects, and how.
struct Login {
  mqtt::Version version = mqtt::Version::v5;
  std::string client_id;  ///< empty: the broker makes one up
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::uint16_t keep_alive = 60;
  bool clean_start = true;
  std::uint32_t session_expiry = 0;  ///< seconds; MQTT 5
};

/// A message that was received. It points into the client: good until the next call of it.
struct Delivery {
  std::string_view topic;
  std::string_view payload;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  mqtt::PacketId packet_id = 0;
};

/// An MQTT client for programs that do one thing at a time. Each call waits for what it asks the broker for; in between
/// wait() keeps the connection alive.
/// Errors: a line for a person; the connection is of no use any more.  Threads: one.
class Client {
 public:
  /// CONNECT and CONNACK. What the broker refuses it for is in the message, in words.
  static OrMessage<Client> connect(const Place& place, const Login& login, SteadyTime until);

  /// Until the broker has it: at QoS 0 until the socket has.
  OrMessage<void> publish(std::string_view topic, std::string_view payload, mqtt::Qos qos, bool retain,
                          SteadyTime until);
  /// One Reason Code a filter.
  OrMessage<std::vector<mqtt::ReasonCode>> subscribe(const std::vector<std::string>& filters, mqtt::Qos qos,
                                                     SteadyTime until);
  /// The next message; none if the time is over first, or if `stop` can be read from. QoS 2 messages come once. Each is
  /// to be acknowledged when it is dealt with: a session that is kept gets the others again.
  OrMessage<std::optional<Delivery>> next(SteadyTime until, int stop = -1);
  OrMessage<void> acknowledge(const Delivery& delivery, SteadyTime until);
  /// Until QoS 2 messages that were acknowledged are known to be so.
  OrMessage<void> settle(SteadyTime until);
  OrMessage<void> ping(SteadyTime until);
  /// Until this descriptor can be read from, however long that takes.
  OrMessage<void> wait_for(int descriptor);
  /// DISCONNECT, and until the broker has closed: so it has read all that was sent.  Errors: it ended the connection
  /// for something in that; that it is gone is none.
  OrMessage<void> disconnect(SteadyTime until);

 private:
  Client(std::unique_ptr<Stream> stream, const Login& login) : stream_(std::move(stream)), version_(login.version) {}

  OrMessage<void> send(const std::string& packet, SteadyTime until);
  /// The next packet; none if the time is over, or `also` can be read from. Keeps the connection alive. The frame is
  /// good until the next call.
  OrMessage<std::optional<mqtt::Frame>> next_frame(SteadyTime until, int also = -1);
  OrMessage<std::optional<mqtt::Frame>> take_frame();
  OrMessage<void> stay_alive();
  SteadyTime next_ping() const;
  /// Deals with a packet that may come at any time; any other is wrong.
  OrMessage<void> handle(const mqtt::Frame& frame);
  /// A packet of this type and, if that is not 0, with this Packet Identifier. Messages that come first wait for
  /// next().
  OrMessage<mqtt::Frame> await(mqtt::PacketType type, mqtt::PacketId id, SteadyTime until);
  OrMessage<mqtt::ReasonCode> await_ack(mqtt::PacketType type, mqtt::PacketId id, SteadyTime until);
  OrMessage<std::optional<Delivery>> delivery(const mqtt::Frame& frame);
  OrMessage<void> may_publish(const mqtt::PublishHeader& header, const mqtt::PublishContent& content) const;
  mqtt::PacketId new_id() { return last_id_ = last_id_ == 0xFFFF ? 1 : static_cast<mqtt::PacketId>(last_id_ + 1); }

  std::unique_ptr<Stream> stream_;
  mqtt::Version version_;
  std::string in_;
  std::size_t taken_ = 0;  ///< of in_: packets that were given out
  mqtt::PacketId last_id_ = 0;
  mqtt::Connack limits_;  ///< what the broker said of itself, but for its texts
  std::chrono::seconds keep_alive_{0};
  SteadyTime last_sent_{};
  std::optional<SteadyTime> pinged_;     ///< when, if a PINGREQ has no answer yet
  std::set<mqtt::PacketId> unreleased_;  ///< QoS 2 messages that were acknowledged, and whose PUBREL has not come
  std::deque<std::string> waiting_;      ///< PUBLISH packets that came while something else was waited for
  std::string current_;                  ///< the one of them that was given out last
};

}  // namespace bramble::ctl
