#pragma once

#include <algorithm>
#include <optional>

#include "broker/config/listener_options.h"
#include "broker/log.h"
#include "core/base/allowance.h"

namespace bramble {

/// What a client may still publish, of its listener's max_publish_rate and max_publish_bytes_rate: what one second
/// brings is saved. A message goes if anything is left, so one that is larger than a second's bytes goes too, and the
/// next waits the longer. And how long one that waits is heard after its client has gone. Without limits it allows all:
/// so it is for a client that waits for memory.  Threads: its connection's reactor.
class PublishAllowance {
 public:
  PublishAllowance(const ListenerOptions& of, SteadyTime now)
      : messages_(of.max_publish_rate, now), bytes_(static_cast<double>(of.max_publish_bytes_rate), now) {}
  static bool limited(const ListenerOptions& of) { return of.max_publish_rate != 0 || of.max_publish_bytes_rate != 0; }

  /// The next message may go now.
  bool any(const ListenerOptions& of, SteadyTime now);
  void spend(const ListenerOptions& of, std::size_t bytes);
  /// What was spent for a message that has to wait, and will spend it again.
  void give_back(const ListenerOptions& of, std::size_t bytes);

  /// Since this was first asked, after its client had hung up.
  SteadyTime::duration gone_for(SteadyTime now) {
    if (!gone_since_) gone_since_ = now;
    return now - *gone_since_;
  }

  /// Its client is on another connection by now, and this one may not have been closed there: what is still to come is
  /// waited for until kRestSilence has brought nothing, for kRestMax in all.
  void taken_over(SteadyTime now) {
    rest_ends_ = now + kRestMax;
    rest_came(now);
  }
  void rest_came(SteadyTime now) { rest_until_ = std::min(rest_ends_, now + kRestSilence); }
  bool rest_is_over(SteadyTime now) const { return now >= rest_until_; }

  log::LinePerMinute line;
  bool one_more = false;  ///< PUBLISH, though memory is short
  bool deaf = false;      ///< what is left of its client is read for all but PUBLISH

 private:
  static constexpr Milliseconds kRestSilence{250};  // a round trip, and more
  static constexpr Seconds kRestMax{2};

  Allowance messages_;
  Allowance bytes_;
  std::optional<SteadyTime> gone_since_;
  SteadyTime rest_ends_ = SteadyTime::max();
  SteadyTime rest_until_ = SteadyTime::max();
};

}  // namespace bramble
