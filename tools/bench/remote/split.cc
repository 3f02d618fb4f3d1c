#include "tools/bench/remote/split.h"

#include <algorithm>
#include <array>
#include <optional>

#include "tools/bench/naming.h"

namespace bramble::bench {

namespace {

/// The clients of a worker, of all that a scenario has.
struct Share {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::uint64_t of = 1;

  /// This share of `total`: the shares of all workers add up to it.
  std::uint64_t of_total(std::uint64_t total) const {
    const auto until = [this, total](std::uint64_t client) {
      return total / of * client + total % of * client / of;  // in an order in which nothing overflows
    };
    return until(first + count) - until(first);
  }
};

Share share_of(std::uint64_t all, std::size_t worker, std::size_t workers) {
  Share share{.first = 0, .count = 0, .of = all};
  share.first = all * worker / workers;
  share.count = all * (worker + 1) / workers - share.first;
  return share;
}

/// What a scenario can be split by: the option that counts it, and how many there are if nobody says.
struct Rule {
  std::string_view scenario;
  std::string_view option;
  std::uint32_t otherwise;
  std::array<std::optional<std::uint32_t> Options::*, 3> said_by;  ///< the first that is given counts
  bool own_topics;
};

constexpr std::optional<std::uint32_t> Options::*kClients = &Options::clients;
constexpr std::optional<std::uint32_t> Options::*kPublishers = &Options::publishers;
constexpr std::optional<std::uint32_t> Options::*kSubscribers = &Options::subscribers;

constexpr auto kRules = std::to_array<Rule>({
    {"conn", "--clients", 1'000, {kClients, kClients, kClients}, false},
    {"pub", "--pubs", 50, {kPublishers, kClients, kClients}, true},
    {"sub", "--subs", 1, {kSubscribers, kClients, kClients}, false},
    {"pairs", "--pubs", 50, {kPublishers, kSubscribers, kClients}, true},
    {"fanin", "--subs", 1, {kSubscribers, kSubscribers, kSubscribers}, true},
    {"fanout", "--subs", 500, {kSubscribers, kSubscribers, kSubscribers}, false},
});

std::uint32_t clients_of(const Rule& rule, const Options& options) {
  for (const auto field : rule.said_by) {
    if (options.*field) return *(options.*field);
  }
  return rule.otherwise;
}

/// Of the publishers of a fan-in, those whose subscriber is in the share: publisher i is heard by subscriber i % all.
std::uint64_t publishers_heard(const Share& subscribers, std::uint64_t publishers) {
  std::uint64_t heard = 0;
  for (std::uint64_t i = subscribers.first; i < subscribers.first + subscribers.count; ++i) {
    heard += (publishers - i + subscribers.of - 1) / subscribers.of;
  }
  return heard;
}

std::vector<std::string> what_all_get(const Options& options) {
  std::vector<std::string> words;
  for (const auto& [name, value] : options.given) {
    if (option_for(name) != OptionFor::scenario) continue;
    words.push_back(name);
    if (!value.empty()) words.push_back(value);
  }
  return words;
}

}  // namespace

std::string split(std::string_view scenario, const Options& options, std::size_t workers, Parts& parts) {
  const auto* rule =
      std::find_if(kRules.begin(), kRules.end(), [&](const Rule& each) { return each.scenario == scenario; });
  if (rule == kRules.end()) {
    return std::string(scenario) + " cannot be split over workers";
  }
  for (const auto& [name, value] : options.given) {
    if (option_for(name) == OptionFor::machine) return name + " names something of one machine: not with --manager";
  }
  std::uint64_t all = clients_of(*rule, options);
  const std::uint64_t publishers = options.publishers.value_or(100);
  if (scenario == "fanout" && options.count > 0) return "--count of a fanout is one worker's: use --duration";
  if (scenario == "fanout" && is_template(options.topic)) return "the topic of a fanout on workers is no template";
  if (scenario == "fanin") all = std::min(all, publishers);
  if (all < workers) {
    return std::string(scenario) + " has " + std::to_string(all) + " of " + std::string(rule->option) + " for " +
           std::to_string(workers) + " workers: ask for more, or use fewer workers";
  }
  if (options.count > 0 && options.count < all) return "--count is less than a message for each client";
  for (std::size_t i = 0; i < workers; ++i) {
    const Share share = share_of(all, i, workers);
    auto words = what_all_get(options);
    const auto add = [&words](std::string_view option, const std::string& value) {
      words.insert(words.end(), {std::string(option), value});
    };
    add(rule->option, std::to_string(share.count));
    if (scenario == "fanin") add("--pubs", std::to_string(publishers_heard(share, publishers)));
    if (scenario == "conn")
      add("--window", std::to_string(std::max<std::uint64_t>(share.of_total(options.window.value_or(256)), 1)));
    if (options.rate > 0 && scenario != "fanout") {
      add("--rate", std::to_string(options.rate * static_cast<double>(share.count) / static_cast<double>(all)));
    }
    if (options.count > 0) add("--count", std::to_string(share.of_total(options.count)));
    if (rule->own_topics) add("--topic", options.topic + "/w" + std::to_string(i));
    add("--client-id", options.client_id + "-w" + std::to_string(i));
    parts.push_back(std::move(words));
  }
  return {};
}

}  // namespace bramble::bench
