#include <doctest/doctest.h>
#include <sqlite3.h>

#include "broker/store/database.h"
#include "broker/store/database_check.h"
#include "tests/broker/store/faulty_disk.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

using Wrong = FaultyDisk::Wrong;
using Lines = std::vector<std::string>;

/// A database with session 1 and some deliveries in it, and a round that changes all of that. Messages lie in records
/// and in their deliveries, before and after.
struct Started {
  Started() {
    Part part;
    part.sessions.push_back(session(1));
    part.deliveries = deliveries(delivery(1, 1, old), delivery(2, 1, old), delivery(3, 1, both), delivery(4, 1, both),
                                 delivery(5, 1, single));
    commit(*database, std::move(part));
    next.push_back(std::make_unique<Part>());
    next[0]->deliveries = deliveries(delivery(6, 1, both), delivery(7, 1, fresh), delivery(8, 1, fresh),
                                     delivery(9, 1, lone), delivery(10, 1, single));
    next[0]->changed = {{6, {DeliveryState::Stage::puback, 9}}};
    next[0]->removed = {{1, old}, {2, old}, {3, both}, {4, both}, {5, single}};
    next[0]->receipts = {{{SessionId{1}, 4}}};
  }

  void check_before(const Kept& kept) const {
    CHECK(payloads(kept) == Lines{"old", "old", "both", "both", "single"});
    CHECK(kept.receipts.empty());
  }
  void check_after(const Kept& kept) const {
    CHECK(payloads(kept) == Lines{"both", payload, payload, "lone", "single"});
    CHECK(kept.receipts.size() == 1);
    CHECK(kept.loaded.left_out == 0);
    REQUIRE(kept.deliveries.size() == 5);
    CHECK(kept.deliveries[0].state.packet_id == 9);
  }
  void check_marks_before() const {
    CHECK(rows_of(old) == 2);
    CHECK(rows_of(both) == 2);
    CHECK(record_of(single) == kInDelivery);
    for (const MessagePtr& none : {fresh, lone}) {
      CHECK(record_of(none) == 0);
      CHECK(rows_of(none) == 0);
    }
  }

  FaultyDisk disk;
  Folder folder;
  std::unique_ptr<Database> database = open(folder / "db");
  const std::string payload = std::string(50'000, 'n');
  const MessagePtr old = message("old"), both = message("both"), fresh = message(payload);
  const MessagePtr single = message("single"), lone = message("lone");
  Parts next;
};

}  // namespace

TEST_CASE("a full disk refuses a round whole, and takes the same one when there is space again") {
  Started it;
  for (const std::uint64_t after : {0u, 100u, 5'000u, 20'000u}) {
    it.disk.fail(Wrong::no_space, after);
    const auto refused = try_commit(*it.database, it.next);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().find((it.folder / "db").string()) != std::string::npos);
    CHECK(refused.error().find("full") != std::string::npos);
    it.check_marks_before();
  }
  it.disk.mend();
  REQUIRE(try_commit(*it.database, it.next));
  CHECK(rows_of(it.both) == 1);
  CHECK(rows_of(it.fresh) == 2);
  CHECK(record_of(it.old) == 0);
  for (const MessagePtr& inlined : {it.lone, it.single}) CHECK(record_of(inlined) == kInDelivery);
  it.check_after(load(*it.database));
}

TEST_CASE("a round larger than SQLite's memory is refused whole, wherever the disk fails, and taken when it does not") {
  constexpr std::size_t kRows = 300, kPayload = 50'000;  // 15 MB, and its memory is 8
  constexpr std::uint64_t kStep = 1'500'000;
  Started it;
  auto& large = it.next[0]->deliveries;
  for (std::size_t row = 0; row < kRows; ++row) {
    large.push_back(delivery(11 + row, 1, message(std::string(kPayload, 'l'))));
  }
  const Parts small = [&] {
    Parts parts;
    parts.push_back(std::make_unique<Part>());
    parts[0]->deliveries = deliveries(delivery(11 + kRows, 1, message("small")));
    return parts;
  }();
  for (std::uint64_t after = 0; after < kRows * kPayload; after += kStep) {
    CAPTURE(after);
    it.disk.fail(after / kStep % 2 == 0 ? Wrong::no_space : Wrong::io_error, after);
    REQUIRE_FALSE(try_commit(*it.database, it.next));
    it.check_marks_before();
    std::filesystem::copy_file(it.folder / "db", it.folder / "copy");
    std::filesystem::copy_file(it.folder / "db-wal", it.folder / "copy-wal");
    it.check_before(reload(it.folder / "copy"));
    for (const char* name : {"copy", "copy-wal"}) std::filesystem::remove(it.folder / name);
    it.disk.mend();
  }
  REQUIRE(try_commit(*it.database, it.next));
  REQUIRE(try_commit(*it.database, small));
  it.database.reset();
  CHECK(check_database(it.folder / "db")->empty());
  CHECK(reload(it.folder / "db").deliveries.size() == 5 + kRows + 1);
}

TEST_CASE("after an I/O error, in a write or in the sync of a commit, the same round is taken") {
  for (const Wrong wrong : {Wrong::io_error, Wrong::sync_error}) {
    Started it;
    for (int attempt = 0; attempt < 5; ++attempt) {
      it.disk.fail(wrong, 0);
      REQUIRE_FALSE(try_commit(*it.database, it.next));
      it.check_marks_before();
    }
    it.disk.mend();
    REQUIRE(try_commit(*it.database, it.next));
    it.check_after(load(*it.database));
    it.database.reset();
    CHECK(check_database(it.folder / "db")->empty());
    it.check_after(reload(it.folder / "db"));
  }
}

TEST_CASE("what a failed round would have written is not there when the next start finds the file as it was left") {
  for (const Wrong wrong : {Wrong::no_space, Wrong::io_error}) {
    Started it;
    it.disk.fail(wrong, 4'000);
    REQUIRE_FALSE(try_commit(*it.database, it.next));
    std::filesystem::copy_file(it.folder / "db", it.folder / "copy");
    std::filesystem::copy_file(it.folder / "db-wal", it.folder / "copy-wal");
    it.disk.mend();
    it.check_before(reload(it.folder / "copy"));
  }
}

TEST_CASE("a round that was said to have failed, but is on the disk when the connection is made anew, may come again") {
  Started it;
  it.disk.fail(Wrong::sync_error, 0);
  REQUIRE_FALSE(try_commit(*it.database, it.next));  // the log has all of it, though
  const std::string log = contents(it.folder / "db-wal");
  std::filesystem::copy_file(it.folder / "db", it.folder / "copy");
  write(it.folder / "copy-wal", log);
  it.check_after(reload(it.folder / "copy"));  // so a process that ends here finds it
  REQUIRE_FALSE(try_commit(*it.database, it.next));
  // The third tries with a new connection, which finds the round in the log, and fails in its own sync. The fourth has
  // something new in it as well: `old` is wanted again, whose record that round has removed.
  REQUIRE_FALSE(try_commit(*it.database, it.next));
  it.disk.mend();
  it.next.push_back(std::make_unique<Part>());
  it.next[1]->deliveries = deliveries(delivery(11, 1, it.old), delivery(12, 1, it.lone));
  REQUIRE(try_commit(*it.database, it.next));
  it.database.reset();
  const Kept kept = reload(it.folder / "db");
  CHECK(payloads(kept) == Lines{"both", it.payload, it.payload, "lone", "single", "old", "lone"});
  CHECK(check_database(it.folder / "db")->empty());
}

TEST_CASE("a database that has been moved away under the broker is not written to, nor made anew") {
  Started it;
  std::filesystem::rename(it.folder / "db", it.folder / "away");
  it.disk.fail(Wrong::io_error, 0);
  for (int attempt = 0; attempt < 3; ++attempt) REQUIRE_FALSE(try_commit(*it.database, it.next));
  it.disk.mend();
  const auto refused = try_commit(*it.database, it.next);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("moved or removed") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(it.folder / "db"));
  std::filesystem::rename(it.folder / "away", it.folder / "db");
  REQUIRE(try_commit(*it.database, it.next));
}

TEST_CASE("what a checkpoint cannot move stays in the log") {
  Started it;
  for (std::uint64_t row = 20; row < 1'200; ++row) {
    Part part;
    part.deliveries = deliveries(delivery(row, 1, message("m")));
    commit(*it.database, std::move(part));
  }
  it.disk.fail(Wrong::io_error, 0);
  it.database->checkpoint();
  it.disk.mend();
  CHECK(load(*it.database).deliveries.size() == 1'185);
  it.database->checkpoint();
  REQUIRE(try_commit(*it.database, it.next));
  it.database.reset();
  CHECK(reload(it.folder / "db").deliveries.size() == 1'185);
}

TEST_CASE("a message that SQLite would not take is left out, and so is a retained one, and the rest is kept") {
  const auto limit = [](sqlite3* connection, const char**, const void*) {
    sqlite3_limit(connection, SQLITE_LIMIT_LENGTH, 10'000);
    return SQLITE_OK;
  };
  int (*const limit_function)(sqlite3*, const char**, const void*) = limit;
  // NOLINTNEXTLINE: as SQLite's own documentation says to
  const auto extension = reinterpret_cast<void (*)()>(limit_function);
  sqlite3_auto_extension(extension);
  const Folder folder;
  {
    const auto database = open(folder / "db");
    const MessagePtr big = message(std::string(10'000, 'x')), twice = message(std::string(10'001, 'y'));
    Part part;
    part.sessions.push_back(session(1));
    part.deliveries =
        deliveries(delivery(1, 1, big), delivery(2, 1, message("small")), delivery(3, 1, twice), delivery(4, 1, twice));
    commit(*database, std::move(part), {{0, message("before")}});
    for (const MessagePtr& nowhere : {big, twice}) {
      CHECK(record_of(nowhere) == 0);
      CHECK(rows_of(nowhere) == 0);
    }
    Part later;
    later.changed = {{1, {DeliveryState::Stage::puback, 1}}};
    later.removed = {{1, big}, {3, twice}};
    commit(*database, std::move(later), {{0, big}});
    const Kept kept = load(*database);
    CHECK(payloads(kept) == Lines{"small"});
    CHECK(kept.slots.empty());
  }
  sqlite3_cancel_auto_extension(extension);
}

TEST_CASE("the figures say what was written to the disk") {
  FaultyDisk disk;
  const Folder folder;
  const auto database = open(folder / "db");
  Part part;
  part.sessions.push_back(session(1));
  commit(*database, std::move(part));
  const auto before = database->figures();
  const auto written = disk.bytes_written();
  for (std::uint64_t row = 1; row <= 3'000; ++row) {
    Part next;
    next.deliveries = deliveries(delivery(row, 1, message(std::string(200, 'x'))));
    commit(*database, std::move(next));
    database->checkpoint();
  }
  const auto after = database->figures();
  const double said = static_cast<double>(after.bytes_written - before.bytes_written);
  const double seen = static_cast<double>(disk.bytes_written() - written);
  CHECK(said / seen == doctest::Approx(1).epsilon(0.1));
  CHECK(after.commits - before.commits == 3'000);
  CHECK(after.records_written - before.records_written == 3'000);
  CHECK(after.file_bytes > 600'000);
}

TEST_CASE("the log does not grow for ever, and is cut after a great round") {
  FaultyDisk disk;
  const Folder folder;
  const auto database = open(folder / "db");
  Part part;
  part.sessions.push_back(session(1));
  const std::string payload(8'000'000, 'x');
  part.deliveries = deliveries(delivery(1, 1, message(payload)), delivery(2, 1, message(payload)));
  commit(*database, std::move(part));
  CHECK(std::filesystem::file_size(folder / "db-wal") > 16'000'000);
  for (std::uint64_t row = 3; row < 3'000; ++row) {
    database->checkpoint();
    Part next;
    next.deliveries = deliveries(delivery(row, 1, message("x")));
    commit(*database, std::move(next));
  }
  CHECK(std::filesystem::file_size(folder / "db-wal") < 8'500'000);
}

}  // namespace bramble::testing
