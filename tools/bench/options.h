#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/time.h"
#include "core/mqtt/types.h"
#include "tools/bench/address.h"
#include "tools/bench/layers.h"

namespace bramble::bench {

/// What the command line asked for. An option is a field here and its row in options.cc.
struct Options {
  std::string host = "127.0.0.1";
  std::uint16_t port = 1883;
  std::vector<std::string> sources{};  ///< addresses of this machine; none: as the kernel likes, see start_connect
  bool nodelay = true;
  LayerPlan layers;
  unsigned threads = 1;

  std::optional<std::uint32_t> clients;  ///< what is left open each scenario decides
  std::optional<std::uint32_t> publishers;
  std::optional<std::uint32_t> subscribers;
  std::optional<std::uint32_t> filters;  ///< wildcard: in all; elsewhere of each client
  std::uint32_t exact_filters = 0;

  mqtt::Version version = mqtt::Version::v3_1_1;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  std::optional<mqtt::Qos> subscription_qos;  ///< none: as qos
  std::uint32_t payload_bytes = 64;           ///< of the whole payload, header and all
  std::optional<std::string> contents;        ///< of the payload, behind the header; none: 'x' as often as it takes
  bool header = true;                         ///< payloads begin with a Stamp, if they are long enough
  bool retain = false;
  bool alias = false;
  std::uint32_t subscription_id = 0;  ///< 0: none

  double rate = 0;  ///< messages (or connects) a second in all; 0: as the window allows
  std::optional<std::uint32_t> window;
  std::uint32_t batch = 16;
  std::uint64_t count = 0;  ///< messages in all; 0: until the time is up

  std::optional<std::chrono::duration<double>> duration;  ///< none: 10 s, or an hour with a count
  std::chrono::duration<double> warm_up{2};               ///< none with a count

  std::string topic = "bench";  ///< what topics start with, or a template
  std::string client_id;        ///< what client ids start with, or a template; empty: "bench-PID"
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::uint16_t keep_alive = 600;
  bool clean_start = true;
  std::optional<std::uint32_t> session_expiry;  ///< seconds
  std::string will_topic;                       ///< or a template; empty: no Will
  std::string will_payload;
  mqtt::Qos will_qos = mqtt::Qos::at_most_once;
  bool will_retain = false;

  int broker_pid = 0;  ///< 0: its CPU time and memory are not asked for
  bool check = true;
  bool json = false;
  bool quiet = false;
  bool help = false;

  std::string report_file;            ///< empty: no page is written
  std::optional<Address> prometheus;  ///< where metrics are served
  std::vector<Address> workers;       ///< empty: the clients are in this process

  std::vector<std::pair<std::string, std::string>> given{};  ///< the command line: names and values, "" of flags

  mqtt::Qos granted_qos() const { return subscription_qos.value_or(qos); }
  SteadyTime::duration time_to_measure() const;
  SteadyTime::duration time_to_warm_up() const;
  /// Whether payloads carry who sent them, the how-manieth and when: without it nothing can be checked or timed.
  bool stamped() const;
  /// With zeroes where the header goes.
  std::string payload() const;
  bool has(std::string_view name) const;  ///< it was on the command line
};

/// Reads one argument after the other into `options`; of one that is given twice the last holds. Returns what is wrong
/// with them, empty if nothing.
std::string parse_options(int argc, const char* const* argv, Options& options);
std::string parse_options(const std::vector<std::string>& arguments, Options& options);
/// The same for a part of the arguments: whether they fit together is not looked at.
std::string read_options(const std::vector<std::string>& arguments, Options& options);
/// Whether the option is followed by a value. Nothing: there is no such option.
std::optional<bool> takes_value(std::string_view name);

/// Whom an option is for, when there are workers: the scenario, wherever it plays; the process that the user calls,
/// with its terminal, files and ports; or one machine, because it names an address or a file there.
enum class OptionFor { scenario, caller, machine };
OptionFor option_for(std::string_view name);

/// The rows as text, one line an option.
std::string options_help();

}  // namespace bramble::bench
