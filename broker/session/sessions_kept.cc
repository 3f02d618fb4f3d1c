// The half of Sessions that tells the store, and is told by it after a restart (docs/design.md, Rounds).
#include <algorithm>
#include <unordered_set>

#include "broker/reactor/reactor.h"
#include "broker/session/sessions.h"

namespace bramble {

namespace {

std::string text_of(const SessionSubscription& subscription) {
  const SharedGroup* const group = subscription.group();
  const std::string_view filter = subscription.filter().text();
  if (!group) return std::string(filter);
  return "$share/" + std::string(group->name()) + "/" + std::string(filter);
}

/// What all topics begin with that the session has, or can get while its client is away.
std::string beginning_of_topics(const Sessions::Restored& of) {
  std::optional<std::string> common;
  const auto take = [&](std::string_view text) {
    if (!common) common = text;
    common->erase(std::ranges::mismatch(*common, text).in1, common->end());
  };
  for (const KeptSubscription& each : of.subscriptions) {
    if (const auto filter = TopicFilter::parse(each.filter)) {
      take(filter->filter().substr(0, filter->filter().find_first_of("+#")));
    }
  }
  for (const KeptDelivery& each : of.deliveries) take(each.message->topic());
  return common.value_or("");
}

/// As it may stand in a configuration, and is found again there.
std::string name_of(const ListenerOptions& listener) {
  return listener.unix_socket() ? listener.bind_address : std::to_string(listener.port);
}

}  // namespace

// --- what the store is told

void Sessions::tell(const OnReactor& here, OwnedSession& session) {
  if (!ledger_.keeps()) return;
  if (session.expiry_seconds == 0) {
    if (session.told_) forget(session);
    return;
  }
  if (!session.told_) keep(here, session);
  session.told_->changed = true;
  session.touch();
}

void Sessions::keep(const OnReactor& here, OwnedSession& session) {
  session.told_ = std::make_unique<OwnedSession::Told>();
  if (session.inbound_) session.inbound_->each([&](mqtt::PacketId id) { session.note_receipt(id, 0); });
  session.hold_until_stored();
  session.subscriptions.each([&](const SessionSubscription& it) {
    table_.set_durable(here.id(), it.filter(), true);
    tell_subscription(session, it, false);
  });
}

void Sessions::forget(OwnedSession& session) {
  Part& part = ledger_.part();
  if (session.outbound_) {
    session.outbound_->forget_rows();
    for (auto& gone : session.outbound_->take_gone()) part.removed.push_back({gone.row, std::move(gone.message)});
  }
  session.told_.reset();
  session.hold_until_stored();
  part.ended.push_back(session.id());
  ledger_.changed();
  ledger_.count(1);
  if (!ledger_.commits() && !ledger_.failing()) return;
  directory_.end_is_told(session.client_id());
  ends_.emplace_back(ledger_.round(), session.client_id());
}

KeptSubscription Sessions::describe(const OwnedSession& session, const SessionSubscription& subscription) const {
  const Subscriber* const options = subscribers_.find(subscription.id(), &session);
  check(options != nullptr, "a session is on what it tells of");
  return {session.id(),      text_of(subscription),        options->qos,
          options->no_local, options->retain_as_published, options->subscription_identifier};
}

/// Of a replay that was under way the store knows no more then.
void Sessions::tell_subscription(OwnedSession& session, const SessionSubscription& subscription, bool removed) {
  session.told_->replays.erase(subscription.id());
  ledger_.part().subscriptions.push_back({describe(session, subscription), removed});
  ledger_.changed();
  ledger_.count(1);
}

KeptSession Sessions::describe(const OwnedSession& session, SteadyTime now) const {
  KeptSession kept;
  kept.id = session.id();
  kept.client_id = session.client_id();
  kept.expiry_seconds = session.expiry_seconds;
  if (session.away()) kept.gone_at = now - Seconds(seconds_of(now) - session.since);
  if (session.access_) kept.user = session.access_->user;
  kept.listener = name_of(listener(session));
  kept.mount_point = session.mount_point();
  if (session.will) kept.will = *session.will;
  kept.ids_in_doubt = session.told_->ids_in_doubt;
  return kept;
}

void Sessions::tell_touched(const OnReactor&) {
  const SteadyTime now = std::chrono::steady_clock::now();
  Part& part = ledger_.part();
  for (const SessionId id : ledger_.take_touched()) {
    const auto found = sessions_.find(id);
    if (found == sessions_.end() || !found->second->told_) continue;  // it has ended, or is not kept any more
    OwnedSession& session = *found->second;
    session.told_->touched = false;
    if (std::exchange(session.told_->changed, false)) part.sessions.push_back(describe(session, now));
    tell_receipts(session);
    tell_replays(session);
    if (!session.outbound_) continue;
    session.outbound_->tell_changes(
        [&](Delivery& delivery, DeliveryState state) { tell_delivery(part, session, delivery, state); });
    if (ledger_.commits()) told_.push_back(id);
  }
  if (part.ended.empty()) return;
  const std::unordered_set<SessionId> ended(part.ended.begin(), part.ended.end());
  std::erase_if(part.subscriptions, [&](const auto& it) { return ended.contains(it.subscription.session); });
}

void Sessions::tell_delivery(Part& part, const OwnedSession& session, Delivery& delivery, DeliveryState state) {
  if (delivery.row != 0) {
    part.changed.push_back({delivery.row, state});
    return;
  }
  delivery.row = ledger_.next_row();
  KeptDelivery kept{delivery.row, session.id(),    delivery.message.message(),      state,
                    delivery.qos, delivery.retain, delivery.subscription_identifier};
  if (delivery.share != FilterId{}) kept.share = shared_filter(session, delivery.share);
  part.deliveries.push_back(std::move(kept));
}

/// Null: it has left the group since, and the message is its own.
std::unique_ptr<const std::string> Sessions::shared_filter(const OwnedSession& session, FilterId group) {
  std::unique_ptr<const std::string> filter;
  session.subscriptions.each([&](const SessionSubscription& it) {
    if (it.group() && it.id() == group) filter = std::make_unique<const std::string>(text_of(it));
  });
  return filter;
}

void Sessions::tell_receipts(OwnedSession& session) {
  Part& part = ledger_.part();
  session.told_->receipts.tell([&](mqtt::PacketId id) { return session.awaits_release(id); },
                               [&](mqtt::PacketId id, std::uint64_t mark, bool released) {
                                 part.receipts.push_back({{session.id(), id, mark}, released});
                               });
}

/// Those that are over within a round leave no trace.
void Sessions::tell_replays(OwnedSession& session) {
  auto& told = session.told_->replays;
  const auto tell = [&](Filter& filter, std::optional<std::uint32_t> from) {
    KeptSubscription kept = describe(session, SessionSubscription(filter));
    kept.replay_from = from;
    ledger_.part().subscriptions.push_back({std::move(kept), false});
  };
  std::erase_if(told, [&](const auto& each) {
    const bool over = !session.replays.has(each.first);
    if (over) tell(*each.second.wanted, std::nullopt);
    return over;
  });
  session.replays.each([&](FilterId id, const PendingReplay& pending) {
    const auto [at, is_new] = told.try_emplace(id, OwnedSession::Told::Replay{pending.wanted, pending.slot()});
    if (!is_new && std::exchange(at->second.slot, pending.slot()) == pending.slot()) return;
    tell(*pending.wanted, pending.slot());
  });
}

void Sessions::tell_late(OwnedSession& session) {
  session.outbound_->tell_late(
      [&](Delivery& delivery, DeliveryState state) { tell_delivery(ledger_.closed_part(), session, delivery, state); });
  if (ledger_.commits() && (told_.empty() || told_.back() != session.id())) told_.push_back(session.id());
}

void Sessions::stored(const OnReactor& here, std::uint64_t round) {
  for (; !ends_.empty() && ends_.front().first <= round; ends_.pop_front()) {
    directory_.end_is_stored(ends_.front().second);
  }
  for (const SessionId id : std::exchange(told_, {})) {
    const auto found = sessions_.find(id);
    if (found != sessions_.end()) found->second->stored(here, here.reactor().turn_buffer(here));
  }
}

// --- what the store tells

std::uint16_t Sessions::listener_named(std::string_view name) const {
  const auto has_name = [&](const auto& rules) { return name_of(rules->options) == name; };
  const auto found = std::ranges::find_if(rules_of_listeners_, has_name);
  return found == rules_of_listeners_.end() ? 0 : static_cast<std::uint16_t>(found - rules_of_listeners_.begin());
}

void Sessions::restore(const OnReactor& here, Restored restored) {
  const KeptSession& kept = restored.session;
  OwnedSession& session = add(
      here, std::make_unique<OwnedSession>(*this, kept.id, directory_.publisher_id(kept.client_id), kept.client_id));
  session.expiry_seconds = kept.expiry_seconds;
  session.listener = listener_named(kept.listener);
  session.ends_at_ = SteadyTime::max();
  // not before it was, though whole seconds are kept
  const SteadyTime gone = kept.gone_at ? *kept.gone_at + Seconds(1) : here.now();
  session.since = seconds_of(std::min(gone, here.now()));
  session.set_access(kept.user, rules_of_listeners_[session.listener]->access.get());
  if (kept.mount_point) {
    session.set_mount_point(*kept.mount_point);
  } else {
    session.set_beginning_of_topics(beginning_of_topics(restored));
  }
  if (kept.will) session.will = std::make_unique<Will>(*kept.will);
  for (const KeptSubscription& each : restored.subscriptions) restore_subscription(here, session, each);
  for (KeptDelivery& each : restored.deliveries) restore_delivery(here, session, std::move(each));
  auto told = std::make_unique<OwnedSession::Told>();
  told->ids_in_doubt = kept.ids_in_doubt;
  if (!restored.receipts.empty()) session.inbound_ = std::make_unique<PacketIds>();
  for (const KeptReceipt& each : restored.receipts) {
    session.inbound_->take(each.packet_id);
    told->receipts.restore(each.packet_id, each.mark);
  }
  for (const KeptSubscription& each : restored.subscriptions) {
    if (each.replay_from) restore_replay(session, each, *told);
  }
  session.told_ = std::move(told);
  session.doubt_ids();
  // all of it the store knows, but that the client is gone
  session.hold_until_stored();
  if (!kept.gone_at) tell(here, session);
}

void Sessions::restore_subscription(const OnReactor& here, OwnedSession& session, const KeptSubscription& kept) {
  const auto filter = TopicFilter::parse(kept.filter);
  if (!filter) return;  // it was valid when it came: another broker's file
  Subscriber subscriber;
  subscriber.recipient = &session;
  subscriber.subscription_identifier = kept.subscription_identifier;
  subscriber.qos = kept.qos;
  subscriber.no_local = kept.no_local;
  subscriber.retain_as_published = kept.retain_as_published;
  subscriber.all_readable = session.may_read_all(*filter);
  subscribe(here, session, *filter, subscriber);
}

/// It goes on when the client comes.
void Sessions::restore_replay(OwnedSession& session, const KeptSubscription& kept, OwnedSession::Told& told) {
  const auto filter = TopicFilter::parse(kept.filter);
  if (!filter || filter->shared()) return;
  Filter* const wanted = table_.find(*filter);
  const Subscriber* const subscriber = subscribers_.find(wanted->id(), &session);
  session.replays.set(wanted->id(), PendingReplay{wanted, *subscriber, {}, *kept.replay_from});
  told.replays.emplace(wanted->id(), OwnedSession::Told::Replay{wanted, *kept.replay_from});
}

void Sessions::restore_delivery(const OnReactor& here, OwnedSession& session, KeptDelivery kept) {
  Delivery delivery;
  delivery.message = LocalMessage(std::move(kept.message));
  delivery.row = kept.row;
  delivery.subscription_identifier = kept.subscription_identifier;
  delivery.qos = kept.qos;
  delivery.retain = kept.retain;
  if (kept.share) {
    if (const auto shared = TopicFilter::parse(*kept.share)) delivery.share = id_of(*shared);
  }
  session.restore(here, std::move(delivery), kept.state);
}

void Sessions::begin(const OnReactor& here, Seconds expiry_limit) {
  std::vector<OwnedSession*> all;
  for (const auto& [id, session] : sessions_) all.push_back(session.get());
  for (OwnedSession* const session : all) {
    const SteadyTime gone = here.now() - Seconds(seconds_of(here.now()) - session->since);
    begin_absence(here, *session, gone, expiry_limit);
    if (session->ends_at_ <= here.now()) end(here, *session);
  }
}

}  // namespace bramble
