#include "broker/file_watch.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <sys/inotify.h>
#include <unistd.h>

#include "broker/log.h"

namespace bramble {

namespace {

constexpr Milliseconds kQuietFor{1000};
constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB;

std::set<std::string> files_of(const Config& config) {
  std::set<std::string> files;
  for (const ListenerOptions& listener : config.listeners) {
    const TlsOptions& tls = listener.tls;
    for (const auto* list : {&tls.certfile, &tls.keyfile}) files.insert(list->begin(), list->end());
    for (const auto& path : {tls.cafile, tls.crlfile, tls.dhparamfile, listener.auth.password_file,
                             listener.auth.acl_file, listener.auth.psk_file}) {
      if (!path.empty()) files.insert(path);
    }
  }
  return files;
}

std::string folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path();
  return folder.empty() ? "." : folder;
}

}  // namespace

FileWatch::FileWatch() : descriptor_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {}
FileWatch::~FileWatch() { ::close(descriptor_); }

void FileWatch::look_at(const Config& config) {
  for (const auto& [watch, folder] : folders_) ::inotify_rm_watch(descriptor_, watch);
  folders_.clear();
  files_.clear();
  quiet_at_ = SteadyTime::max();
  if (!config.broker.watch_files) return;
  files_ = files_of(config);
  for (const std::string& file : files_) {
    const std::string folder = folder_of(file);
    const int watch = ::inotify_add_watch(descriptor_, folder.c_str(), kChanges);
    if (watch >= 0) {
      folders_[watch] = folder;
    } else {
      log::write(LogType::warning, "watch_files: {} cannot be watched: {}; SIGHUP reads its files again.", folder,
                 std::strerror(errno));
    }
  }
}

void FileWatch::take() {
  alignas(inotify_event) std::array<char, 16 * 1024> events;
  ssize_t size = 0;
  while ((size = ::read(descriptor_, events.data(), events.size())) > 0) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event{};
      std::memcpy(&event, events.data() + at, sizeof event);
      const std::string name = event.len != 0 ? events.data() + at + sizeof event : "";
      at += sizeof event + event.len;
      const auto folder = folders_.find(event.wd);
      if (folder == folders_.end()) continue;
      // a link to a folder that is swapped, as with mounted secrets, shows as another name
      const bool ours = std::ranges::any_of(files_, [&](const std::string& file) {
        return folder_of(file) == folder->second &&
               (std::filesystem::path(file).filename() == name || name.starts_with(".."));
      });
      if (ours) quiet_at_ = std::chrono::steady_clock::now() + kQuietFor;
    }
  }
}

int FileWatch::wait_for_ms() const {
  if (quiet_at_ == SteadyTime::max()) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(quiet_at_ - std::chrono::steady_clock::now());
  return static_cast<int>(std::max(left, Milliseconds(0)).count());
}

bool FileWatch::due() {
  if (std::chrono::steady_clock::now() < quiet_at_) return false;
  quiet_at_ = SteadyTime::max();
  return true;
}

}  // namespace bramble
