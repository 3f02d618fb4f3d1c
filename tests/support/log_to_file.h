#pragma once

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "broker/log.h"

namespace bramble::testing {

/// A log file of its own; the log is closed and the file gone at the end of the test.  Threads: the test's own.
class LogToFile {
 public:
  LogToFile() {
    const int descriptor = mkstemp(path_.data());
    REQUIRE(descriptor >= 0);
    ::close(descriptor);
    options.log_dest = {"file " + path_};
    options.log_timestamp = false;
  }
  LogToFile(const LogToFile&) = delete;
  ~LogToFile() {
    log::close();
    log::set_topic_sink({});
    std::filesystem::remove(path_);
  }

  void open() { REQUIRE(log::open(config).has_value()); }
  /// All that was written; closes the log, which writes out what is queued.
  std::vector<std::string> lines() {
    log::close();
    std::ifstream file(path_);
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }
  const std::string& path() const { return path_; }

  Config config;
  BrokerOptions& options = config.broker;

 private:
  std::string path_ = (std::filesystem::temp_directory_path() / "bramble-log-XXXXXX").string();
};

using Lines = std::vector<std::string>;

/// Like `form`, where a 9 stands for any digit.
inline bool has_form(std::string_view text, std::string_view form) {
  return std::equal(text.begin(), text.end(), form.begin(), form.end(),
                    [](char is, char should) { return should == '9' ? is >= '0' && is <= '9' : is == should; });
}

}  // namespace bramble::testing
