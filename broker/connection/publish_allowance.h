#pragma once

#include <optional>

#include "broker/config/listener_options.h"
#include "broker/log.h"
#include "core/base/allowance.h"

namespace bramble {

/// What a client may still publish, of its listener's max_publish_rate and max_publish_bytes_rate: what one second
/// brings is saved. A message goes if anything is left, so one that is larger than a second's bytes goes too, and the
/// next waits the longer.  Threads: its connection's reactor.
class PublishAllowance {
 public:
  PublishAllowance(const ListenerOptions& of, SteadyTime now)
      : messages_(of.max_publish_rate, now), bytes_(static_cast<double>(of.max_publish_bytes_rate), now) {}
  static bool limited(const ListenerOptions& of) { return of.max_publish_rate != 0 || of.max_publish_bytes_rate != 0; }

  /// The next message may go now.
  bool any(const ListenerOptions& of, SteadyTime now);
  void spend(const ListenerOptions& of, std::size_t bytes);

  /// Since this was first asked, after its client had hung up.
  SteadyTime::duration gone_for(SteadyTime now) {
    if (!gone_since_) gone_since_ = now;
    return now - *gone_since_;
  }

  log::LinePerMinute line;

 private:
  Allowance messages_;
  Allowance bytes_;
  std::optional<SteadyTime> gone_since_;
};

}  // namespace bramble
