#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "broker/log/record.h"
#include "core/base/result.h"

namespace bramble::log {

/// The journal of systemd, by its own protocol: a datagram a line to /run/systemd/journal/socket, of fields with their
/// lengths (systemd.io/JOURNAL_NATIVE_PROTOCOL). That is all of it that is needed, so no library.
/// The environment's BRAMBLE_JOURNAL_SOCKET names another socket, for tests.
/// Threads: open() main, the rest the log's.  Errors: a journal that takes nothing for a second loses lines until it
/// does again, and is told then how many.
class Journal {
 public:
  /// `at`: how a message about it begins. Errors: nobody is there to take lines.
  static OrMessage<Journal> open(const std::string& at);
  Journal(Journal&& other) noexcept
      : path_(std::move(other.path_)), socket_(std::exchange(other.socket_, -1)), lost_(other.lost_) {}
  Journal& operator=(Journal&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(socket_, other.socket_);
    std::swap(lost_, other.lost_);
    return *this;
  }
  ~Journal();

  /// `priority`: syslog's.
  void write(int priority, const Record& record);

 private:
  Journal(std::string path, int socket) : path_(std::move(path)), socket_(socket) {}
  bool send(std::string_view datagram);

  std::string path_;
  int socket_;
  std::uint64_t lost_ = 0;  ///< since it took the last one
};

}  // namespace bramble::log
