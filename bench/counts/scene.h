#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/shard.h"

#include "bench/counts/gauge.h"
#include "bench/counts/scripted_client.h"

namespace bramble::counts {

struct ClientOptions {
  std::string id;
  mqtt::Version version = mqtt::Version::v3_1_1;
  bool clean_start = true;
  std::uint16_t topic_alias_maximum = 0;
  std::vector<std::string> filters;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  std::uint32_t subscription_identifier = 0;
};

/// What is played: `offer(here, round)` has clients say something whenever the broker is at rest. The first `warm_up`
/// rounds are not counted.
struct Plan {
  std::size_t rounds = 0;
  std::uint64_t deliveries = 0;  ///< in the rounds that are counted
  std::function<void(const OnReactor&, std::size_t round)> offer;
  std::size_t warm_up = 4;
};

struct Outcome {
  std::uint64_t deliveries = 0;
  std::uint64_t refused = 0;
  std::uint64_t turns = 0;
  Gauge gauge;
};

/// The broker's own code on one reactor, with clients whose network is memory. All is as in the broker but the sockets,
/// the listener's accepting and the chores that come round by the clock.
class Scene final : private MessageHandler {
 public:
  using Build = Plan (*)(Scene&, const OnReactor&);

  /// `acl`: the text of an acl_file; empty: none.
  explicit Scene(const std::string& acl);
  ~Scene();
  /// Once. Waits while the reactor plays what `build` plans.
  Outcome play(Build build);

  /// A client that connects and subscribes as soon as the broker reads it.
  ScriptedClient& connect(const OnReactor& here, const ClientOptions& options);
  /// Who is subscribed to `filter` counts as on the second reactor from now on: what it gets is handed off, and comes
  /// back through the first one's inbox. So one thread does what each of two would.
  void move_to_second_reactor(const OnReactor& here, const std::string& filter);

 private:
  void on_start(const OnReactor& here) override;
  void on_message(const OnReactor& here, Message message) override { shard_->on_message(here, std::move(message)); }
  void on_dispatched(const OnReactor& here) override { shard_->on_dispatched(here); }
  bool on_leftovers(const OnReactor& here) override { return shard_->on_leftovers(here); }
  void on_turn_end(const OnReactor& here) override;

  [[gnu::noinline]] void begin(const OnReactor& here);
  [[gnu::noinline]] void drive(const OnReactor& here);
  void send_back(const OnReactor& here);

  std::shared_ptr<const Config> config_;
  Counters counters_{2};
  Quiescence quiescence_{2};
  SubscriptionTable table_{quiescence_, 2, 42};
  RetainedMessages retained_{quiescence_, 42};
  SessionDirectory directory_{42};
  PasswordChecks passwords_{{}};
  Mesh mesh_;
  Commons commons_;
  Traffic traffic_;
  std::unique_ptr<Shard> shard_;
  Build build_ = nullptr;
  Plan plan_;
  std::size_t round_ = 0;
  std::uint64_t turns_ = 0;
  Outcome before_, after_;
};

}  // namespace bramble::counts
