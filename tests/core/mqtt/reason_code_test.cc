#include "core/mqtt/reason_code.h"

#include <doctest/doctest.h>
#include <string>

#include "core/mqtt/types.h"

namespace bramble::mqtt {

TEST_CASE("every Reason Code has the standard's name; other bytes have none") {
  CHECK(name(ReasonCode::success) == "Success");
  CHECK(name(ReasonCode::quota_exceeded) == "Quota exceeded");
  CHECK(name(ReasonCode::wildcard_subscriptions_not_supported) == "Wildcard Subscriptions not supported");
  unsigned defined = 0;
  for (unsigned byte = 0; byte < 256; ++byte) {
    const auto code = static_cast<ReasonCode>(byte);
    bool anywhere = false;
    for (unsigned bit = 0; bit < 15; ++bit) anywhere = anywhere || allowed_in(code, static_cast<Place>(1u << bit));
    defined += anywhere ? 1 : 0;
    CHECK((name(code) == "a Reason Code that the standard does not define") == !anywhere);
    CHECK(failed(code) == (byte >= 128));
  }
  CHECK(defined == 43);
}

TEST_CASE("[MQTT-3.2.2-8] a CONNACK has one of the Connect Reason Codes") {
  std::string found;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (allowed_in(static_cast<ReasonCode>(byte), in_connack)) found.push_back(static_cast<char>(byte));
  }
  CHECK(found ==
        std::string("\x00\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8A\x8C\x90\x95\x97\x99\x9A\x9B\x9C\x9D\x9F", 22));
}

TEST_CASE("[MQTT-3.9.3-2] [MQTT-3.11.3-2] SUBACK and UNSUBACK have codes of their own") {
  std::string subscribe, unsubscribe;
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (allowed_in(static_cast<ReasonCode>(byte), in_suback)) subscribe.push_back(static_cast<char>(byte));
    if (allowed_in(static_cast<ReasonCode>(byte), in_unsuback)) unsubscribe.push_back(static_cast<char>(byte));
  }
  CHECK(subscribe == std::string("\x00\x01\x02\x80\x83\x87\x8F\x91\x97\x9E\xA1\xA2", 12));
  CHECK(unsubscribe == std::string("\x00\x11\x80\x83\x87\x8F\x91", 7));
}

TEST_CASE("a 3.x Return code says the same as its Reason Code; most codes have none") {
  for (std::uint8_t code = 1; code <= 5; ++code) CHECK(connack_return_code(from_connack_return_code(code)) == code);
  CHECK(from_connack_return_code(0) == ReasonCode::success);
  CHECK(from_connack_return_code(6) == ReasonCode::unspecified_error);
  CHECK(connack_return_code(ReasonCode::server_busy) == 3);
  CHECK(connack_return_code(ReasonCode::banned) == 5);
  CHECK(connack_return_code(ReasonCode::malformed_packet) == 0);
  CHECK(connack_return_code(ReasonCode::topic_name_invalid) == 0);
}

TEST_CASE("what ends a connection is told with a code that the packet may carry") {
  CHECK(code_for(in_server_disconnect, ReasonCode::session_taken_over) == ReasonCode::session_taken_over);
  CHECK(code_for(in_server_disconnect, ReasonCode::packet_identifier_in_use) == ReasonCode::unspecified_error);
}

}  // namespace bramble::mqtt
