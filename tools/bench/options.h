#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/mqtt/types.h"

namespace bramble::bench {

/// What the command line asked for. An option is a field here and its row in options.cc.
struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  unsigned threads = 1;

  std::optional<std::uint32_t> clients;  ///< what is left open each scenario decides
  std::optional<std::uint32_t> publishers;
  std::optional<std::uint32_t> subscribers;

  mqtt::Version version = mqtt::Version::v3_1_1;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  std::optional<mqtt::Qos> subscription_qos;  ///< none: as qos
  std::uint32_t payload_bytes = 64;
  bool retain = false;
  bool alias = false;

  double rate = 0;  ///< messages (or connects) a second in all; 0: as the window allows
  std::optional<std::uint32_t> window;
  std::uint32_t batch = 16;
  std::uint64_t count = 0;  ///< messages in all; 0: until the time is up

  std::optional<std::chrono::duration<double>> duration;  ///< none: 10 s, or an hour with a count
  std::chrono::duration<double> warm_up{2};               ///< none with a count

  std::string topic = "bench";
  std::string client_id;  ///< empty: "bench-PID"
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::uint16_t keep_alive = 600;

  int broker_pid = 0;  ///< 0: its CPU time and memory are not asked for
  bool check = true;
  bool json = false;
  bool quiet = false;
  bool help = false;

  mqtt::Qos granted_qos() const { return subscription_qos.value_or(qos); }
  SteadyTime::duration time_to_measure() const;
  SteadyTime::duration time_to_warm_up() const;
};

/// Reads one argument after the other into `options`. Returns what is wrong with them, empty if nothing.
std::string parse_options(int argc, const char* const* argv, Options& options);

/// The rows as text, one line an option.
std::string options_help();

}  // namespace bramble::bench
