#include "tools/bench/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <limits>

#include "tools/bench/naming.h"
#include "tools/bench/sequence.h"
#include "tools/bench/socket.h"

namespace bramble::bench {

namespace {

constexpr std::uint32_t kPayloadBytesMax = 200'000'000;

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

bool read_bool(std::string_view text, bool& to) {
  to = text == "true";
  return to || text == "false";
}

/// A text with %i and the like in it; `known`: which letters may stand behind the %.
bool read_template(std::string_view text, std::string_view known, std::string& to) {
  return read_text(text, to) && is_template_of(text, known);
}

bool read_file(std::string_view name, std::optional<std::string>& to) {
  std::ifstream file(std::string(name), std::ios::binary);
  if (!file) return false;
  to.emplace(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  return !file.bad() && to->size() <= kPayloadBytesMax - Stamp::kBytes;
}

bool read_addresses(std::string_view text, std::vector<std::string>& to) {
  to.clear();
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    to.emplace_back(text.substr(from, comma - from));
    if (!is_address(to.back())) return false;
    from = comma + 1;
  }
  return true;
}

bool read_workers(std::string_view text, std::vector<Address>& to) {
  to.clear();
  while (true) {
    const auto comma = text.find(',');
    const auto address = read_address(text.substr(0, comma));
    if (!address) return false;
    to.push_back(*address);
    if (comma == std::string_view::npos) return true;
    text.remove_prefix(comma + 1);
  }
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
    {"--source", "A[,B...]", "addresses of this machine to connect from, in turn: each has some 28,000 ports",
     [](Text v, Options& o) { return read_addresses(v, o.sources); }},
    {"--nodelay", "BOOL", "TCP_NODELAY: writes leave at once (true)",
     [](Text v, Options& o) { return read_bool(v, o.nodelay); }},
    {"--tls", "", "TLS; the broker's certificate is checked with the system's authorities",
     [](Text, Options& o) { return set(o.layers.tls, true); }},
    {"--cafile", "FILE", "TLS; with those in FILE, PEM",
     [](Text v, Options& o) { return set(o.layers.tls, true) && read_text(v, o.layers.trust.cafile); }},
    {"--insecure", "", "TLS, whatever certificate the broker has",
     [](Text, Options& o) { return set(o.layers.tls, true) && set(o.layers.insecure, true); }},
    {"--cert", "FILE", "TLS: the clients' certificate, PEM",
     [](Text v, Options& o) { return read_text(v, o.layers.trust.certificate); }},
    {"--key", "FILE", "TLS: its private key, PEM", [](Text v, Options& o) { return read_text(v, o.layers.trust.key); }},
    {"--websocket", "", "MQTT in a WebSocket, one packet a frame; with TLS too",
     [](Text, Options& o) { return set(o.layers.websocket, true); }},
    {"--path", "PATH", "WebSocket: what is asked for (/mqtt)",
     [](Text v, Options& o) { return read_text(v, o.layers.path) && v[0] == '/'; }},
    {"--clients", "N", "connections; in pub, sub, pairs the same as --pubs or --subs",
     [](Text v, Options& o) { return read_count(v, o.clients); }},
    {"--pubs", "N", "publishers", [](Text v, Options& o) { return read_count(v, o.publishers); }},
    {"--subs", "N", "subscribers", [](Text v, Options& o) { return read_count(v, o.subscribers); }},
    {"--filters", "N", "wildcard: filters in all (100,000); conn, churn (0), storm (10): subscriptions of each client",
     [](Text v, Options& o) { return read_count(v, o.filters); }},
    {"--exact-filters", "N", "wildcard: so many more without a wildcard, which nothing matches (0)",
     [](Text v, Options& o) { return read_number<std::uint32_t>(v, o.exact_filters, 0, 10'000'000); }},
    {"--version", "3|4|5", "MQTT 3.1, 3.1.1 or 5 (4)", [](Text v, Options& o) { return read_version(v, o.version); }},
    {"--qos", "0|1|2", "of messages and subscriptions (0)", [](Text v, Options& o) { return read_qos(v, o.qos); }},
    {"--sub-qos", "0|1|2", "of subscriptions, if not the same",
     [](Text v, Options& o) { return read_subscription_qos(v, o.subscription_qos); }},
    {"--size", "BYTES", "of a payload (64); below 24 nothing is checked",
     [](Text v, Options& o) { return read_number<std::uint32_t>(v, o.payload_bytes, 0, kPayloadBytesMax); }},
    {"--payload-file", "FILE", "payloads are the 24 bytes of the check header and then what is in FILE",
     [](Text v, Options& o) { return read_file(v, o.contents); }},
    {"--no-header", "", "payloads without the check header: FILE as it is. Nothing is checked or timed then",
     [](Text, Options& o) { return set(o.header, false); }},
    {"--sub-id", "N", "MQTT 5: the Subscription Identifier of each subscription",
     [](Text v, Options& o) { return read_number<std::uint32_t>(v, o.subscription_id, 1, 268'435'455); }},
    {"--retain", "", "publish with RETAIN set", [](Text, Options& o) { return set(o.retain, true); }},
    {"--alias", "", "MQTT 5: send the topic once, then its Topic Alias",
     [](Text, Options& o) { return set(o.alias, true); }},
    {"--rate", "R",
     "open loop: R messages a second in all (conn, churn: connects), timed from when each should have left",
     [](Text v, Options& o) { return read_number(v, o.rate, 1e-3, 1e9); }},
    {"--window", "W",
     "closed loop: messages of a publisher still being delivered (64); conn: handshakes at once (256); storm: (all)",
     [](Text v, Options& o) { return read_count(v, o.window); }},
    {"--batch", "B", "closed loop: messages a publisher sends in one write (16)",
     [](Text v, Options& o) { return read_number<std::uint32_t>(v, o.batch, 1, 65'535); }},
    {"--count", "N",
     "end after N messages (churn: connects) in all, without a warm up; retained, offline: how many (100,000)",
     [](Text v, Options& o) {
       return read_number<std::uint64_t>(v, o.count, 1, std::numeric_limits<std::uint64_t>::max());
     }},
    {"--duration", "S", "seconds that are measured (10; storm: before it); conn: seconds to hold the connections",
     [](Text v, Options& o) { return read_seconds(v, o.duration.emplace()); }},
    {"--warmup", "S", "seconds before that (2)", [](Text v, Options& o) { return read_seconds(v, o.warm_up); }},
    {"--topic", "PREFIX", "what topics start with (bench); or each client's topic: %i its number, %c its client id",
     [](Text v, Options& o) { return read_template(v, "ic", o.topic); }},
    {"--client-id", "PREFIX", "what client ids start with (bench-PID); or, with a %i for its number, each client's",
     [](Text v, Options& o) { return read_template(v, "i", o.client_id); }},
    {"--username", "NAME", "for CONNECT", [](Text v, Options& o) { return read_text(v, o.user_name.emplace()); }},
    {"--password", "TEXT", "for CONNECT", [](Text v, Options& o) { return read_text(v, o.password.emplace()); }},
    {"--clean-start", "BOOL", "Clean Start (3.x: Clean Session) of every CONNECT (true)",
     [](Text v, Options& o) { return read_bool(v, o.clean_start); }},
    {"--session-expiry", "S", "MQTT 5: how long the broker keeps a session whose client is away",
     [](Text v, Options& o) {
       return read_number<std::uint32_t>(v, o.session_expiry.emplace(), 0, mqtt::kSessionNeverExpires);
     }},
    {"--will-topic", "TOPIC", "a Will for each client; %i and %c as in --topic",
     [](Text v, Options& o) { return read_template(v, "ic", o.will_topic); }},
    {"--will-payload", "TEXT", "its payload (empty)", [](Text v, Options& o) { return read_text(v, o.will_payload); }},
    {"--will-qos", "0|1|2", "its QoS (0)", [](Text v, Options& o) { return read_qos(v, o.will_qos); }},
    {"--will-retain", "", "it is to be retained", [](Text, Options& o) { return set(o.will_retain, true); }},
    {"--keepalive", "S", "Keep Alive; pings go out in half that time (600: no pings in a usual run)",
     [](Text v, Options& o) { return read_number<std::uint16_t>(v, o.keep_alive, 0, 65'535); }},
    {"--pid", "PID", "the broker's process: its CPU time and memory are reported",
     [](Text v, Options& o) { return read_number(v, o.broker_pid, 1, std::numeric_limits<int>::max()); }},
    {"--no-check", "", "do not look for lost, doubled and reordered messages",
     [](Text, Options& o) { return set(o.check, false); }},
    {"--json", "", "print one line of JSON after the table", [](Text, Options& o) { return set(o.json, true); }},
    {"--quiet", "", "no live view or progress on stderr; with --json no table either",
     [](Text, Options& o) { return set(o.quiet, true); }},
    {"--help", "", "print this", [](Text, Options& o) { return set(o.help, true); }},
    {"--report", "FILE", "also write the result as an HTML page with charts",
     [](Text v, Options& o) { return read_text(v, o.report_file); }},
    {"--prometheus", "[HOST:]PORT", "serve /metrics there while it runs (on loopback, if there is no HOST)",
     [](Text v, Options& o) { return (o.prometheus = read_address(v)).has_value(); }},
    {"--manager", "LIST", "spread the clients over the workers at HOST:PORT,HOST:PORT (see --worker)",
     [](Text v, Options& o) { return read_workers(v, o.workers); }},
});

const OptionRow* find_row(Text name) {
  for (const auto& row : kOptions) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

/// What only the whole can tell.
std::string contradiction(const Options& options) {
  const bool v5 = options.version == mqtt::Version::v5;
  if (options.alias && !v5) return "--alias needs --version 5";
  if (options.subscription_id != 0 && !v5) return "--sub-id needs --version 5";
  if (options.session_expiry && !v5) return "--session-expiry needs --version 5";
  if (options.password && !options.user_name && !v5) return "--password needs --username";
  const LayerPlan& layers = options.layers;
  if (options.has("--cert") && !layers.tls) return "--cert needs --tls, --cafile or --insecure";
  if (options.has("--key") && !options.has("--cert")) return "--key needs --cert";
  if (options.has("--path") && !layers.websocket) return "--path needs --websocket";
  if (options.contents && options.has("--size")) return "--payload-file and --size: one of them decides the size";
  if (is_template(options.client_id) && options.client_id.find("%i") == std::string::npos) {
    return "--client-id needs a %i, or all clients would have the same";
  }
  for (const Text name : {"--will-payload", "--will-qos", "--will-retain"}) {
    if (options.has(name) && options.will_topic.empty()) return std::string(name) + " needs --will-topic";
  }
  return {};
}

}  // namespace

std::string parse_options(int argc, const char* const* argv, Options& options) {
  return parse_options(std::vector<std::string>(argv, argv + argc), options);
}

std::string parse_options(const std::vector<std::string>& arguments, Options& options) {
  if (const auto wrong = read_options(arguments, options); !wrong.empty()) return wrong;
  if (options.contents) {
    options.payload_bytes = static_cast<std::uint32_t>(options.contents->size() + (options.header ? Stamp::kBytes : 0));
  }
  return contradiction(options);
}

std::string read_options(const std::vector<std::string>& arguments, Options& options) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const OptionRow* row = find_row(name);
    if (!row) return "unknown option " + name;
    Text value;
    if (!row->value.empty()) {
      if (i + 1 == arguments.size()) return name + " needs a value";
      value = arguments[++i];
    }
    if (!row->read(value, options)) return name + " cannot be '" + std::string(value) + "'";
    options.given.emplace_back(name, value);
  }
  return {};
}

std::optional<bool> takes_value(std::string_view name) {
  const OptionRow* row = find_row(name);
  return row ? std::optional(!row->value.empty()) : std::nullopt;
}

bool Options::stamped() const { return header && payload_bytes >= Stamp::kBytes; }

std::string Options::payload() const {
  if (!contents) return std::string(payload_bytes, 'x');
  return std::string(header ? Stamp::kBytes : 0, '\0') + *contents;
}

bool Options::has(std::string_view name) const {
  return std::any_of(given.begin(), given.end(), [name](const auto& one) { return one.first == name; });
}

SteadyTime::duration Options::time_to_measure() const {
  using Seconds = std::chrono::duration<double>;
  const Seconds otherwise = count > 0 ? std::chrono::hours(1) : std::chrono::seconds(10);
  return std::chrono::duration_cast<SteadyTime::duration>(duration.value_or(otherwise));
}

SteadyTime::duration Options::time_to_warm_up() const {
  return count > 0 ? SteadyTime::duration::zero() : std::chrono::duration_cast<SteadyTime::duration>(warm_up);
}

OptionFor option_for(std::string_view name) {
  constexpr std::array<Text, 7> kCaller{"--pid",    "--json",       "--quiet",  "--help",
                                        "--report", "--prometheus", "--manager"};
  if (std::find(kCaller.begin(), kCaller.end(), name) != kCaller.end()) return OptionFor::caller;
  constexpr std::array<Text, 5> kMachine{"--source", "--payload-file", "--cafile", "--cert", "--key"};
  if (std::find(kMachine.begin(), kMachine.end(), name) != kMachine.end()) return OptionFor::machine;
  return OptionFor::scenario;
}

std::string options_help() {
  std::string text;
  for (const auto& row : kOptions) {
    std::string left = "  " + std::string(row.name) + " " + std::string(row.value);
    left.resize(std::max<std::size_t>(left.size() + 2, 22), ' ');
    text += left + std::string(row.help) + "\n";
  }
  return text;
}

}  // namespace bramble::bench
