#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/mqtt/frame.h"
#include "core/mqtt/packets.h"
#include "tests/support/broker_fixture.h"
#include "tests/support/packets.h"

namespace bramble::testing {

class Swarm;

/// One client of a Swarm: reads, answers and counts what comes, as the switches below say. What is sent is collected
/// and leaves in one write at the end of the swarm's turn, so that the broker gets many packets a read.
class Peer {
 public:
  enum class State { connecting, awaiting_connack, connected, closed };

  Peer(Swarm& swarm, const Connect& connect) : swarm_(swarm), connect_(connect) {}
  Peer(const Peer&) = delete;
  ~Peer();

  std::function<void(Peer&, const mqtt::Publish&)> on_message;
  std::function<void(Peer&)> on_acked;  ///< PUBACK or PUBCOMP for one of its own
  bool acknowledges = true;             ///< QoS 1 and 2 messages that it gets

  mqtt::PacketId publish(std::string_view topic, std::string_view payload, unsigned qos, bool retain = false);
  void subscribe(const std::string& filter, unsigned options = 0);
  void subscribe(const std::vector<Filter>& filters);
  void unsubscribe(const std::string& filter);
  void unsubscribe(const std::vector<std::string>& filters);
  void ping();
  void send_raw(std::string_view bytes);
  void disconnect();  ///< DISCONNECT, then close
  void close();       ///< without a word
  void read(bool wanted);

  State state() const { return state_; }
  bool connected() const { return state_ == State::connected; }
  bool closed() const { return state_ == State::closed; }
  Version version() const { return connect_.version; }
  const std::string& id() const { return connect_.client_id; }
  bool session_present() const { return session_present_; }
  /// What the broker said when it closed: the Reason Code of its DISCONNECT, or of a CONNACK that refused.
  std::optional<unsigned> reason() const { return reason_; }
  std::size_t received() const { return received_; }
  std::size_t unacked() const { return unacked_; }  ///< own QoS 1 and 2 messages on their way to the broker
  /// SUBACKs, UNSUBACKs and PINGRESPs that are still to come.
  std::size_t awaited() const { return awaited_; }
  std::size_t unsent() const { return out_.size() - sent_; }

 private:
  friend class Swarm;
  void on_io(std::uint32_t events);
  void on_bytes(std::string_view bytes);
  void on_frame(const mqtt::Frame& frame);
  void on_publish(const mqtt::Frame& frame);
  void on_ack(const mqtt::Frame& frame);
  void flush();
  void watch();

  Swarm& swarm_;
  const Connect connect_;
  State state_ = State::connecting;
  int socket_ = -1;
  std::uint32_t interest_ = 0;
  bool reads_ = true;
  bool dirty_ = false;
  bool session_present_ = false;
  std::optional<unsigned> reason_;
  std::string in_;
  std::string out_;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
  std::size_t unacked_ = 0;
  std::size_t awaited_ = 0;
  mqtt::PacketId last_id_ = 0;
};

/// Many clients in one epoll set, driven by turns. Nothing in here fails a test: until() says whether it came about.
/// Threads: one for each swarm.
class Swarm {
 public:
  explicit Swarm(std::uint16_t port);
  explicit Swarm(const Broker& broker) : Swarm(broker.port()) {}
  Swarm(const Swarm&) = delete;
  ~Swarm();

  /// Begins to connect. `receive_buffer`: what the kernel may hold for it (0: as it likes).
  Peer& open(Connect connect = {}, int receive_buffer = 0);
  /// Connects `count` of them, alternating MQTT 5 and 3.1.1, one after another so that they spread over the reactors.
  std::vector<Peer*> open_many(std::size_t count, const std::string& stem);
  /// Forgets a closed one.
  void forget(Peer& peer);

  /// Writes what is collected, waits at most so long, handles what has come.
  void turn(int milliseconds = 10);
  /// Turns until `holds`; false if it takes longer than patience allows.
  bool until(const std::function<bool()>& holds, Milliseconds patience = Seconds(60));
  /// Turns until this time.
  void pass(Milliseconds time);
  /// Every connected peer that reads has got all that it asked for, and a PINGRESP after it.
  bool settle(Milliseconds patience = Seconds(60));

  const std::vector<std::unique_ptr<Peer>>& peers() const { return peers_; }

 private:
  friend class Peer;
  const std::uint16_t port_;
  int epoll_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Peer>> forgotten_;  ///< until the end of the turn
  std::vector<Peer*> dirty_;
  std::unique_ptr<char[]> buffer_;
};

/// Watches $SYS/broker/... through a connection of its own; the broker needs `sys_interval 1`.
class SysWatch {
 public:
  SysWatch(Swarm& swarm, const std::string& name);
  /// The newest value; -1 before the first.
  double value() const { return value_; }
  /// Turns until the value is such.
  bool until(const std::function<bool(double)>& holds, Milliseconds patience = Seconds(60));

 private:
  Swarm& swarm_;
  double value_ = -1;
};

/// Shorter under sanitizers and where BRAMBLE_TEST_SHORT asks for it.
bool short_run();
bool sanitized();  ///< the broker: BRAMBLE_SANITIZED says so where this program itself is not
bool optimised();  ///< a release build
/// A time to run, from this environment variable (in seconds) or as given here for long and short runs.
Milliseconds duration_of(const char* variable, Milliseconds usual, Milliseconds shortened);
std::size_t open_descriptors(pid_t process);

/// Numbers in payloads.
std::string numbers(std::initializer_list<std::uint32_t> values);
std::uint32_t number_at(std::string_view payload, std::size_t index);

}  // namespace bramble::testing
