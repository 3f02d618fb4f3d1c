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
    const Refused start = refused(folder, kNoWishes + "persistence true\npersistence_location " + location + "\n");
    CHECK(start.status == 1);
    CHECK(start.line == "Error: my.conf:4: persistence_location: cannot " + line + "\n");
  };
  check("none/store", "make none/store: No such file or directory; create the folder none");
  check("my.conf/store", "make my.conf/store: Not a directory; name another folder");
  check("my.conf", "write to my.conf: Not a directory; name another folder");
}

TEST_CASE("a folder out of the account's reach, for a store, is told with the account" * doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  const std::string store = folder / "store";
  const auto check = [&](const std::string& more, const std::string& line, As as) {
    const Refused start = refused(folder, kNoWishes + "user nobody\npersistence true\n" + more, as);
    CHECK(start.status == 1);
    CHECK(start.line == "Error: my.conf:" + line + "\n");
  };
  const std::string named = "persistence_location " + store + "\n";
  const std::string at = "5: persistence_location: cannot ";
  check("",
        "4: persistence: cannot write to " + std::filesystem::path(store).parent_path().string() +
            ", the folder that the broker is started in: Permission denied; name another with persistence_location",
        As::whoever_tests);
  check(named,
        at + "make " + store + ": Permission denied; running as nobody: as root `mkdir " + store + " && chown nobody " +
            store + "`, or name another folder",
        As::nobody);
  std::filesystem::create_directory(store);
  check(named,
        at + "write to " + store + ": Permission denied; running as nobody: `chown -R nobody " + store +
            "`, or name another folder",
        As::whoever_tests);
  REQUIRE(::chown(store.c_str(), ::getpwnam("nobody")->pw_uid, 0) == 0);
  std::ofstream(store + "/bramble.db").close();
  std::filesystem::permissions(store + "/bramble.db", std::filesystem::perms::owner_all);
  check(named,
        at + "write to " + store + ": Permission denied; running as nobody: `chown -R nobody " + store +
            "`, or name another folder",
        As::whoever_tests);
  folder.bar_the_way();
  check(named,
        at + "write to " + store +
            ": Permission denied; running as nobody, who has no way there: name another "
            "folder",
        As::whoever_tests);
}

}  // namespace bramble::testing
