#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>
#include <vector>

namespace bramble::testing {

inline const bool kIsRoot = ::geteuid() == 0;
inline const std::string kNoWishes = "listener 0 127.0.0.1\nallow_anonymous true\n";

/// A folder that other accounts may read and not write, gone at the end of the test.
class StartFolder {
 public:
  StartFolder();
  StartFolder(const StartFolder&) = delete;
  ~StartFolder() { std::filesystem::remove_all(outer_); }

  /// From now on nobody else gets here from /.
  void bar_the_way() const;

  void write(const std::string& name, const std::string& text) const;
  std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path outer_, path_;
};

std::string contents(const std::string& path);
/// There is something to read, or its end; false: not within the time that a test waits for anything.
bool ready(int descriptor);

inline constexpr ::rlim_t kFewFiles = 64;
enum class As { whoever_tests, nobody, root_that_must_stay, one_with_few_files };

/// The broker, run in a folder; what it writes to stdout and stderr comes through a pipe. Ends with the object.
/// Threads: the test's own.
class Process {
 public:
  Process(const StartFolder& folder, std::vector<std::string> arguments, As as = As::whoever_tests);
  Process(const Process&) = delete;
  ~Process();

  /// Waits until it has said this; false if it ends before.
  bool says(const std::string& text);
  void signal(int number) const;
  /// Waits for its end. Its exit status, -1 if a signal ended it.
  int status();
  /// As it said.
  std::uint16_t port() const;
  /// All that it said, without the time that a line of the log begins with.
  std::string said() const;

 private:
  [[noreturn]] static void run(const StartFolder& folder, std::vector<std::string> arguments, int output, As as);
  bool read_more();

  ::pid_t pid_ = -1;
  int output_ = -1;
  std::string said_;
};

struct Refused {
  int status;
  std::string line;
};
/// A start with this configuration, my.conf, which must not go well.
Refused refused(const StartFolder& folder, const std::string& config, As as = As::whoever_tests);

}  // namespace bramble::testing
