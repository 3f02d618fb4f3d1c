// A file that is damaged, on a disk that takes no other.
#include <doctest/doctest.h>

#include "broker/store/database.h"
#include "tests/broker/store/damaged_file.h"
#include "tests/broker/store/faulty_disk.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

using Lines = std::vector<std::string>;
using Wrong = FaultyDisk::Wrong;

/// What takes the numbers that come next: those of what was left out, if that was at the end.
Parts next_round(const Kept& kept) {
  Parts parts;
  parts.push_back(std::make_unique<Part>());
  const std::uint64_t id = kept.loaded.last_session + 1;
  parts[0]->sessions.push_back(session(id));
  const MessagePtr both = message("both");
  parts[0]->deliveries =
      deliveries(delivery(kept.loaded.last_row + 1, id, both), delivery(kept.loaded.last_row + 2, id, both));
  return parts;
}

void check_next_is_there(const std::filesystem::path& file, const Kept& before) {
  const Kept after = reload(file);
  CHECK(after.sessions.size() == before.sessions.size() + 1);
  CHECK(after.subscriptions.size() == before.subscriptions.size());
  CHECK(after.receipts.size() == before.receipts.size());
  CHECK(after.slots.size() == before.slots.size());
  REQUIRE(after.deliveries.size() == before.deliveries.size() + 2);
  Lines expected = payloads(before);
  expected.insert(expected.end(), 2, "both");
  CHECK(payloads(after) == expected);
  check_sound(file, after);
}

}  // namespace

TEST_CASE("a damaged file on a disk that takes nothing is read and left alone, and made anew when the disk takes it") {
  for (const Wrong wrong : {Wrong::no_space, Wrong::io_error, Wrong::sync_error}) {
    for (const char* name : {"meta", "session", "sub", "retained", "msg", "q"}) {
      CAPTURE(std::string(name));
      const Folder folder;
      fill(folder / "db");
      overwrite_page(folder / "db", pages_of(folder / "db", name).back(), '\xFF');  // the last numbers, too
      const std::string before = contents(folder / "db");
      FaultyDisk disk;
      disk.fail(wrong, 0);
      auto database = open(folder / "db");
      const std::uint64_t seed = database->seed();
      const Kept kept = load(*database);
      CHECK(kept.deliveries.size() > 1'000);
      CHECK(has(database->take_moved(), (folder / "db").string() + " is damaged, and the disk takes no new one"));
      database->begin_run(true);
      const Parts next = next_round(kept);
      for (int attempt = 0; attempt < 4; ++attempt) REQUIRE_FALSE(try_commit(*database, next));
      CHECK(contents(folder / "db") == before);
      CHECK_FALSE(std::filesystem::exists(folder / "db.damaged-1"));
      disk.mend();
      REQUIRE(try_commit(*database, next));
      CHECK(has(database->take_moved(), (folder / "db.damaged-1").string()));
      CHECK(contents(folder / "db.damaged-1") == before);
      database.reset();
      CHECK(open(folder / "db")->seed() == seed);
      check_next_is_there(folder / "db", kept);
      CHECK_FALSE(std::filesystem::exists(folder / "db.damaged-2"));
    }
  }
}

TEST_CASE("a disk that fails once the new file has the name does not keep what was read from being served") {
  const Folder folder;
  fill(folder / "db");
  overwrite_page(folder / "db", pages_of(folder / "db", "q").back(), '\xFF');
  const std::string before = contents(folder / "db");
  FaultyDisk disk;
  for (std::uint64_t syncs = 0; syncs < 12; ++syncs) {  // of making the new file, and of what is then done in it
    CAPTURE(syncs);
    const std::filesystem::path file = folder / ("db" + std::to_string(syncs));
    write(file, before);
    disk.fail(Wrong::sync_error, syncs);
    auto database = open(file);
    const Kept kept = load(*database);
    CHECK(has(database->take_moved(), "damaged"));
    database->begin_run(true);
    disk.mend();
    REQUIRE(try_commit(*database, next_round(kept)));
    database.reset();
    CHECK(contents(file.string() + ".damaged-1") == before);
    CHECK_FALSE(std::filesystem::exists(file.string() + ".damaged-2"));
    check_next_is_there(file, kept);
  }
}

TEST_CASE("a damaged file that the disk lets nobody make anew is as it was when the broker ends") {
  const Folder folder;
  fill(folder / "db");
  const std::string whole = contents(folder / "db");
  for (const bool torn : {false, true}) {
    write(folder / "db", torn ? whole.substr(0, whole.size() * 7 / 10) : whole);
    if (!torn) overwrite_page(folder / "db", pages_of(folder / "db", "q").back(), '\xFF');
    const std::string before = contents(folder / "db");
    FaultyDisk disk;
    disk.fail(Wrong::no_space, 0);
    Kept kept;
    {
      const auto database = open(folder / "db");
      kept = load(*database);
      database->begin_run(false);
      database->end_run(Clocks::now());
    }
    CHECK(contents(folder / "db") == before);
    disk.mend();
    const Kept again = reload(folder / "db");
    CHECK(again.sessions.size() == kept.sessions.size());
    CHECK(payloads(again) == payloads(kept));
    CHECK(again.loaded.left_out == kept.loaded.left_out);
    std::filesystem::remove(folder / "db.damaged-1");
  }
}

TEST_CASE("a file of which nothing can be read, on a disk that takes no new one, is not moved before it takes it") {
  for (const Wrong wrong : {Wrong::no_space, Wrong::io_error, Wrong::sync_error}) {
    const Folder folder;
    fill(folder / "db");
    std::string bytes = contents(folder / "db");
    bytes.replace(0, 70, 70, 'x');
    write(folder / "db", bytes);
    write(folder / "db-wal", "its log");
    FaultyDisk disk;
    disk.fail(wrong, 0);
    auto database = open(folder / "db");
    const Kept kept = load(*database);
    CHECK(kept.sessions.empty());
    CHECK(has(database->take_moved(), (folder / "db").string() + " cannot be read ("));
    database->begin_run(true);
    const Parts next = next_round(kept);
    for (int attempt = 0; attempt < 4; ++attempt) REQUIRE_FALSE(try_commit(*database, next));
    database->end_run(Clocks::now());
    database.reset();
    CHECK(contents(folder / "db") == bytes);
    CHECK(contents(folder / "db-wal") == "its log");
    CHECK_FALSE(std::filesystem::exists(folder / "db.damaged-1"));

    database = open(folder / "db");
    load(*database);
    database->take_moved();
    disk.mend();
    REQUIRE(try_commit(*database, next));
    CHECK(has(database->take_moved(), (folder / "db.damaged-1").string()));
    CHECK(contents(folder / "db.damaged-1") == bytes);
    CHECK(contents(folder / "db.damaged-1-wal") == "its log");
    const std::uint64_t seed = database->seed();
    database.reset();
    CHECK(open(folder / "db")->seed() == seed);
    CHECK(reload(folder / "db").deliveries.size() == 2);
  }
}

TEST_CASE("a log that was put aside is named though the start fails") {
  const Folder folder;
  write(folder / "db-wal", std::string(10'000, 'x'));
  FaultyDisk disk;
  disk.fail(Wrong::no_space, 0);
  CHECK(has(refused(folder / "db"), (folder / "db.damaged-1-wal").string()));
}

TEST_CASE("damage that is found when a connection is made anew costs no more than what cannot be read") {
  const Folder folder;
  fill(folder / "db");
  const std::size_t page = pages_of(folder / "db", "meta").back();
  FaultyDisk disk;
  auto database = open(folder / "db");
  const Kept kept = load(*database);
  const std::uint64_t seed = database->seed();
  const Parts next = next_round(kept);
  disk.fail(Wrong::no_space, 0);
  for (int attempt = 0; attempt < 3; ++attempt) REQUIRE_FALSE(try_commit(*database, next));
  overwrite_page(folder / "db", page, '\xFF');
  REQUIRE_FALSE(try_commit(*database, next));
  disk.mend();
  REQUIRE(try_commit(*database, next));
  CHECK(has(database->take_moved(), "was damaged"));
  CHECK(database->seed() == seed);
  database.reset();
  CHECK(open(folder / "db")->seed() == seed);
  check_next_is_there(folder / "db", kept);
}

TEST_CASE("reads that fail for a while are no damage: nothing is put aside, and all of it is there again") {
  const Folder folder;
  fill(folder / "db");
  FaultyDisk disk;
  auto database = open(folder / "db");
  const Kept kept = load(*database);
  const Parts next = next_round(kept);
  for (const std::uint64_t from : {std::uint64_t{0}, std::uint64_t{kPage}, 20 * std::uint64_t{kPage}}) {
    CAPTURE(from);
    disk.fail(Wrong::io_error, 0);
    for (int attempt = 0; attempt < 3; ++attempt) REQUIRE_FALSE(try_commit(*database, next));  // so it connects anew
    disk.fail(Wrong::none, 0);
    disk.fail_reads(folder / "db", from);
    for (int attempt = 0; attempt < 4; ++attempt) try_commit(*database, Part());
    disk.mend();
  }
  REQUIRE(try_commit(*database, next));
  CHECK(database->take_moved().empty());
  database.reset();
  CHECK_FALSE(std::filesystem::exists(folder / "db.damaged-1"));
  check_next_is_there(folder / "db", kept);
}

TEST_CASE("a new file in the place of a damaged one has all that was read of it, whatever the disk gives by then") {
  const Folder folder;
  fill(folder / "db");
  overwrite_page(folder / "db", pages_of(folder / "db", "q").back(), '\xFF');
  const std::string before = contents(folder / "db");
  FaultyDisk disk;
  disk.fail(Wrong::no_space, 0);
  auto database = open(folder / "db");
  const Kept kept = load(*database);
  CHECK(has(database->take_moved(), "is damaged"));
  const Parts next = next_round(kept);
  for (int attempt = 0; attempt < 3; ++attempt) REQUIRE_FALSE(try_commit(*database, next));  // so it connects anew
  disk.fail(Wrong::none, 0);
  disk.fail_reads(folder / "db", 4 * kPage);
  for (int attempt = 0; attempt < 4; ++attempt) REQUIRE_FALSE(try_commit(*database, next));
  CHECK(database->take_moved().empty());
  CHECK_FALSE(std::filesystem::exists(folder / "db.damaged-1"));
  disk.mend();
  REQUIRE(try_commit(*database, next));
  database.reset();
  CHECK(contents(folder / "db.damaged-1") == before);
  check_next_is_there(folder / "db", kept);
}

TEST_CASE("what a disk does not give at the start is damaged: the rest is served, and the file is put aside") {
  for (const bool first : {false, true}) {
    const Folder folder;
    fill(folder / "db");
    const std::string before = contents(folder / "db");
    FaultyDisk disk;
    disk.fail_reads(folder / "db", first ? 0 : before.size() / 2);
    auto database = open(folder / "db");
    const Kept kept = load(*database);
    CHECK(has(database->take_moved(), (folder / "db.damaged-1").string()));
    CHECK(contents(folder / "db.damaged-1") == before);
    CHECK((kept.loaded.left_out == 0) == first);
    CHECK(kept.sessions.empty() == first);
    disk.mend();
    REQUIRE(try_commit(*database, next_round(kept)));
    database.reset();
    check_next_is_there(folder / "db", kept);
    CHECK_FALSE(std::filesystem::exists(folder / "db.damaged-2"));
  }
}

}  // namespace bramble::testing
