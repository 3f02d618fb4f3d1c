#pragma once

#include <string>
#include <string_view>

namespace bramble {

/// What Bramble does about an option of Mosquitto's that has no row.
struct RefusedOption {
  enum class Answer {
    unknown,   ///< not an option of Mosquitto's at all
    as_it_is,  ///< asks for what Bramble does anyway
    refused,   ///< a start with it would do less than the file says
  } answer = Answer::unknown;
  std::string message;  ///< refused: why, and what to do instead
};

/// Threads: any.
RefusedOption refused_option(std::string_view name, std::string_view value);

/// Bridge options: `connection` and what follows it. What is wrong with the value; nothing if it is right, and nothing
/// at all for another option.
bool is_bridge_option(std::string_view name);
std::string check_bridge_option(std::string_view name, std::string_view value);

}  // namespace bramble
