#include <doctest/doctest.h>

#include "tests/support/client.h"

namespace bramble::testing {

TEST_CASE("[MQTT-3.12.4-1] [3.1.1: MQTT-3.12.4-1] a PINGREQ is answered with a PINGRESP") {
  for (const Version version : kAllVersions) {
    Client client(shared_broker(), version);
    client.send("C0 00"_hex);
    client.expect("D0 00"_hex);
    client.send("C0 00 C0 00 C0 00"_hex);
    client.expect("D0 00 D0 00 D0 00"_hex);
  }
}

}  // namespace bramble::testing
