#include "broker/log/log_file.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <climits>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "broker/config/file_remedy.h"

namespace bramble::log {

namespace {

/// So much of it as goes in one write: of a pipe, what it takes without waiting when it takes anything.
std::string_view first_part(int descriptor, std::string_view text) {
  struct stat file {};
  if (text.size() <= PIPE_BUF || (::fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode))) return text;
  const auto line_end = text.substr(0, PIPE_BUF).rfind('\n');
  return text.substr(0, line_end == std::string_view::npos ? PIPE_BUF : line_end + 1);
}

}  // namespace

std::string_view write_all(int descriptor, std::string_view text, Milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!text.empty()) {
    const auto left = std::chrono::duration_cast<Milliseconds>(until - std::chrono::steady_clock::now());
    pollfd wait{descriptor, POLLOUT, 0};
    if (::poll(&wait, 1, static_cast<int>(std::max(left, Milliseconds(0)).count())) == 0) break;
    const std::string_view part = first_part(descriptor, text);
    const ssize_t written = ::write(descriptor, part.data(), part.size());
    if (written < 0 && errno != EINTR) break;  // nowhere is left to say so
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return text;
}

int without_waiting(int stream) {
  if (::isatty(stream) == 0) return stream;
  const std::string itself = "/proc/self/fd/" + std::to_string(stream);
  const int own = ::open(itself.c_str(), O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  return own < 0 ? stream : own;
}

OrMessage<LogFile> LogFile::open(std::string at, std::string path) {
  // O_NONBLOCK: a pipe that nobody reads must not hold up the start, nor the end
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (descriptor < 0) {
    const int error = errno;
    return tl::unexpected(fmt::format("{}cannot open {}: {}; {}", at, path, std::generic_category().message(error),
                                      write_remedy(path, error)));
  }
  return LogFile(std::move(at), std::move(path), descriptor);
}

LogFile::~LogFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace bramble::log
