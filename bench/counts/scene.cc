#include "bench/counts/scene.h"

#include <span>

#include "core/mqtt/encode.h"

namespace bramble::counts {

namespace {

constexpr std::size_t kFiltersAPacket = 100;

std::shared_ptr<const Config> quiet_config() {
  auto config = std::make_shared<Config>();
  config->broker.sys_interval = Seconds(0);
  config->broker.connection_messages = false;
  config->broker.max_queued_messages = 0;
  ListenerOptions listener;
  listener.auth.allow_anonymous = true;
  config->listeners.push_back(listener);
  return config;
}

AllRules rules_of(const Config& config, const std::string& acl) {
  AllRules rules = *read_rules(config, LockedKeys::ask);
  if (acl.empty()) return rules;
  auto with_acl = std::make_shared<ListenerRules>(*rules.front());
  with_acl->access = *AccessList::parse(acl, "acl");
  rules.front() = std::move(with_acl);
  return rules;
}

std::string opening_words(const ClientOptions& options) {
  std::string bytes;
  mqtt::Connect connect;
  connect.version = options.version;
  connect.clean_start = options.clean_start;
  connect.client_id = options.id;
  connect.topic_alias_maximum = options.topic_alias_maximum;
  mqtt::append_connect(bytes, connect);
  std::span<const std::string> left = options.filters;
  for (mqtt::PacketId id = 1; !left.empty(); ++id) {
    mqtt::Subscribe subscribe;
    subscribe.packet_id = id;
    subscribe.subscription_identifier = options.subscription_identifier;
    const auto some = left.first(std::min(left.size(), kFiltersAPacket));
    for (const std::string& filter : some) {
      mqtt::SubscribeEntry entry;
      entry.filter = filter;
      entry.options.qos = options.qos;
      subscribe.entries.push_back(entry);
    }
    mqtt::append_subscribe(bytes, options.version, subscribe);
    left = left.subspan(some.size());
  }
  return bytes;
}

}  // namespace

Scene::Scene(const std::string& acl)
    : config_(quiet_config()),
      mesh_(2, config_->broker.max_inbox_bytes, quiescence_, counters_),
      commons_{mesh_, counters_, table_, retained_, directory_, passwords_},
      shard_(std::make_unique<Shard>(commons_, ReactorId{0}, config_, rules_of(*config_, acl))) {}
Scene::~Scene() = default;

Outcome Scene::play(Build build) {
  build_ = build;
  mesh_[0].start(*this);
  mesh_[0].join();
  Outcome outcome;
  outcome.deliveries = after_.deliveries - before_.deliveries;
  outcome.refused = after_.refused;
  outcome.turns = after_.turns - before_.turns;
  outcome.gauge.allocations = after_.gauge.allocations - before_.gauge.allocations;
  outcome.gauge.allocated_bytes = after_.gauge.allocated_bytes - before_.gauge.allocated_bytes;
  outcome.gauge.clock_reads = after_.gauge.clock_reads - before_.gauge.clock_reads;
  if (outcome.deliveries != plan_.deliveries) outcome.refused += 1;
  return outcome;
}

ScriptedClient& Scene::connect(const OnReactor& here, const ClientOptions& options) {
  auto client = std::make_unique<ScriptedClient>(traffic_);
  ScriptedClient& reference = *client;
  reference.say(opening_words(options));
  shard_->on_message(here, ConnectionAccepted{std::move(client), 0, 0});
  return reference;
}

void Scene::move_to_second_reactor(const OnReactor& here, const std::string& filter) {
  const auto wanted = TopicFilter::parse(filter);
  check(wanted.has_value(), "the bench's filters are valid");
  table_.remove(here.id(), table_.add(ReactorId{1}, *wanted));
}

void Scene::on_start(const OnReactor& here) { begin(here); }

void Scene::begin(const OnReactor& here) {
  const Outside outside;
  plan_ = build_(*this, here);
}

void Scene::on_turn_end(const OnReactor& here) {
  shard_->on_turn_end(here);
  drive(here);
}

/// Where the bench gets its turn. At rest nothing is unread and no turn is wanted, so the reactor would go to sleep:
/// what is offered now it finds when it waits, and every round has one sleep and one wake.
void Scene::drive(const OnReactor& here) {
  const Outside outside;
  ++turns_;
  send_back(here);
  if (traffic_.waiting != 0 || here.reactor().turn_wanted(here)) return;
  const Outcome now{traffic_.delivered, traffic_.refused, turns_, gauge()};
  if (round_ == plan_.warm_up) {
    before_ = now;
    window_edge();
  }
  if (round_ == plan_.warm_up + plan_.rounds) {
    after_ = now;
    window_edge();
    return here.reactor().stop(here);
  }
  plan_.offer(here, round_++);
}

void Scene::send_back(const OnReactor& here) {
  Inbox& second = mesh_[1].inbox();
  while (auto message = second.take()) {
    if (const auto* handoff = std::get_if<std::unique_ptr<Handoff>>(&*message)) second.done(**handoff, here.now());
    mesh_[0].inbox().post(ReactorId{1}, std::move(*message));
    here.reactor().want_turn(here);
  }
}

}  // namespace bramble::counts
