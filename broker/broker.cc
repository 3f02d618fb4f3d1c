#include "broker/broker.h"

#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <iterator>
#include <random>
#include <sched.h>

#include "broker/admin/survey.h"
#include "broker/log.h"
#include "broker/on_all.h"

namespace bramble {

namespace {

unsigned usable_cores() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  return ::sched_getaffinity(0, sizeof usable, &usable) == 0 ? static_cast<unsigned>(CPU_COUNT(&usable)) : 1;
}

unsigned threads_of(const Config& config) {
  return config.broker.threads != 0 ? config.broker.threads : std::clamp(usable_cores(), 1u, kReactorsMax);
}

/// Half the cores at most: clients at work have the others to themselves.
unsigned password_workers() {
  static constexpr unsigned kWorkersMax = 4;
  return std::clamp(usable_cores() / 2, 1u, kWorkersMax);
}

std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

/// `FILTER QOS CLIENT`, for SIGUSR2.
class SubscriptionInquiry final : public Inquiry {
 public:
  std::size_t visit(const OnReactor&, ShardParts& parts, OwnedSession& session) override {
    session.subscriptions.each([&](const SessionSubscription& subscription) {
      const Subscriber* const found = parts.subscribers.find(subscription.id(), &session);
      if (!found) return;
      const SharedGroup* const group = subscription.group();
      lines.push_back(fmt::format("{}{} {} {}", group ? "$share/" + std::string(group->name()) + "/" : "",
                                  subscription.filter().text(), static_cast<int>(found->qos), session.client_id()));
    });
    return 10 * session.subscriptions.size();  // each is written down, too
  }

  std::vector<std::string> lines;
};

}  // namespace

OrMessage<std::unique_ptr<Broker>> Broker::build(std::shared_ptr<const Config> config, HandedSockets handed) {
  auto rules = read_rules(*config, LockedKeys::ask);
  if (!rules) return tl::unexpected<std::string>(std::move(rules.error()));
  for (const auto& each : *rules) BoundSocket::want(each->options, handed);
  handed.close_unwanted();
  std::vector<std::shared_ptr<Listener>> listeners;
  for (std::size_t i = 0; i < rules->size(); ++i) {
    auto listener = Listener::open(static_cast<std::uint32_t>(i), (*rules)[i], config->broker, false, &handed);
    if (!listener && (*rules)[i]->options.optional) {
      log::write(LogType::warning, "{}", listener.error());
      continue;
    }
    if (!listener) return tl::unexpected<std::string>(std::move(listener.error()));
    listeners.push_back(std::move(*listener));
  }
  return std::unique_ptr<Broker>(new Broker(std::move(config), std::move(*rules), std::move(listeners)));
}

Broker::Broker(std::shared_ptr<const Config> config, AllRules rules, std::vector<std::shared_ptr<Listener>> listeners)
    : config_(std::move(config)),
      rules_(std::move(rules)),
      listeners_(std::move(listeners)),
      counters_(threads_of(*config_)),
      quiescence_(threads_of(*config_)),
      table_(quiescence_, threads_of(*config_), random_seed()),
      retained_(quiescence_, random_seed()),
      directory_(random_seed()),
      passwords_({password_workers(), config_->broker.password_rate}),
      mesh_(threads_of(*config_), config_->broker.max_inbox_bytes, quiescence_, counters_,
            std::chrono::microseconds(config_->broker.busy_poll_us)),
      commons_{mesh_, counters_, table_, retained_, directory_, passwords_} {
  for (unsigned i = 0; i < mesh_.size(); ++i) {
    shards_.push_back(std::make_unique<Shard>(commons_, ReactorId{static_cast<std::uint16_t>(i)}, config_, rules_));
  }
  for (std::size_t i = 0; i < listeners_.size(); ++i)
    shards_[listeners_[i]->number() % shards_.size()]->take_listener(listeners_[i]);
}

bool has_users(const Config& config) {
  return std::ranges::any_of(config.listeners,
                             [](const auto& listener) { return !listener.auth.password_file.empty(); });
}

Broker::~Broker() = default;

void Broker::take_control_socket(BoundSocket socket) {
  control_ = std::make_unique<ControlServer>(std::move(socket), commons_);
}

void Broker::give_ports_to(std::uint32_t user) {
  for (const auto& listener : listeners_) listener->give_ports_to(user);
}

void Broker::start() {
  log::set_topic_sink([this](std::string_view topic, std::string_view line) {
    const ApplicationMessage::Facts facts;
    mesh_[0].inbox().post(BrokerPublish{MessagePtr::make({topic, {}, line}, facts)});
  });
  const std::vector<MessageHandler*> handlers = [this] {
    std::vector<MessageHandler*> all;
    for (const auto& shard : shards_) all.push_back(shard.get());
    return all;
  }();
  mesh_.start(handlers);
  passwords_.start(mesh_);
  if (store_) {
    store_->start();
    on_all(mesh_, [](const OnReactor&, Shard&) {});  // all have restored theirs: one may have a Will for the others
    on_all(mesh_, [](const OnReactor& here, Shard& shard) { shard.begin(here); });
  }
  on_all(mesh_, [](const OnReactor& here, Shard& shard) { shard.accept(here); });
  passwords_.want(has_users(*config_));
  if (control_) control_->start();
  announce();
}

void Broker::announce() {
  std::vector<Announcement> all;
  for (const auto& listener : listeners_) {
    if (config_->broker.mdns) {
      std::ranges::move(announcements(rules_[listener->number()]->options, listener->addresses()),
                        std::back_inserter(all));
    }
  }
  if (config_->broker.mdns && all.empty()) {
    log::write(LogType::notice,
               "mdns: nothing is announced: no listener for MQTT or MQTT in TLS is open to the network.");
  }
  mdns_.announce(std::move(all));
}

void Broker::print_subscriptions() {
  std::vector<SubscriptionInquiry> inquiries(mesh_.size());
  std::vector<Inquiry*> asked;
  for (auto& inquiry : inquiries) asked.push_back(&inquiry);
  for (Survey survey(mesh_, directory_); survey.next(asked);) {
  }
  std::vector<std::string> lines;
  for (auto& inquiry : inquiries) std::ranges::move(inquiry.lines, std::back_inserter(lines));
  std::ranges::sort(lines);
  for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  std::fflush(stdout);
  log::write(LogType::notice, "SIGUSR2: {} subscriptions were printed to stdout.", lines.size());
}

void Broker::stop() {
  log::set_topic_sink({});
  mdns_.stop();
  if (control_) control_->stop();
  passwords_.stop();
  if (store_) {
    on_all(mesh_, [](const OnReactor& here, Shard& shard) { shard.leave(here); });
    store_->stop();
  }
  mesh_.stop();
}

bool Broker::save_now() {
  if (store_) store_->save_now();
  return store_ != nullptr;
}

std::shared_ptr<const std::atomic<unsigned>> Broker::call_roll() {
  using Missing = std::atomic<unsigned>;  // relaxed: a figure and nothing with it
  struct Present final : Errand {
    explicit Present(std::shared_ptr<Missing> all) : missing(std::move(all)) {}
    bool run(const OnReactor&, MessageHandler&) override {
      missing->fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    const std::shared_ptr<Missing> missing;
  };
  auto missing = std::make_shared<Missing>(mesh_.size());
  for (unsigned i = 0; i < mesh_.size(); ++i) mesh_[i].inbox().post(std::make_unique<Present>(missing));
  return missing;
}

std::vector<BoundSocket*> Broker::lasting_sockets() const {
  std::vector<BoundSocket*> all;
  for (const auto& listener : listeners_) {
    for (BoundSocket* const socket : listener->lasting_sockets()) all.push_back(socket);
  }
  return all;
}

std::vector<std::string> Broker::addresses() const {
  std::vector<std::string> all;
  for (const auto& listener : listeners_) {
    for (auto& address : listener->addresses()) all.push_back(std::move(address));
  }
  return all;
}

}  // namespace bramble
