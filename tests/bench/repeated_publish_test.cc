#include "tools/bench/repeated_publish.h"

#include <doctest/doctest.h>
#include <string>

#include "core/base/bytes.h"
#include "core/mqtt/decode.h"

using namespace bramble;
using namespace bramble::bench;

TEST_CASE("a PUBLISH that is repeated is as if it were encoded anew, at each QoS, with and without a Topic Alias") {
  const std::string payload(200, 'x');
  for (const mqtt::Version version : {mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5}) {
    for (const mqtt::Qos qos : {mqtt::Qos::at_most_once, mqtt::Qos::at_least_once, mqtt::Qos::exactly_once}) {
      for (const bool alias : {false, true}) {
        if (alias && version != mqtt::Version::v5) continue;
        for (const bool omitted : {false, alias}) {
          mqtt::PublishHeader header{.qos = qos, .retain = true};
          header.topic_alias = alias ? 7 : 0;
          header.topic_omitted = omitted;
          const RepeatedPublish packet(version, header, {"a/topic", {}, payload});
          CHECK(packet.qos() == qos);

          std::string sent(packet.bytes());
          std::string fresh_payload = payload;
          for (std::string* text : {&sent, &fresh_payload}) {
            text->replace(text == &sent ? packet.payload_at() : 0, 5, "stamp");
          }
          if (qos != mqtt::Qos::at_most_once) {
            header.packet_id = 0xABCD;
            ByteWriter(sent.data() + packet.packet_id_at()).u16(header.packet_id);
          }
          std::string anew;
          mqtt::append_publish(anew, version, header, {"a/topic", {}, fresh_payload});
          CHECK(sent == anew);
        }
      }
    }
  }
}
