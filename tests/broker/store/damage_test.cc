#include <doctest/doctest.h>

#include "broker/store/database.h"
#include "broker/store/database_check.h"
#include "broker/store/table_scan.h"
#include "tests/broker/store/damaged_file.h"
#include "tests/broker/store/kept_things.h"
#include "tests/support/random.h"

namespace bramble::testing {

namespace {

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a file that is no database is moved aside, and a new one begun") {
  const Folder folder;
  write(folder / "db", std::string(10'000, 'x'));
  write(folder / "db-wal", "its log");
  {
    const auto database = open(folder / "db");
    const std::string moved = database->take_moved();
    CHECK(has(moved, (folder / "db").string()));
    CHECK(has(moved, (folder / "db.damaged-1").string()));
    CHECK(database->take_moved().empty());
    CHECK(load(*database).loaded.sessions == 0);
  }
  CHECK(contents(folder / "db.damaged-1") == std::string(10'000, 'x'));
  CHECK(contents(folder / "db.damaged-1-wal") == "its log");
  write(folder / "db", "short");
  CHECK(has(open(folder / "db")->take_moved(), "db.damaged-2"));
}

TEST_CASE("a log without its file is kept, and not read for another file") {
  const Folder folder;
  write(folder / "db-wal", std::string(10'000, 'x'));
  {
    const auto database = open(folder / "db");
    CHECK(has(database->take_moved(), (folder / "db.damaged-1-wal").string()));
    commit(*database, [] {
      Part part;
      part.sessions.push_back(session(1));
      return part;
    }());
  }
  CHECK(contents(folder / "db.damaged-1-wal") == std::string(10'000, 'x'));
  CHECK(reload(folder / "db").sessions.size() == 1);
}

TEST_CASE("one leaf that cannot be read costs its records and no others, and the file is made anew") {
  for (const char* name : {"msg", "q", "session", "sub", "q2in", "retained"}) {
    CAPTURE(std::string(name));
    const Folder folder;
    fill(folder / "db");
    const auto pages = pages_of(folder / "db", name);
    REQUIRE(pages.size() >= 3);
    overwrite_page(folder / "db", pages[pages.size() / 2], '\xFF');
    const std::string before = contents(folder / "db");
    Kept kept;
    {
      const auto database = open(folder / "db");
      kept = load(*database);
      CHECK(has(database->take_moved(), (folder / "db.damaged-1").string()));
    }
    CHECK(kept.loaded.left_out > 0);
    CHECK(kept.sessions.size() > 150);
    CHECK(kept.subscriptions.size() > 100);
    CHECK(kept.receipts.size() > 1'000);
    CHECK(kept.slots.size() > 200);
    CHECK(kept.deliveries.size() > 1'500);
    CHECK(contents(folder / "db.damaged-1") == before);
    check_sound(folder / "db", kept);
  }
}

TEST_CASE("what leads to all of a table cannot be read: the other tables are there") {
  const Folder folder;
  fill(folder / "db");
  overwrite_page(folder / "db", pages_of(folder / "db", "sub").front(), '\0');
  const Kept kept = reload(folder / "db");
  CHECK(kept.subscriptions.empty());
  CHECK(kept.sessions.size() == 300);
  CHECK(kept.deliveries.size() == kDeliveries);
  check_sound(folder / "db", kept);
}

TEST_CASE("seed and format cannot be read: the rest is there") {
  const Folder folder;
  fill(folder / "db");
  overwrite_page(folder / "db", pages_of(folder / "db", "meta").front(), '\xFF');
  const auto database = open(folder / "db");
  CHECK(has(database->take_moved(), "was damaged"));
  CHECK(load(*database).deliveries.size() == kDeliveries);
}

TEST_CASE("an index that cannot be read is found when it is written to, and the round is there all the same") {
  const Folder folder;
  fill(folder / "db");
  for (const auto page : pages_of(folder / "db", "sqlite_autoindex_session_1")) {
    overwrite_page(folder / "db", page, '\xFF');
  }
  {
    const auto database = open(folder / "db");
    CHECK(load(*database).loaded.left_out == 0);
    CHECK(database->take_moved().empty());
    Part part;
    part.sessions.push_back(session(500));
    commit(*database, std::move(part));
    CHECK(has(database->take_moved(), "was damaged"));
  }
  const Kept kept = reload(folder / "db");
  CHECK(kept.sessions.size() == 301);
  check_sound(folder / "db", kept);
}

TEST_CASE("of a file that ends in the middle, what is before is read") {
  const Folder folder;
  fill(folder / "db");
  const std::string whole = contents(folder / "db");
  for (const std::size_t tenth : {9u, 7u, 5u, 3u, 1u}) {
    CAPTURE(tenth);
    std::filesystem::remove_all(folder / "db.damaged-1");
    write(folder / "db", whole.substr(0, whole.size() * tenth / 10));
    const Kept kept = reload(folder / "db");
    CHECK(kept.loaded.left_out > 0);
    check_sound(folder / "db", kept);
  }
}

TEST_CASE("whatever bytes are flipped, loading goes on, and the file is sound afterwards") {
  Random random(test_seed());
  const Folder folder;
  fill(folder / "whole");
  const std::string whole = contents(folder / "whole");
  for (int run = 0; run < 40; ++run) {
    std::string bytes = whole;
    // From the third page on: without its tables' list it is no database. Mostly where a page has its head.
    for (auto left = random.between(1, 30); left > 0; --left) {
      const std::size_t page = random.between(2, bytes.size() / kPage - 1);
      const std::size_t at = page * kPage + random.below(random.one_in(2) ? 40 : kPage);
      bytes[at] = static_cast<char>(random.next());
    }
    const std::filesystem::path file = folder / ("db" + std::to_string(run));
    write(file, bytes);
    CAPTURE(run);
    Kept kept;
    {
      const auto database = open(file);
      kept = load(*database);
      Part part;  // touches every table, and so the damage that loading does not see
      part.sessions.push_back(session(700));
      part.deliveries = deliveries(delivery(9'000, 700, message("new")));
      commit(*database, std::move(part));
      CHECK(load(*database).deliveries.size() == kept.deliveries.size() + 1);
    }
    CHECK(reload(file).sessions.size() == kept.sessions.size() + 1);
  }
}

TEST_CASE("of a log that ends in the middle of a round, the rounds before are there") {
  const Folder folder;
  std::string file, log;
  {
    const auto database = open(folder / "db");
    for (std::uint64_t round = 1; round <= 50; ++round) {
      Part part;
      part.sessions.push_back(session(round));
      commit(*database, std::move(part));
    }
    file = contents(folder / "db");
    log = contents(folder / "db-wal");
  }
  std::size_t before = 51;
  for (std::size_t size = log.size() - 1; size > log.size() / 2; size -= 3'001) {
    write(folder / "torn", file);
    write(folder / "torn-wal", log.substr(0, size) + std::string(2'000, 'g'));
    const Kept kept = reload(folder / "torn");
    CHECK(kept.sessions.size() < 50);
    CHECK(kept.sessions.size() >= 10);
    CHECK(kept.sessions.size() <= before);
    CHECK(kept.sessions.back().id.value == kept.sessions.size());
    before = kept.sessions.size();
  }
}

TEST_CASE("what belongs to nothing is left out once, and is gone then") {
  const Folder folder;
  fill(folder / "db");
  sql(folder / "db", "DELETE FROM session WHERE sid = 5; DELETE FROM msg WHERE id = 17; DELETE FROM q WHERE g = 20");
  const Kept kept = reload(folder / "db");
  CHECK(kept.sessions.size() == 299);
  CHECK(kept.subscriptions.size() == 299);
  CHECK(kept.receipts.size() == 2'990);
  CHECK(kept.deliveries.size() == kDeliveries - 10 - 2 - 1);
  CHECK(kept.loaded.left_out == 1 + 10 + 10 + 2);
  check_sound(folder / "db", kept);
}

TEST_CASE("records that make no sense are left out, and the rest is there") {
  const Folder folder;
  fill(folder / "db");
  sql(folder / "db",
      "UPDATE msg SET facts = x'03' WHERE id = 1; UPDATE msg SET topic = 'a/#' WHERE id = 2;"
      "UPDATE q SET st = -1 WHERE g = 7; UPDATE q SET share = '$share//' WHERE g = 9;"
      "UPDATE q SET facts = x'03' WHERE g = 2001; UPDATE q SET topic = 'a/#' WHERE g = 2002;"
      "UPDATE q SET st = -1 WHERE g = 2003; UPDATE q SET facts = NULL WHERE g = 2004;"
      "UPDATE session SET will = x'00' WHERE sid = 9; UPDATE sub SET filter = '#/a' WHERE sid = 9;"
      "UPDATE retained SET topic = NULL WHERE slot = 9; UPDATE session SET gone_at = 1 << 62");
  const Kept kept = reload(folder / "db");
  CHECK(kept.sessions.size() == 300);
  CHECK(kept.subscriptions.size() == 299);
  CHECK(kept.slots.size() == 299);
  CHECK(kept.deliveries.size() == kDeliveries - 4 - 2 - 4);
  CHECK(kept.loaded.left_out == 2 + 4 + 2 + 4 + 3);
}

TEST_CASE("numbers go on behind the greatest of the file, even of what is left out") {
  const Folder folder;
  fill(folder / "db");
  sql(folder / "db", "INSERT INTO q VALUES(90000, 4000, 80000, 0, NULL, NULL, NULL, NULL, NULL)");
  const auto database = open(folder / "db");
  const Kept kept = load(*database);
  CHECK(kept.loaded.last_row == 90'000);
  CHECK(kept.loaded.last_session == 4'000);
}

TEST_CASE("a row that says that it is longer than SQLite takes is left out, at the start and in a copy") {
  for (const char* name : {"retained", "msg", "q"}) {
    CAPTURE(std::string(name));
    const Folder folder;
    fill(folder / "db");
    make_row_huge(folder / "db", pages_of(folder / "db", name).back());
    Kept kept;
    {
      const auto database = open(folder / "db");
      kept = load(*database);
      CHECK(has(database->take_moved(), (folder / "db.damaged-1").string()));
    }
    CHECK(kept.loaded.left_out > 0);
    CHECK(kept.sessions.size() == 300);
    CHECK(kept.deliveries.size() > kDeliveries / 2);
    check_sound(folder / "db", kept);
  }
}

}  // namespace bramble::testing
