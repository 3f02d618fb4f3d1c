#pragma once

#include <string_view>

#include "core/mqtt/reason_code.h"

namespace bramble {

/// What a line of the log about one client says, besides who it is.
struct ClientLine {
  std::string_view words;    ///< how the sentence goes on after "Client ID [ADDRESS] "; empty: by the reason
  std::string_view why;      ///< the reason; empty: the words say it
  mqtt::ReasonCode code{0};  ///< success: none
  bool limited = false;      ///< the client can cause it at will: some a minute of one reason and host  (log::Repeats)
  std::string_view client_id = {}, user = {};  ///< as its CONNECT says, while it has no session
};

/// Mosquitto's words for a client that is cut off for this; empty: it has none.
std::string_view words_for(mqtt::ReasonCode code);

}  // namespace bramble
