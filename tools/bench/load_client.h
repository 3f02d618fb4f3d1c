#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/packets.h"
#include "core/session/packet_ids.h"
#include "tools/bench/layers.h"
#include "tools/bench/repeated_publish.h"
#include "tools/bench/socket.h"

namespace bramble::bench {

class LoadClient;

/// What a LoadClient tells whoever drives it, from inside LoadClient::on_io and on its worker's thread. The times are
/// those of the read that brought the packet. None may destroy the client.
class ClientEvents {
 public:
  virtual ~ClientEvents() = default;
  /// The CONNACK is in and, if the client has filters, so are all SUBACKs.
  virtual void on_ready(LoadClient&, SteadyTime) {}
  /// The CONNACK is in; a client without filters is ready right after.
  virtual void on_accepted(LoadClient&, SteadyTime) {}
  virtual void on_delivery(LoadClient&, const mqtt::Publish&, SteadyTime) {}
  /// The flow of a QoS 1 or 2 message ended. `code` is a failure if the broker refused the message.
  virtual void on_acknowledged(LoadClient&, mqtt::PacketId, mqtt::ReasonCode, SteadyTime) {}
  /// The answer to ping() or to a ping of keep_alive().
  virtual void on_pong(LoadClient&) {}
  /// The connection is gone, or never came to be. Not after disconnect().
  virtual void on_closed(LoadClient&) {}
};

/// One MQTT client over one socket at a time: connects, subscribes, publishes and answers every packet as the standard
/// asks, QoS 2 and the broker's Receive Maximum included. It never waits: whoever has its epoll set calls on_io. What
/// is to be sent is collected and goes out with flush(), in one write if the socket takes it. Threads: its worker's
/// only.  Errors: the broker's are told by on_closed, with words in fault().
class LoadClient {
 public:
  struct Will {
    std::string topic;
    std::string payload;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
  };

  struct Settings {
    mqtt::Version version = mqtt::Version::v3_1_1;
    std::string client_id;
    std::optional<std::string> user_name;
    std::optional<std::string> password;
    std::uint16_t keep_alive = 0;
    bool clean_start = true;
    std::uint32_t session_expiry = 0;  ///< seconds; MQTT 5
    std::optional<Will> will;
    std::vector<std::string> filters;
    mqtt::Qos filter_qos = mqtt::Qos::at_most_once;
    std::uint32_t subscription_id = 0;  ///< of all of them; 0: none
    std::uint32_t number = 0;           ///< counts the clients of a run, see start_connect
  };

  LoadClient(Settings settings, ClientEvents& events) : settings_(std::move(settings)), events_(events) {}

  /// Starts to connect and joins the epoll set, with itself as the event's data. May call on_closed. Once closed it may
  /// be opened again, but not from inside an event; it does not subscribe again if the broker kept its session.
  void open(const Endpoint& broker, int epoll);
  /// `scratch`: where a read may put its bytes.
  void on_io(std::uint32_t epoll_events, std::span<char> scratch);

  bool idle() const { return state_ == State::idle; }  ///< was never opened
  bool ready() const { return state_ == State::ready; }
  bool was_ready() const { return was_ready_; }
  bool closed() const { return state_ == State::closed; }
  const std::string& fault() const { return fault_; }
  const Settings& settings() const { return settings_; }
  bool session_present() const { return session_present_; }                   ///< the broker's last CONNACK said so
  std::uint16_t topic_alias_maximum() const { return topic_alias_maximum_; }  ///< the broker's

  /// The socket did not take all that was flushed: sending more only fills memory.
  bool blocked() const { return sent_ < (layers_ ? wire_ : out_).size(); }
  /// How many more messages of QoS 1 or 2 may be sent now  [MQTT-3.3.4-9]
  std::size_t credit() const { return receive_maximum_ - sending_.count(); }
  std::size_t unacknowledged() const { return sending_.count(); }
  std::size_t receive_maximum() const { return receive_maximum_; }  ///< the broker's
  /// Collects a PUBLISH; QoS 1 and 2 need credit(). Returns its Packet Identifier, 0 at QoS 0.
  mqtt::PacketId publish(mqtt::PublishHeader header, const mqtt::PublishContent& content);
  struct Collected {
    mqtt::PacketId id;
    char* payload;  ///< may be written over until anything else is collected or flushed
  };
  Collected publish(const RepeatedPublish& packet);
  void flush();

  void ping();
  /// PINGREQ if nothing was sent for half the Keep Alive. To be called every second or so.
  void keep_alive(SteadyTime now);
  /// Collects a SUBSCRIBE of filters beyond those of the settings; on_ready comes again with the SUBACK. When ready
  /// only.
  void subscribe(std::vector<std::string> filters);
  /// DISCONNECT and close.
  void disconnect();
  /// DISCONNECT, and on_closed when the broker has closed. So its side keeps the port for a while, not ours.
  void leave();
  /// The connection ends at once, by a reset: the broker sees a client that died.
  void cut();

 private:
  enum class State { idle, connecting, shaking_hands, waiting_connack, waiting_suback, ready, leaving, closed };

  void on_connected();
  void say_hello();
  void through_layers(std::span<char> bytes);
  bool write(const std::string& bytes);
  void on_readable(std::span<char> scratch);
  void read_frames(std::string_view bytes, SteadyTime now);
  bool complete_kept(std::string_view& fresh, SteadyTime now);
  void handle(const mqtt::Frame& frame, SteadyTime now);
  void close_for(const Error& error);
  Result<void> on_frame(const mqtt::Frame& frame, SteadyTime now);
  Result<void> on_connack(const mqtt::Frame& frame, SteadyTime now);
  Result<void> on_suback(const mqtt::Frame& frame, SteadyTime now);
  Result<void> on_publish(const mqtt::Frame& frame, SteadyTime now);
  Result<void> on_ack(const mqtt::Frame& frame, SteadyTime now);
  /// Of the next message; 0 at QoS 0.
  mqtt::PacketId next_id(mqtt::Qos qos);
  void reset();
  void send_connect();
  void send_next_subscribe();
  void became_ready(SteadyTime now);
  void await_writable(bool wanted);
  void close(std::string why);

  Settings settings_;
  ClientEvents& events_;
  State state_ = State::idle;
  bool was_ready_ = false;
  bool session_present_ = false;
  bool came_back_ = false;  ///< opened again
  std::string fault_;

  Descriptor socket_;
  int epoll_ = -1;
  bool awaits_writable_ = false;
  std::string in_;                  ///< the beginning of a packet whose rest has not come
  std::string out_;                 ///< packets
  std::unique_ptr<Layers> layers_;  ///< null: none
  std::string wire_;                ///< with layers: what they made of out_
  std::size_t sent_ = 0;            ///< of what goes to the socket: wire_ with layers, or out_
  bool quiet_ = false;              ///< nothing was sent since quiet_since_
  SteadyTime quiet_since_{};
  std::chrono::milliseconds keep_alive_{0};  ///< the broker's, if it sent one  [MQTT-3.2.2-21]

  std::size_t filters_sent_ = 0;
  PacketIds sending_;  ///< of QoS 1 and 2 messages on their way to the broker
  std::size_t receive_maximum_ = mqtt::kReceiveMaximumDefault;
  std::uint16_t topic_alias_maximum_ = 0;
};

}  // namespace bramble::bench
