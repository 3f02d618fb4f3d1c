#include "broker/config/config_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <iterator>
#include <poll.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/config/file_remedy.h"

namespace bramble {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr int kPatienceMs = 10'000;  // with who writes into a pipe
constexpr std::string_view kConf = ".conf";
constexpr std::size_t kFileBytesMax = 16 << 20;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

tl::unexpected<std::string> unreadable(int error) {
  return wrong(": cannot be read: " + std::generic_category().message(error) + "; " + read_remedy(error));
}

bool before(const std::string& left, const std::string& right) {
  const auto both = std::mismatch(left.begin(), left.end(), right.begin(), right.end());
  if (both.first == left.end() || both.second == right.end()) return left.size() < right.size();
  const auto l = static_cast<unsigned char>(*both.first);
  const auto r = static_cast<unsigned char>(*both.second);
  const int by_letter = std::toupper(l) - std::toupper(r);
  return by_letter != 0 ? by_letter < 0 : l < r;
}

/// Until the end, or one byte more than may be. Gives an errno; EAGAIN: nothing has come for kPatienceMs.
int read_all(int descriptor, std::string& text) {
  std::array<char, 16 << 10> part{};
  while (text.size() <= kFileBytesMax) {
    const ssize_t got = ::read(descriptor, part.data(), std::min(part.size(), kFileBytesMax + 1 - text.size()));
    if (got == 0) return 0;
    if (got > 0) {
      text.append(part.data(), static_cast<std::size_t>(got));
    } else if (errno == EAGAIN) {
      pollfd wait{descriptor, POLLIN, 0};
      if (::poll(&wait, 1, kPatienceMs) == 0) return EAGAIN;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

OrMessage<std::vector<std::string>> conf_files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(kConf) && name.size() > kConf.size()) names.push_back(name);
  }
  if (error)
    return wrong("folder " + folder + " cannot be read: " + error.message() + "; " + read_remedy(error.value()));
  std::ranges::sort(names, before);
  for (std::string& name : names) name = folder + "/" + name;
  return names;
}

OrMessage<std::string> read_text_file(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) return wrong(": cannot be read: it is a folder; name a file in it");
  // O_NONBLOCK: a pipe may be read, as `-c <(command)` makes one; but not one that nobody writes into
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return unreadable(errno);
  std::string text;
  const int error = read_all(descriptor, text);
  ::close(descriptor);
  if (error == EAGAIN || (text.empty() && std::filesystem::is_fifo(path, unknown))) {
    return wrong(": cannot be read: it is a pipe that nobody writes into; name a file");
  }
  if (error != 0) return unreadable(error);
  if (text.size() > kFileBytesMax) return wrong(": has more than 16 MiB; is it the right file?");
  if (const auto nul = text.find('\0'); nul != std::string::npos) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(nul), '\n');
    return wrong(":" + std::to_string(line) + ": holds a zero byte, so it is no text file; save it as UTF-8");
  }
  return text;
}

std::vector<ConfigLine> split_config(std::string_view text, std::string_view file_name, std::size_t file) {
  std::vector<ConfigLine> lines;
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const auto name_end = std::min(line.find_first_of(kBlanks), line.size());
    lines.push_back({std::string(line.substr(0, name_end)), std::string(trim(line.substr(name_end))),
                     std::string(file_name) + ":" + std::to_string(number), file});
  }
  return lines;
}

OrMessage<std::vector<ConfigLine>> read_config_file(const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return wrong(path + text.error());
  std::vector<ConfigLine> all;
  std::size_t files = 0;
  for (ConfigLine& line : split_config(*text, path)) {
    if (line.name != "include_dir") {
      all.push_back(std::move(line));
      continue;
    }
    if (line.value.empty()) return wrong(line.where + ": include_dir: needs a folder behind it");
    const auto included = conf_files(line.value);
    if (!included) return wrong(line.where + ": include_dir: " + included.error());
    for (const std::string& name : *included) {
      const auto included_text = read_text_file(name);
      if (!included_text) return wrong(line.where + ": include_dir: " + name + included_text.error());
      std::ranges::move(split_config(*included_text, name, ++files), std::back_inserter(all));
    }
  }
  return all;
}

}  // namespace bramble
