// Where a message lies in the file: in its delivery, or in a record of its own (broker/store/record_writer.cc).
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "broker/store/database.h"
#include "broker/store/database_check.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

Part with_sessions(std::initializer_list<std::uint64_t> ids) {
  Part part;
  for (const auto id : ids) part.sessions.push_back(session(id));
  return part;
}

}  // namespace

TEST_CASE("a message is written once, however many sessions wait for it, and comes back as one") {
  const Folder folder;
  const MessagePtr shared = message(std::string(100'000, 'x'));
  {
    const auto database = open(folder / "db");
    Part part = with_sessions({1, 2, 3});
    for (std::uint64_t id = 1; id <= 3; ++id) part.deliveries.push_back(delivery(id, id, shared));
    commit(*database, std::move(part));
    CHECK(rows_of(shared) == 3);
  }
  CHECK(std::filesystem::file_size(folder / "db") < 200'000);
  const Kept kept = reload(folder / "db");
  REQUIRE(kept.deliveries.size() == 3);
  CHECK(kept.loaded.messages == 1);
  CHECK(kept.deliveries[0].message.get() == kept.deliveries[2].message.get());
  CHECK(rows_of(kept.deliveries[0].message) == 3);
}

TEST_CASE("a message goes with the last delivery that needs it, and can come again") {
  const Folder folder;
  const auto database = open(folder / "db");
  const MessagePtr shared = message("x");
  Part part = with_sessions({1, 2});
  part.deliveries = deliveries(delivery(1, 1, shared), delivery(2, 2, shared));
  commit(*database, std::move(part));
  Part first;
  first.removed = {{1, shared}};
  commit(*database, std::move(first));
  CHECK(rows_of(shared) == 1);
  Part second;
  second.removed = {{2, shared}};
  commit(*database, std::move(second));
  CHECK(record_of(shared) == 0);
  Part again;
  again.deliveries = deliveries(delivery(3, 1, shared));
  commit(*database, std::move(again));
  CHECK(record_of(shared) == kInDelivery);
  CHECK(payloads(load(*database)) == std::vector<std::string>{"x"});
}

TEST_CASE("one part removes the last deliveries of a message while another adds one") {
  for (const std::uint64_t rows : {1u, 2u}) {
    CAPTURE(rows);
    const Folder folder;
    const auto database = open(folder / "db");
    const MessagePtr shared = message("x");
    Part part = with_sessions({1, 2});
    for (std::uint64_t row = 1; row <= rows; ++row) part.deliveries.push_back(delivery(row, row, shared));
    commit(*database, std::move(part));
    Parts parts;
    for (int i = 0; i < 3; ++i) parts.push_back(std::make_unique<Part>());
    for (std::uint64_t row = 1; row <= rows; ++row) parts[0]->removed.push_back({row, shared});
    parts[1]->deliveries = deliveries(delivery(5, 2, shared));
    parts[2]->deliveries = deliveries(delivery(4, 2, message("y")));  // a lower row, and a part behind it
    REQUIRE(try_commit(*database, parts));
    CHECK(rows_of(shared) == rows - 1);
    CHECK(payloads(load(*database)) == std::vector<std::string>{"y", "x"});
  }
}

TEST_CASE("deliveries that come and go in one round leave nothing") {
  for (const std::uint64_t rows : {1u, 2u}) {
    CAPTURE(rows);
    const Folder folder;
    const auto database = open(folder / "db");
    const MessagePtr brief = message("x");
    Part part = with_sessions({1});
    for (std::uint64_t row = 1; row <= rows; ++row) {
      part.deliveries.push_back(delivery(row, 1, brief));
      part.changed.push_back({row, {DeliveryState::Stage::puback, static_cast<mqtt::PacketId>(row)}});
      part.removed.push_back({row, brief});
    }
    commit(*database, std::move(part));
    CHECK(rows_of(brief) == 0);
    CHECK(record_of(brief) == (rows == 1 ? kInDelivery : 0));
    const Kept kept = load(*database);
    CHECK(kept.deliveries.empty());
    CHECK(kept.loaded.left_out == 0);
  }
}

TEST_CASE("a message that one delivery waits for lies in it, and has no record") {
  const Folder folder;
  const MessagePtr lone = message("lone"), shared = message("shared");
  {
    const auto database = open(folder / "db");
    Part part = with_sessions({1, 2});
    part.deliveries = deliveries(delivery(1, 1, lone), delivery(2, 1, shared), delivery(3, 2, shared));
    commit(*database, std::move(part));
  }
  CHECK(record_of(lone) == kInDelivery);
  CHECK(rows_of(lone) == 0);
  CHECK(record_of(shared) == 1);
  CHECK(rows_of(shared) == 2);
  using Lines = std::vector<std::string>;
  CHECK(sql(folder / "db", "SELECT payload FROM msg") == Lines{"shared"});
  CHECK(sql(folder / "db", "SELECT payload FROM q ORDER BY g") == Lines{"lone", "NULL", "NULL"});
  CHECK(sql(folder / "db", "SELECT msg FROM q ORDER BY g") == Lines{"NULL", "1", "1"});
  CHECK(*check_database(folder / "db") == Lines{});
  CHECK(payloads(reload(folder / "db")) == Lines{"lone", "shared", "shared"});
}

TEST_CASE("deliveries of one message by two parts of a round share a record") {
  const Folder folder;
  const auto database = open(folder / "db");
  const MessagePtr shared = message("x");
  Parts parts;
  for (std::uint64_t id = 1; id <= 2; ++id) {
    parts.push_back(std::make_unique<Part>(with_sessions({id})));
    parts.back()->deliveries = deliveries(delivery(300 - id, id, shared));
  }
  REQUIRE(try_commit(*database, parts));
  CHECK(record_of(shared) == 1);
  CHECK(rows_of(shared) == 2);
  const Kept kept = load(*database);
  REQUIRE(kept.deliveries.size() == 2);
  CHECK(kept.deliveries[0].message.get() == kept.deliveries[1].message.get());
}

TEST_CASE("a message that lay in a delivery lies in those of later rounds too, and each goes by itself") {
  const Folder folder;
  auto database = open(folder / "db");
  const MessagePtr again = message("x");
  Part part = with_sessions({1, 2, 3});
  part.deliveries = deliveries(delivery(1, 1, again));
  commit(*database, std::move(part));
  Part two;
  two.deliveries = deliveries(delivery(2, 2, again), delivery(3, 3, again));
  commit(*database, std::move(two));
  CHECK(record_of(again) == kInDelivery);
  CHECK(rows_of(again) == 0);
  Part gone;
  gone.removed = {{1, again}, {3, again}};
  commit(*database, std::move(gone));
  CHECK(record_of(again) == kInDelivery);
  database.reset();
  CHECK(sql(folder / "db", "SELECT id FROM msg").empty());
  CHECK(check_database(folder / "db")->empty());
  const Kept kept = reload(folder / "db");
  REQUIRE(payloads(kept) == std::vector<std::string>{"x"});
  CHECK(kept.deliveries[0].row == 2);
  CHECK(record_of(kept.deliveries[0].message) == kInDelivery);
}

TEST_CASE("what was loaded out of a delivery goes with it, and may be delivered again") {
  const Folder folder;
  Part part = with_sessions({1, 2});
  part.deliveries = deliveries(delivery(1, 1, message("x")), delivery(2, 1, message("y")));
  commit(*open(folder / "db"), std::move(part));
  const auto database = open(folder / "db");
  const Kept before = load(*database);
  REQUIRE(before.deliveries.size() == 2);
  Part later;
  later.removed = {{1, before.deliveries[0].message}, {2, before.deliveries[1].message}};
  later.deliveries = deliveries(delivery(3, 2, before.deliveries[1].message));
  commit(*database, std::move(later));
  const Kept kept = load(*database);
  CHECK(payloads(kept) == std::vector<std::string>{"y"});
  CHECK(kept.loaded.left_out == 0);
}

TEST_CASE("a record stays a record while anybody waits for it, also for who comes later") {
  const Folder folder;
  const auto database = open(folder / "db");
  const MessagePtr shared = message("x");
  Part part = with_sessions({1, 2});
  part.deliveries = deliveries(delivery(1, 1, shared), delivery(2, 2, shared));
  commit(*database, std::move(part));
  Part later;
  later.removed = {{1, shared}};
  later.deliveries = deliveries(delivery(3, 1, shared));
  commit(*database, std::move(later));
  CHECK(record_of(shared) == 1);
  CHECK(rows_of(shared) == 2);
  const Kept kept = load(*database);
  REQUIRE(kept.deliveries.size() == 2);
  CHECK(kept.deliveries[0].message.get() == kept.deliveries[1].message.get());
}

}  // namespace bramble::testing
