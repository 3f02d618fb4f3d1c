#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/mqtt/types.h"
#include "tools/ctl/client.h"

namespace bramble::ctl {

/// The commands that connect to a broker.
enum class Verb : std::uint8_t { pub = 1, sub = 2, ping = 4 };

/// Where the payload of `pub` comes from.
enum class Source : std::uint8_t { none, text, nothing, file, input, lines };

/// What is asked for, with the words of mosquitto_pub and mosquitto_sub.
struct Options {
  Place place;
  Login login;
  std::vector<std::string> topics;  ///< names for pub, filters for sub
  Source source = Source::none;
  std::string message;  ///< the text, or the file's name
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  bool verbose = false;
  std::uint32_t count = 0;          ///< 0: no end
  std::chrono::seconds timeout{0};  ///< 0: none was given
  std::string config_file;          ///< ping: asks the broker that has this configuration
  bool container = false;           ///< ping: the same of a container
  bool help = false;
};

/// `words`: what stands behind the verb. A password is taken from BRAMBLE_PASSWORD if -P does not give one.
/// Errors: what is wrong, in one line.
OrMessage<Options> parse_options(Verb verb, const std::vector<std::string>& words);

/// A line for each option that the verb has.
std::string usage_of(Verb verb);

}  // namespace bramble::ctl
