#include "tools/ctl/options.h"

#include <charconv>
#include <cstdlib>
#include <fmt/format.h>

#include "core/mqtt/utf8.h"
#include "core/topic/topic.h"

namespace bramble::ctl {

namespace {

using mqtt::Version;

constexpr unsigned kPub = 1, kSub = 2, kPing = 4, kAll = 7;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

/// What is wrong with it, as the end of "-p: ...".
template <class Number>
std::string take_number(Number& to, std::string_view value, std::uint64_t low, std::uint64_t high) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() || number < low || number > high) {
    return fmt::format("{} is not a whole number from {} to {}", value, low, high);
  }
  to = static_cast<Number>(number);
  return {};
}

std::string take_text(std::string& to, std::string_view value) {
  if (value.empty()) return "is empty";
  to = value;
  return {};
}

std::string take_source(Options& options, Source source, std::string_view text = {}) {
  if (options.source != Source::none) return "only one of -m, -n, -f, -l and -s says what to publish";
  options.source = source;
  options.message = text;
  return {};
}

std::string take_version(Options& options, std::string_view value) {
  if (value == "5" || value == "mqttv5" || value == "5.0") {
    options.login.version = Version::v5;
  } else if (value == "3.1.1" || value == "311" || value == "mqttv311") {
    options.login.version = Version::v3_1_1;
  } else {
    return std::string(value) + " is no version: 5 or 3.1.1";
  }
  return {};
}

/// A field of CONNECT.
std::string take_field(std::string& to, std::string_view value) {
  if (value.size() > mqtt::kTopicBytesMax) return "has more than 65535 bytes";
  to = value;
  return {};
}

std::string take_name(std::string& to, std::string_view value) {
  if (!mqtt::valid_utf8(value)) return "is not UTF-8";
  return take_field(to, value);
}

struct Flag {
  std::string_view letter, name, value;  ///< no value: it stands alone
  unsigned verbs;
  std::string_view help;
  std::string (*take)(Options& options, std::string_view value);
};

constexpr Flag kFlags[] = {
    {"-h", "--host", "HOST", kAll, "the broker (localhost)",
     [](Options& to, std::string_view value) { return take_text(to.place.host, value); }},
    {"-p", "--port", "PORT", kAll, "its port (1883, and 8883 with TLS)",
     [](Options& to, std::string_view value) { return take_number(to.place.port, value, 1, 65'535); }},
    {"", "--unix", "PATH", kAll, "its Unix socket, instead of host and port",
     [](Options& to, std::string_view value) { return take_text(to.place.unix_socket, value); }},
    {"-V", "--protocol-version", "VERSION", kAll, "of MQTT: 5, or 3.1.1 (5)", take_version},
    {"-i", "--id", "ID", kAll, "client id (the broker makes one up)",
     [](Options& to, std::string_view value) { return take_name(to.login.client_id, value); }},
    {"-u", "--username", "USER", kAll, "user name; the password is -P, BRAMBLE_PASSWORD, or asked for on the terminal",
     [](Options& to, std::string_view value) { return take_name(to.login.user_name.emplace(), value); }},
    {"-P", "--pw", "PASSWORD", kAll, "its password, where other users of this machine may see it",
     [](Options& to, std::string_view value) { return take_field(to.login.password.emplace(), value); }},
    {"-k", "--keepalive", "SECONDS", kAll, "Keep Alive; 0: none (60)",
     [](Options& to, std::string_view value) { return take_number(to.login.keep_alive, value, 0, 65'535); }},
    {"", "--cafile", "FILE", kAll, "TLS; certificates of the authorities that the broker's is checked with, PEM",
     [](Options& to, std::string_view value) { return take_text(to.place.trust.cafile, value); }},
    {"", "--capath", "FOLDER", kAll, "the same, as a folder that `openssl rehash` has gone over",
     [](Options& to, std::string_view value) { return take_text(to.place.trust.capath, value); }},
    {"", "--tls-use-os-certs", "", kAll, "the same, with the authorities of this system",
     [](Options& to, std::string_view) { return to.place.system_authorities = true, std::string(); }},
    {"", "--cert", "FILE", kAll, "the client's own certificate, PEM",
     [](Options& to, std::string_view value) { return take_text(to.place.trust.certificate, value); }},
    {"", "--key", "FILE", kAll, "its private key, PEM (in the same file)",
     [](Options& to, std::string_view value) { return take_text(to.place.trust.key, value); }},
    {"", "--insecure", "", kAll, "do not check that the broker's certificate is for this host",
     [](Options& to, std::string_view) { return to.place.insecure = true, std::string(); }},
    {"-W", "--timeout", "SECONDS", kAll, "",
     [](Options& to, std::string_view value) {
       std::uint32_t seconds = 0;
       std::string said = take_number(seconds, value, 1, 100'000'000);
       return to.timeout = std::chrono::seconds(seconds), said;
     }},
    {"-t", "--topic", "TOPIC", kPub | kSub, "",
     [](Options& to, std::string_view value) { return to.topics.emplace_back(value), std::string(); }},
    {"-q", "--qos", "QOS", kPub | kSub, "0, 1 or 2 (0)",
     [](Options& to, std::string_view value) { return take_number(to.qos, value, 0, 2); }},
    {"-r", "--retain", "", kPub, "have the broker keep the message for clients to come",
     [](Options& to, std::string_view) { return to.retain = true, std::string(); }},
    {"-m", "--message", "TEXT", kPub, "publish this",
     [](Options& to, std::string_view value) { return take_source(to, Source::text, value); }},
    {"-n", "--null-message", "", kPub, "publish an empty message; with -r it takes the kept one away",
     [](Options& to, std::string_view) { return take_source(to, Source::nothing); }},
    {"-f", "--file", "FILE", kPub, "publish what is in the file",
     [](Options& to, std::string_view value) { return take_source(to, Source::file, value); }},
    {"-s", "--stdin-file", "", kPub, "publish the whole standard input as one message",
     [](Options& to, std::string_view) { return take_source(to, Source::input); }},
    {"-l", "--stdin-line", "", kPub, "publish each line of the standard input as a message",
     [](Options& to, std::string_view) { return take_source(to, Source::lines); }},
    {"-v", "--verbose", "", kSub, "print the topic before each message",
     [](Options& to, std::string_view) { return to.verbose = true, std::string(); }},
    {"-C", "--count", "COUNT", kSub, "end after so many messages, with status 0",
     [](Options& to, std::string_view value) { return take_number(to.count, value, 1, 0xFFFF'FFFF); }},
    {"-c", "--disable-clean-session", "", kSub, "have the broker keep the session (-i) and queue what comes meanwhile",
     [](Options& to, std::string_view) { return to.login.clean_start = false, std::string(); }},
    {"-x", "--session-expiry-interval", "SECONDS", kSub, "keep it so long after the end; MQTT 5 (with -c for ever)",
     [](Options& to, std::string_view value) {
       return take_number(to.login.session_expiry, value, 0, mqtt::kSessionNeverExpires);
     }},
    {"-c", "--config-file", "FILE", kPing,
     "ask the broker of this machine that has this configuration, by any listener",
     [](Options& to, std::string_view value) { return take_text(to.config_file, value); }},
    {"", "--container", "", kPing, "the same, with the configuration that bramble --container has",
     [](Options& to, std::string_view) { return to.container = true, std::string(); }},
    {"", "--help", "", kAll, "print this", [](Options& to, std::string_view) { return to.help = true, std::string(); }},
};

std::string_view help_of(const Flag& flag, Verb verb) {
  if (!flag.help.empty()) return flag.help;
  if (flag.letter == "-t") {
    return verb == Verb::pub ? "publish there" : "Topic Filter; may be given several times";
  }
  if (verb == Verb::sub) return "end after so many seconds, with status 27";
  return verb == Verb::pub ? "how long the broker may take for each step (30)" : "how long it may take in all (5)";
}

std::string wrong_topic(Verb verb, std::string_view topic) {
  if (verb == Verb::pub) {
    if (TopicName::parse(topic)) return {};
    return fmt::format("-t: {} is no topic to publish to: UTF-8 of 1 to 65535 bytes, without + and #", topic);
  }
  if (TopicFilter::parse(topic)) return {};
  return fmt::format("-t: {} is no Topic Filter: + and # stand alone between slashes, and # at the end", topic);
}

/// What is wrong between options; empty: nothing.
std::string wrong_together(Verb verb, const Options& options) {
  const Place& place = options.place;
  const Login& login = options.login;
  if (!place.unix_socket.empty() && place.tls()) return "--unix: there is no TLS over a Unix socket";
  if (!place.trust.key.empty() && place.trust.certificate.empty()) return "--key: needs --cert, whose key it is";
  if (place.insecure && !place.tls()) return "--insecure: needs --cafile, --capath or --tls-use-os-certs";
  if (login.password && !login.user_name && login.version != Version::v5) return "-P: needs -u in MQTT 3.1.1";
  if (!options.config_file.empty() || options.container) {
    const bool more =
        place.port != 0 || place.host != Place().host || !place.unix_socket.empty() || place.tls() || login.user_name;
    return more ? "-c and --container: the configuration says where and how: leave -h, -p, --unix, -u and TLS out" : "";
  }
  if (verb == Verb::ping) return {};
  if (options.topics.empty()) return "which topic? -t TOPIC";
  for (const std::string& topic : options.topics) {
    if (std::string said = wrong_topic(verb, topic); !said.empty()) return said;
  }
  if (verb == Verb::pub) {
    if (options.topics.size() > 1) return "-t: one topic at a time";
    return options.source == Source::none ? "what to publish? -m TEXT, -n, -f FILE, -l or -s" : "";
  }
  if (!login.clean_start && login.client_id.empty()) return "-c: needs -i ID, by which the session is found again";
  if (login.session_expiry != 0 && login.version != Version::v5) return "-x: only in MQTT 5";
  return {};
}

const Flag* find(Verb verb, std::string_view word) {
  for (const Flag& flag : kFlags) {
    const bool named = word == flag.name || (!flag.letter.empty() && word == flag.letter);
    if (named && (flag.verbs & static_cast<unsigned>(verb)) != 0) return &flag;
  }
  return nullptr;
}

}  // namespace

OrMessage<Options> parse_options(Verb verb, const std::vector<std::string>& words) {
  Options options;
  bool expiry_given = false;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const Flag* const flag = find(verb, words[at]);
    if (!flag) return wrong(fmt::format("unknown option '{}'", words[at]));
    std::string_view value;
    if (!flag->value.empty()) {
      if (++at == words.size()) return wrong(fmt::format("{}: needs {} behind it", words[at - 1], flag->value));
      value = words[at];
    }
    if (const std::string said = flag->take(options, value); !said.empty()) {
      return wrong(fmt::format("{}: {}", flag->letter.empty() ? flag->name : flag->letter, said));
    }
    expiry_given = expiry_given || flag->letter == "-x";
  }
  if (options.help) return options;
  if (std::string said = wrong_together(verb, options); !said.empty()) return wrong(std::move(said));
  if (!options.login.clean_start && !expiry_given) options.login.session_expiry = mqtt::kSessionNeverExpires;
  if (const char* const password = std::getenv("BRAMBLE_PASSWORD"); password && options.login.user_name) {
    if (!options.login.password) options.login.password = password;
  }
  return options;
}

std::string usage_of(Verb verb) {
  std::string text;
  for (const Flag& flag : kFlags) {
    if ((flag.verbs & static_cast<unsigned>(verb)) == 0) continue;
    const std::string names = fmt::format("{}{}{}", flag.letter, flag.letter.empty() ? "    " : ", ", flag.name);
    text += fmt::format(" {:<40} {}\n", fmt::format("{} {}", names, flag.value), help_of(flag, verb));
  }
  return text;
}

}  // namespace bramble::ctl
