#include "tools/bench/scenario.h"

#include <algorithm>

#include "tools/bench/histogram.h"
#include "tools/bench/naming.h"

namespace bramble::bench {

namespace {

/// Options that go together.
struct Family {
  std::string_view name;
  std::string_view options;
};

constexpr auto kFamilies = std::to_array<Family>({
    {" [payload] ", " --qos --size --payload-file --no-header "},
    {" [clients] ", " --threads --clean-start "},
    {" [pace] ", " --rate --window --batch --count --duration --warmup "},
});

/// What is wrong with them; empty: nothing.
std::string put_layers(const Options& options, Endpoint& broker) {
  LayerPlan plan = options.layers;
  if (!plan.any()) return {};
  plan.host = options.host;
  auto context = Layers::make_context(plan);
  if (!context) return context.error();
  broker.layering = std::make_shared<const Layering>(Layering{std::move(plan), std::move(*context)});
  return {};
}

bool contains(std::string_view list, std::string_view name) {
  return list.find(" " + std::string(name) + " ") != std::string_view::npos;
}

}  // namespace

std::optional<Endpoint> broker_of(Run run) {
  std::string fault;
  auto broker = resolve(run.options.host, run.options.port, run.options.sources, fault);
  if (broker) {
    broker->nodelay = run.options.nodelay;
    fault = put_layers(run.options, *broker);
  }
  if (!fault.empty()) {
    run.report.fault(fault);
    return std::nullopt;
  }
  return broker;
}

std::string client_id(const Options& options, const std::string& id, std::uint32_t number) {
  return is_template(options.client_id) ? fill_template(options.client_id, number) : options.client_id + "-" + id;
}

LoadClient::Settings client_settings(const Options& options, const std::string& id, std::uint32_t number) {
  LoadClient::Settings settings{.version = options.version,
                                .client_id = client_id(options, id, number),
                                .user_name = options.user_name,
                                .password = options.password,
                                .keep_alive = options.keep_alive,
                                .clean_start = options.clean_start,
                                .session_expiry = options.session_expiry.value_or(0),
                                .will = {},
                                .filters = {},
                                .filter_qos = options.granted_qos(),
                                .subscription_id = options.subscription_id,
                                .number = number};
  if (!options.will_topic.empty()) {
    settings.will = {.topic = fill_template(options.will_topic, number, settings.client_id),
                     .payload = options.will_payload,
                     .qos = options.will_qos,
                     .retain = options.will_retain};
  }
  return settings;
}

std::string topic_of(const Options& options, std::uint32_t number, std::string_view client_id,
                     const std::string& otherwise) {
  if (is_template(options.topic)) return fill_template(options.topic, number, client_id);
  return options.topic + "/" + otherwise;
}

std::vector<std::string> idle_filters(const Options& options, std::uint32_t count, std::uint32_t number,
                                      std::string_view client_id) {
  std::vector<std::string> filters;
  const std::string stem = topic_of(options, number, client_id, "idle/" + std::to_string(number));
  for (std::uint32_t i = 0; i < count; ++i) filters.push_back(count == 1 ? stem : stem + "/" + std::to_string(i));
  return filters;
}

void tell_latency(Report& report, const std::string& prefix, const std::string& label, const Histogram& histogram) {
  struct Point {
    const char* key;
    const char* name;
    double share;
  };
  constexpr std::array<Point, 4> kPoints{
      {{"p50_us", " p50", 0.5}, {"p99_us", " p99", 0.99}, {"p999_us", " p99.9", 0.999}, {"max_us", " max", 1}}};
  if (histogram.count() == 0) return;
  for (const auto& point : kPoints) {
    const std::chrono::duration<double, std::micro> value = histogram.percentile(point.share);
    report.number(prefix + point.key, label + point.name, value.count(), "us");
  }
}

bool has_option(const Scenario& scenario, std::string_view name) {
  const auto names = [name](const Scenario& of) {
    return contains(of.options, name) ||
           std::any_of(kFamilies.begin(), kFamilies.end(), [&of, name](const Family& family) {
             return of.options.find(family.name) != std::string_view::npos && contains(family.options, name);
           });
  };
  // An option that no scenario names is one that all have.
  return names(scenario) || std::none_of(kScenarios.begin(), kScenarios.end(), names);
}

std::string refuse(const Scenario& scenario, const Options& options) {
  const std::string name(scenario.name);
  for (const auto& [given, value] : options.given) {
    if (!has_option(scenario, given)) return name + " has no " + given;
  }
  if (!scenario.any_topics && is_template(options.topic)) {
    return name + " makes many topics of its own: --topic can only be what they start with";
  }
  if (scenario.needs_stamp && !options.stamped()) {
    return name + " counts messages by the check header: payloads need it, and so at least 24 bytes";
  }
  return {};
}

const Scenario* find_scenario(std::string_view name) {
  const auto* found =
      std::find_if(kScenarios.begin(), kScenarios.end(), [name](const auto& one) { return one.name == name; });
  return found == kScenarios.end() ? nullptr : found;
}

}  // namespace bramble::bench
