#pragma once

#include <array>
#include <string_view>

#include "tools/bench/engine.h"
#include "tools/bench/options.h"
#include "tools/bench/report.h"

namespace bramble::bench {

/// What a scenario is given, and where it puts what it found.
struct Run {
  const Options& options;
  Interrupts& interrupts;
  Report& report;
};

/// A client as the options want it; its id is their prefix and `id`. `number` counts the clients of the run.
LoadClient::Settings client_settings(const Options& options, const std::string& id, std::uint32_t number);

// One file each.
void run_conn(Run run);
void run_pub(Run run);
void run_sub(Run run);
void run_pairs(Run run);
void run_fanout(Run run);
void run_fanin(Run run);

struct Scenario {
  std::string_view name;
  std::string_view help;
  void (*run)(Run);
};

inline constexpr auto kScenarios = std::to_array<Scenario>({
    {"conn", "connect --clients (1000), then hold the connections", run_conn},
    {"pub", "--pubs (50) publishers; what receives is elsewhere. Latency is that of the acknowledgement", run_pub},
    {"sub", "--subs (1) subscribers to PREFIX/#; the publishers are another bramble-bench", run_sub},
    {"pairs", "--pubs (50) publishers, each with a topic and a subscriber of its own", run_pairs},
    {"fanout", "--pubs (1) publishers, all heard by each of --subs (500) subscribers", run_fanout},
    {"fanin", "--pubs (100) publishers, shared out among --subs (1) subscribers", run_fanin},
});

}  // namespace bramble::bench
