#pragma once

#include <string>
#include <string_view>

namespace bramble {

/// What to say of an option that Mosquitto knows and Bramble does not have yet. Nothing is ignored silently: a file
/// that asks for it does not start, unless it asks for what Bramble does anyway, or only says how to do what the line
/// `persistence` asks for, which is warned about.  Threads: any.
struct NotHereYet {
  enum class Answer { unknown, as_it_is, without_effect, refused };
  Answer answer = Answer::unknown;  ///< unknown: not an option of Mosquitto either
  std::string message;              ///< when without effect or refused: the end of "name: ..."
};
NotHereYet not_here_yet(std::string_view name, std::string_view value);

}  // namespace bramble
