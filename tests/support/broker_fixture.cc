#include "tests/support/broker_fixture.h"

#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <exception>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <signal.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace bramble::testing {
namespace {

std::string binary() {
  const char* given = std::getenv("BRAMBLE_BIN");
  return given ? given : BRAMBLE_BINARY;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A port that was free a moment ago. Somebody else may take it first: then the start fails and another is tried.
std::uint16_t free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  ::bind(probe, reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(probe);
  return ntohs(address.sin_port);
}

bool accepts(std::uint16_t port) {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  const bool connected = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(probe);
  return connected;
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Waits until the process has ended, at most this long. The status stays for waitpid.
bool ended_within(pid_t pid, int milliseconds) {
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  pollfd ended{watch, POLLIN, 0};
  const bool yes = ::poll(&ended, 1, milliseconds) == 1;
  ::close(watch);
  return yes;
}

/// Every test can be run with the store, too: BRAMBLE_TEST_DURABILITY=commit, or interval. One that says itself where
/// its store lies has its own wishes.
std::string durability(const std::string& folder, const std::string& options) {
  const char* const wanted = std::getenv("BRAMBLE_TEST_DURABILITY");
  if (!wanted || options.find("persistence_location") != std::string::npos) return {};
  return "persistence true\npersistence_location " + folder + "\ndurability " + wanted + "\n";
}

[[noreturn]] void run(const std::string& path, const std::string& folder) {
  const int log = ::open((folder + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  ::execl(path.c_str(), path.c_str(), "-c", (folder + "/bramble.conf").c_str(), nullptr);
  ::_exit(127);
}

}  // namespace

Broker::Broker(const std::string& options, Where where) : options_(options) {
  std::string pattern = (std::filesystem::temp_directory_path() / "bramble-test-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  start(where);
}

Broker::~Broker() {
  if (pid_ > 0) {
    const int status = end_with(SIGTERM);
    if (status != 0) {
      std::fprintf(stderr, "the broker ended with wait status %d; its log:\n%s\n", status, log().c_str());
      if (std::uncaught_exceptions() == 0) std::abort();  // a destructor cannot fail a test, and none may pass now
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

bool Broker::is_bramble() const { return std::filesystem::path(binary()).filename() == "bramble"; }

void Broker::start(Where where) {
  for (int tries = 0; tries < 5; ++tries) {
    if (try_start()) return;
    port_ = 0;
  }
  fail_at(where, binary() + " does not start; its log:\n" + log());
}

void Broker::write_config() const {
  std::ofstream(folder_ + "/bramble.conf")
      << "log_dest stderr\n"
      << (::geteuid() == 0 ? "user root\n" : "")  // keep what LSan needs
      << "listener " << port_ << " 127.0.0.1\nallow_anonymous true\n"
      << (is_bramble() ? "threads 2\n" + durability(folder_, options_) : "") << options_ << "\n";
}

void Broker::reconfigure(const std::string& options, Where where) {
  options_ = options;
  write_config();
  ::kill(pid_, SIGHUP);
  wait_for_log("The configuration has been read again", ++reloads_, where);
}

void Broker::wait_for_log(const std::string& text, int count, Where where) const {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(3 * kPatienceMs);
  while (std::chrono::steady_clock::now() < until) {
    const std::string all = log();
    int found = 0;
    for (std::size_t at = all.find(text); at != std::string::npos; at = all.find(text, at + 1)) ++found;
    if (found >= count) return;
    ::usleep(2000);
  }
  fail_at(where, "the log does not say: " + text + "\n" + log());
}

bool Broker::try_start() {
  if (port_ == 0) port_ = free_port();
  write_config();
  const std::string path = binary();
  const std::size_t said_before = log().size();
  // Bramble says it when all its listeners are open; where it may not, and of another broker, the first has to do.
  const bool says_it = is_bramble() && options_.find("log_type error") == std::string::npos;
  const auto is_running = [&] {
    return (!says_it || log().find(" listens on ", said_before) != std::string::npos) && accepts(port_);
  };
  pid_ = ::fork();
  if (pid_ == 0) run(path, folder_);
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(3 * kPatienceMs);
  while (std::chrono::steady_clock::now() < until) {
    if (ended_within(pid_, 5)) break;
    if (is_running()) return true;
  }
  end_with(SIGKILL);
  return false;
}

int Broker::end_with(int signal) {
  const pid_t pid = std::exchange(pid_, -1);
  ::kill(pid, signal);
  if (!ended_within(pid, 3 * kPatienceMs)) ::kill(pid, SIGKILL);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

void Broker::stop(Where where) {
  const int status = end_with(SIGTERM);
  if (status != 0) fail_at(where, "wait status " + std::to_string(status) + " at the end; the log:\n" + log());
}

void Broker::kill() { end_with(SIGKILL); }

void Broker::restart(Where where) {
  stop(where);
  start(where);
}

Stopped::Stopped(const Broker& broker) : pid_(broker.pid()) {
  ::kill(pid_, SIGSTOP);
  int status = 0;
  ::waitpid(pid_, &status, WUNTRACED);  // it takes a moment until every thread stands
  if (!WIFSTOPPED(status)) fail_at(Where::current(), "the broker has ended instead of standing still");
}

Stopped::~Stopped() { ::kill(pid_, SIGCONT); }

std::uint64_t Broker::rss_bytes() const {
  std::istringstream statm(contents("/proc/" + std::to_string(pid_) + "/statm"));
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

double Broker::cpu_seconds() const {
  const std::string stat = contents("/proc/" + std::to_string(pid_) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));  // the name before it may hold spaces
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::string Broker::log() const { return contents(folder_ + "/log"); }

Broker& shared_broker() {
  static Broker broker;
  return broker;
}

std::string unique_name(const std::string& stem) {
  static unsigned count = 0;
  return stem + std::to_string(++count);
}

}  // namespace bramble::testing
