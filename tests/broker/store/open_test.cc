#include <doctest/doctest.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/store/database.h"
#include "broker/store/database_check.h"
#include "broker/store/schema.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

using Lines = std::vector<std::string>;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Another process that does something with a file and then waits to be let go.
class OtherProcess {
 public:
  template <class Open>
  explicit OtherProcess(Open open) {
    REQUIRE(::pipe(ready_) == 0);
    REQUIRE(::pipe(done_) == 0);
    child_ = ::fork();
    if (child_ != 0) {
      char byte;
      REQUIRE(::read(ready_[0], &byte, 1) == 1);
      return;
    }
    const auto kept = open();
    char byte = kept ? 'y' : 'n';
    if (::write(ready_[1], &byte, 1) == 1 && ::read(done_[0], &byte, 1) == 1) ::_exit(0);
    ::_exit(1);
  }
  ~OtherProcess() {
    CHECK(::write(done_[1], "x", 1) == 1);
    int status = 0;
    CHECK(::waitpid(child_, &status, 0) == child_);
    for (const int end : {ready_[0], ready_[1], done_[0], done_[1]}) ::close(end);
  }

 private:
  int ready_[2], done_[2];
  pid_t child_;
};

}  // namespace

TEST_CASE("a database that another process has open is refused, until that one ends") {
  const Folder folder;
  {
    const OtherProcess other([&] { return Database::open(folder / "db").has_value(); });
  }
  {
    const OtherProcess other([&] { return std::move(Database::open(folder / "db")); });
    const std::string line = refused(folder / "db");
    CHECK(has(line, (folder / "db").string() + " is in use by another process (another bramble?)"));
    CHECK(has(check_database(folder / "db").error(), "in use"));
  }
  commit(*open(folder / "db"), {});
}

TEST_CASE("a database that sqlite3 is looking at is refused, and looked at it cannot be while it is open") {
  const Folder folder;
  open(folder / "db").reset();
  {
    const OtherProcess other([&] {
      sqlite3* handle = nullptr;
      sqlite3_open((folder / "db").c_str(), &handle);
      return sqlite3_exec(handle, "BEGIN; SELECT * FROM meta", nullptr, nullptr, nullptr) == SQLITE_OK;
    });
    CHECK(has(refused(folder / "db"), "in use"));
  }
  const auto database = open(folder / "db");
  bool locked = false;
  const OtherProcess other([&] {
    sqlite3* handle = nullptr;
    sqlite3_open((folder / "db").c_str(), &handle);
    locked = sqlite3_exec(handle, "SELECT * FROM meta", nullptr, nullptr, nullptr) == SQLITE_BUSY;
    if (!locked) ::_exit(1);  // so that REQUIRE of its byte fails
    return locked;
  });
}

TEST_CASE("a newer format is refused, with who wrote it, and is not touched") {
  const Folder folder;
  open(folder / "db").reset();
  sql(folder / "db", "PRAGMA user_version = 7; UPDATE meta SET v = '9.8.7' WHERE k = 'written_by'");
  sql(folder / "db", "PRAGMA wal_checkpoint(TRUNCATE)");
  const std::string before = contents(folder / "db");
  const std::string line = refused(folder / "db");
  CHECK(has(line, (folder / "db").string() + " has format 7, written by bramble 9.8.7"));
  CHECK(has(line, "formats up to 1"));
  CHECK(has(line, "start the newer one, or move the file away"));
  CHECK(contents(folder / "db") == before);
  CHECK(has(check_database(folder / "db").error(), "has format 7"));
}

TEST_CASE("another program's database is refused and not touched") {
  const Folder folder;
  sql(folder / "db", "CREATE TABLE songs(title)");
  const std::string before = contents(folder / "db");
  CHECK(has(refused(folder / "db"), "another program's database"));
  CHECK(contents(folder / "db") == before);
  CHECK_FALSE(std::filesystem::exists(folder / "db.damaged-1"));
}

TEST_CASE("what cannot be opened says why and what to do") {
  const Folder folder;
  CHECK(has(refused(folder / "none/db"), "create the folder " + (folder / "none").string()));
  std::filesystem::create_directory(folder / "sub");
  CHECK(has(refused(folder / "sub"), "cannot open"));
  std::filesystem::create_symlink("gone/db", folder / "link");
  CHECK(has(refused(folder / "link"),
            "it is a link to " + (folder / "gone/db").string() + ": create the folder " + (folder / "gone").string()));
  std::filesystem::create_directory(folder / "db-wal");
  CHECK(has(refused(folder / "db"), (folder / "db-wal").string() + " is no file"));
  CHECK(std::filesystem::is_directory(folder / "db-wal"));
}

TEST_CASE("an older format is taken up step by step, in one transaction") {
  const Folder folder;
  open(folder / "db").reset();
  const UpgradeStep steps[] = {
      {1, "not SQL, and not to be run again"},
      {2, "ALTER TABLE session ADD COLUMN colour; CREATE TABLE extra(x)"},
      {3, "INSERT INTO extra VALUES(3)"},
  };
  {
    SqlConnection connection(folder / "db", SqlConnection::Access::write);
    REQUIRE(set_up(connection));
    const Trouble trouble = upgrade(connection, 1, steps);
    CHECK(trouble.why.empty());
    CHECK(format_of(connection) == 3);
    CHECK(meta(connection, "format") == 3);
    CHECK(integer_of(connection, "SELECT x FROM extra") == 3);
    CHECK(integer_of(connection, "SELECT count(colour) FROM session", -1) == 0);
  }
  CHECK(has(refused(folder / "db"), "has format 3"));
}

TEST_CASE("an upgrade that fails leaves the file in the older format") {
  const Folder folder;
  open(folder / "db").reset();
  const UpgradeStep steps[] = {{2, "CREATE TABLE extra(x)"}, {3, "CREATE TABLE extra(y)"}};
  {
    SqlConnection connection(folder / "db", SqlConnection::Access::write);
    REQUIRE(set_up(connection));
    const Trouble trouble = upgrade(connection, 1, steps);
    CHECK(trouble);
    CHECK(has(trouble.why, "extra already exists"));
    CHECK_FALSE(connection.in_transaction());
  }
  CHECK(sql(folder / "db", "SELECT count(*) FROM sqlite_schema WHERE name = 'extra'") == Lines{"0"});
  open(folder / "db");
}

TEST_CASE("each step leads to a later format, and the last is what the file says") {
  const Folder folder;
  open(folder / "db").reset();
  std::int64_t before = 0;
  for (const UpgradeStep& step : upgrade_steps()) {
    CHECK(step.to > before);
    before = step.to;
  }
  CHECK(before == current_format());
  CHECK(sql(folder / "db", "PRAGMA user_version") == Lines{std::to_string(current_format())});
  CHECK(sql(folder / "db", "SELECT v FROM meta WHERE k = 'format'") == Lines{std::to_string(current_format())});
  CHECK(sql(folder / "db", "SELECT v FROM meta WHERE k = 'written_by'") == Lines{BRAMBLE_VERSION});
}

}  // namespace bramble::testing
