#pragma once

#include <chrono>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/support/broker_fixture.h"
#include "tests/support/packets.h"
#include "tests/support/raw_client.h"

namespace bramble::testing {

/// A RawClient that is connected and knows how to have a conversation: each step waits for its answer, so that what a
/// test did is done before its next line. Acknowledges nothing by itself.  Threads: the test's own.
class Client : public RawClient {
 public:
  /// Sends CONNECT and takes the CONNACK, which must be a success. An empty client id becomes one of its own.
  explicit Client(const Broker& broker, Connect connect = {}, Where where = Where::current());
  Client(const Broker& broker, Version version, Where where = Where::current())
      : Client(broker, Connect{.version = version}, where) {}

  const Connack& connack() const { return connack_; }
  const std::string& id() const { return id_; }
  Version version() const { return version_; }

  /// The Reason Codes of the SUBACK.
  std::vector<std::uint8_t> subscribe(const std::vector<Filter>& filters, const std::string& properties = {},
                                      Where where = Where::current());
  /// One filter, which must be granted as asked.
  void subscribe(const std::string& filter, unsigned options = 0, const std::string& properties = {},
                 Where where = Where::current());
  std::vector<std::uint8_t> unsubscribe(const std::vector<std::string>& filters, Where where = Where::current());

  /// Publishes and sees it through: PUBACK, or PUBREC, PUBREL and PUBCOMP, or at QoS 0 a PINGRESP. Returns the Reason
  /// Code of the first answer.
  std::uint8_t publish(Publish publish, Where where = Where::current());

  /// The next packet, which must be a PUBLISH.
  Message receive(Where where = Where::current());
  /// And acknowledges it in full.
  Message take(Where where = Where::current());
  /// All messages that have come by the time a PINGREQ is answered. Not acknowledged.
  std::vector<Message> drain(Where where = Where::current());
  /// Sees a received message through: PUBACK, or PUBREC and after the PUBREL a PUBCOMP.
  void acknowledge(const Message& message, Where where = Where::current());
  /// The next packet, which must be an acknowledgement of this type.
  Ack receive_ack(PacketType type, Where where = Where::current());

  /// DISCONNECT, and waits for the close.
  void disconnect(unsigned code = 0, const std::string& properties = {});

 private:
  unsigned next_packet_id();

  Version version_;
  std::string id_;
  Connack connack_;
  unsigned last_packet_id_ = 0;
};

/// A session that outlives its connections by a minute (before MQTT 5: for good).
Connect persistent(Version version, const std::string& client_id);

/// Sends a CONNECT and returns the CONNACK, whatever it says.
Connack try_connect(RawClient& client, const Connect& connect, Where where = Where::current());

/// A broken CONNECT is answered with a close, and before it, if the broker likes, a CONNACK that says one of `codes`
/// (MQTT 5). Before MQTT 5 there is no code for it.  [MQTT-4.13.1-1]
void expect_connect_refused(const Broker& broker, Version version, const std::string& bytes,
                            std::initializer_list<unsigned> codes, Where where = Where::current());

/// Lets time go by, for tests about intervals; nothing is synchronised by it.
void let_pass(std::chrono::milliseconds time);

}  // namespace bramble::testing
