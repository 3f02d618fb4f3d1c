#include "core/mqtt/reason_code.h"

#include <array>
#include <cstddef>

namespace bramble::mqtt {

namespace {

using enum ReasonCode;

struct ReasonRow {
  ReasonCode code;
  std::string_view name;
  Places allowed_in;
  std::uint8_t connack_return_code = 0;
};

constexpr Places in_first_ack = in_puback | in_pubrec;    // of a PUBLISH
constexpr Places in_second_ack = in_pubrel | in_pubcomp;  // of QoS 2
constexpr Places in_sub_acks = in_suback | in_unsuback;

constexpr Places in_success =
    in_connack | in_any_ack | in_sub_acks | in_client_disconnect | in_server_disconnect | in_auth;

// clang-format off
constexpr auto kReasonCodes = std::to_array<ReasonRow>({
    // code                               name                                       allowed in                                              3.x
    {success,                             "Success",                                 in_success},
    {granted_qos_1,                       "Granted QoS 1",                           in_suback},
    {granted_qos_2,                       "Granted QoS 2",                           in_suback},
    {disconnect_with_will,                "Disconnect with Will Message",            in_client_disconnect},
    {no_matching_subscribers,             "No matching subscribers",                 in_first_ack},
    {no_subscription_existed,             "No subscription existed",                 in_unsuback},
    {continue_authentication,             "Continue authentication",                 in_auth},
    {re_authenticate,                     "Re-authenticate",                         in_auth},
    {unspecified_error,                   "Unspecified error",                       in_connack | in_first_ack | in_sub_acks | in_disconnect},
    {malformed_packet,                    "Malformed Packet",                        in_connack | in_disconnect},
    {protocol_error,                      "Protocol Error",                          in_connack | in_disconnect},
    {implementation_specific_error,       "Implementation specific error",           in_connack | in_first_ack | in_sub_acks | in_disconnect},
    {unsupported_protocol_version,        "Unsupported Protocol Version",            in_connack,                                             1},
    {client_identifier_not_valid,         "Client Identifier not valid",             in_connack,                                             2},
    {bad_user_name_or_password,           "Bad User Name or Password",               in_connack,                                             4},
    {not_authorized,                      "Not authorized",                          in_connack | in_first_ack | in_sub_acks | in_server_disconnect, 5},
    {server_unavailable,                  "Server unavailable",                      in_connack,                                             3},
    {server_busy,                         "Server busy",                             in_connack | in_server_disconnect,                      3},
    {banned,                              "Banned",                                  in_connack,                                             5},
    {server_shutting_down,                "Server shutting down",                    in_server_disconnect,                                   3},
    {bad_authentication_method,           "Bad authentication method",               in_connack | in_server_disconnect},
    {keep_alive_timeout,                  "Keep Alive timeout",                      in_server_disconnect},
    {session_taken_over,                  "Session taken over",                      in_server_disconnect},
    {topic_filter_invalid,                "Topic Filter invalid",                    in_sub_acks | in_server_disconnect},
    {topic_name_invalid,                  "Topic Name invalid",                      in_connack | in_first_ack | in_disconnect},
    {packet_identifier_in_use,            "Packet Identifier in use",                in_first_ack | in_sub_acks},
    {packet_identifier_not_found,         "Packet Identifier not found",             in_second_ack},
    {receive_maximum_exceeded,            "Receive Maximum exceeded",                in_disconnect},
    {topic_alias_invalid,                 "Topic Alias invalid",                     in_disconnect},
    {packet_too_large,                    "Packet too large",                        in_connack | in_disconnect,  5},
    {message_rate_too_high,               "Message rate too high",                   in_disconnect},
    {quota_exceeded,                      "Quota exceeded",                          in_connack | in_first_ack | in_suback | in_disconnect,  3},
    {administrative_action,               "Administrative action",                   in_disconnect},
    {payload_format_invalid,              "Payload format invalid",                  in_connack | in_first_ack | in_disconnect},
    {retain_not_supported,                "Retain not supported",                    in_connack | in_server_disconnect},
    {qos_not_supported,                   "QoS not supported",                       in_connack | in_server_disconnect},
    {use_another_server,                  "Use another server",                      in_connack | in_server_disconnect,                      3},
    {server_moved,                        "Server moved",                            in_connack | in_server_disconnect,                      3},
    {shared_subscriptions_not_supported,  "Shared Subscriptions not supported",      in_suback | in_server_disconnect},
    {connection_rate_exceeded,            "Connection rate exceeded",                in_connack | in_server_disconnect,                      3},
    {maximum_connect_time,                "Maximum connect time",                    in_server_disconnect},
    {subscription_identifiers_not_supported, "Subscription Identifiers not supported", in_suback | in_server_disconnect},
    {wildcard_subscriptions_not_supported, "Wildcard Subscriptions not supported",   in_suback | in_server_disconnect},
});
// clang-format on

/// Byte -> 1 + its place in kReasonCodes; 0: the standard defines no such code.
constexpr auto kIndex = [] {
  std::array<std::uint8_t, 256> index{};
  for (std::size_t i = 0; i < kReasonCodes.size(); ++i) {
    index[static_cast<std::size_t>(kReasonCodes[i].code)] = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}();

const ReasonRow* row_of(ReasonCode code) {
  const std::size_t at = kIndex[static_cast<std::size_t>(code)];
  return at == 0 ? nullptr : &kReasonCodes[at - 1];
}

}  // namespace

std::string_view name(ReasonCode code) {
  const ReasonRow* row = row_of(code);
  return row ? row->name : "a Reason Code that the standard does not define";
}

bool allowed_in(ReasonCode code, Place place) {
  const ReasonRow* row = row_of(code);
  return row && (row->allowed_in & place) != 0;
}

std::uint8_t connack_return_code(ReasonCode code) {
  const ReasonRow* row = row_of(code);
  return row ? row->connack_return_code : std::uint8_t{0};
}

ReasonCode from_connack_return_code(std::uint8_t return_code) {
  constexpr std::array codes = {success,
                                unsupported_protocol_version,
                                client_identifier_not_valid,
                                server_unavailable,
                                bad_user_name_or_password,
                                not_authorized};
  return return_code < codes.size() ? codes[return_code] : unspecified_error;
}

}  // namespace bramble::mqtt
