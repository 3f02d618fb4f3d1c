// bramble-ctl explain: what the broker would say, from the files; and who would get a message, from the broker.
#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "broker/config/command_line.h"
#include "broker/config/show.h"
#include "core/auth/access_list.h"
#include "core/auth/password_file.h"
#include "core/topic/topic.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/receivers.h"

namespace bramble::ctl {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

enum class Question : std::uint8_t { connect, publish, subscribe };

struct Words {
  Question question = Question::connect;
  std::string client;
  std::optional<std::string> user;
  std::string topic;
  std::string listener;  ///< a port, or a Unix socket's path; empty: the only one
  std::string config_file;
  std::string socket;  ///< control_socket; empty: what the configuration says
  bool help = false;
};

OrMessage<Words> parse(const std::vector<std::string>& words) {
  Words to;
  constexpr std::pair<std::string_view, Question> kQuestions[] = {
      {"connect", Question::connect}, {"publish", Question::publish}, {"subscribe", Question::subscribe}};
  if (!words.empty() && words[0] == "--help") return to.help = true, to;
  const auto* const asked =
      std::ranges::find_if(kQuestions, [&](const auto& each) { return !words.empty() && each.first == words[0]; });
  if (asked == std::end(kQuestions)) return wrong("what? explain publish, subscribe or connect");
  to.question = asked->second;
  for (std::size_t at = 1; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (word == "--help") return to.help = true, to;
    std::string* const field = word == "--client"     ? &to.client
                               : word == "--user"     ? &to.user.emplace()
                               : word == "--topic"    ? &to.topic
                               : word == "--listener" ? &to.listener
                               : word == "--socket"   ? &to.socket
                               : word == "-c"         ? &to.config_file
                                                      : nullptr;
    if (!field) return wrong(fmt::format("unknown option '{}'", word));
    if (++at == words.size()) return wrong(word + ": needs a value behind it");
    *field = words[at];
  }
  if (to.config_file.empty()) return wrong("which configuration? -c FILE");
  if (to.question != Question::connect && to.topic.empty()) return wrong("which topic? --topic TOPIC");
  return to;
}

/// The listener that is meant.
OrMessage<const ListenerOptions*> find_listener(const Config& config, const std::string& meant) {
  std::string names;
  const ListenerOptions* found = nullptr;
  int count = 0;
  for (const ListenerOptions& each : config.listeners) {
    if (each.optional) continue;
    const std::string name = each.unix_socket() ? each.bind_address : std::to_string(each.port);
    names += (names.empty() ? "" : ", ") + name;
    if (!meant.empty() && meant != name) continue;
    found = &each;
    ++count;
  }
  if (count == 1) return found;
  if (count == 0) return wrong(fmt::format("--listener: there is none on {}, but on {}", meant, names));
  return wrong(meant.empty() ? "which listener? --listener of " + names
                             : fmt::format("--listener: there are several on {}", meant));
}

/// Says what it finds line by line, and whether the answer is yes.
class Explanation {
 public:
  Explanation(const Config& config, const ListenerOptions& listener, const Words& words)
      : config_(config), listener_(listener), words_(words) {}

  OrMessage<void> connect() {
    say("listener", fmt::format("{} ({})", listener_name(listener_), listener_.declared_at));
    say("who", who_may_connect(listener_));
    if (auto known = check_user(); !known) return known;
    check_client_id();
    return {};
  }

  OrMessage<void> publish() {
    const auto topic = TopicName::parse(words_.topic);
    if (!topic)
      return deny("topic", "it is none to publish to: UTF-8 of 1 to 65535 bytes, without + and #"), OrMessage<void>();
    const std::string mounted = listener_.mount_point + words_.topic;
    say_mounted(mounted);
    const auto whole = TopicName::parse(mounted);
    if (!whole) return deny("topic", "with its mount_point it is too long"), OrMessage<void>();
    if (whole->broker_owned())
      return deny("topic", "it is the broker's own ($SYS, $CONTROL): nobody else publishes there"), OrMessage<void>();
    const auto list = access_list();
    if (!list) return wrong(list.error());
    if (*list) decide(**list, Access::write, mounted);
    return {};
  }

  OrMessage<void> subscribe() {
    if (!TopicFilter::parse(words_.topic)) {
      return deny("topic", "it is no Topic Filter: + and # stand alone between slashes, and # at the end"),
             OrMessage<void>();
    }
    const std::string mounted = with_mount_point(words_.topic);
    say_mounted(mounted);
    const auto filter = TopicFilter::parse(mounted);
    if (!filter) return deny("topic", "with its mount_point it is too long"), OrMessage<void>();
    say("SUBSCRIBE", "is always granted; what is delivered is decided message by message");
    const auto list = access_list();
    if (!list) return wrong(list.error());
    if (!*list) return {};
    if (!filter->has_wildcards()) {
      decide(**list, Access::read, filter->filter());
    } else {
      weigh(**list, filter->filter());
    }
    return {};
  }

  /// Of a message that may be published.
  void receivers() {
    if (denied_) return say("receivers", "nobody");
    const std::string& socket = words_.socket.empty() ? config_.broker.control_socket : words_.socket;
    text_ += say_receivers(socket, listener_.mount_point + words_.topic, client_id());
  }

  void limits() {
    text_ += "  limits\n";
    constexpr std::string_view kOfConnect[] = {"max_connections",
                                               "global_max_connections",
                                               "global_max_clients",
                                               "clientid_prefixes",
                                               "max_keepalive",
                                               "accept_protocol_versions",
                                               "allow_zero_length_clientid",
                                               "use_username_as_clientid",
                                               "connect_timeout",
                                               "password_rate",
                                               "max_packet_size",
                                               "max_inflight_messages",
                                               "max_topic_alias",
                                               "persistent_client_expiration",
                                               "mount_point"};
    constexpr std::string_view kOfPublish[] = {"max_qos",          "max_packet_size",       "message_size_limit",
                                               "retain_available", "max_inflight_messages", "max_topic_alias",
                                               "mount_point"};
    constexpr std::string_view kOfSubscribe[] = {
        "max_qos",          "max_inflight_messages", "max_inflight_bytes", "max_queued_messages",
        "max_queued_bytes", "queue_qos0_messages",   "max_output_bytes",   "max_topic_alias_broker",
        "retain_available", "upgrade_outgoing_qos",  "mount_point"};
    std::span<const std::string_view> names = kOfConnect;
    if (words_.question == Question::publish) names = kOfPublish;
    if (words_.question == Question::subscribe) names = kOfSubscribe;
    for (const std::string_view name : names) text_ += limit(name);
  }

  std::string text() const {
    return fmt::format("{}{}\n", text_, denied_ ? "denied" : partly_ ? "allowed in part" : "allowed");
  }
  bool denied() const { return denied_; }

 private:
  void say(std::string_view what, std::string_view text) { text_ += fmt::format("  {:<11}{}\n", what, text); }
  void deny(std::string_view what, std::string_view text) {
    denied_ = true;
    say(what, fmt::format("denied: {}", text));
  }
  void say_mounted(const std::string& mounted) {
    if (mounted == words_.topic) return say("topic", mounted);
    say("topic", fmt::format("{} to others (mount_point, {})", mounted, where_from("mount_point", listener_.origins)));
  }
  std::string with_mount_point(const std::string& filter) const {
    if (!filter.starts_with("$share/")) return listener_.mount_point + filter;
    const auto name_end = filter.find('/', std::string_view("$share/").size()) + 1;
    return filter.substr(0, name_end) + listener_.mount_point + filter.substr(name_end);
  }

  /// The client's id as the broker takes it.
  std::string client_id() const {
    return listener_.use_username_as_clientid && words_.user ? *words_.user : words_.client;
  }

  OrMessage<void> check_user() {
    const AuthOptions& auth = listener_.auth;
    if (user_by_certificate(listener_)) {
      if (!words_.user) deny("user", "none is given; --user is the name in the certificate or of the key");
      return {};
    }
    const std::string option = fmt::format("allow_anonymous {}, {}", show_value(auth.allow_anonymous),
                                           where_from("allow_anonymous", listener_.origins));
    if (!words_.user) {
      if (*auth.allow_anonymous)
        return say("user", fmt::format("none, which is allowed ({})", option)), OrMessage<void>();
      return deny("user", fmt::format("anonymous clients are not allowed ({})", option)), OrMessage<void>();
    }
    if (auth.password_file.empty()) {
      if (!*auth.allow_anonymous)
        return deny("user", "there is no password_file to check it with (" + option + ")"), OrMessage<void>();
      return say("user", fmt::format("{}: not checked, there is no password_file", *words_.user)), OrMessage<void>();
    }
    const auto text = read_text_file(auth.password_file);
    if (!text) return wrong(config_.at("password_file", auth.password_file) + auth.password_file + text.error());
    const auto users = PasswordFile::parse(*text, auth.password_file);
    if (!users) return wrong(users.error());
    if (!users->knows(*words_.user))
      return deny("user", fmt::format("{} is not in {}", *words_.user, auth.password_file)), OrMessage<void>();
    say("user", fmt::format("{} is in {}, and needs the password of there", *words_.user, auth.password_file));
    return {};
  }

  void check_client_id() {
    const AuthOptions& auth = listener_.auth;
    if (words_.client.empty() && !auth.allow_zero_length_clientid) {
      return deny("client id", fmt::format("none, which is not allowed (allow_zero_length_clientid, {})",
                                           where_from("allow_zero_length_clientid", listener_.origins)));
    }
    if (listener_.use_username_as_clientid && words_.user.value_or("").empty()) {
      return deny("client id", fmt::format("there is no user name to be it (use_username_as_clientid, {})",
                                           where_from("use_username_as_clientid", listener_.origins)));
    }
    const std::string given = words_.client.empty() ? auth.auto_id_prefix : words_.client;
    for (const std::string& id : {given, client_id().empty() ? given : client_id()}) {
      if (begins_right(id)) continue;
      return deny("client id", fmt::format("{} begins otherwise than {} (clientid_prefixes, {})", id,
                                           show_value(config_.broker.clientid_prefixes),
                                           where_from("clientid_prefixes", config_.origins)));
    }
    say("client id", client_id().empty() ? "none: the broker makes one up" : client_id());
  }

  bool begins_right(const std::string& id) const {
    const auto& prefixes = config_.broker.clientid_prefixes;
    return prefixes.empty() || std::ranges::any_of(prefixes, [&](const auto& each) { return id.starts_with(each); });
  }

  /// Null: there is none, and that has been said.
  OrMessage<std::shared_ptr<const AccessList>> access_list() {
    const std::string& path = listener_.auth.acl_file;
    if (path.empty()) {
      say("rule", "no acl_file: every client may read and write every topic");
      return std::shared_ptr<const AccessList>();
    }
    const auto text = read_text_file(path);
    if (!text) return wrong(config_.at("acl_file", path) + path + text.error());
    return AccessList::parse(*text, path);
  }

  std::shared_ptr<const Rights> rights(const AccessList& list) const {
    std::optional<std::string_view> user;
    if (words_.user) user = *words_.user;
    const std::string id = client_id();
    return list.rights_of(user, id);
  }

  static std::string rule_text(const AccessList& list, const Rule& rule) {
    return fmt::format("{}: {}", list.where(rule), rule.text());
  }

  void decide(const AccessList& list, Access access, std::string_view topic) {
    const auto rights_now = rights(list);
    const auto decision = rights_now->decide(access, topic);
    if (decision.allowed) return say("rule", "allowed by " + rule_text(list, *decision.rule));
    if (decision.rule) {
      denied_ = true;
      return say("rule", "denied by " + rule_text(list, *decision.rule));
    }
    deny("rule", fmt::format("no line of {} allows it", list.file_name()));
    if (const Rule* const withheld = rights_now->withheld(access, topic)) {
      say("",
          fmt::format("{} would, but does not count for names with a / or a leading $", rule_text(list, *withheld)));
    } else if (rights_now->patterns_withheld()) {
      say("", "patterns do not count for names with + or #");
    }
  }

  /// Which rules have a say in a filter with wildcards.
  void weigh(const AccessList& list, std::string_view filter) {
    const auto rights_now = rights(list);
    const auto reading = rights_now->reading(filter);
    for (const Rule* const rule : reading.allows) say("rule", "allowed by " + rule_text(list, *rule));
    for (const Rule* const rule : reading.denies) say("rule", "denied by " + rule_text(list, *rule));
    if (reading.all) return say("delivery", "all of it");
    partly_ = !reading.allows.empty();
    if (partly_) return say("delivery", "only what these lines allow");
    deny("delivery", fmt::format("no line of {} allows any topic of it", list.file_name()));
    if (rights_now->patterns_withheld()) say("", "patterns do not count for names with + or #");
  }

  template <class Options, class Rows>
  static std::string row_of(const Rows& rows, std::string_view name, const Options& options, const Origins& origins) {
    for (const auto& row : rows) {
      if (row.name != name) continue;
      const std::string value = show_option(row, options);
      return fmt::format("    {:<30}{:<16}{}\n", name, value.empty() ? "-" : value, where_from(name, origins));
    }
    return {};
  }
  std::string limit(std::string_view name) const {
    std::string line = row_of(kBrokerOptions, name, config_.broker, config_.origins);
    if (line.empty()) line = row_of(kListenerOptions, name, listener_, listener_.origins);
    return line.empty() ? row_of(kAuthOptions, name, listener_.auth, listener_.origins) : line;
  }

  const Config& config_;
  const ListenerOptions& listener_;
  const Words& words_;
  std::string text_;
  bool denied_ = false;
  bool partly_ = false;
};

}  // namespace

std::string usage_of_explain() {
  return "Usage: bramble-ctl explain connect|publish|subscribe -c FILE [--client ID] [--user USER] [--topic TOPIC]\n"
         "                           [--listener PORT] [--socket PATH]\n\n"
         "Whether the configuration, its password_file and its acl_file let this client do that, by which line, and "
         "which\n"
         "limits apply. For publish also who would get it, if the broker runs and has a control_socket. Ends with "
         "status "
         "0\n"
         "if it is allowed, at least in part, and 1 if not.\n\n"
         " -c FILE          the configuration\n"
         " --client ID      its client id\n"
         " --user USER      its user name; where certificates or keys name the user, that name\n"
         " --topic TOPIC    the topic; for subscribe a Topic Filter\n"
         " --listener PORT  where it connects, if there are several listeners; of a Unix socket, the path\n"
         " --socket PATH    the control_socket of the broker, instead of what the configuration says\n";
}

int explain(const std::vector<std::string>& given) {
  const auto words = parse(given);
  if (!words) return fail(kBadWords, words.error() + " (explain --help)");
  if (words->help) return print(usage_of_explain()) ? kDone : kFailed;
  CommandLine command_line;
  command_line.config_file = words->config_file;
  const auto config = load_config(command_line);
  if (!config) return fail(kBadConfig, config.error());
  const auto listener = find_listener(*config, words->listener);
  if (!listener) return fail(kBadWords, listener.error());
  Explanation explanation(*config, **listener, *words);
  auto done = explanation.connect();
  if (done && words->question == Question::publish) done = explanation.publish();
  if (done && words->question == Question::publish) explanation.receivers();
  if (done && words->question == Question::subscribe) done = explanation.subscribe();
  if (!done) return fail(kBadConfig, done.error());
  explanation.limits();
  if (!print(explanation.text())) return kFailed;
  return explanation.denied() ? kFailed : kDone;
}

}  // namespace bramble::ctl
