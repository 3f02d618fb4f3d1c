#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/time.h"

namespace bramble::log {

/// Keeps lines that clients can cause at will from flooding the log: of one cause and host the first ten in a minute
/// are written, and when the minute is over one that says how many more there were.
/// Memory: 256 causes and hosts (some 200 bytes each); while there are more, those that come are one, "many addresses".
/// Threads: its owner's only, one for each reactor: so of a host the first ten on each.
class Repeats {
 public:
  static constexpr unsigned kLinesMax = 10;
  static constexpr std::size_t kKnownMax = 256;

  /// True: write it. `cause`: what is alike in the lines, in words.
  bool allow(SteadyTime now, std::string_view cause, std::string_view host);
  /// Logs how many were kept back, of minutes that are over.
  void tell(SteadyTime now);
  void tell_all() { tell(SteadyTime::max()); }
  /// When the next minute is over in which lines were kept back.
  std::optional<SteadyTime> next() const;

 private:
  struct Minute {
    std::string cause, host;
    SteadyTime ends;
    unsigned lines = 0;
    std::uint64_t kept_back = 0;
  };
  static void tell_of(const Minute& minute);
  Minute& minute_of(SteadyTime now, std::string_view cause, std::string_view host);

  std::unordered_map<std::string, Minute> minutes_;
};

}  // namespace bramble::log
