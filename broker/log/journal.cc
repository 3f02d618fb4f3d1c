#include "broker/log/journal.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <system_error>
#include <unistd.h>

namespace bramble::log {

namespace {

constexpr const char* kSocket = "/run/systemd/journal/socket";

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// With its length, so that the value may be any bytes.
void append_field(std::string& to, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  (to += name) += '\n';
  for (unsigned byte = 0; byte < 8; ++byte) to += static_cast<char>(value.size() >> (8 * byte) & 0xFF);
  (to += value) += '\n';
}

std::string datagram(int priority, std::string_view message, const Subject& subject) {
  std::string all;
  append_field(all, "PRIORITY", std::to_string(priority));
  append_field(all, "SYSLOG_IDENTIFIER", "bramble");
  append_field(all, "MESSAGE", message);
  append_field(all, "BRAMBLE_CLIENT_ID", subject.client_id);
  append_field(all, "BRAMBLE_USER", subject.user);
  append_field(all, "BRAMBLE_ADDRESS", subject.address);
  append_field(all, "BRAMBLE_LISTENER", subject.listener);
  append_field(all, "BRAMBLE_REASON", subject.reason);
  if (subject.reason_code) append_field(all, "BRAMBLE_REASON_CODE", std::to_string(*subject.reason_code));
  return all;
}

}  // namespace

OrMessage<Journal> Journal::open(const std::string& at) {
  const char* const other = std::getenv("BRAMBLE_JOURNAL_SOCKET");
  std::string path = other ? other : kSocket;
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int probe = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  const bool there = ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  ::close(probe);
  Journal journal(path, socket);
  if (!there) {
    return tl::unexpected(
        fmt::format("{}no journal takes lines at {}: {}; systemd-journald does not run here: "
                    "log to stderr, syslog or a file",
                    at, path, std::generic_category().message(error)));
  }
  const timeval second{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
  return journal;
}

Journal::~Journal() {
  if (socket_ >= 0) ::close(socket_);
}

bool Journal::send(std::string_view datagram) {
  const sockaddr_un address = address_of(path_);  // each time: a journal that begins anew has another socket there
  while (true) {
    const int flags = MSG_NOSIGNAL | (lost_ != 0 ? MSG_DONTWAIT : 0);
    if (::sendto(socket_, datagram.data(), datagram.size(), flags, reinterpret_cast<const sockaddr*>(&address),
                 sizeof address) >= 0) {
      return true;
    }
    if (errno != EINTR) return false;
  }
}

void Journal::write(int priority, const Record& record) {
  if (lost_ != 0) {
    const std::string sentence = fmt::format("{} log lines were lost: the journal took none", lost_);
    if (send(datagram(LOG_WARNING, sentence, {}))) lost_ = 0;
  }
  if (lost_ != 0 || !send(datagram(priority, text_of(record), record.subject))) ++lost_;
}

}  // namespace bramble::log
