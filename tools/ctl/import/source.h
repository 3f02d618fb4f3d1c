#pragma once

#include <string>
#include <vector>

#include "broker/config/config_file.h"

namespace bramble::ctl {

/// A file of Mosquitto's configuration.
struct SourceFile {
  std::string path;         ///< as lines of it are called
  std::string text;         ///< all of it, comments too
  std::string include_dir;  ///< the folder whose `include_dir` reads it; empty: it is the main file
};

/// Mosquitto's configuration, as Bramble reads it.
struct SourceConfig {
  std::vector<SourceFile> files;     ///< the main file first
  std::vector<ConfigLine> lines;     ///< what counts, in the order of its reading; without `include_dir`
  std::vector<ConfigLine> includes;  ///< the `include_dir` lines
};

/// Errors: a file that cannot be read, by name and by the line that asks for it.
OrMessage<SourceConfig> read_source(const std::string& path);

/// What is to stand in a copy in the place of a line of the configuration.
struct Change {
  enum class How : std::uint8_t {
    anew,      ///< the line is written anew
    replaced,  ///< it stays as a comment, with the reason; what it becomes stands below
    left_out,  ///< it stays as a comment, with the reason
    followed,  ///< it stays, and `becomes` stands below
  };
  How how;
  ConfigLine line;
  std::string becomes;  ///< "name value"
  std::string why;      ///< one line
};

/// The text of the copy: every line that no change is about is as it was, byte for byte.
std::string changed_text(const SourceFile& file, const std::vector<Change>& changes);

/// The lines as the copies have them. `anew` false: those that are only written anew are as they were, for what they
/// name is not there yet.
std::vector<ConfigLine> changed_lines(const std::vector<ConfigLine>& lines, const std::vector<Change>& changes,
                                      bool anew);

/// In the order in which the lines stand.
void sort(std::vector<Change>& changes, const SourceConfig& source);

}  // namespace bramble::ctl
