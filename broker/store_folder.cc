#include "broker/store_folder.h"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/config/file_remedy.h"
#include "broker/store/database_file.h"
#include "broker/store/mosquitto_chunks.h"

namespace bramble {

namespace {

constexpr ::mode_t kMode = 0700;

/// Without the slashes at its end. Empty: the one that the broker is started in.
std::string folder_of(const Config& config) {
  std::string path = config.store.persistence_location;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

Obstacle wrong(const Config& config, const char* what, const std::string& path, int error) {
  if (error == 0) return {};
  return {error, fmt::format("{}cannot {} {}: {}; {}", config.at("persistence_location"), what, path,
                             std::generic_category().message(error), folder_remedy(path, error))};
}

/// Nobody has named it, so its owner is not the one to change.
Obstacle wrong_here(const Config& config, int error) {
  if (error == 0) return {};
  std::error_code unknown;
  return {
      error,
      fmt::format(
          "{}cannot write to {}, the folder that the broker is started in: {}; name another with persistence_location",
          config.at("persistence"), std::filesystem::current_path(unknown).string(),
          std::generic_category().message(error))};
}

/// An errno; 0: it is made. What somebody has put in its place since is not given away.
int make(const std::string& path, const std::optional<Account>& account) {
  if (::mkdir(path.c_str(), kMode) != 0) return errno;
  sync_folder(path);
  if (!account) return 0;
  const int made = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (made < 0) return errno;
  struct stat status {};
  const bool ours = ::fstat(made, &status) == 0 && status.st_uid == ::geteuid();
  const int error = !ours ? EEXIST : ::fchown(made, account->id, account->group) == 0 ? 0 : errno;
  ::close(made);
  return error;
}

/// An errno; 0: a file there, if there is one, can be written.
int why_not_writable(const std::string& file) {
  return ::access(file.c_str(), W_OK) == 0 || errno == ENOENT ? 0 : errno;
}

bool is_there(const std::string& folder) {
  struct stat status {};
  return ::stat(folder.c_str(), &status) == 0;
}

int why_no_folder_in(const std::string& outer) {
  struct stat status {};
  if (::stat(outer.c_str(), &status) != 0) return errno;
  if (!S_ISDIR(status.st_mode)) return ENOTDIR;
  return ::access(outer.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
}

/// Names that the store itself gives to its files, and what it makes of them.
constexpr std::string_view kOwnNames = "bramble.db";

/// Their database under one of our names would be moved aside or removed.
Obstacle why_not_mosquittos(const Config& config, const std::string& folder) {
  if (config.store.persistence_file.starts_with(kOwnNames)) {
    return {EEXIST, fmt::format("{}Bramble gives names that begin with {} to its own files, and {} is one; rename "
                                "Mosquitto's database, and name it so",
                                config.at("persistence_file"), kOwnNames, config.store.persistence_file)};
  }
  const std::string file = folder + "/" + std::string(kOwnNames);
  std::string begin(mosquitto::kMagic.size(), '\0');
  std::ifstream in(file, std::ios::binary);
  if (!in.read(begin.data(), static_cast<std::streamsize>(begin.size())) || begin != mosquitto::kMagic) return {};
  return {EEXIST, fmt::format("{}{} is a database of Mosquitto: rename it, to mosquitto.db for example, and name it in "
                              "persistence_file: it is taken over then",
                              config.at("persistence_location"), file)};
}

int why_no_store_in(const std::string& folder) {
  if (const int error = why_no_folder_in(folder)) return error;
  for (const char* const file : {"/bramble.db", "/bramble.db-wal"}) {
    if (const int error = why_not_writable(folder + file)) return error;
  }
  return 0;
}

}  // namespace

OrMessage<bool> make_store_folder(const Config& config, const std::optional<Account>& account) {
  const std::string path = folder_of(config);
  if (config.store.promise() == Promise::nothing || path.empty() || is_there(path)) return false;
  if (Obstacle obstacle = wrong(config, "make", path, make(path, account)); obstacle.error != 0) {
    return tl::unexpected(std::move(obstacle.line));
  }
  return true;
}

Obstacle why_no_store_folder(const Config& config) {
  const std::string path = folder_of(config);
  if (config.store.promise() == Promise::nothing || path.empty() || is_there(path)) return {};
  const std::string outer = std::filesystem::path(path).parent_path();
  return wrong(config, "make", path, why_no_folder_in(outer.empty() ? "." : outer));
}

Obstacle why_no_store(const Config& config) {
  if (config.store.promise() == Promise::nothing) return {};
  const std::string path = folder_of(config);
  const int error = why_no_store_in(path.empty() ? "." : path);
  if (error == 0) {
    if (Obstacle obstacle = why_not_mosquittos(config, path.empty() ? "." : path); obstacle.error != 0) return obstacle;
  }
  return path.empty() ? wrong_here(config, error) : wrong(config, "write to", path, error);
}

}  // namespace bramble
