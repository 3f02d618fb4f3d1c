#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bramble {

enum class Padding { with, without };  ///< '=' up to a multiple of four letters

/// RFC 4648, section 4, and section 3.2 for the padding.  Threads: any.
std::string to_base64(std::span<const unsigned char> bytes, Padding padding);

/// The bytes, or nothing if `text` is not what to_base64 writes for any bytes: another letter, padding where there
/// should be none or none where there should be, bits left over that are not zero.
std::optional<std::vector<unsigned char>> from_base64(std::string_view text, Padding padding);

}  // namespace bramble
