#pragma once

#include <map>
#include <set>
#include <string>

#include "broker/config/config.h"
#include "core/base/time.h"

namespace bramble {

/// With `watch_files true`: tells when a file that the configuration names has changed on disk, so that it is read
/// again as by SIGHUP. It waits until nothing has changed for a second: certificates and keys come in two files.
/// Files are watched by their folders, for most programs write a new file and rename it.  Threads: main.
class FileWatch {
 public:
  FileWatch();
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;

  /// Watches the files of this configuration, and no others.
  void look_at(const Config& config);
  int descriptor() const { return descriptor_; }
  void take();              ///< what the descriptor has to say
  int wait_for_ms() const;  ///< for due(); -1: nothing is waited for
  bool due();               ///< something has changed, a second ago; once

 private:
  const int descriptor_;
  std::map<int, std::string> folders_;  ///< by watch
  std::set<std::string> files_;
  SteadyTime quiet_at_ = SteadyTime::max();
};

}  // namespace bramble
