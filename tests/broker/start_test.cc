// The start and the end of the real binary: what it says, its exit status, what it leaves behind.
#include <algorithm>
#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <filesystem>
#include <list>
#include <pwd.h>
#include <signal.h>
#include <string>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

#include "tests/broker/broker_process.h"
#include "tests/support/packets.h"
#include "tests/support/raw_client.h"

namespace bramble::testing {
namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

}  // namespace

TEST_CASE("a start that fails ends with status 1 and one line: where the option stood, what is wrong, what to do") {
  const StartFolder folder;
  const auto check = [&](const std::string& option, const std::string& line) {
    const Refused start = refused(folder, kNoWishes + option + "\n");
    CHECK(start.status == 1);
    CHECK(start.line == "Error: my.conf:3: " + line + "\n");
  };
  check("log_dest file /nonexistent/a/b.log",
        "log_dest: cannot open /nonexistent/a/b.log: No such file or directory; create the folder /nonexistent/a");
  check("log_dest file " + folder / "", "log_dest: cannot open " + folder / "" + ": Is a directory; name a file in it");
  check("pid_file /nonexistent/b.pid",
        "pid_file: cannot write /nonexistent/b.pid: No such file or directory; create the folder /nonexistent");
  check("pid_file " + folder / "", "pid_file: cannot write " + folder / "" + ": Is a directory; name a file in it");
  // By a link: should a fault remove it, the device stays.
  std::filesystem::create_symlink("/dev/full", folder / "full");
  check("pid_file full", "pid_file: cannot write full: No space left on device; name another path");
  CHECK(std::filesystem::is_symlink(folder / "full"));
  check("listener 1883 192.0.2.300",
        "Cannot listen on 192.0.2.300: Name or service not known; give an address or name of "
        "this machine");
}

TEST_CASE("a port in use is told with the listener that wanted it") {
  const int taken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(taken, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(taken, 1) == 0);
  REQUIRE(::getsockname(taken, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  const StartFolder folder;
  const std::string rest =
      " of 127.0.0.1: Address already in use; another program, or another listener of this file, "
      "has it; choose another port or stop it\n";

  const Refused start = refused(folder, "\nlistener " + port + " 127.0.0.1\n");
  CHECK(start.status == 1);
  CHECK(start.line == "Error: my.conf:2: Cannot listen on port " + port + rest);
  Process without_file(folder, {"-p", port});
  CHECK(without_file.status() == 1);
  CHECK(without_file.said() == "Error: -p " + port + ": Cannot listen on port " + port + rest);
  ::close(taken);
}

TEST_CASE("an account that does not exist is told with its line" * doctest::skip(!kIsRoot)) {
  const Refused start = refused(StartFolder(), "user no such account\n" + kNoWishes);
  CHECK(start.status == 1);
  CHECK(start.line == "Error: my.conf:1: user: there is no account no such account; create it, or name another\n");
}

TEST_CASE("user mosquitto without such an account is nobody, with a warning" *
          doctest::skip(!kIsRoot || ::getpwnam("mosquitto") || ::getpwnam("bramble"))) {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "user mosquitto\n");
  Process broker(folder, {"-c", "my.conf"});
  REQUIRE(broker.says("my.conf:3: user: there is no account mosquitto; runs as nobody instead"));
  broker.signal(SIGTERM);
  CHECK(broker.status() == 0);
}

TEST_CASE("an account that root cannot become is told with its line" * doctest::skip(!kIsRoot)) {
  const Refused start = refused(StartFolder(), kNoWishes + "user nobody\n", As::root_that_must_stay);
  CHECK(start.status == 1);
  CHECK(start.line ==
        "Error: my.conf:3: user: cannot become nobody: Operation not permitted; start as that account, or set user "
        "root\n");
}

TEST_CASE("a log file out of the account's reach is told with the account, also when root was given up" *
          doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  const std::string log = folder / "b.log";
  const std::string line = "log_dest: cannot open " + log + ": Permission denied; running as nobody: `touch " + log +
                           " && chown nobody " + log + "`, or name another path\n";
  for (const As as : {As::whoever_tests, As::nobody}) {
    const Refused start = refused(folder, kNoWishes + "user nobody\nlog_dest file " + log + "\n", as);
    CHECK(start.status == 1);
    CHECK(start.line == "Error: my.conf:4: " + line);
  }
}

TEST_CASE("a pid file out of the account's reach is told with the account" * doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  const std::string pid = folder / "b.pid";
  const Refused start = refused(folder, kNoWishes + "pid_file " + pid + "\n", As::nobody);
  CHECK(start.status == 1);
  CHECK(start.line == "Error: my.conf:3: pid_file: cannot write " + pid +
                          ": Permission denied; running as nobody: `touch " + pid + " && chown nobody " + pid +
                          "`, or name another path\n");
}

TEST_CASE("a wrong configuration ends with status 3, whoever reads it") {
  const StartFolder folder;
  const Refused start = refused(folder, "\nmax_qos 3\n");
  CHECK(start.status == 3);
  CHECK(start.line == "my.conf:2: max_qos: 3 is not a QoS: 0, 1 or 2\n");
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"-c", "none.conf"}, {"-c", "."}, {"-p", "x"}, {"-z"}}) {
    Process broker(folder, arguments);
    CHECK(broker.status() == 3);
    const std::string said = broker.said();
    CHECK(std::count(said.begin(), said.end(), '\n') == 1);
  }
}

TEST_CASE("a configuration that the account may not read is told with the account" * doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes);
  std::filesystem::permissions(folder / "my.conf", std::filesystem::perms::owner_all);
  Process broker(folder, {"-c", "my.conf"}, As::nobody);
  CHECK(broker.status() == 3);
  CHECK(broker.said() == "my.conf: cannot be read: Permission denied; running as nobody: let that account read it\n");
}

TEST_CASE("--test-config ends with status 0, says what a start would warn of, and what the configuration means") {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "durability commit\n");
  Process broker(folder, {"--test-config", "-c", "my.conf"});
  CHECK(broker.status() == 0);
  const std::string said = broker.said();
  CHECK(said.starts_with("my.conf:3: durability: has no effect without `persistence true`: nothing is kept\n"));
  CHECK(said.find("\n\nport 0 of 127.0.0.1 (my.conf:1)\n") != std::string::npos);
  CHECK(said.find("this machine only") != std::string::npos);
}

TEST_CASE("a start without configuration says where it listens, with how many reactors, and what to try") {
  const StartFolder folder;
  Process broker(folder, {"-p", "0"});
  REQUIRE(broker.says("mosquitto_pub"));
  const std::string said = broker.said();
  CHECK(said.find(" reactor") != std::string::npos);
  const std::string port = std::to_string(broker.port());
  CHECK(said.find("mosquitto_sub -p " + port + " -t '#' -v\n") != std::string::npos);
  CHECK(broker.says("mosquitto_pub -p " + port + " -t hello -m world\n"));
  broker.signal(SIGTERM);
  CHECK(broker.status() == 0);
}

TEST_CASE("a limit of open files that is low for the clients allowed is told at the start") {
  const StartFolder folder;
  const std::string told = "Only 64 files may be open, enough for some 32 clients. For more raise the hard limit";
  for (const bool enough : {true, false}) {
    folder.write("my.conf", kNoWishes + "max_connections " + (enough ? "32" : "33") + "\n");
    Process broker(folder, {"-c", "my.conf"}, As::one_with_few_files);
    REQUIRE(broker.says("listens on"));
    CHECK((broker.said().find(told) == std::string::npos) == enough);
    broker.signal(SIGTERM);
    CHECK(broker.status() == 0);
  }
}

// UBSan itself opens a pipe to see whether an object is one, and takes a failure for a no.
TEST_CASE("who comes when all files are open waits until one is closed, and the cure is told" *
          doctest::skip(kSanitized)) {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "threads 1\n");
  Process broker(folder, {"-c", "my.conf"}, As::one_with_few_files);
  REQUIRE(broker.says(" reactor"));
  std::list<RawClient> clients;
  for (rlim_t i = 0; i < kFewFiles; ++i) {
    clients.emplace_back(broker.port());
    clients.back().send(encode({.client_id = "client-" + std::to_string(i)}));
  }
  REQUIRE(broker.says("Cannot accept a connection: Too many open files. Raise the limit of open files (ulimit -n)."));
  clients.front().await(mqtt::PacketType::connack);
  clients.front().ping();
  for (rlim_t i = 0; i < kFewFiles / 2; ++i) clients.pop_front();
  for (RawClient& client : clients) client.await(mqtt::PacketType::connack);
  broker.signal(SIGTERM);
  CHECK(broker.status() == 0);
}

TEST_CASE("SIGTERM and SIGINT end with status 0, and the pid file goes") {
  for (const int signal : {SIGTERM, SIGINT}) {
    const StartFolder folder;
    folder.write("my.conf", kNoWishes + "pid_file b.pid\n" + (kIsRoot ? "user root\n" : ""));
    Process broker(folder, {"-c", "my.conf"});
    REQUIRE(broker.says(" listens on "));
    CHECK_FALSE(contents(folder / "b.pid").empty());
    broker.signal(signal);
    CHECK(broker.status() == 0);
    CHECK_FALSE(std::filesystem::exists(folder / "b.pid"));
  }
}

TEST_CASE("a pid file that cannot be removed, since root was given up, is emptied" * doctest::skip(!kIsRoot)) {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "user nobody\npid_file b.pid\n");
  Process broker(folder, {"-c", "my.conf"});
  REQUIRE(broker.says(" listens on "));
  CHECK_FALSE(contents(folder / "b.pid").empty());
  broker.signal(SIGTERM);
  CHECK(broker.status() == 0);
  CHECK(std::filesystem::exists(folder / "b.pid"));
  CHECK(contents(folder / "b.pid").empty());
}

TEST_CASE("a start that fails leaves no pid file behind") {
  const StartFolder folder;
  CHECK(
      refused(folder, kNoWishes + "pid_file b.pid\nlog_dest file /nonexistent/b.log\n" + (kIsRoot ? "user root\n" : ""))
          .status == 1);
  CHECK_FALSE(std::filesystem::exists(folder / "b.pid"));
}

TEST_CASE("-d ends with status 0 once the broker has started") {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "pid_file b.pid\n" + (kIsRoot ? "user root\n" : ""));
  Process parent(folder, {"-d", "-c", "my.conf"});
  CHECK(parent.status() == 0);
  const pid_t broker = std::stoi(contents(folder / "b.pid"));
  const int end = static_cast<int>(::syscall(SYS_pidfd_open, broker, 0));
  REQUIRE(end >= 0);
  ::kill(broker, SIGTERM);
  CHECK(ready(end));
  ::close(end);
  CHECK_FALSE(std::filesystem::exists(folder / "b.pid"));
}

TEST_CASE("-d ends with status 1 and the reason if the broker does not start") {
  const StartFolder folder;
  folder.write("my.conf", kNoWishes + "log_dest file /nonexistent/b.log\n");
  Process parent(folder, {"-d", "-c", "my.conf"});
  CHECK(parent.status() == 1);
  CHECK(parent.said().starts_with("Error: my.conf:3: log_dest: cannot open /nonexistent/b.log"));
}

}  // namespace bramble::testing
