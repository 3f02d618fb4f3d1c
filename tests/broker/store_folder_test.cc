// Where the store lies, as the real binary sees to it at its start.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <pwd.h>
#include <signal.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/broker/broker_process.h"

namespace bramble::testing {
namespace {

void check_tested(const StartFolder& folder, const std::string& line) {
  Process tested(folder, {"--test-config", "-c", "my.conf"});
  CHECK(tested.status() == 3);
  CHECK(tested.said() == line + "\n");
}

/// --test-config says what a start does; but nobody's account alone says nothing about who will start it.
void check_refused(const StartFolder& folder, const std::string& config, const std::string& line,
                   As as = As::whoever_tests) {
  folder.write("my.conf", config);
  if (as != As::nobody) check_tested(folder, line);
  const Refused start = refused(folder, config, as);
  CHECK(start.status == 1);
  CHECK(start.line == "Error: " + line + "\n");
}
}  // namespace

TEST_CASE("persistence_location is made if it is not there, for the account that the broker runs as, and nobody else") {
  const StartFolder folder;
  const auto account = kIsRoot ? ::getpwnam("nobody")->pw_uid : ::geteuid();
  folder.write("my.conf", kNoWishes + "user nobody\npersistence true\npersistence_location store/\n");
  for (const bool first : {true, false}) {
    Process broker(folder, {"-c", "my.conf"});
    REQUIRE(broker.says("store/bramble.db: 0 sessions"));
    CHECK((broker.said().find("store/: made, for bramble.db.") != std::string::npos) == first);
    broker.signal(SIGTERM);
    CHECK(broker.status() == 0);
  }
  struct stat store {};
  REQUIRE(::stat((folder / "store").c_str(), &store) == 0);
  CHECK(store.st_uid == account);
  CHECK((store.st_mode & 07777) == 0700);
}

TEST_CASE("who has given up root keeps its store where it was started, also if it cannot come there from /" *
          doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "user nobody\npersistence true\npersistence_location store\n");
  folder.bar_the_way();
  Process broker(folder, {"-c", "my.conf"});
  REQUIRE(broker.says("listens on"));
  broker.signal(SIGTERM);
  CHECK(broker.status() == 0);
  CHECK(std::filesystem::file_size(folder / "store/bramble.db") > 0);
}

TEST_CASE("a folder in which no store can be kept is told with the line of persistence_location, and what to do") {
  const StartFolder folder;
  const auto check = [&](const std::string& location, const std::string& line) {
    check_refused(folder, kNoWishes + "persistence true\npersistence_location " + location + "\n",
                  "my.conf:4: persistence_location: cannot " + line);
  };
  check("none/store", "make none/store: No such file or directory; create the folder none");
  check("my.conf/store", "make my.conf/store: Not a directory; name another folder");
  check("my.conf", "write to my.conf: Not a directory; name another folder");
}

TEST_CASE("a folder out of the account's reach, for a store, is told with the account" * doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  const std::string store = folder / "store";
  const std::string here = std::filesystem::path(store).parent_path();
  const auto check = [&](const std::string& what, const std::string& remedy, As as = As::whoever_tests) {
    check_refused(folder, kNoWishes + "user nobody\npersistence true\npersistence_location " + store + "\n",
                  "my.conf:5: persistence_location: cannot " + what + " " + store +
                      ": Permission denied; running as nobody" + remedy + ", or name another folder",
                  as);
  };
  const std::string own = ": `chown -R nobody " + store + "`";
  check("make", ": as root `mkdir " + store + " && chown nobody " + store + "`", As::nobody);
  std::filesystem::create_directory(store);
  check("write to", own);
  REQUIRE(::chown(store.c_str(), ::getpwnam("nobody")->pw_uid, 0) == 0);
  std::ofstream(store + "/bramble.db").close();
  std::filesystem::permissions(store + "/bramble.db", std::filesystem::perms::owner_all);
  check("write to", own);

  check_refused(folder, kNoWishes + "user nobody\npersistence true\n",
                "my.conf:4: persistence: cannot write to " + here +
                    ", the folder that the broker is started in: Permission denied; name another with "
                    "persistence_location");
}

TEST_CASE("a folder to which the account has no way is told as one" * doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  const std::string store = folder / "store";
  folder.bar_the_way();
  for (const bool is_there : {false, true}) {  // the first start makes it
    CHECK(std::filesystem::exists(store) == is_there);
    check_refused(folder, kNoWishes + "user nobody\npersistence true\npersistence_location " + store + "\n",
                  "my.conf:5: persistence_location: cannot write to " + store +
                      ": Permission denied; running as nobody, who has no way there: name another folder");
  }
}

TEST_CASE("--test-config looks for a folder of the store, and leaves it to the start to make it") {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "persistence true\npersistence_location store\n");
  Process tested(folder, {"--test-config", "-c", "my.conf"});
  CHECK(tested.status() == 0);
  CHECK_FALSE(std::filesystem::exists(folder / "store"));
}

TEST_CASE("a bramble.db that `durability none` does not use is told of, once, and left as it is") {
  const StartFolder folder;
  const std::string config = kNoWishes + "persistence true\n" + (kIsRoot ? "user root\n" : "");
  const auto said = [&](const std::string& more) {
    folder.write("my.conf", config + more);
    Process broker(folder, {"-c", "my.conf"});
    CHECK(broker.says("listens on"));
    broker.signal(SIGTERM);
    CHECK(broker.status() == 0);
    return broker.said();
  };
  const std::string line = "bramble.db is there and is not used (durability none)";
  CHECK(said("durability none\n").find(line) == std::string::npos);
  CHECK(said("").find(line) == std::string::npos);
  const std::string before = contents(folder / "bramble.db");
  CHECK(said("durability none\n").find(line) != std::string::npos);
  CHECK(contents(folder / "bramble.db") == before);
}

}  // namespace bramble::testing
