#include "core/auth/password_file.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

namespace bramble {

namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::size_t kUserBytesMax = 65'535;
constexpr std::size_t kShownUserBytesMax = 64;
constexpr std::uint64_t kFastUs = 1000;  // hashed in less time than that is fast to guess

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// A user of a file as a message may show it: short, and without what a terminal would obey.
std::string shown(std::string_view user) {
  std::string text(user.substr(0, kShownUserBytesMax));
  for (char& letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte == 0x7F) letter = '?';
  }
  return "'" + text + (user.size() > kShownUserBytesMax ? "...'" : "'");
}

/// Fills in all but `text` and `number`.
void split_line(PasswordLine& line, std::string_view content) {
  if (content.starts_with('#') || trim(content).empty()) return;
  const auto colon = content.find(':');
  if (colon == std::string_view::npos) {
    line.wrong = "has no ':': a line is USER:HASH, and '#' begins a comment; bramble-passwd FILE USER writes one";
    return;
  }
  line.user = trim(content.substr(0, colon));
  line.password = trim(content.substr(colon + 1));
  if (line.user.empty()) {
    line.wrong = "has no user before its ':'; take the line out";
  } else if (line.user.size() > kUserBytesMax) {
    line.wrong = "has a user of " + std::to_string(line.user.size()) + " bytes: at most " +
                 std::to_string(kUserBytesMax) + "; take the line out";
  } else if (line.password.empty()) {
    line.wrong = "has no hash for user " + shown(line.user) + "; bramble-passwd FILE USER sets a password";
  }
}

/// The hash of a line that has a user.
OrMessage<PasswordHash> hash_of(const PasswordLine& line, std::string_view file_name) {
  auto hash = PasswordHash::parse(line.password);
  if (hash) return hash;
  const std::string file(file_name);
  if (PasswordHash::looks_hashed(line.password)) {
    return tl::unexpected<std::string>("the hash of user " + shown(line.user) + " " + hash.error() +
                                       "; set the password anew: bramble-passwd " + file + " USER");
  }
  return tl::unexpected<std::string>("user " + shown(line.user) +
                                     " has a password in plain text; hash all of them: bramble-passwd -U " + file);
}

}  // namespace

std::vector<PasswordLine> split_password_file(std::string_view text) {
  std::vector<PasswordLine> lines;
  while (!text.empty()) {
    PasswordLine& line = lines.emplace_back();
    line.number = lines.size();
    line.text = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
    text.remove_prefix(line.text.size());
    std::string_view content = line.text;
    if (line.number == 1 && content.starts_with(kByteOrderMark)) content.remove_prefix(kByteOrderMark.size());
    split_line(line, content);
  }
  return lines;
}

OrMessage<PasswordFile> PasswordFile::parse(std::string_view text, std::string_view file_name) {
  const auto wrong = [file_name](const PasswordLine& line, const std::string& what) {
    return tl::unexpected<std::string>(std::string(file_name) + ":" + std::to_string(line.number) + ": " + what);
  };
  PasswordFile file;
  std::unordered_map<std::string_view, std::size_t> first_lines;
  for (const PasswordLine& line : split_password_file(text)) {
    if (!line.wrong.empty()) return wrong(line, line.wrong);
    if (line.user.empty()) continue;
    auto hash = hash_of(line, file_name);
    if (!hash) return wrong(line, hash.error());
    if (const auto [first, fresh] = first_lines.emplace(line.user, line.number); !fresh) {
      return wrong(line, "user " + shown(line.user) + " has a password in line " + std::to_string(first->second) +
                             " already; take one of the two lines out");
    }
    file.users_.emplace(line.user, std::move(*hash));
  }
  file.prepare(file_name);
  return file;
}

void PasswordFile::prepare(std::string_view file_name) {
  std::size_t fast = 0;
  std::map<PasswordCost, const PasswordHash*> costs;
  for (const auto& [user, hash] : users_) {
    costs.emplace(hash.cost(), &hash);
    if (microseconds(hash.cost()) < kFastUs) ++fast;
  }
  for (const auto& [cost, hash] : costs) decoys_.push_back(hash->decoy());
  std::stable_sort(decoys_.begin(), decoys_.end(), [](const PasswordHash& left, const PasswordHash& right) {
    return microseconds(left.cost()) > microseconds(right.cost());
  });
  const std::string begin = std::string(file_name) + ": ";
  if (fast > 0) {
    warnings_.push_back(
        begin + std::to_string(fast) + " of " + std::to_string(users_.size()) +
        " passwords are hashed in less than a millisecond ($6$, or $7$ with few iterations), so who gets "
        "hold of the file can guess them fast. Set them anew: bramble-passwd " +
        std::string(file_name) + " USER");
  }
  if (decoys_.size() > kDecoysMax) {
    warnings_.push_back(begin + "passwords are hashed at " + std::to_string(decoys_.size()) +
                        " different costs; with more than " + std::to_string(kDecoysMax) +
                        ", the time that a wrong password takes can tell whether a user exists.");
    decoys_.erase(decoys_.begin() + kDecoysMax, decoys_.end());
  }
}

bool PasswordFile::check(std::string_view user, std::string_view password) const {
  const auto found = users_.find(user);
  const PasswordHash* own = found == users_.end() ? nullptr : &found->second;
  if (own != nullptr && own->matches(password)) return true;
  for (const PasswordHash& decoy : decoys_) {
    if (own == nullptr || !(decoy.cost() == own->cost())) static_cast<void>(decoy.matches(password));
  }
  return false;
}

bool PasswordFile::same_password(std::string_view user, const PasswordFile& other) const {
  const auto here = users_.find(user), there = other.users_.find(user);
  return here != users_.end() && there != other.users_.end() && here->second.text() == there->second.text();
}

}  // namespace bramble
