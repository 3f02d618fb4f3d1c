#include "broker/log/log_file.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>

#include "broker/config/file_remedy.h"

namespace bramble::log {

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno != EINTR) return;  // nowhere is left to say so
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
}

OrMessage<LogFile> LogFile::open(std::string at, std::string path) {
  // O_NONBLOCK: a pipe that nobody reads must not hold up the start, nor the end
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
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
