#include "tools/bench/options.h"

#include <array>
#include <charconv>
#include <limits>

namespace bramble::bench {

namespace {

template <class Number>
bool read_number(std::string_view text, Number& to, Number lowest, Number highest) {
  Number value{};
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size() || value < lowest || value > highest) return false;
  to = value;
  return true;
}

bool read_count(std::string_view text, std::optional<std::uint32_t>& to) {
  std::uint32_t value = 0;
  if (!read_number<std::uint32_t>(text, value, 1, 1'000'000)) return false;
  to = value;
  return true;
}

bool read_qos(std::string_view text, mqtt::Qos& to) {
  std::uint8_t value = 0;
  if (!read_number<std::uint8_t>(text, value, 0, 2)) return false;
  to = static_cast<mqtt::Qos>(value);
  return true;
}

bool read_subscription_qos(std::string_view text, std::optional<mqtt::Qos>& to) {
  mqtt::Qos value{};
  if (!read_qos(text, value)) return false;
  to = value;
  return true;
}

bool read_version(std::string_view text, mqtt::Version& to) {
  std::uint8_t value = 0;
  if (!read_number<std::uint8_t>(text, value, 3, 5)) return false;
  to = static_cast<mqtt::Version>(value);
  return true;
}

bool read_seconds(std::string_view text, std::chrono::duration<double>& to) {
  double value = 0;
  if (!read_number(text, value, 0.0, 1e9)) return false;
  to = std::chrono::duration<double>(value);
  return true;
}

bool read_text(std::string_view text, std::string& to) {
  to = text;
  return !text.empty();
}

bool set(bool& flag, bool to) {
  flag = to;
  return true;
}

using Text = std::string_view;

struct OptionRow {
  Text name;
  Text value;  ///< empty: a flag
  Text help;
  bool (*read)(Text, Options&);  ///< false: the value cannot be that
};

constexpr auto kOptions = std::to_array<OptionRow>({
    {"--host", "NAME", "the broker (127.0.0.1)", [](Text v, Options& o) { return read_text(v, o.host); }},
    {"--port", "N", "its port (1883)",
     [](Text v, Options& o) { return read_number<std::uint16_t>(v, o.port, 1, 65'535); }},
    {"--threads", "N", "threads that share the clients (1)",
     [](Text v, Options& o) { return read_number<unsigned>(v, o.threads, 1, 64); }},
    {"--clients", "N", "connections; in pub, sub, pairs the same as --pubs or --subs",
     [](Text v, Options& o) { return read_count(v, o.clients); }},
    {"--pubs", "N", "publishers", [](Text v, Options& o) { return read_count(v, o.publishers); }},
    {"--subs", "N", "subscribers", [](Text v, Options& o) { return read_count(v, o.subscribers); }},
    {"--version", "3|4|5", "MQTT 3.1, 3.1.1 or 5 (4)", [](Text v, Options& o) { return read_version(v, o.version); }},
    {"--qos", "0|1|2", "of messages and subscriptions (0)", [](Text v, Options& o) { return read_qos(v, o.qos); }},
    {"--sub-qos", "0|1|2", "of subscriptions, if not the same",
     [](Text v, Options& o) { return read_subscription_qos(v, o.subscription_qos); }},
    {"--size", "BYTES", "of a payload (64); below 24 nothing is checked",
     [](Text v, Options& o) { return read_number<std::uint32_t>(v, o.payload_bytes, 0, 200'000'000); }},
    {"--retain", "", "publish with RETAIN set", [](Text, Options& o) { return set(o.retain, true); }},
    {"--alias", "", "MQTT 5: send the topic once, then its Topic Alias",
     [](Text, Options& o) { return set(o.alias, true); }},
    {"--rate", "R", "open loop: R messages a second in all (conn: connects), timed from when each should have left",
     [](Text v, Options& o) { return read_number(v, o.rate, 1e-3, 1e9); }},
    {"--window", "W", "closed loop: messages of a publisher still being delivered (64); conn: handshakes at once (256)",
     [](Text v, Options& o) { return read_count(v, o.window); }},
    {"--batch", "B", "closed loop: messages a publisher sends in one write (16)",
     [](Text v, Options& o) { return read_number<std::uint32_t>(v, o.batch, 1, 65'535); }},
    {"--count", "N", "end after N messages in all; there is no warm up then",
     [](Text v,
        Options& o) { return read_number<std::uint64_t>(v, o.count, 1, std::numeric_limits<std::uint64_t>::max()); }},
    {"--duration", "S", "seconds that are measured (10); conn: seconds to hold the connections",
     [](Text v, Options& o) { return read_seconds(v, o.duration.emplace()); }},
    {"--warmup", "S", "seconds before that (2)", [](Text v, Options& o) { return read_seconds(v, o.warm_up); }},
    {"--topic", "PREFIX", "what topics start with (bench)", [](Text v, Options& o) { return read_text(v, o.topic); }},
    {"--client-id", "PREFIX", "what client ids start with (bench-PID)",
     [](Text v, Options& o) { return read_text(v, o.client_id); }},
    {"--username", "NAME", "for CONNECT", [](Text v, Options& o) { return read_text(v, o.user_name.emplace()); }},
    {"--password", "TEXT", "for CONNECT", [](Text v, Options& o) { return read_text(v, o.password.emplace()); }},
    {"--keepalive", "S", "Keep Alive; pings go out in half that time (600: no pings in a usual run)",
     [](Text v, Options& o) { return read_number<std::uint16_t>(v, o.keep_alive, 0, 65'535); }},
    {"--pid", "PID", "the broker's process: its CPU time and memory are reported",
     [](Text v, Options& o) { return read_number(v, o.broker_pid, 1, std::numeric_limits<int>::max()); }},
    {"--no-check", "", "do not look for lost, doubled and reordered messages",
     [](Text, Options& o) { return set(o.check, false); }},
    {"--json", "", "print one line of JSON after the table", [](Text, Options& o) { return set(o.json, true); }},
    {"--quiet", "", "no progress on stderr; with --json no table either",
     [](Text, Options& o) { return set(o.quiet, true); }},
    {"--help", "", "print this", [](Text, Options& o) { return set(o.help, true); }},
});

const OptionRow* find_row(Text name) {
  for (const auto& row : kOptions) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

/// What only the whole can tell.
std::string contradiction(const Options& options) {
  using enum mqtt::Version;
  if (options.alias && options.version != v5) return "--alias needs --version 5";
  if (options.password && !options.user_name && options.version != v5) return "--password needs --username";
  return {};
}

}  // namespace

std::string parse_options(int argc, const char* const* argv, Options& options) {
  for (int i = 0; i < argc; ++i) {
    const Text name = argv[i];
    const OptionRow* row = find_row(name);
    if (!row) return "unknown option " + std::string(name);
    Text value;
    if (!row->value.empty()) {
      if (i + 1 == argc) return std::string(name) + " needs a value";
      value = argv[++i];
    }
    if (!row->read(value, options)) return std::string(name) + " cannot be '" + std::string(value) + "'";
  }
  return contradiction(options);
}

SteadyTime::duration Options::time_to_measure() const {
  using Seconds = std::chrono::duration<double>;
  const Seconds otherwise = count > 0 ? std::chrono::hours(1) : std::chrono::seconds(10);
  return std::chrono::duration_cast<SteadyTime::duration>(duration.value_or(otherwise));
}

SteadyTime::duration Options::time_to_warm_up() const {
  return count > 0 ? SteadyTime::duration::zero() : std::chrono::duration_cast<SteadyTime::duration>(warm_up);
}

std::string options_help() {
  std::string text;
  for (const auto& row : kOptions) {
    std::string left = "  " + std::string(row.name) + " " + std::string(row.value);
    left.resize(std::max<std::size_t>(left.size(), 22), ' ');
    text += left + std::string(row.help) + "\n";
  }
  return text;
}

}  // namespace bramble::bench
