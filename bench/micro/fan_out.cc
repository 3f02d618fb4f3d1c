#include <benchmark/benchmark.h>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "broker/connection/write_queue.h"
#include "broker/routing/router.h"
#include "broker/session/sessions.h"
#include "core/base/bytes.h"

#include "bench/micro/on_a_reactor.h"

// One PUBLISH to N subscribers of its reactor: from the matched filter to bytes in N write queues. Without sockets.

namespace bramble {

namespace {

using mqtt::Qos;

constexpr std::string_view kTopic = "site/17/dev/40412/temp";

/// What Connection does with a PUBLISH that needs nothing of its own.
class Output final : public PacketSink {
 public:
  Sent send_publish(Publication& publication, mqtt::PublishHeader header) override {
    queue_.append_packet(publication.shared_frame(mqtt::Version::v3_1_1, header), header.packet_id, true);
    id_ = header.packet_id;
    return Sent::yes;
  }
  void send_pubrel(mqtt::PacketId) override {}
  bool has_room() const override { return true; }
  bool may_get(Publication&) override { return true; }
  bool make_room() override { return true; }

  void written() { queue_.clear(); }
  mqtt::PacketId id() const { return id_; }

 private:
  WriteQueue queue_;
  mqtt::PacketId id_ = 0;
};

/// Router and sessions of one shard.
struct Shard {
  OnAReactor reactor;
  SubscriptionTable table{reactor.quiescence, 2, 42};
  RetainedMessages retained{reactor.quiescence, 42};
  SessionDirectory directory{42};
  ShardSubscribers subscribers;
  DeliveryRules rules;
  Ledger ledger;
  Sessions sessions{directory, table, subscribers, rules, ledger};
  Router router{reactor.mesh, table, subscribers, retained, ledger};
};

void fan_out(benchmark::State& state, Qos qos) {
  Shard shard;
  std::vector<std::unique_ptr<Output>> outputs;
  std::vector<OwnedSession*> sessions;
  const std::string payload(64, 'x');
  shard.reactor.run([&](const OnReactor& here) {
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      const std::string id = "subscriber" + std::to_string(i);
      shard.directory.claim(id, here.id());
      sessions.push_back(&shard.sessions.create(here, id));
      outputs.push_back(std::make_unique<Output>());
      shard.sessions.present(here, *sessions.back(), *outputs.back(), 20, here.reactor().turn_buffer(here));
      Subscriber subscriber;
      subscriber.recipient = sessions.back();
      subscriber.qos = qos;
      shard.sessions.subscribe(here, *sessions.back(), TopicFilter::parse(kTopic).value(), subscriber);
    }
    const ApplicationMessage::Facts facts{qos, false, mqtt::kNoExpiry, here.now(), PublisherId{}};
    for (auto _ : state) {
      OnAReactor::renew_budget(here);
      Publication publication({kTopic, {}, payload}, facts, here.now(), here.reactor().turn_buffer(here));
      shard.router.publish(here, publication);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        outputs[i]->written();
        if (qos == Qos::at_least_once) {
          benchmark::DoNotOptimize(sessions[i]->on_puback(here, outputs[i]->id(), here.reactor().turn_buffer(here)));
        }
      }
    }
  });
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(fan_out, qos_0, Qos::at_most_once)->Arg(1)->Arg(10)->Arg(500)->Arg(5'000);
BENCHMARK_CAPTURE(fan_out, qos_1_and_puback, Qos::at_least_once)->Arg(1)->Arg(500);

}  // namespace

}  // namespace bramble
