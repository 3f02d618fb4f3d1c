#pragma once

#include <optional>

#include "broker/store/kept.h"

namespace bramble {

/// What the times in a database are told by. It goes on with the monotonic clock while the broker runs, and from one
/// run to the next with the system's clock as far as that can be believed: so nothing gets older or younger by a clock
/// that is set, as that of a Pi is, which has the time of its last shutdown, or 1970, until the network answers.
/// Threads: one.
class Calendar {
 public:
  /// What of it is in the file.
  struct Kept {
    Milliseconds ahead{};  ///< of the system's clock
    WallTime seen_at{};    ///< it was that late, or later

    friend bool operator==(const Kept&, const Kept&) = default;
  };

  /// Of a run that begins at `system`. `kept`: of the run before; nothing: there was none.
  Calendar(const Clocks& system, const std::optional<Kept>& kept);

  /// Any time of the run.
  Clocks at(SteadyTime now) const { return {now, begun_.wall_at(now)}; }

  /// What the file has to be told at `system`.
  Kept kept(const Clocks& system) const;
  /// The system's clock has been set since the file was told last: by a second, or by many small steps.
  bool was_set(const Clocks& system) const;
  /// Or what it was told is old by now.
  bool has_news(const Clocks& system) const;
  void told(const Kept& kept) { told_ = kept; }
  /// There is another file now.
  void forget_told() { told_.reset(); }

 private:
  Clocks begun_;
  std::optional<Kept> told_;
};

}  // namespace bramble
