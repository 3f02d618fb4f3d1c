#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "core/topic/shared_group.h"

namespace bramble {

/// Which reactor gets a message for a $share group: in turn, each as often as it has members  (section 4.8.2).
/// Every reactor picks for what is published on it, with cursors of its own.  Threads: its reactor.
class SharedPicker {
 public:
  enum class Among { online, absent };
  /// A reactor that is not in `asked` and has such members; nothing if there is none.
  std::optional<ReactorId> pick(const SharedGroup& group, Among among, std::uint64_t asked);

 private:
  static constexpr std::size_t kCursorsMax = 65'536;
  std::unordered_map<FilterId, std::uint32_t> cursors_;
};

}  // namespace bramble
