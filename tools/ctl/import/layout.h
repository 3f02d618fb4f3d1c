#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace bramble::ctl {

/// Where a file goes: what lies in the folder of the configuration to the same place below `to`, what lies elsewhere
/// under its own name, or with a number behind it if that is taken.
class Layout {
 public:
  /// `main_file`: the configuration, whose copy is to be TO/bramble.conf.
  Layout(const std::string& main_file, std::filesystem::path to);

  /// It is among what lies in the folder of the configuration, wherever that is.
  bool is_inside(const std::filesystem::path& path) const;
  /// Of the same path always the same.
  std::string target_of(const std::string& path, const std::string& folder_if_outside = {});

 private:
  std::filesystem::path from_;  // without links; empty: a folder of all programs (/etc), where nothing is ours
  std::filesystem::path to_;
  std::map<std::string, std::string> targets_;
  std::set<std::string> taken_;
};

/// Follows links for as long as they lead from one file in the folder to another. The first that is outside, or no
/// link.
std::filesystem::path first_outside(const Layout& layout, const std::string& path);

/// The service cannot look there (ProtectHome, PrivateTmp).
bool is_hidden_from_service(const std::filesystem::path& path);

/// From here: as it would be read by a program that is started in this folder.
std::string whole_path(const std::string& path);

}  // namespace bramble::ctl
