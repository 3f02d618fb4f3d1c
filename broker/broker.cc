#include "broker/broker.h"

#include <algorithm>
#include <random>
#include <sched.h>

#include "broker/log.h"

namespace bramble {

namespace {

unsigned threads_of(const Config& config) {
  if (config.broker.threads != 0) return config.broker.threads;
  cpu_set_t usable;
  CPU_ZERO(&usable);
  const int cores = ::sched_getaffinity(0, sizeof usable, &usable) == 0 ? CPU_COUNT(&usable) : 1;
  return std::clamp(static_cast<unsigned>(cores), 1u, kReactorsMax);
}

std::uint64_t random_seed() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

}  // namespace

OrMessage<std::unique_ptr<Broker>> Broker::build(std::shared_ptr<const Config> config) {
  std::vector<std::unique_ptr<Listener>> listeners;
  for (const ListenerOptions& options : config->listeners) {
    auto listener =
        Listener::open(static_cast<std::uint32_t>(listeners.size()), options, config->broker.set_tcp_nodelay);
    if (!listener && options.optional) {
      log::write(LogType::warning, "{}", listener.error());
      continue;
    }
    if (!listener) return tl::unexpected(listener.error());
    listeners.push_back(std::move(*listener));
  }
  return std::unique_ptr<Broker>(new Broker(std::move(config), std::move(listeners)));
}

Broker::Broker(std::shared_ptr<const Config> config, std::vector<std::unique_ptr<Listener>> listeners)
    : config_(std::move(config)),
      listeners_(std::move(listeners)),
      counters_(threads_of(*config_)),
      quiescence_(threads_of(*config_)),
      table_(quiescence_, threads_of(*config_), random_seed()),
      retained_(quiescence_, random_seed()),
      directory_(random_seed()),
      mesh_(threads_of(*config_), config_->broker.max_inbox_bytes, quiescence_, counters_,
            std::chrono::microseconds(config_->broker.busy_poll_us)),
      commons_{mesh_, counters_, table_, retained_, directory_, listeners_} {
  for (unsigned i = 0; i < mesh_.size(); ++i)
    shards_.push_back(std::make_unique<Shard>(commons_, ReactorId{static_cast<std::uint16_t>(i)}, config_));
}

Broker::~Broker() = default;

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
}

void Broker::stop() {
  log::set_topic_sink({});
  mesh_.stop();
}

std::vector<std::string> Broker::addresses() const {
  std::vector<std::string> all;
  for (const auto& listener : listeners_) {
    for (auto& address : listener->addresses()) all.push_back(std::move(address));
  }
  return all;
}

}  // namespace bramble
