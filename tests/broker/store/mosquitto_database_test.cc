#include "broker/store/mosquitto_database.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/broker/store/mosquitto_bytes.h"
#include "tests/broker/store/mosquitto_reading.h"

namespace bramble {

namespace {

using namespace std::string_literals;
using testing::at;
using testing::bytes_of;
using testing::client_5;
using testing::client_6;
using testing::client_message;
using testing::Collected;
using testing::kReal;
using testing::kRealMadeAt;
using testing::mosquitto_head;
using testing::read_bytes;
using testing::read_file;
using testing::stored;
using testing::subscribed;
using testing::TextFile;
using Queue = std::vector<std::string>;

const ApplicationMessage* retained_on(const Collected& all, std::string_view topic) {
  for (const auto& [slot, message] : all.retained_messages) {
    if (message->topic() == topic) return message.get();
  }
  return nullptr;
}

const KeptSubscription& subscription_of(const Collected& all, std::string_view client, std::string_view filter) {
  for (const KeptSubscription& each : all.subscriptions) {
    if (all.client_of(each.session) == client && each.filter == filter) return each;
  }
  FAIL("no subscription of ", client, " to ", filter);
  return all.subscriptions.front();
}

}  // namespace

TEST_CASE("a file that Mosquitto 2.0 has written: its sessions, with what their clients are subscribed to") {
  const auto [all, loaded] = read_file(kReal, at(kRealMadeAt + 100));
  CHECK(loaded.left_out == 0);
  CHECK(loaded.sessions == 4);
  CHECK(loaded.last_session == 4);
  REQUIRE(all.session_of("five"));
  const KeptSession& five = *all.session_of("five");
  CHECK(five.user == "ann");
  CHECK(five.expiry_seconds == 400'000'000);
  REQUIRE(five.gone_at);
  CHECK(std::abs((at(kRealMadeAt + 100).wall_at(*five.gone_at) - WallTime(Seconds(kRealMadeAt))).count()) <
        1'000'000'000'000);
  CHECK_FALSE(five.listener.empty());
  CHECK_FALSE(five.mount_point);
  CHECK(all.session_of("old")->expiry_seconds == mqtt::kSessionNeverExpires);
  CHECK_FALSE(all.session_of("old")->user.has_value());
  CHECK_FALSE_MESSAGE(all.session_of("slow")->user.has_value(), "there is 'ann' and what lay behind it in memory");
  CHECK_MESSAGE(all.session_of("brief") == nullptr, "it lasted for a second");

  CHECK(loaded.subscriptions == 5);
  const KeptSubscription& rich = subscription_of(all, "five", "field/+");
  CHECK(rich.qos == mqtt::Qos::at_least_once);
  CHECK(rich.no_local);
  CHECK(rich.retain_as_published);
  CHECK(rich.subscription_identifier == 7);
  CHECK(subscription_of(all, "old", "field/+").qos == mqtt::Qos::exactly_once);
  CHECK_FALSE(subscription_of(all, "old", "field/+").no_local);
}

TEST_CASE("a file that Mosquitto 2.0 has written: what is retained, with properties, expiry and who published it") {
  const auto [all, loaded] = read_file(kReal, at(kRealMadeAt + 100));
  CHECK(loaded.retained == 3);
  CHECK(all.retained_messages[0].first == 0);
  CHECK(all.retained_messages[2].first == 2);
  const ApplicationMessage* const plain = retained_on(all, "kept/plain");
  REQUIRE(plain);
  CHECK(plain->payload() == "on");
  CHECK(plain->facts().qos == mqtt::Qos::at_most_once);
  CHECK(plain->facts().retain);
  CHECK(plain->facts().expiry_seconds == mqtt::kNoExpiry);
  CHECK(plain->facts().publisher == PublisherId{6});
  CHECK(plain->source().size() > 4);
  CHECK(plain->source().substr(4) == "\1\0\6sourcebob"s);  // behind the listener, which the system picked
  const ApplicationMessage* const rich = retained_on(all, "kept/rich");
  REQUIRE(rich);
  CHECK(rich->payload() == "{\"\xC3\xA4\": 1}");
  CHECK(rich->properties() ==
        "\1\1\3\0\12text/plain\10\0\6answer\11\0\2\0\xFF\46\0\1a\0\1"
        "1\46\0\1a\0\1"
        "2"s);
  const auto lives = rich->expires_at() - at(0).steady;
  CHECK(lives > Seconds(399'000'000));
  CHECK(lives <= Seconds(400'000'000));
  CHECK_MESSAGE(retained_on(all, "kept/brief") == nullptr, "it lived for a second");
  CHECK_MESSAGE(retained_on(all, "kept/gone") == nullptr, "an empty one took it away");
}

TEST_CASE("a file that Mosquitto 2.0 has written: what waits, and how far what was sent has come") {
  const auto [all, loaded] = read_file(kReal, at(kRealMadeAt + 100));
  CHECK(all.queue_of("old") == Queue{"one", "\0\1\2\xFF"s, "three", ""});
  CHECK(all.queue_of("five") == Queue{"one", "\0\1\2\xFF"s, "three", "for one of the group"});
  CHECK(all.queue_of("slow") == Queue{"puback 1:puback", "pubrec 2:pubrec", "pubcomp 3:pubcomp", "waits 1", "waits 2"});
  CHECK(all.deliveries[0].row == 1);
  CHECK(loaded.last_row == all.deliveries.size());
  CHECK(loaded.deliveries == all.deliveries.size());
  CHECK(loaded.messages == 3 + 5 + 5 + 1);  // of the two that are not released, one is retained as well
  for (const KeptDelivery& each : all.deliveries) {
    if (all.client_of(each.session) != "five" || each.message->topic() == "shared/1") continue;
    CHECK(each.subscription_identifier == 7);
    CHECK(each.qos == mqtt::Qos::at_least_once);
  }
}

TEST_CASE(
    "a file that Mosquitto 2.0 has written: what its client has not released is a receipt, queued, and retained") {
  const auto [all, loaded] = read_file(kReal, at(kRealMadeAt + 100));
  REQUIRE(all.receipts.size() == 2);
  CHECK(all.client_of(all.receipts[0].session) == "sender");
  CHECK(all.receipts[0].packet_id == 77);
  CHECK(all.receipts[1].packet_id == 78);
  CHECK(all.queue_of("sender") == Queue{"not released", "not released, retained"});
  CHECK(all.deliveries.back().qos == mqtt::Qos::exactly_once);
  CHECK_FALSE(all.deliveries.back().retain);
  REQUIRE(retained_on(all, "pending/kept"));
  CHECK(retained_on(all, "pending/kept")->payload() == "not released, retained");
}

TEST_CASE("when years have passed, what has expired meanwhile is left out, but what is in flight") {
  const auto [all, loaded] = read_file(kReal, at(kRealMadeAt + 500'000'000));
  CHECK(loaded.left_out == 0);
  CHECK(all.session_of("five") == nullptr);
  CHECK(retained_on(all, "kept/rich") == nullptr);
  CHECK(retained_on(all, "kept/plain") != nullptr);
  CHECK(all.queue_of("old") == Queue{"one", "\0\1\2\xFF"s, ""});
  CHECK(all.queue_of("slow").size() == 5);
}

TEST_CASE("a file is read, and neither changed nor locked") {
  const TextFile file(bytes_of(kReal));
  struct stat before {
  }, after{};
  REQUIRE(::stat(file.path().c_str(), &before) == 0);
  read_file(file.path(), at(kRealMadeAt));
  REQUIRE(::stat(file.path().c_str(), &after) == 0);
  CHECK(before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
  CHECK(before.st_ino == after.st_ino);
  CHECK(bytes_of(file.path()) == bytes_of(kReal));
}

TEST_CASE("format 5, of Mosquitto 1.6") {
  const auto [all, loaded] =
      read_bytes(mosquitto_head(5) + stored({.id = 1, .topic = "a/b", .payload = "x", .properties = "\3\11\0\0"s}) +
                 stored({.id = 2, .topic = "c", .payload = "y", .retain = 1, .expires_at = 1060}) + client_5("old") +
                 client_message({.client_id = "old", .message = 1, .packet_id = 3, .state = 3, .retain_dup = 1}) +
                 client_message({.client_id = "old", .message = 2, .retain_dup = 0x10, .properties = "\2\13\5"}) +
                 client_5("ends", 100, 1030) + client_5("ended", 100, 1000) + client_5("connected", 0) +
                 subscribed("old", "a/+", 1, 4 | 8, 5) + subscribed("ends", "$share/g/a/#", 2) +
                 subscribed("ended", "#", 1) + testing::retained(2));
  CHECK(loaded.left_out == 0);
  CHECK(loaded.sessions == 2);
  CHECK(all.session_of("old")->gone_at == at(1000).steady_at(WallTime(Seconds(1000))));
  CHECK(all.session_of("ends")->gone_at == at(1000).steady_at(WallTime(Seconds(930))));
  CHECK(all.session_of("ends")->listener.empty());
  CHECK(all.queue_of("old") == Queue{"x 3:puback", "y"});
  CHECK(all.deliveries[0].message->properties() == "\11\0\0"s);
  CHECK(all.deliveries[1].retain);
  CHECK(all.deliveries[1].subscription_identifier == 5);
  CHECK(all.deliveries[1].message->facts().expiry_seconds == 60);
  CHECK(subscription_of(all, "ends", "$share/g/a/#").qos == mqtt::Qos::exactly_once);
  CHECK(subscription_of(all, "old", "a/+").no_local);
  CHECK(loaded.subscriptions == 2);
  CHECK(loaded.retained == 1);
  CHECK(loaded.messages == 2);
}

TEST_CASE("a user name that is whatever lay in memory is none, and i386 pads nothing") {
  const auto [all, loaded] =
      read_bytes(mosquitto_head(6) + client_6("named", "ann", 1883) + client_6("garbage", "ann\0\0\x55\x7F"s, 0) +
                 client_6("small", "bob", 8883, ""));
  CHECK(loaded.left_out == 0);
  CHECK(all.session_of("named")->user == "ann");
  CHECK(all.session_of("named")->listener == "1883");
  CHECK_FALSE(all.session_of("garbage")->user.has_value());
  CHECK(all.session_of("garbage")->listener.empty());
  CHECK(all.session_of("small")->user == "bob");
  CHECK(all.session_of("small")->listener == "8883");
}

TEST_CASE("a message that was about to be sent waits; one that was sent before is in flight") {
  std::string file = mosquitto_head(6) + client_6("c", "", 0);
  const auto add = [&file](char qos, char state, char dup) {
    const auto id = static_cast<std::uint16_t>(file.size());
    file += stored({.id = id, .topic = "t", .payload = std::to_string(state)});
    file += client_message({.client_id = "c",
                            .message = id,
                            .packet_id = static_cast<std::uint16_t>(state),
                            .qos = qos,
                            .state = state,
                            .retain_dup = dup});
  };
  add(0, 1, 0);
  add(1, 2, 0);
  add(2, 4, 1);
  add(2, 5, 1);
  add(2, 6, 1);
  add(2, 9, 1);
  add(2, 7, 1);  // of a message from a client
  add(1, 9, 1);  // there is no PUBREL at QoS 1
  add(1, 3, 1);
  const auto [all, loaded] = read_bytes(file);
  CHECK(all.queue_of("c") == Queue{"1", "2", "4 4:pubrec", "5 5:pubrec", "6 6:pubcomp", "9 9:pubcomp", "3 3:puback"});
  CHECK(loaded.left_out == 2);
}

TEST_CASE("an unreleased message goes once to each client, one of a group, and to none at QoS 0") {
  const auto [all, loaded] = read_bytes(
      mosquitto_head(6) +
      stored({.id = 1, .topic = "a/b", .payload = "x", .client_id = "from", .qos = 2, .retain = 1}) +
      client_6("from", "", 0) +
      client_message({.client_id = "from", .message = 1, .packet_id = 9, .qos = 2, .state = 7, .direction = 0}) +
      client_6("two", "", 0) + client_6("zero", "", 0) + client_6("g1", "", 0) + client_6("g2", "", 0) +
      subscribed("from", "a/#", 2, 4) + subscribed("two", "a/+", 1) + subscribed("two", "a/b", 2, 8) +
      subscribed("two", "#", 1, 0, 6) + subscribed("two", "b", 1) + subscribed("zero", "a/b", 0) +
      subscribed("g1", "$share/g/a/b", 0) + subscribed("g1", "$share/g/a/b", 1) + subscribed("g2", "$share/g/a/b", 1) +
      subscribed("g2", "$share/h/+/b", 1));
  CHECK(loaded.left_out == 0);
  CHECK(all.queue_of("from").empty());
  CHECK(all.queue_of("zero").empty());
  CHECK(all.queue_of("two") == Queue{"x", "x"});
  CHECK(all.queue_of("g1") == Queue{"x"});
  CHECK(all.queue_of("g2") == Queue{"x"});
  for (const KeptDelivery& each : all.deliveries) {
    const std::string client = all.client_of(each.session);
    if (client == "g1") CHECK(*each.share == "$share/g/a/b");
    if (client == "g2") CHECK(*each.share == "$share/h/+/b");
    if (client != "two") continue;
    CHECK(each.qos == (each.subscription_identifier == 6 ? mqtt::Qos::at_least_once : mqtt::Qos::exactly_once));
    CHECK(each.retain == (each.subscription_identifier == 0));
  }
  CHECK(retained_on(all, "a/b") != nullptr);
}

TEST_CASE("an unreleased message without a payload takes away what was retained; $SYS is not retained") {
  const auto [all, loaded] = read_bytes(
      mosquitto_head(6) + stored({.id = 1, .topic = "a", .payload = "old", .retain = 1}) +
      stored({.id = 2, .topic = "a", .payload = "", .client_id = "from", .qos = 2, .retain = 1}) +
      stored({.id = 3, .topic = "$SYS/broker/uptime", .payload = "1", .client_id = "", .retain = 1}) +
      client_6("from", "", 0) +
      client_message({.client_id = "from", .message = 2, .packet_id = 9, .qos = 2, .state = 7, .direction = 0}) +
      testing::retained(1) + testing::retained(3));
  CHECK(loaded.left_out == 0);
  CHECK(loaded.retained == 0);
  CHECK(all.receipts.size() == 1);
}

}  // namespace bramble
