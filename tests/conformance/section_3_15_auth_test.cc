#include <doctest/doctest.h>

#include "tests/support/client.h"

// Sections 3.15 and 4.12: AUTH and enhanced authentication, of which the broker supports no method.
namespace bramble::testing {

TEST_CASE("[MQTT-4.12.0-1] [MQTT-4.12.0-4] a CONNECT with an Authentication Method is refused as such") {
  const std::string method = property(Prop::authentication_method, "SCRAM-SHA-256");
  for (const std::string& properties : {method, method + property(Prop::authentication_data, "n,,n=user,r=abc")}) {
    RawClient client(shared_broker().port());
    const Connack connack = try_connect(client, {.client_id = unique_name("auth"), .properties = properties});
    CHECK(connack.code == 0x8C);
    client.expect_close();
  }
}

TEST_CASE("[MQTT-4.12.0-6] without an Authentication Method none is sent, and no AUTH") {
  Client client(shared_broker());
  CHECK_FALSE(client.connack().properties.has(Prop::authentication_method));
  CHECK_FALSE(client.connack().properties.has(Prop::authentication_data));
  client.expect_nothing();
}

TEST_CASE("[MQTT-4.12.0-7] [MQTT-4.12.1-2] an AUTH from a client that named no method closes the connection") {
  for (const std::string& bytes : {"F0 00"_hex, "F0 02 18 00"_hex, "F0 02 19 00"_hex, "F0 06 19 04 15 0001 'x'"_hex}) {
    CAPTURE(to_hex(bytes));
    Client client(shared_broker());
    client.send(bytes);
    client.expect_disconnect(0x82);
  }
}

TEST_CASE("[MQTT-3.15.1-1] an AUTH with reserved bits set closes the connection") {
  for (const std::string& bytes : {"F1 00"_hex, "F8 02 18 00"_hex, "FF 00"_hex}) {
    CAPTURE(to_hex(bytes));
    Client client(shared_broker());
    client.send(bytes);
    client.expect_disconnect(0x81);
  }
}

TEST_CASE("[3.1.1: MQTT-4.8.0-1] [3.1.1: MQTT-2.2.2-2] packet type 15 does not exist before MQTT 5") {
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    Client client(shared_broker(), version);
    client.send("F0 00"_hex);
    client.expect_close();
  }
}

}  // namespace bramble::testing
