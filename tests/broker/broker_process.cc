#include "tests/broker/broker_process.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <utility>

#include "tests/support/raw_client.h"

namespace bramble::testing {

StartFolder::StartFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "bramble-start-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  outer_ = name;
  path_ = outer_ / "here";
  REQUIRE(::mkdir(path_.c_str(), 0755) == 0);
  REQUIRE(::chmod(outer_.c_str(), 0755) == 0);
}

void StartFolder::bar_the_way() const { REQUIRE(::chmod(outer_.c_str(), 0700) == 0); }

void StartFolder::write(const std::string& name, const std::string& text) const { std::ofstream(path_ / name) << text; }

std::string contents(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

bool ready(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, 3 * kPatienceMs) == 1;
}

Process::Process(const StartFolder& folder, std::vector<std::string> arguments, As as) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  pid_ = ::fork();
  if (pid_ == 0) run(folder, std::move(arguments), ends[1], as);
  ::close(ends[1]);
  output_ = ends[0];
}

Process::~Process() {
  if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
  ::close(output_);
}

bool Process::says(const std::string& text) {
  while (said_.find(text) == std::string::npos) {
    if (!read_more()) return false;
  }
  return true;
}

void Process::signal(int number) const { ::kill(pid_, number); }

int Process::status() {
  while (read_more()) {
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::uint16_t Process::port() const {
  const std::string before = "listens on 127.0.0.1:";
  const auto at = said_.find(before);
  REQUIRE(at != std::string::npos);
  return static_cast<std::uint16_t>(std::stoi(said_.substr(at + before.size())));
}

std::string Process::said() const {
  const auto time = said_.find(": Error: ");
  return time == std::string::npos ? said_ : said_.substr(time + 2);
}

void Process::run(const StartFolder& folder, std::vector<std::string> arguments, int output, As as) {
  ::setenv("ASAN_OPTIONS", "detect_leaks=0", 1);  // LeakSanitizer cannot look into a process that gave up root
  const int binary = ::open(BRAMBLE_BINARY, O_RDONLY | O_CLOEXEC);  // nobody may have no way to its folder
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  const passwd* const nobody = ::getpwnam("nobody");
  if (as == As::nobody && (::setgid(nobody->pw_gid) != 0 || ::setuid(nobody->pw_uid) != 0)) ::_exit(126);
  const rlimit few{kFewFiles, kFewFiles};
  if (as == As::one_with_few_files && ::setrlimit(RLIMIT_NOFILE, &few) != 0) ::_exit(126);
  if (as == As::root_that_must_stay && ::prctl(PR_CAPBSET_DROP, CAP_SETGID, 0, 0, 0) != 0) ::_exit(126);
  if (::chdir((folder / "").c_str()) != 0) ::_exit(126);
  arguments.insert(arguments.begin(), "bramble");
  std::vector<char*> words;
  for (std::string& word : arguments) words.push_back(word.data());
  words.push_back(nullptr);
  ::fexecve(binary, words.data(), environ);
  ::_exit(127);
}

bool Process::read_more() {
  char bytes[4096];
  if (!ready(output_)) return ::kill(pid_, SIGKILL), false;
  const ssize_t size = ::read(output_, bytes, sizeof bytes);
  if (size > 0) said_.append(bytes, static_cast<std::size_t>(size));
  return size > 0;
}

Refused refused(const StartFolder& folder, const std::string& config, As as) {
  folder.write("my.conf", config);
  Process broker(folder, {"-c", "my.conf"}, as);
  return {broker.status(), broker.said()};
}

}  // namespace bramble::testing
