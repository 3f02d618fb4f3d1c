#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/mqtt/types.h"
#include "tests/support/raw_client.h"

/// Packets as a client sends them and as it reads them, written from the standard and apart from core/mqtt, so that a
/// fault there cannot hide itself. Builders are for valid packets; broken ones are literal bytes.
/// Threads: any.
namespace bramble::testing {

using mqtt::PacketType;
using mqtt::Version;

inline constexpr Version kAllVersions[] = {Version::v3_1, Version::v3_1_1, Version::v5};
inline constexpr Version kSince311[] = {Version::v3_1_1, Version::v5};

/// Bytes as the standard's figures show them: hex digits, and text in single quotes; spaces are free.
/// "82 08 0001 0003 'a/b' 01"_hex
std::string operator""_hex(const char* text, std::size_t size);

std::string u8(unsigned value);
std::string u16(unsigned value);
std::string u32(std::uint32_t value);
std::string var_int(std::uint32_t value);
/// Two bytes of length and the bytes: UTF-8 String and Binary Data.
std::string prefixed(std::string_view bytes);
/// A whole packet: first byte, Remaining Length, body.
std::string packet(unsigned first, const std::string& body);

enum class Prop : std::uint8_t {
  payload_format = 0x01,
  message_expiry = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry = 0x11,
  assigned_client_identifier = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user = 0x26,
  maximum_packet_size = 0x27,
  wildcard_available = 0x28,
  subscription_identifiers_available = 0x29,
  shared_available = 0x2A,
};

/// One property; several are joined with +.
std::string property(Prop id, std::uint32_t value);
std::string property(Prop id, std::string_view text);
std::string property(Prop id, std::string_view name, std::string_view value);

struct Will {
  std::string topic = {};
  std::string payload = {};
  unsigned qos = 0;
  bool retain = false;
  std::string properties = {};
};

struct Connect {
  Version version = Version::v5;
  std::string client_id = {};
  bool clean_start = true;  ///< Clean Session before MQTT 5
  unsigned keep_alive = 0;
  std::string properties = {};
  std::optional<Will> will = {};
  std::optional<std::string> user_name = {};
  std::optional<std::string> password = {};
};

struct Publish {
  std::string topic = {};
  std::string payload = {};
  unsigned qos = 0;
  bool retain = false;
  unsigned packet_id = 0;  ///< 0 with QoS > 0: the client chooses
  bool dup = false;
  std::string properties = {};
};

struct Filter {
  std::string text = {};
  unsigned options = 0;  ///< QoS, and in MQTT 5 the bits below
};
inline constexpr unsigned kNoLocal = 0x04;
inline constexpr unsigned kRetainAsPublished = 0x08;
inline constexpr unsigned kRetainIfNew = 0x10;
inline constexpr unsigned kRetainNever = 0x20;

std::string encode(const Connect& connect);
std::string encode(Version version, const Publish& publish);
std::string encode_subscribe(Version version, unsigned packet_id, const std::vector<Filter>& filters,
                             const std::string& properties = {});
std::string encode_unsubscribe(Version version, unsigned packet_id, const std::vector<std::string>& filters,
                               const std::string& properties = {});
/// PUBACK, PUBREC, PUBREL, PUBCOMP; the short form when the code is 0.
std::string encode_ack(PacketType type, unsigned packet_id, unsigned code = 0);
std::string encode_disconnect(Version version, unsigned code = 0, const std::string& properties = {});

/// The properties of a packet that came, in their order.
class Properties {
 public:
  struct Entry {
    Prop id{};
    std::uint32_t number = 0;
    std::string text = {};   ///< or the name of a User Property
    std::string value = {};  ///< the value of a User Property
  };

  static Properties parse(std::string_view& bytes, const Where& where);  ///< takes them, length first, off the front

  bool has(Prop id) const;
  std::optional<std::uint32_t> number(Prop id) const;
  std::optional<std::string> text(Prop id) const;
  std::vector<std::uint32_t> numbers(Prop id) const;
  std::vector<std::pair<std::string, std::string>> user() const;
  std::vector<Prop> ids() const;
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;
};

struct Connack {
  bool session_present = false;
  std::uint8_t code = 0;
  Properties properties = {};
};

/// A PUBLISH as it came.
struct Message {
  std::string topic = {};
  std::string payload = {};
  unsigned qos = 0;
  bool retain = false;
  bool dup = false;
  unsigned packet_id = 0;
  Properties properties = {};
  std::size_t packet_size = 0;
};

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct Ack {
  PacketType type{};
  unsigned packet_id = 0;
  std::uint8_t code = 0;
  Properties properties = {};
};

/// SUBACK, UNSUBACK.
struct Suback {
  unsigned packet_id = 0;
  std::vector<std::uint8_t> codes = {};
  Properties properties = {};
};

/// Each checks the whole packet and fails the test at `where` when it breaks the standard.
Connack parse_connack(Version version, const RawPacket& packet, Where where = Where::current());
Message parse_publish(Version version, const RawPacket& packet, Where where = Where::current());
Ack parse_ack(Version version, const RawPacket& packet, Where where = Where::current());
Suback parse_suback(Version version, const RawPacket& packet, Where where = Where::current());

}  // namespace bramble::testing
