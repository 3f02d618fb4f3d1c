#include "broker/store/database.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "broker/store/database_check.h"
#include "tests/broker/store/faulty_disk.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

constexpr SessionId kFirst{1};

Part with_sessions(std::initializer_list<std::uint64_t> ids) {
  Part part;
  for (const auto id : ids) part.sessions.push_back(session(id));
  return part;
}

Will full_will() {
  Will will;
  will.topic = "gone/\xC3\xA9t\xC3\xA9";
  will.payload = std::string("a\0b", 3);
  will.properties = std::string("\x01\x01", 2);
  will.qos = mqtt::Qos::exactly_once;
  will.retain = true;
  will.delay = Seconds(0xFFFF'FFFF);
  will.message_expiry = 60;
  will.source = "client-1@1883";
  return will;
}

KeptSession full_session() {
  KeptSession full;
  full.id = SessionId{3};
  full.client_id = "\xE2\x82\xAC client";
  full.expiry_seconds = 3600;
  full.gone_at = SteadyTime(Milliseconds(-7'877));
  full.user = "";
  full.listener = "/run/bramble.sock";
  full.mount_point = "site/";
  full.will = full_will();
  return full;
}

}  // namespace

TEST_CASE("all of a session comes back") {
  const Folder folder;
  Part part;
  part.sessions.push_back(full_session());
  part.sessions.push_back(session(4));
  Parts parts;
  parts.push_back(std::make_unique<Part>(std::move(part)));
  const Clocks before{SteadyTime(Seconds(500)), WallTime(Seconds(1'764'000'000))};
  REQUIRE(open(folder / "db")->commit(parts, {}, before));
  const Clocks after{SteadyTime(Seconds(20)), WallTime(Seconds(1'764'000'100))};
  const Kept kept = load(*open(folder / "db"), after);
  REQUIRE(kept.sessions.size() == 2);
  const KeptSession& full = kept.sessions[0];
  CHECK(full.id == SessionId{3});
  CHECK(full.client_id == "\xE2\x82\xAC client");
  CHECK(full.expiry_seconds == 3600);
  CHECK(full.gone_at == SteadyTime(Milliseconds(-7'877) - Seconds(580)));
  CHECK(full.user == "");
  CHECK(full.listener == "/run/bramble.sock");
  CHECK(full.mount_point == "site/");
  CHECK(full.will.has_value());
  CHECK_FALSE(kept.sessions[1].gone_at);
  CHECK_FALSE(kept.sessions[1].user);
  CHECK_FALSE(kept.sessions[1].mount_point);
  CHECK_FALSE(kept.sessions[1].will);
  CHECK(kept.sessions[1].expiry_seconds == mqtt::kSessionNeverExpires);
  CHECK(kept.loaded.last_session == 4);
}

TEST_CASE("all of a will comes back") {
  const Folder folder;
  Part part;
  part.sessions.push_back(full_session());
  commit(*open(folder / "db"), std::move(part));
  const Kept kept = reload(folder / "db");
  REQUIRE(kept.sessions.size() == 1);
  REQUIRE(kept.sessions[0].will);
  const Will& will = *kept.sessions[0].will;
  const Will expected = full_will();
  CHECK(will.topic == expected.topic);
  CHECK(will.payload == expected.payload);
  CHECK(will.properties == expected.properties);
  CHECK(will.qos == expected.qos);
  CHECK(will.retain == expected.retain);
  CHECK(will.delay == expected.delay);
  CHECK(will.message_expiry == expected.message_expiry);
  CHECK(will.source == expected.source);
}

TEST_CASE("all of a subscription comes back, and one that is removed does not") {
  const Folder folder;
  Part part = with_sessions({1, 2});
  const KeptSubscription full{kFirst, "$share/group/a/+", mqtt::Qos::exactly_once, true, true, 268'435'455};
  part.subscriptions.push_back({full});
  part.subscriptions.push_back({KeptSubscription{SessionId{2}, "#"}});
  part.subscriptions.push_back({KeptSubscription{kFirst, "#"}});
  part.subscriptions.push_back({KeptSubscription{kFirst, "#"}, true});
  commit(*open(folder / "db"), std::move(part));
  const Kept kept = reload(folder / "db");
  REQUIRE(kept.subscriptions.size() == 2);
  CHECK(kept.subscriptions[0].session == kFirst);
  CHECK(kept.subscriptions[0].filter == "$share/group/a/+");
  CHECK(kept.subscriptions[0].qos == mqtt::Qos::exactly_once);
  CHECK(kept.subscriptions[0].no_local);
  CHECK(kept.subscriptions[0].retain_as_published);
  CHECK(kept.subscriptions[0].subscription_identifier == 268'435'455);
  CHECK(kept.subscriptions[1].session == SessionId{2});
  CHECK(kept.subscriptions[1].qos == mqtt::Qos::at_most_once);
  CHECK_FALSE(kept.subscriptions[1].no_local);
  CHECK(kept.subscriptions[1].subscription_identifier == 0);
}

TEST_CASE("all of a message comes back, and its arrival is the same instant by another steady clock") {
  const Clocks before{SteadyTime(Seconds(500)), WallTime(Seconds(1'764'000'000))};
  const Clocks after{SteadyTime(Seconds(20)), WallTime(Seconds(1'764'000'100))};
  const std::string payload("\0\xFF bytes", 8);
  for (const std::uint64_t sessions : {1u, 2u}) {  // it lies in its delivery, or in a record of its own
    CAPTURE(sessions);
    const Folder folder;
    const auto full = MessagePtr::make(
        {"a/b", {{std::string_view("\x01\x00", 2)}}, payload},
        {mqtt::Qos::exactly_once, true, 30, SteadyTime(Seconds(490)), PublisherId{~0ull}}, "client\nuser");
    Parts parts;
    parts.push_back(std::make_unique<Part>(with_sessions({1, 2})));
    for (std::uint64_t id = 1; id <= sessions; ++id) parts[0]->deliveries.push_back(delivery(8 + id, id, full));
    REQUIRE(open(folder / "db")->commit(parts, {}, before));
    CHECK((record_of(full) == kInDelivery) == (sessions == 1));
    const Kept kept = load(*open(folder / "db"), after);
    REQUIRE(kept.deliveries.size() == sessions);
    const MessagePtr& message = kept.deliveries[0].message;
    CHECK(message->topic() == "a/b");
    CHECK(message->payload() == payload);
    CHECK(message->properties() == std::string_view("\x01\x00", 2));
    CHECK(message->source() == "client\nuser");
    CHECK(message->facts().qos == mqtt::Qos::exactly_once);
    CHECK(message->facts().retain);
    CHECK(message->facts().expiry_seconds == 30);
    CHECK(message->facts().publisher == PublisherId{~0ull});
    CHECK(message->facts().arrived == SteadyTime(Seconds(-90)));
    CHECK(rows_of(message) == rows_of(full));
    CHECK(record_of(message) == record_of(full));
    CHECK(kept.loaded.messages == 1);
  }
}

TEST_CASE("all of a delivery comes back, in the order of rows") {
  const Folder folder;
  Part part = with_sessions({1, 2});
  KeptDelivery full = delivery(12, 2, message(""));
  full.state = {DeliveryState::Stage::pubcomp, 65'535};
  full.qos = mqtt::Qos::exactly_once;
  full.retain = true;
  full.subscription_identifier = 5;
  full.share = std::make_unique<const std::string>("$share/group/#");
  part.deliveries = deliveries(delivery(11, 1, message("first")), std::move(full));
  commit(*open(folder / "db"), std::move(part));
  const Kept kept = reload(folder / "db");
  REQUIRE(payloads(kept) == std::vector<std::string>{"first", ""});
  CHECK(kept.deliveries[0].row == 11);
  CHECK(kept.deliveries[0].state == DeliveryState{});
  CHECK_FALSE(kept.deliveries[0].share);
  CHECK_FALSE(kept.deliveries[0].retain);
  CHECK(kept.deliveries[1].session == SessionId{2});
  CHECK(kept.deliveries[1].state == DeliveryState{DeliveryState::Stage::pubcomp, 65'535});
  CHECK(kept.deliveries[1].qos == mqtt::Qos::exactly_once);
  CHECK(kept.deliveries[1].retain);
  CHECK(kept.deliveries[1].subscription_identifier == 5);
  REQUIRE(kept.deliveries[1].share);
  CHECK(*kept.deliveries[1].share == "$share/group/#");
  CHECK(kept.loaded.last_row == 12);
}

TEST_CASE("sessions are in doubt after a run that did not end, until they are told to be sure again") {
  const Folder folder;
  const auto in_doubt = [](const Kept& kept) {
    std::vector<bool> doubts;
    for (const KeptSession& each : kept.sessions) doubts.push_back(each.ids_in_doubt);
    return doubts;
  };
  using Doubts = std::vector<bool>;
  {
    const auto database = open(folder / "db");
    load(*database);
    database->begin_run(false);
    commit(*database, with_sessions({1, 2}));
    database->end_run(Clocks::now());
  }
  {
    const auto database = open(folder / "db");
    CHECK(in_doubt(load(*database)) == Doubts{false, false});
    database->begin_run(false);  // and then the power is cut
  }
  {
    const auto database = open(folder / "db");
    CHECK(in_doubt(load(*database)) == Doubts{true, true});
    database->begin_run(true);  // the file stays whole from here on
    commit(*database, with_sessions({2, 3}));
  }
  {
    const auto database = open(folder / "db");
    const Kept kept = load(*database);
    CHECK(in_doubt(kept) == Doubts{true, false, false});
    Part part;
    part.sessions.push_back(kept.sessions[0]);  // told anew for another reason
    commit(*database, std::move(part));
  }
  CHECK(in_doubt(reload(folder / "db")) == Doubts{true, false, false});
}

TEST_CASE("receipts come back until they are released") {
  const Folder folder;
  const auto database = open(folder / "db");
  Part part = with_sessions({1});
  part.receipts = {{{kFirst, 1}}, {{kFirst, 65'535, 77}}};
  commit(*database, std::move(part));
  Part later;
  later.receipts = {{{kFirst, 1}, true}};
  commit(*database, std::move(later));
  const Kept kept = load(*database);
  REQUIRE(kept.receipts.size() == 1);
  CHECK(kept.receipts[0].packet_id == 65'535);
  CHECK(kept.receipts[0].mark == 77);
}

TEST_CASE("a slot has the retained message it was given last, or none") {
  const Folder folder;
  const auto database = open(folder / "db");
  commit(*database, {}, {{0, message("a", "x")}, {7, message("b", "y")}, {8, message("c", "z")}});
  commit(*database, {}, {{7, message("d", "w")}, {8, {}}});
  const Kept kept = load(*database);
  REQUIRE(kept.slots.size() == 2);
  CHECK(kept.slots[0].first == 0);
  CHECK(kept.slots[1].first == 7);
  CHECK(kept.slots[1].second->topic() == "w");
  CHECK(kept.slots[1].second->payload() == "d");
  CHECK(record_of(kept.slots[1].second) == 0);
}

TEST_CASE("a change of state changes nothing else of a delivery") {
  const Folder folder;
  const auto database = open(folder / "db");
  Part part = with_sessions({1});
  part.deliveries = deliveries(delivery(1, 1, message("x")));
  part.deliveries[0].retain = true;
  part.deliveries[0].qos = mqtt::Qos::exactly_once;
  commit(*database, std::move(part));
  Part later;
  later.changed = {{1, {DeliveryState::Stage::pubrec, 17}}};
  commit(*database, std::move(later));
  Part back;
  back.changed = {{1, {DeliveryState::Stage::puback, 18}}};
  commit(*database, std::move(back));
  const Kept kept = load(*database);
  REQUIRE(kept.deliveries.size() == 1);
  CHECK(kept.deliveries[0].state == DeliveryState{DeliveryState::Stage::puback, 18});
  CHECK(kept.deliveries[0].retain);
  CHECK(kept.deliveries[0].qos == mqtt::Qos::exactly_once);
}

TEST_CASE("a session that ends takes its subscriptions and receipts along, and its client begins anew") {
  const Folder folder;
  const auto database = open(folder / "db");
  Part part = with_sessions({1, 2});
  part.subscriptions = {{KeptSubscription{kFirst, "a"}}, {KeptSubscription{SessionId{2}, "b"}}};
  part.receipts = {{{kFirst, 1}}};
  commit(*database, std::move(part));
  Part later;
  later.ended = {kFirst};
  later.sessions.push_back(session(3));
  later.sessions[0].client_id = "client-1";
  commit(*database, std::move(later));
  const Kept kept = load(*database);
  REQUIRE(kept.sessions.size() == 2);
  CHECK(kept.sessions[1].client_id == "client-1");
  REQUIRE(kept.subscriptions.size() == 1);
  CHECK(kept.subscriptions[0].filter == "b");
  CHECK(kept.receipts.empty());
}

TEST_CASE("a round without anything in it writes nothing") {
  FaultyDisk disk;
  const Folder folder;
  const auto database = open(folder / "db");
  const auto written = disk.bytes_written();
  const auto syncs = disk.syncs();
  commit(*database, {});
  CHECK(disk.bytes_written() == written);
  CHECK(disk.syncs() == syncs);
  CHECK(database->figures().commits == 0);
}

TEST_CASE("a round with something in it is synced once") {
  FaultyDisk disk;
  const Folder folder;
  const auto database = open(folder / "db");
  commit(*database, with_sessions({1}));  // the log's own first sync
  const auto syncs = disk.syncs();
  commit(*database, with_sessions({2, 3}));
  CHECK(disk.syncs() == syncs + 1);
}

TEST_CASE("the seed is chosen once for each file") {
  const Folder folder;
  const auto first = open(folder / "a")->seed();
  CHECK(open(folder / "a")->seed() == first);
  CHECK(open(folder / "b")->seed() != first);
}

TEST_CASE("only its owner may read the file and its log, and it knows that it is new") {
  const Folder folder;
  auto database = open(folder / "db");
  CHECK(database->created());
  CHECK(database->take_moved().empty());
  for (const char* name : {"db", "db-wal"}) {
    struct stat status {};
    REQUIRE(::stat((folder / name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
  CHECK_FALSE(std::filesystem::exists(folder / "db-shm"));
  database.reset();
  CHECK_FALSE(std::filesystem::exists(folder / "db-wal"));
  CHECK_FALSE(open(folder / "db")->created());
}

TEST_CASE("a message of 8 MB comes back") {
  const Folder folder;
  Part part = with_sessions({1});
  const std::string payload(8'000'000, 'p');
  part.deliveries = deliveries(delivery(1, 1, message(payload)));
  commit(*open(folder / "db"), std::move(part));
  const Kept kept = reload(folder / "db");
  REQUIRE(kept.deliveries.size() == 1);
  CHECK(kept.deliveries[0].message->payload() == payload);
}

TEST_CASE("progress is heard now and then") {
  const Folder folder;
  const auto database = open(folder / "db");
  Part part = with_sessions({1});
  for (std::uint64_t row = 1; row <= 20'000; row += 2) {
    const MessagePtr shared = message("x");
    part.deliveries.push_back(delivery(row, 1, shared));
    part.deliveries.push_back(delivery(row + 1, 1, shared));
  }
  commit(*database, std::move(part));
  std::vector<std::uint64_t> heard;
  Kept kept;
  REQUIRE(database->load(kept, Clocks::now(), [&](std::uint64_t records) { heard.push_back(records); }));
  CHECK(heard == std::vector<std::uint64_t>{10'000, 20'000, 30'000});
}

}  // namespace bramble::testing
