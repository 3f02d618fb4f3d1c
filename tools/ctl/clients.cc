// bramble-ctl clients: who is connected to a broker, or has a session there.
#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "core/mqtt/types.h"
#include "core/topic/topic.h"
#include "tools/bench/output/json.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/control.h"
#include "tools/ctl/table.h"

namespace bramble::ctl {

namespace {

using bench::Json;

struct Words {
  std::string socket;
  std::string config_file;
  std::vector<std::pair<std::string, std::string>> filters;  ///< as the protocol names them
  bool away = false;
  bool all = false;
  bool json = false;
  bool count = false;
  bool help = false;
};

/// What a filter is called here, and to the broker.
constexpr std::pair<std::string_view, std::string_view> kFilters[] = {{"--id", "id"},
                                                                      {"--user", "user"},
                                                                      {"--address", "address"},
                                                                      {"--listener", "listener"},
                                                                      {"--subscribed", "subscribed"}};
constexpr std::pair<std::string_view, bool Words::*> kFlags[] = {{"--away", &Words::away},
                                                                 {"--all", &Words::all},
                                                                 {"--json", &Words::json},
                                                                 {"--count", &Words::count},
                                                                 {"--help", &Words::help}};

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

OrMessage<Words> parse(const std::vector<std::string>& words) {
  Words to;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string& word = words[at];
    if (const auto* const flag = std::ranges::find(kFlags, word, [](const auto& each) { return each.first; });
        flag != std::end(kFlags)) {
      to.*flag->second = true;
      continue;
    }
    const auto* const filter = std::ranges::find(kFilters, word, [](const auto& each) { return each.first; });
    std::string* const field = word == "--socket" ? &to.socket : word == "-c" ? &to.config_file : nullptr;
    if (filter == std::end(kFilters) && !field) return wrong(fmt::format("unknown option '{}'", word));
    if (++at == words.size()) return wrong(word + ": needs a value behind it");
    if (field) {
      *field = words[at];
    } else {
      to.filters.emplace_back(filter->second, words[at]);
    }
    if (word == "--subscribed" && !TopicFilter::parse(words[at])) {
      return wrong(fmt::format("--subscribed: {} is neither a topic nor a Topic Filter", printable(words[at])));
    }
  }
  if (to.help) return to;
  if (to.away && to.all) return wrong("--away or --all, not both");
  if (to.json && to.count) return wrong("--json or --count, not both");
  if (to.socket.empty() == to.config_file.empty()) {
    return wrong("which broker? -c FILE, its configuration, or --socket PATH, its control_socket");
  }
  return to;
}

std::string duration(std::uint64_t seconds) {
  constexpr std::uint64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (seconds < kMinute) return fmt::format("{}s", seconds);
  if (seconds < kHour) return fmt::format("{}m{:02}s", seconds / kMinute, seconds % kMinute);
  if (seconds < kDay) return fmt::format("{}h{:02}m", seconds / kHour, seconds % kHour / kMinute);
  return fmt::format("{}d{:02}h", seconds / kDay, seconds % kDay / kHour);
}

/// How long the session is kept once its client is gone, or how much longer, if it is.
std::string kept(const control::Line& client) {
  if (client.find("ends_in")) return duration(client.number_or("ends_in", 0)) + " more";
  const std::uint64_t expiry = client.number_or("session_expiry", 0);
  if (expiry == 0) return "no";
  return expiry == mqtt::kSessionNeverExpires ? "for ever" : duration(expiry);
}

std::vector<std::string> row(const control::Line& client) {
  const bool away = client.text_or("state", "") == "away";
  const auto number = [&](const char* name) { return client.text_or(name, "-"); };
  return {client.text_or("id", ""),
          client.text_or("user", "-"),
          client.text_or("address", away ? "away" : "-"),
          client.text_or("version", "-"),
          client.text_or("listener", "-"),
          client.text_or("transport", "-"),
          away ? "-" : duration(client.number_or("seconds", 0)),
          number("keep_alive"),
          client.text_or("clean_start", "-"),
          kept(client),
          number("subscriptions"),
          number("queued"),
          number("in_flight")};
}

std::string people_see(const std::vector<control::Line>& clients) {
  if (clients.empty()) return {};
  std::vector<std::vector<std::string>> rows{{"CLIENT", "USER", "ADDRESS", "MQTT", "LISTENER", "OVER", "SINCE",
                                              "KEEP ALIVE", "CLEAN", "KEPT", "SUBSCRIPTIONS", "QUEUED", "IN FLIGHT"}};
  for (const auto& client : clients) rows.push_back(row(client));
  return table(rows);
}

/// All that the broker said, under its own names; numbers and yes as JSON has them.
std::string json(const control::Line& client) {
  constexpr std::string_view kNumbers[] = {"seconds",       "keep_alive", "session_expiry", "ends_in",
                                           "subscriptions", "queued",     "in_flight"};
  Json::Object object;
  for (const auto& [name, value] : client.values()) {
    if (name == "clean_start") {
      object.emplace_back(name, Json(value == "yes"));
    } else if (std::ranges::find(kNumbers, name) != std::end(kNumbers)) {
      object.emplace_back(name, Json(static_cast<double>(client.number_or(name, 0))));
    } else {
      object.emplace_back(name, Json(value));
    }
  }
  return Json(std::move(object)).dump() + "\n";
}

}  // namespace

std::string usage_of_clients() {
  return "Usage: bramble-ctl clients -c FILE | --socket PATH [OPTION...]\n\n"
         "Who is connected to the broker that runs. It is asked at its control_socket, by root or by the account that "
         "it\n"
         "runs as. Clients that all of these fit:\n\n"
         " -c FILE             the broker's configuration, which names its control_socket\n"
         " --socket PATH       the control_socket itself\n"
         " --id PATTERN        client id; * is anything, ? a character, [a-f] one of these\n"
         " --user PATTERN      user name\n"
         " --address PATTERN   address, with or without the port: '192.168.1.*'\n"
         " --listener PORT     where it has connected; of a Unix socket, the path\n"
         " --subscribed TOPIC  gets what is published there; with + or #, has subscribed to just this filter\n"
         " --away              sessions whose client is away, instead\n"
         " --all               these too\n"
         " --json              an object a line; seconds, and a session_expiry of 4294967295 for ever\n"
         " --count             only how many\n";
}

int clients(const std::vector<std::string>& given) {
  auto words = parse(given);
  if (!words) return fail(kBadWords, words.error() + " (clients --help)");
  if (words->help) return print(usage_of_clients()) ? kDone : kFailed;
  if (words->socket.empty()) {
    const auto socket = control_socket_of(words->config_file);
    if (!socket) return fail(socket.error().wrong_file ? kBadConfig : kFailed, socket.error().what);
    words->socket = *socket;
  }
  control::Line request(std::string(control::kVersion) + " clients");
  request.add("state", words->all ? "all" : words->away ? "away" : "connected");
  for (const auto& [name, value] : words->filters) request.add(name, value);
  if (words->count) request.add("lines", "no");
  std::vector<control::Line> found;
  const auto count = ask(words->socket, request, [&](const control::Line& line) {
    if (line.words()[0] == "client") found.push_back(line);
  });
  if (!count) return fail(kFailed, count.error());
  if (words->count) return print(fmt::format("{}\n", *count)) ? kDone : kFailed;
  std::ranges::sort(found, {}, [](const control::Line& line) { return line.text_or("id", ""); });
  if (!words->json) return print(people_see(found)) ? kDone : kFailed;
  std::string lines;
  for (const auto& client : found) lines += json(client);
  return print(lines) ? kDone : kFailed;
}

}  // namespace bramble::ctl
