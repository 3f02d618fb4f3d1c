#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/result.h"

namespace bramble {

/// When a change of an option counts, once the configuration is read again.
enum class Reload : std::uint8_t { at_once, new_connections, at_start };

/// The numbers an option takes: from low to high, and `also`, which may stand outside (0 for "no limit"). With
/// `negative`, any number below 0 is taken for that one, as in Mosquitto.
struct Range {
  std::int64_t low = 0;
  std::int64_t high = std::numeric_limits<std::int64_t>::max();
  std::int64_t also = low;
  std::optional<std::int64_t> negative{};
};

/// An option whose value is neither a plain number, a flag nor a string.
/// `read` answers what is wrong, as the end of "max_qos: 3 ...", or nothing if it took the value.
template <class Options>
struct Special {
  std::string (*read)(Options& options, std::string_view value);
  std::string (*show)(const Options& options);  ///< as it would stand in a file; empty: not given
  void (*copy)(const Options& from, Options& to);
};

/// Special::copy of an option that lives in these fields.
template <auto... Fields, class Options>
void copy_fields(const Options& from, Options& to) {
  ((to.*Fields = from.*Fields), ...);
}

/// Where an option lives: a field of its struct. Numbers have a Range; seconds are whole numbers; a flag that is
/// optional has no value until one is given; a list has one item a line.
template <class Options>
using Field =
    std::variant<bool Options::*, std::optional<bool> Options::*, std::uint16_t Options::*, std::uint32_t Options::*,
                 std::int32_t Options::*, std::uint64_t Options::*, std::string Options::*,
                 std::vector<std::string> Options::*, std::chrono::seconds Options::*, Special<Options>>;

/// One option: its name in the file, the field it sets, its range, when a reload takes it, its help. Parsing, the
/// reference file and its defaults all come from here.  Threads: constant.
template <class Options>
struct OptionRow {
  std::string_view name;
  Field<Options> field;
  Range range;
  Reload reload;
  std::string_view help;

  constexpr OptionRow(std::string_view n, Field<Options> f, Range allowed, Reload r, std::string_view text)
      : name(n), field(f), range(allowed), reload(r), help(text) {}
  constexpr OptionRow(std::string_view n, Field<Options> f, Reload r, std::string_view text)
      : OptionRow(n, f, Range{}, r, text) {}
};

/// A whole number in decimal with nothing around it.
std::optional<std::int64_t> parse_number(std::string_view text);

/// The value without a comment behind it. Only a string may hold a '#': Mosquitto reads one word of all else.
std::string_view one_word(std::string_view value);

/// The steps below are the same for every struct: what is wrong with the value, or nothing if `to` holds it now.
std::string read_value(bool& to, std::string_view value, const Range&);
std::string read_value(std::optional<bool>& to, std::string_view value, const Range&);
std::string read_value(std::string& to, std::string_view value, const Range&);
std::string read_value(std::vector<std::string>& to, std::string_view value, const Range&);
std::string read_value(std::chrono::seconds& to, std::string_view value, const Range& range);
std::string read_number(std::int64_t& to, std::string_view value, const Range& range);

/// The largest value of a field that can be written in a file.
template <std::integral Number>
inline constexpr std::int64_t kHighest = std::in_range<std::int64_t>(std::numeric_limits<Number>::max())
                                             ? static_cast<std::int64_t>(std::numeric_limits<Number>::max())
                                             : std::numeric_limits<std::int64_t>::max();

template <std::integral Number>
std::string read_value(Number& to, std::string_view value, const Range& range) {
  std::int64_t number = 0;
  std::string wrong =
      read_number(number, value, {range.low, std::min(range.high, kHighest<Number>), range.also, range.negative});
  if (wrong.empty()) to = static_cast<Number>(number);
  return wrong;
}

std::string show_value(bool value);
template <std::integral Number>
std::string show_value(Number value) {
  return std::to_string(value);
}
inline std::string show_value(std::optional<bool> value) { return value ? show_value(*value) : ""; }
inline std::string show_value(const std::string& value) { return value; }
std::string show_value(const std::vector<std::string>& value);
inline std::string show_value(std::chrono::seconds value) { return std::to_string(value.count()); }

/// Sets the field that `row` names. Answers what is wrong, as the end of "name: ...", or nothing.
template <class Options>
std::string read_option(const OptionRow<Options>& row, Options& options, std::string_view value) {
  return std::visit(
      [&](const auto& field) {
        if constexpr (std::is_same_v<decltype(field), const Special<Options>&>) {
          return field.read(options, value);
        } else {
          return read_value(options.*field, value, row.range);
        }
      },
      row.field);
}

/// Gives `to` the value that the field has in `from`, also none.
template <class Options>
void copy_option(const OptionRow<Options>& row, const Options& from, Options& to) {
  std::visit(
      [&](const auto& field) {
        if constexpr (std::is_same_v<decltype(field), const Special<Options>&>) {
          field.copy(from, to);
        } else {
          to.*field = from.*field;
        }
      },
      row.field);
}

/// The field's value as it would stand in a file; empty: not given.
template <class Options>
std::string show_option(const OptionRow<Options>& row, const Options& options) {
  return std::visit(
      [&](const auto& field) {
        if constexpr (std::is_same_v<decltype(field), const Special<Options>&>) {
          return field.show(options);
        } else {
          return show_value(options.*field);
        }
      },
      row.field);
}

}  // namespace bramble
