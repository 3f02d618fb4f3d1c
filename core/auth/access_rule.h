#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bramble {

/// What a client wants with a topic: to be sent what is published there, or to publish there.
enum class Access : std::uint8_t { read = 1, write = 2 };

/// Who asks. An empty user name is none, as in Mosquitto.
struct Names {
  std::optional<std::string_view> user;
  std::string_view client_id;
};

/// One `topic` or `pattern` line of an access list. A value that points into its AccessList.
struct Rule {
  std::string_view filter;    ///< as it is in the file: with %c and %u
  std::uint32_t line = 0;     ///< of the file, from 1
  std::uint8_t accesses = 0;  ///< bits of Access; none: a deny
  bool pattern = false;
  bool has_client_id = false;  ///< a pattern with %c
  bool has_user = false;       ///< a pattern with %u

  bool denies() const { return accesses == 0; }
  bool allows(Access access) const { return (accesses & static_cast<std::uint8_t>(access)) != 0; }
  bool has_names() const { return has_client_id || has_user; }
  /// For people: "pattern read home/%c/#".
  std::string text() const;
};

/// Does this level of a pattern, its %c and %u replaced, spell `text`? A name that the client does not have spells
/// nothing.
bool spells(std::string_view level, const Names& names, std::string_view text);

/// The whole filter with its names in place; nothing when the client does not have one of them.
std::optional<std::string> spelt_out(const Rule& rule, const Names& names);

/// Is a %c or a %u in it?
bool holds_placeholder(std::string_view text);

}  // namespace bramble
