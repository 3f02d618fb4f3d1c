#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/mqtt/place.h"

/// Every property of MQTT 5 (section 2.2.2.2), one row each. Decoder, encoder and the tests of placement walk it: a new
/// property is a row here and its use where it means something.  Threads: constants.
namespace bramble::mqtt {

enum class PropertyId : std::uint8_t {
  payload_format_indicator = 0x01,
  message_expiry_interval = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry_interval = 0x11,
  assigned_client_identifier = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay_interval = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user_property = 0x26,
  maximum_packet_size = 0x27,
  wildcard_subscription_available = 0x28,
  subscription_identifiers_available = 0x29,
  shared_subscription_available = 0x2A,
};

enum class PropertyType : std::uint8_t { byte, two_bytes, four_bytes, var_int, utf8, utf8_pair, binary };

/// The values a number may have; others are a protocol_error. A Topic Alias of 0 is in range here: it has a
/// Reason Code of its own, which the receiver gives.  [MQTT-3.3.2-8]
struct ValueRange {
  std::uint32_t least = 0;
  std::uint32_t most = 0xFFFF'FFFF;
};

struct PropertyRow {
  PropertyId id;
  std::string_view name;
  PropertyType type;
  Places once_in;  ///< twice there is a protocol_error; where it is in neither column it is malformed
  Places many_in;
  ValueRange range{};
};

inline constexpr ValueRange kFlag{0, 1};
inline constexpr ValueRange kNotZero{1};

// clang-format off
inline constexpr auto kProperties = std::to_array<PropertyRow>({
    // id                                           name                                  type                       once in                             many in     range
    {PropertyId::payload_format_indicator,          "payload_format_indicator",           PropertyType::byte,        in_publish | in_will,               nowhere,    kFlag},
    {PropertyId::message_expiry_interval,           "message_expiry_interval",            PropertyType::four_bytes,  in_publish | in_will,               nowhere},
    {PropertyId::content_type,                      "content_type",                       PropertyType::utf8,        in_publish | in_will,               nowhere},
    {PropertyId::response_topic,                    "response_topic",                     PropertyType::utf8,        in_publish | in_will,               nowhere},
    {PropertyId::correlation_data,                  "correlation_data",                   PropertyType::binary,      in_publish | in_will,               nowhere},
    {PropertyId::subscription_identifier,           "subscription_identifier",            PropertyType::var_int,     in_subscribe,                       in_publish, kNotZero},
    {PropertyId::session_expiry_interval,           "session_expiry_interval",            PropertyType::four_bytes,  in_connect | in_connack | in_client_disconnect, nowhere},
    {PropertyId::assigned_client_identifier,        "assigned_client_identifier",         PropertyType::utf8,        in_connack,                         nowhere},
    {PropertyId::server_keep_alive,                 "server_keep_alive",                  PropertyType::two_bytes,   in_connack,                         nowhere},
    {PropertyId::authentication_method,             "authentication_method",              PropertyType::utf8,        in_connect | in_connack | in_auth,  nowhere},
    {PropertyId::authentication_data,               "authentication_data",                PropertyType::binary,      in_connect | in_connack | in_auth,  nowhere},
    {PropertyId::request_problem_information,       "request_problem_information",        PropertyType::byte,        in_connect,                         nowhere,    kFlag},
    {PropertyId::will_delay_interval,               "will_delay_interval",                PropertyType::four_bytes,  in_will,                            nowhere},
    {PropertyId::request_response_information,      "request_response_information",       PropertyType::byte,        in_connect,                         nowhere,    kFlag},
    {PropertyId::response_information,              "response_information",               PropertyType::utf8,        in_connack,                         nowhere},
    {PropertyId::server_reference,                  "server_reference",                   PropertyType::utf8,        in_connack | in_disconnect,         nowhere},
    {PropertyId::reason_string,                     "reason_string",                      PropertyType::utf8,        in_connack | in_any_ack | in_suback | in_unsuback | in_disconnect | in_auth, nowhere},
    {PropertyId::receive_maximum,                   "receive_maximum",                    PropertyType::two_bytes,   in_connect | in_connack,            nowhere,    kNotZero},
    {PropertyId::topic_alias_maximum,               "topic_alias_maximum",                PropertyType::two_bytes,   in_connect | in_connack,            nowhere},
    {PropertyId::topic_alias,                       "topic_alias",                        PropertyType::two_bytes,   in_publish,                         nowhere},
    {PropertyId::maximum_qos,                       "maximum_qos",                        PropertyType::byte,        in_connack,                         nowhere,    kFlag},
    {PropertyId::retain_available,                  "retain_available",                   PropertyType::byte,        in_connack,                         nowhere,    kFlag},
    {PropertyId::user_property,                     "user_property",                      PropertyType::utf8_pair,   nowhere,                            everywhere},
    {PropertyId::maximum_packet_size,               "maximum_packet_size",                PropertyType::four_bytes,  in_connect | in_connack,            nowhere,    kNotZero},
    {PropertyId::wildcard_subscription_available,   "wildcard_subscription_available",    PropertyType::byte,        in_connack,                         nowhere,    kFlag},
    {PropertyId::subscription_identifiers_available,"subscription_identifiers_available", PropertyType::byte,        in_connack,                         nowhere,    kFlag},
    {PropertyId::shared_subscription_available,     "shared_subscription_available",      PropertyType::byte,        in_connack,                         nowhere,    kFlag},
});
// clang-format on

inline constexpr std::size_t kPropertyIds = 0x2A + 1;

namespace detail {
/// Identifier -> 1 + its place in kProperties; 0: there is no such property.
inline constexpr auto kPropertyIndex = [] {
  std::array<std::uint8_t, kPropertyIds> index{};
  for (std::size_t i = 0; i < kProperties.size(); ++i) {
    index[static_cast<std::size_t>(kProperties[i].id)] = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}();
}  // namespace detail

/// The row of an identifier as read, or null: the standard knows no such property.
constexpr const PropertyRow* property_row(std::uint32_t id) {
  const std::size_t at = id < kPropertyIds ? detail::kPropertyIndex[id] : 0u;
  return at == 0 ? nullptr : &kProperties[at - 1];
}
constexpr const PropertyRow& property_row(PropertyId id) { return *property_row(static_cast<std::uint32_t>(id)); }

}  // namespace bramble::mqtt
