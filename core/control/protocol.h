#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What bramble-ctl and the broker say to each other on `control_socket`, a Unix stream socket. Text, a Line each, one
/// request a connection:
///
///     asks      bramble/1 COMMAND [NAME=VALUE]...
///     answers   bramble/1 ok [NAME=VALUE]...                   or, and that is all: bramble/1 error why=...
///               client id=... ...                              any number of these, as the command says
///               end count=...                                  how many; without it the answer is not whole
///
/// Commands, with what may stand behind them, and what is told of each thing (what does not hold for it is left out):
///
///     clients    state=connected|away|all (connected) id= user= address=     patterns, see core/control/glob.h
///                listener=PORT|PATH subscribed=TOPIC|FILTER lines=no
///       client   id user state listener session_expiry subscriptions queued in_flight; away: ends_in; connected:
///                address transport version seconds keep_alive clean_start
///     receivers  topic= as subscribers see it; from= a client id
///       receiver id user state filter share qos read=allowed|denied; denied: where rule; away: qos0_kept=yes|no;
///                no_local=yes: it is `from`, and does not want its own
///
/// It grows by commands and names. Who reads an answer passes over names and kinds of lines that it does not know; a
/// request with a name that the broker does not know is refused, for a filter that is not looked at would be a lie.
/// `bramble/2` would be something else altogether.
/// Threads: any; values.
namespace bramble::control {

inline constexpr std::string_view kVersion = "bramble/1";
/// A topic of 65535 bytes, each written as three, and more.
inline constexpr std::size_t kRequestBytesMax = 256 * 1024;
inline constexpr std::size_t kPartsMax = 64;  ///< of a line

/// Words, then names with values, one blank between each two, and '\n' at the end. In a value each byte up to the
/// blank, and '%', '=' and 0x7F, is written as %XX: so nothing that a client calls itself ends a line or a value.
class Line {
 public:
  Line() = default;
  explicit Line(std::string_view words) : text_(words) {}

  // --- to write ---
  Line& add(std::string_view name, std::string_view value);
  Line& add(std::string_view name, std::uint64_t value) { return add(name, std::to_string(value)); }
  std::string text() const { return text_ + "\n"; }

  // --- to read ---
  /// Without its '\n'. Nothing: it is none: an empty word or name, an escape that is wrong, a control character, too
  /// many parts.
  static std::optional<Line> parse(std::string_view text);
  const std::vector<std::string>& words() const { return words_; }
  const std::vector<std::pair<std::string, std::string>>& values() const { return values_; }
  /// Null: it is not there.
  const std::string* find(std::string_view name) const;
  std::string text_or(std::string_view name, std::string_view otherwise) const;
  std::uint64_t number_or(std::string_view name, std::uint64_t otherwise) const;

 private:
  std::string text_;  // while it is written
  std::vector<std::string> words_;
  std::vector<std::pair<std::string, std::string>> values_;
};

}  // namespace bramble::control
