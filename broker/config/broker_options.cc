#include "broker/config/broker_options.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

namespace bramble {

namespace {

struct TimeUnit {
  char letter;
  std::int64_t seconds;
};
constexpr auto kTimeUnits = std::to_array<TimeUnit>(
    {{'y', 365 * 86'400}, {'m', 30 * 86'400}, {'w', 7 * 86'400}, {'d', 86'400}, {'h', 3600}, {'s', 1}});
constexpr std::int64_t kExpirationMax = 100'000;  // of any unit: far from overflow

struct LogTypeName {
  std::string_view name;
  std::uint32_t bits;
};
constexpr auto kLogTypeNames = std::to_array<LogTypeName>({
    {"error", static_cast<std::uint32_t>(LogType::error)},
    {"warning", static_cast<std::uint32_t>(LogType::warning)},
    {"notice", static_cast<std::uint32_t>(LogType::notice)},
    {"information", static_cast<std::uint32_t>(LogType::information)},
    {"debug", static_cast<std::uint32_t>(LogType::debug)},
    {"subscribe", static_cast<std::uint32_t>(LogType::subscribe)},
    {"unsubscribe", static_cast<std::uint32_t>(LogType::unsubscribe)},
    {"internal", static_cast<std::uint32_t>(LogType::internal)},
    {"websockets", static_cast<std::uint32_t>(LogType::websockets)},
});

constexpr std::string_view kFile = "file";
constexpr std::string_view kStdout = "stdout";
constexpr auto kDestinations = std::to_array<std::string_view>({"stderr", kStdout, "syslog", "journald", "topic"});

/// Once, however often it is asked for.
void log_to(BrokerOptions& options, std::string destination) {
  std::erase(options.log_dest, "none");
  if (std::ranges::find(options.log_dest, destination) == options.log_dest.end()) {
    options.log_dest.push_back(std::move(destination));
  }
}

}  // namespace

std::string read_control_socket(BrokerOptions& options, std::string_view value) {
  if (!value.starts_with('/')) return std::string(value) + " is not a whole path, such as /run/bramble/control";
  if (value.size() > kSocketPathBytesMax) {
    return std::string(value) +
           " is longer than the path of a Unix socket may be: " + std::to_string(kSocketPathBytesMax) + " bytes";
  }
  options.control_socket = value;
  return {};
}

std::string show_control_socket(const BrokerOptions& options) { return options.control_socket; }

std::string read_persistent_client_expiration(BrokerOptions& options, std::string_view value) {
  value = one_word(value);
  const auto unit = std::ranges::find(kTimeUnits, value.back(), &TimeUnit::letter);
  const auto number = parse_number(value.substr(0, value.size() - 1));
  if (unit == kTimeUnits.end() || !number || *number < 1 || *number > kExpirationMax) {
    return std::string(value) + " is not a time: a number from 1 to " + std::to_string(kExpirationMax) +
           " and s, h, d, w, m or y, such as 14d";
  }
  options.persistent_client_expiration = std::chrono::seconds(*number * unit->seconds);
  return {};
}

std::string show_persistent_client_expiration(const BrokerOptions& options) {
  const std::int64_t seconds = options.persistent_client_expiration.count();
  for (const TimeUnit& unit : kTimeUnits) {
    if (seconds > 0 && seconds % unit.seconds == 0) return std::to_string(seconds / unit.seconds) + unit.letter;
  }
  return {};
}

std::string read_log_dest(BrokerOptions& options, std::string_view value) {
  const auto blank = std::min(value.find_first_of(" \t"), value.size());
  const auto path = std::min(value.find_first_not_of(" \t", blank), value.size());
  if (value.substr(0, blank) == kFile) {
    if (path == value.size()) return "file needs a path: log_dest file /var/log/bramble.log";
    log_to(options, "file " + std::string(value.substr(path)));
    return {};
  }
  const bool unbuffered = value.substr(0, blank) == kStdout && one_word(value.substr(path)) == "unbuffered";
  const std::string_view destination = unbuffered ? kStdout : one_word(value);  // which is written line by line anyway
  if (destination == "dlt")
    return "dlt is known to Mosquitto, not in Bramble: stderr, stdout, syslog, journald, topic or file";
  if (destination == "none") {
    options.log_dest = {"none"};
  } else if (std::ranges::find(kDestinations, destination) != kDestinations.end()) {
    log_to(options, std::string(destination));
  } else {
    return std::string(destination) +
           " is no place to log to: stderr, stdout, syslog, journald, topic, none, or file and a path";
  }
  return {};
}

std::string show_log_dest(const BrokerOptions& options) {
  std::string shown;
  for (const std::string& destination : options.log_dest) shown += (shown.empty() ? "" : ", ") + destination;
  return shown;
}

std::string read_log_format(BrokerOptions& options, std::string_view value) {
  value = one_word(value);
  if (value != "text" && value != "json") return std::string(value) + " is no form of log lines: text or json";
  options.log_format = value == "json" ? LogFormat::json : LogFormat::text;
  return {};
}

std::string show_log_format(const BrokerOptions& options) {
  return options.log_format == LogFormat::json ? "json" : "text";
}

std::string read_log_timestamp_format(BrokerOptions& options, std::string_view value) {
  std::tm longest{};  // in English: a Wednesday of September
  longest.tm_mon = 8;
  longest.tm_wday = 3;
  longest.tm_mday = longest.tm_hour = 20;
  longest.tm_year = 100;
  char text[kLogTimestampBytesMax + 1];
  const std::string format(value);
  const std::size_t size = std::strftime(text, sizeof text, format.c_str(), &longest);
  if (size == 0) {
    return "makes a time of no letter or of more than " + std::to_string(kLogTimestampBytesMax) +
           ": a format as strftime takes it, such as %Y-%m-%dT%H:%M:%S";
  }
  if (std::string_view(text, size).find('\n') != std::string_view::npos) return "would break each log line in two";
  options.log_timestamp_format = format;
  return {};
}

std::string show_log_timestamp_format(const BrokerOptions& options) { return options.log_timestamp_format; }

std::string read_log_type(BrokerOptions& options, std::string_view value) {
  value = one_word(value);
  if (value == "none") {
    options.log_type = kLogTypesNone;
    return {};
  }
  if (value == "all") {
    options.log_type = kLogTypesAll;
    return {};
  }
  const auto type = std::ranges::find(kLogTypeNames, value, &LogTypeName::name);
  if (type == kLogTypeNames.end()) {
    std::string wrong = std::string(value) + " is no type of log line:";
    for (const LogTypeName& known : kLogTypeNames) wrong += " " + std::string(known.name);
    return wrong + " none all";
  }
  options.log_type |= type->bits;
  return {};
}

std::string show_log_type(const BrokerOptions& options) {
  if (options.log_type == kLogTypesNone) return "none";
  std::string shown;
  for (const LogTypeName& type : kLogTypeNames) {
    if ((options.log_type & type.bits) != 0) shown += (shown.empty() ? "" : ", ") + std::string(type.name);
  }
  return shown;
}

}  // namespace bramble
