#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/net/listener_rules.h"
#include "core/mqtt/application_message.h"

namespace bramble {

/// Who published a retained message. It is kept with the message, so that an acl_file that is read later can be asked
/// whether that client might publish it still (check_retain_source).
struct RetainSource {
  std::uint32_t listener = 0;  ///< place_mark() of it
  std::string_view client_id;
  std::optional<std::string_view> user;

  /// As ApplicationMessage::source() has it. Names of more than about 1000 bytes together are not in it: no changed
  /// rules will allow what they published.
  void encode(std::string& out) const;
};

/// By the rules that hold now. Those that were there when it came have been asked then, so there is no question while
/// they hold. If the listener it came by is gone since a restart, the others have to allow it.  Threads: any.  Cost:
/// looking up a user and deciding about a topic, after a change of the rules.
bool may_still_write(const AllRules& rules, const ApplicationMessage& retained);

}  // namespace bramble
