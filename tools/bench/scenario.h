#pragma once

#include <array>
#include <string>
#include <string_view>

#include "tools/bench/engine.h"
#include "tools/bench/options.h"
#include "tools/bench/progress.h"
#include "tools/bench/report.h"

namespace bramble::bench {

/// The other parts of a run that is spread over several processes.
/// Threads: the main thread.
class Team {
 public:
  virtual ~Team() = default;
  /// Until all are ready: when everybody is connected, and before the first message; where connecting is what is
  /// measured, before that. False: there will be no start.
  virtual bool wait_for_start() = 0;
  /// Which part this is. Where publishers are heard by subscribers of all parts, part 0 has the publishers.
  virtual std::uint32_t part() const = 0;
  /// For the Stamps of all parts.
  virtual std::uint16_t run() const = 0;
  /// How many messages each publisher sent, from part 0 to the others. Nothing: they will not hear it.
  virtual void tell_sent(const std::vector<std::uint64_t>& sent) = 0;
  virtual std::optional<std::vector<std::uint64_t>> await_sent() = 0;
};

/// What a scenario is given, and where it puts what it found.
struct Run {
  const Options& options;
  Interrupts& interrupts;
  Report& report;
  Progress& progress;
  Team* team = nullptr;  ///< null: this is the whole run

  bool may_start() const { return !team || team->wait_for_start(); }
};

/// The broker that the options name; nothing, and a fault in the report, if it has no address.
std::optional<Endpoint> broker_of(Run run);

/// A client as the options want it. Its id is their template with `number`, or else their prefix and `id`. `number`
/// counts the clients of the run.
LoadClient::Settings client_settings(const Options& options, const std::string& id, std::uint32_t number);
std::string client_id(const Options& options, const std::string& id, std::uint32_t number);

/// The options' topic with `number` and the client's id, if it is a template; or else as a prefix of `otherwise`.
std::string topic_of(const Options& options, std::uint32_t number, std::string_view client_id,
                     const std::string& otherwise);
/// `count` topics for one client to subscribe to, which nobody publishes to.
std::vector<std::string> idle_filters(const Options& options, std::uint32_t count, std::uint32_t number,
                                      std::string_view client_id);

/// Percentiles of a second latency in one report, their keys behind `prefix`. Nothing if nothing was recorded.
void tell_latency(Report& report, const std::string& prefix, const std::string& label, const Histogram& histogram);

// One file each.
void run_conn(Run run);
void run_pub(Run run);
void run_sub(Run run);
void run_pairs(Run run);
void run_fanout(Run run);
void run_fanin(Run run);
void run_shared(Run run);
void run_wildcard(Run run);
void run_retained(Run run);
void run_offline(Run run);
void run_churn(Run run);
void run_storm(Run run);

struct Scenario {
  std::string_view name;
  std::string_view help;
  void (*run)(Run);
  /// Which of the options that not every scenario has, by name and with a space before and after each; what `kFlow` and
  /// the like stand for included.
  std::string_view options;
  bool any_topics = true;    ///< --topic may be a template
  bool needs_stamp = false;  ///< payloads must have the check header
};

/// What is wrong with the options that were given, for this scenario. Empty: nothing.
std::string refuse(const Scenario& scenario, const Options& options);
/// Whether this scenario has the option.
bool has_option(const Scenario& scenario, std::string_view name);
/// Null: there is none of that name.
const Scenario* find_scenario(std::string_view name);

inline constexpr auto kScenarios = std::to_array<Scenario>({
    {"conn", "connect --clients (1000), then hold the connections", run_conn,
     " --clients --filters --sub-id --sub-qos --rate --window --duration --topic [clients] "},
    {"churn", "--clients (100) connect, subscribe to --filters (0) topics, disconnect, over and over", run_churn,
     " --clients --filters --sub-id --sub-qos --rate --count --duration --warmup --topic [clients] "},
    {"storm", "--clients (1000) with --filters (10) each are cut at once and come back, beside --pubs (10) pairs",
     run_storm,
     " [payload] --clients --filters --pubs --sub-id --sub-qos --alias --rate --window --duration --warmup --topic "
     "--no-check [clients] "},
    {"pub", "--pubs (50) publishers; what receives is elsewhere. Latency is that of the acknowledgement", run_pub,
     " [payload] [pace] --clients --pubs --retain --alias --topic [clients] "},
    {"sub", "--subs (1) subscribers to PREFIX/#; the publishers are another bramble-bench", run_sub,
     " --qos --sub-qos --sub-id --size --no-header --clients --subs --duration --warmup --topic --no-check [clients] "},
    {"pairs", "--pubs (50) publishers, each with a topic and a subscriber of its own", run_pairs,
     " [payload] [pace] --clients --pubs --subs --sub-id --sub-qos --retain --alias --topic --no-check [clients] "},
    {"fanout", "--pubs (1) publishers, all heard by each of --subs (500) subscribers", run_fanout,
     " [payload] [pace] --pubs --subs --sub-id --sub-qos --retain --alias --topic --no-check [clients] "},
    {"fanin", "--pubs (100) publishers, shared out among --subs (1) subscribers", run_fanin,
     " [payload] [pace] --pubs --subs --sub-id --sub-qos --retain --alias --topic --no-check [clients] "},
    {"shared", "--pubs (10) publishers, heard by one shared subscription of --subs (10) members", run_shared,
     " [payload] [pace] --pubs --subs --sub-id --sub-qos --retain --alias --topic --no-check [clients] "},
    {"wildcard", "--filters (100,000), most with wildcards, of --subs (50); --pubs (50) match 1 to 3 of them",
     run_wildcard,
     " [payload] [pace] --pubs --subs --filters --exact-filters --sub-id --sub-qos --topic --no-check [clients] ",
     false, true},
    {"retained", "--count (100,000) retained messages from --pubs (10), then a subscriber to all", run_retained,
     " [payload] --count --pubs --window --batch --sub-id --sub-qos --topic ", false, true},
    {"offline", "--count (100,000) messages from --pubs (1) for a session that is away, then comes back", run_offline,
     " [payload] --count --pubs --window --batch --sub-id --sub-qos --topic ", false, true},
});

}  // namespace bramble::bench
