#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/base/result.h"
#include "core/base/time.h"

namespace bramble::log {

inline constexpr Milliseconds kPatience = Seconds(1);  ///< with a terminal or pipe that takes nothing

/// All of it, or as much as the descriptor takes before it fails, or within `patience`: whoever reads it may have
/// stopped. Gives what is left, which begins with a line if all lines are short.
std::string_view write_all(int descriptor, std::string_view text, Milliseconds patience = kPatience);

/// The descriptor to write to instead of a terminal's: a write there waits for who reads it, whatever poll says, and
/// whether it does is not for this process to change. The stream itself if it is no terminal, or not this account's.
int without_waiting(int stream);

/// An open log file; closed when it goes.  Threads: one at a time.
class LogFile {
 public:
  /// `at`: how a message about it begins.
  static OrMessage<LogFile> open(std::string at, std::string path);
  LogFile(LogFile&& other) noexcept
      : at_(std::move(other.at_)), path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}
  LogFile& operator=(LogFile&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~LogFile();

  int descriptor() const { return descriptor_; }
  OrMessage<LogFile> reopened() const { return open(at_, path_); }

 private:
  LogFile(std::string at, std::string path, int descriptor)
      : at_(std::move(at)), path_(std::move(path)), descriptor_(descriptor) {}

  std::string at_;
  std::string path_;
  int descriptor_;
};

}  // namespace bramble::log
