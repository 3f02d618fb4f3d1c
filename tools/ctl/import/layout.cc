#include "tools/ctl/import/layout.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>
#include <system_error>
#include <utility>

namespace bramble::ctl {

namespace {

namespace fs = std::filesystem;

constexpr int kLinksMax = 40;
constexpr const char* kMainFile = "bramble.conf";
constexpr auto kOfAllPrograms = std::to_array<std::string_view>({"/", "/etc", "/usr/local/etc"});
constexpr auto kHidden = std::to_array<std::string_view>({"/home", "/root", "/run/user", "/tmp", "/var/tmp"});

/// Without links; as it is if it is not there.
fs::path real(const fs::path& path) {
  std::error_code error;
  fs::path found = fs::canonical(path, error);
  return error ? path : found;
}

/// The place of the file itself, which may be a link.
fs::path place_of(const std::string& path) {
  const fs::path whole = whole_path(path);
  return real(whole.parent_path()) / whole.filename();
}

bool is_below(const fs::path& path, const fs::path& folder) {
  const auto [end, rest] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end() && rest != path.end();
}

}  // namespace

std::string whole_path(const std::string& path) {
  std::error_code error;
  std::string whole = fs::absolute(path, error).lexically_normal().string();
  while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  return error ? path : whole;
}

Layout::Layout(const std::string& main_file, fs::path to) : to_(std::move(to)) {
  from_ = place_of(main_file).parent_path();
  if (std::ranges::find(kOfAllPrograms, from_.string()) != kOfAllPrograms.end()) from_.clear();
  targets_[place_of(main_file)] = (to_ / kMainFile).string();
  taken_.insert((to_ / kMainFile).string());
}

bool Layout::is_inside(const fs::path& path) const {
  return !from_.empty() && is_below(place_of(path.string()), from_);
}

std::string Layout::target_of(const std::string& path, const std::string& folder_if_outside) {
  const fs::path place = place_of(path);
  if (const auto known = targets_.find(place); known != targets_.end()) return known->second;
  const bool inside = is_inside(path);
  const fs::path wanted = inside ? to_ / place.lexically_relative(from_) : to_ / folder_if_outside / place.filename();
  std::string target = wanted.string();
  for (int number = 2; !taken_.insert(target).second; ++number) {
    target =
        (wanted.parent_path() / fmt::format("{}-{}{}", wanted.stem().string(), number, wanted.extension().string()))
            .string();
  }
  return targets_[place] = target;
}

fs::path first_outside(const Layout& layout, const std::string& path) {
  fs::path at = place_of(path);
  std::error_code error;
  for (int links = 0; links < kLinksMax && layout.is_inside(at) && fs::is_symlink(at, error); ++links) {
    at = place_of((at.parent_path() / fs::read_symlink(at, error)).string());
  }
  return at;
}

bool is_hidden_from_service(const fs::path& path) {
  return std::ranges::any_of(kHidden, [&](std::string_view folder) { return is_below(path, folder); });
}

}  // namespace bramble::ctl
