#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "broker/reactor/reactor.h"
#include "broker/session/sessions.h"
#include "broker/store/store.h"
#include "tests/broker/reactor/turns.h"
#include "tests/broker/store/kept_things.h"
#include "tests/core/session/outbound_scene.h"

namespace bramble::testing {

inline TopicFilter filter(std::string_view text) { return *TopicFilter::parse(text); }

/// The sessions of one reactor, with a store that is not started.
struct Shelf {
  explicit Shelf(Promise promise = Promise::commit)
      : store(open(folder / "db"), turns.mesh, retained, options(promise), 100) {
    auto listener = std::make_shared<ListenerRules>();
    listener->options.port = 1884;
    sessions.use({std::make_shared<ListenerRules>(), listener});
    ledger.use(store);
  }
  static StoreOptions options(Promise promise) {
    StoreOptions options;
    options.persistence = true;
    options.durability = promise;
    return options;
  }

  OwnedSession& begin(const OnReactor& here, const std::string& client, std::uint32_t expiry) {
    directory.claim(client, here.id());
    OwnedSession& session = sessions.create(here, client);
    session.expiry_seconds = expiry;
    sessions.tell(here, session);
    return session;
  }
  OwnedSession& restore(const OnReactor& here, Sessions::Restored restored) {
    const std::string client = restored.session.client_id;
    directory.claim(client, here.id());
    sessions.restore(here, std::move(restored));
    return *sessions.find(client);
  }
  void come(const OnReactor& here, OwnedSession& session) {
    sessions.present(here, session, notes, 65'535, here.reactor().turn_buffer(here));
    session.pump(here, here.reactor().turn_buffer(here));
  }
  void subscribe(const OnReactor& here, OwnedSession& session, std::string_view to,
                 mqtt::Qos qos = mqtt::Qos::at_most_once) {
    Subscriber subscriber;
    subscriber.recipient = &session;
    subscriber.qos = qos;
    sessions.subscribe(here, session, filter(to), subscriber);
  }
  void deliver(const OnReactor& here, OwnedSession& session, const std::string& payload,
               mqtt::Qos qos = mqtt::Qos::at_least_once, FilterId share = {}) {
    const ApplicationMessage::Facts facts{qos, false, mqtt::kNoExpiry, here.now(), {}};
    Publication publication({"t", {}, payload}, facts, here.now(), here.reactor().turn_buffer(here));
    Subscriber subscriber;
    subscriber.recipient = &session;
    subscriber.qos = qos;
    session.deliver(here, publication, subscriber, share, false);
  }
  /// What the round tells, as it closes.
  Part close(const OnReactor& here) {
    sessions.tell_touched(here);
    ledger.close();
    return std::move(*ledger.take_closed());
  }

  Folder folder;
  Turns turns;
  SubscriptionTable table{turns.quiescence, 2, 1};
  SessionDirectory directory{1};
  ShardSubscribers subscribers;
  RetainedMessages retained{turns.quiescence, 1};
  DeliveryRules rules;
  Store store;
  Ledger ledger;
  Notes notes;
  Sessions sessions{directory, table, subscribers, rules, ledger};
};

/// Runs `step` in a turn of the first reactor.
template <class Step>
void in_turn(Shelf& shelf, Step step) {
  shelf.turns.run({step});
}

/// "+a 1" for one that was made at QoS 1, "-a" for one that was removed.
inline Texts changes_of_subscriptions(const Part& part) {
  Texts all;
  for (const auto& change : part.subscriptions) {
    const KeptSubscription& it = change.subscription;
    all.push_back(change.removed ? "-" + it.filter : "+" + it.filter + " " + std::to_string(static_cast<int>(it.qos)));
  }
  return all;
}

inline Texts payloads_of(const Part& part) {
  Texts all;
  for (const auto& each : part.deliveries) all.emplace_back(each.message->payload());
  return all;
}

inline Texts removed_of(const Part& part) {
  Texts all;
  for (const auto& each : part.removed) all.emplace_back(each.message->payload());
  return all;
}

inline mqtt::Publish qos2(mqtt::PacketId id, std::string_view payload = "p") {
  mqtt::Publish publish;
  publish.qos = mqtt::Qos::exactly_once;
  publish.packet_id = id;
  publish.topic = "t";
  publish.payload = payload;
  return publish;
}

/// "+1" for a receipt, "-1" for its release.
inline Texts receipts_of(const Part& part) {
  Texts all;
  for (const auto& each : part.receipts) {
    all.push_back((each.released ? "-" : "+") + std::to_string(each.receipt.packet_id));
  }
  return all;
}

inline SteadyTime ago(Seconds seconds) { return std::chrono::steady_clock::now() - seconds; }

}  // namespace bramble::testing
