#pragma once

#include <memory>
#include <string>

#include "broker/shard.h"
#include "core/control/protocol.h"

namespace bramble {

/// What the control socket answers to one request, made piece by piece, so that who asks about a million sessions takes
/// no more memory than who asks about a thousand.  Threads: the control socket's.
class Answer {
 public:
  virtual ~Answer() = default;
  /// Appends the next piece: whole lines, or nothing. False: it was the last.
  virtual bool more(std::string& out) = 0;
};

/// Errors: what is wrong with the request, in words: no command, one that is not known, or a value.
OrMessage<std::unique_ptr<Answer>> answer_to(const control::Line& request, const Commons& commons);

// The commands.
OrMessage<std::unique_ptr<Answer>> clients_answer(const control::Line& request, const Commons& commons);
OrMessage<std::unique_ptr<Answer>> receivers_answer(const control::Line& request, const Commons& commons);

}  // namespace bramble
