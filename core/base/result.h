#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace bramble {

namespace mqtt {
enum class ReasonCode : std::uint8_t;  // core/mqtt/reason_code.h
}

/// What was wrong with what somebody sent: the Reason Code to answer with and words for the log.
/// `what` is a string literal: an Error allocates nothing.
struct Error {
  mqtt::ReasonCode code{0x80};
  const char* what = "";
};

/// The value, or why there is none. The only place that names tl::expected.
template <class T>
using Result = tl::expected<T, Error>;

using Failure = tl::unexpected<Error>;

/// A value, or one or more lines that tell a person what is wrong and what would be right. For files that people write:
/// it allocates. What clients send is a Result.
template <class T>
using OrMessage = tl::expected<T, std::string>;

inline Failure failure(mqtt::ReasonCode code, const char* what) { return Failure(Error{code, what}); }
/// 0x81: the bytes cannot be parsed as the standard says.
inline Failure malformed(const char* what) { return failure(mqtt::ReasonCode{0x81}, what); }
/// 0x82: well formed, but not allowed here.
inline Failure protocol_error(const char* what) { return failure(mqtt::ReasonCode{0x82}, what); }

}  // namespace bramble
