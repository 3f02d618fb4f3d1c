#include "broker/store/database_check.h"

#include <doctest/doctest.h>

#include "tests/broker/store/collected.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

using Lines = std::vector<std::string>;

Part something() {
  Part part;
  part.sessions.push_back(session(1));
  part.subscriptions.push_back({KeptSubscription{SessionId{1}, "#"}});
  part.receipts.push_back({{SessionId{1}, 1}});
  const MessagePtr shared = message("x");
  part.deliveries = deliveries(delivery(1, 1, shared), delivery(2, 1, shared), delivery(3, 1, message("y")));
  return part;
}

}  // namespace

TEST_CASE("a database in order has nothing wrong with it, and says what is in it") {
  const Folder folder;
  commit(*open(folder / "db"), something(), {{4, message("r")}});
  CHECK(*check_database(folder / "db") == Lines{});
  const auto contents = inspect_database(folder / "db");
  REQUIRE(contents);
  CHECK(contents->format == 1);
  CHECK(contents->written_by == BRAMBLE_VERSION);
  CHECK(contents->sessions == 1);
  CHECK(contents->subscriptions == 1);
  CHECK(contents->receipts == 1);
  CHECK(contents->retained == 1);
  CHECK(contents->messages == 2);
  CHECK(contents->deliveries == 3);
  CHECK(contents->file_bytes == std::filesystem::file_size(folder / "db"));
}

TEST_CASE("messages that all lie in their deliveries are in order without a record") {
  const Folder folder;
  Part part;
  part.sessions.push_back(session(1));
  part.deliveries = deliveries(delivery(1, 1, message("x")), delivery(2, 1, message("")));
  commit(*open(folder / "db"), std::move(part));
  CHECK(*check_database(folder / "db") == Lines{});
  CHECK(inspect_database(folder / "db")->messages == 2);
  CHECK(inspect_database(folder / "db")->deliveries == 2);
}

TEST_CASE("what is only in the log counts, and neither file nor log is changed by looking") {
  const Folder folder;
  {
    const auto database = open(folder / "db");
    commit(*database, something());
    std::filesystem::copy_file(folder / "db", folder / "left");
    std::filesystem::copy_file(folder / "db-wal", folder / "left-wal");
  }
  const std::string file = contents(folder / "left"), log = contents(folder / "left-wal");
  CHECK(*check_database(folder / "left") == Lines{});
  CHECK(inspect_database(folder / "left")->deliveries == 3);
  CHECK(contents(folder / "left") == file);
  CHECK(contents(folder / "left-wal") == log);
  CHECK_FALSE(std::filesystem::exists(folder / "left-shm"));
  CHECK(*check_database(folder / "db") == Lines{});
  CHECK_FALSE(std::filesystem::exists(folder / "db-wal"));
}

TEST_CASE("what does not fit together is said, a line each") {
  const Folder folder;
  commit(*open(folder / "db"), something(), {{4, message("r")}, {5, message("s")}});
  sql(folder / "db",
      "DELETE FROM session; DELETE FROM msg WHERE id = 1; INSERT INTO msg VALUES(9, 't', '', '');"
      "UPDATE q SET facts = NULL WHERE g = 3");
  CHECK(*check_database(folder / "db") ==
        Lines{"1 deliveries have neither a message nor its number", "2 deliveries have no message",
              "3 deliveries have no session", "1 subscriptions have no session", "1 QoS 2 receipts have no session",
              "1 messages wait for nobody", "1 retained messages are on a topic that has another"});
}

TEST_CASE("a page that cannot be read is found") {
  const Folder folder;
  commit(*open(folder / "db #1?%"), something());
  std::string bytes = contents(folder / "db #1?%");
  bytes.replace(4 * 4'096, 4'096, 4'096, '\xFF');
  write(folder / "db #1?%", bytes);
  const auto found = check_database(folder / "db #1?%");
  REQUIRE(found);
  CHECK_FALSE(found->empty());
}

TEST_CASE("of a file that was cut off what can be read is read, and the rest is said to be missing") {
  const Folder folder;
  {
    const auto database = open(folder / "db");
    Part part;
    part.sessions.push_back(session(1));
    part.deliveries = deliveries(delivery(1, 1, message("x")));
    commit(*database, std::move(part));
    for (std::uint64_t row = 2; row < 300; ++row) {
      Part more;
      more.deliveries = deliveries(delivery(row, 1, message(std::string(500, 'x'))));
      commit(*database, std::move(more));
    }
  }
  std::filesystem::resize_file(folder / "db", std::filesystem::file_size(folder / "db") / 2 / 4096 * 4096);
  Collected read;
  const auto loaded = read_database(
      folder / "db", Clocks::now(), [&](std::uint64_t /*seed*/) -> auto& { return read; });
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  CHECK(loaded->sessions == 1);
  CHECK(loaded->deliveries > 50);
  CHECK(loaded->deliveries < 250);
  CHECK(loaded->left_out > 0);
  CHECK(inspect_database(folder / "db").has_value());
  const auto found = check_database(folder / "db");
  REQUIRE(found);
  CHECK_FALSE(found->empty());
}

TEST_CASE("a file that is not there, or is something else, is said to be so") {
  const Folder folder;
  CHECK(check_database(folder / "none").error() ==
        "cannot read " + (folder / "none").string() + ": there is no such file");
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
  write(folder / "text", std::string(5'000, 't'));
  CHECK(inspect_database(folder / "text").error() ==
        "cannot read " + (folder / "text").string() + ": file is not a database");
}

}  // namespace bramble::testing
