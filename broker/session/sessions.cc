#include "broker/session/sessions.h"

#include <algorithm>

#include "broker/reactor/reactor.h"

namespace bramble {

namespace {
constexpr std::size_t kLeavesPerTurn = 1000;             // a session may be on 100,000 filters
constexpr Seconds kAbsenceMax{100LL * 365 * 24 * 3600};  // a longer limit would not fit SteadyTime

std::atomic<std::uint64_t> last_session_id{0};  // 0 is the broker itself
SessionId next_session_id() { return SessionId{last_session_id.fetch_add(1, std::memory_order_relaxed) + 1}; }
}  // namespace

void Sessions::begin_ids_after(SessionId last) { last_session_id = last.value; }

OwnedSession& Sessions::create(const OnReactor& here, std::string_view client_id) {
  auto session = std::make_unique<OwnedSession>(*this, next_session_id(), directory_.publisher_id(client_id),
                                                std::string(client_id));
  return add(here, std::move(session));
}

OwnedSession& Sessions::add(const OnReactor& here, std::unique_ptr<OwnedSession> session) {
  OwnedSession& added = *session;
  directory_.set_session(added.client_id(), added);
  sessions_.emplace(added.id(), std::move(session));
  here.reactor().counters(here).add(Metric::sessions);
  return added;
}

void Sessions::present(const OnReactor& here, OwnedSession& session, PacketSink& connection,
                       std::uint16_t receive_maximum, TurnBuffer& buffer) {
  here.reactor().timers(here).disarm(session.absence_);
  if (session.away()) count_members(here, session, +1, -1);
  session.ends_at_ = OwnedSession::kPresent;
  session.connected(here, connection, receive_maximum, buffer);
}

void Sessions::absent(const OnReactor& here, OwnedSession& session, Seconds expiry_limit) {
  session.disconnected();
  if (session.expiry_seconds == 0) return end(here, session);
  count_members(here, session, -1, +1);
  session.since = seconds_of(here.now());
  begin_absence(here, session, here.now(), expiry_limit);
  tell(here, session);
}

void Sessions::begin_absence(const OnReactor& here, OwnedSession& session, SteadyTime since, Seconds expiry_limit) {
  session.ends_at_ = SteadyTime::max();
  if (session.expiry_seconds != mqtt::kSessionNeverExpires) session.ends_at_ = since + Seconds(session.expiry_seconds);
  if (expiry_limit.count() != 0) {
    session.ends_at_ = std::min(session.ends_at_, since + std::min(expiry_limit, kAbsenceMax));
  }
  SteadyTime wait_until = session.ends_at_;
  if (session.will) {
    if (session.will->delay.count() == 0) {
      publish_will(here, session);
    } else {
      wait_until = std::min(wait_until, since + session.will->delay);
    }
  }
  if (wait_until != SteadyTime::max()) here.reactor().timers(here).arm(session.absence_, wait_until);
}

void Sessions::absence_over(const OnReactor& here, OwnedSession& session) {
  if (here.now() >= session.ends_at_) {
    here.reactor().counters(here).add(Metric::clients_expired);
    return end(here, session);
  }
  publish_will(here, session);  // the Will Delay has passed  [MQTT-3.1.3-9]
  if (session.ends_at_ != SteadyTime::max()) here.reactor().timers(here).arm(session.absence_, session.ends_at_);
}

/// It may have been allowed when the client connected, and not by the rules that hold now.
void Sessions::drop_denied_will(const OnReactor& here, OwnedSession& session) {
  if (session.will && !session.may_publish(here, session.will->topic)) session.will.reset();
}

void Sessions::publish_will(const OnReactor& here, OwnedSession& session) {
  drop_denied_will(here, session);
  if (!session.will) return;
  leftovers_.push_back({session.publisher(), std::move(session.will), {}, {}});
  here.reactor().want_turn(here);
  tell(here, session);
}

void Sessions::end(const OnReactor& here, OwnedSession& session) {
  drop_denied_will(here, session);
  const std::string client_id = session.client_id();
  const bool will_due = session.will != nullptr;
  retire(here, session, will_due ? client_id : "");
  directory_.release(client_id, will_due);
}

OwnedSession& Sessions::begin_anew(const OnReactor& here, OwnedSession& session) {
  drop_denied_will(here, session);
  const std::string client_id = session.client_id();
  retire(here, session);
  return create(here, client_id);  // which takes the place in the directory
}

void Sessions::retire(const OnReactor& here, OwnedSession& session, const std::string& waits_for_will) {
  check(session.connection() == nullptr, "a session ends after its connection");
  here.reactor().timers(here).disarm(session.absence_);
  session.ended = true;
  Leftovers left{session.publisher(), std::move(session.will), {}, waits_for_will};
  if (session.outbound_) {
    auto& counters = here.reactor().counters(here);
    counters.subtract(Metric::queued_messages,
                      static_cast<std::int64_t>(session.outbound_->queued() + session.outbound_->in_flight()));
    counters.subtract(Metric::queued_bytes, static_cast<std::int64_t>(session.outbound_->bytes()));
    if (session.told_) forget(session);
    left.shared = session.outbound_->take_shared();
    session.outbound_.reset();
  }
  if (session.told_) forget(session);
  if (left.will || !left.shared.empty()) leftovers_.push_back(std::move(left));
  session.replays.clear();
  const auto found = sessions_.find(session.id());
  ending_.push_back(std::move(found->second));
  sessions_.erase(found);
  here.reactor().counters(here).subtract(Metric::sessions);
  here.reactor().want_turn(here);
}

void Sessions::leave_to_others(const OnReactor& here, const OwnedSession& from, std::vector<Delivery> shared) {
  leftovers_.push_back({from.publisher(), {}, std::move(shared), {}});
  here.reactor().want_turn(here);
}

void Sessions::apply(const OnReactor&, const AllRules& rules) {
  rules_of_listeners_ = rules;
  for (const auto& [id, session] : sessions_) {
    const ListenerRules& of = *rules[session->listener];
    session->set_access(session->access() ? session->access()->user : std::nullopt, of.access.get());
  }
}

bool Sessions::subscribe(const OnReactor& here, OwnedSession& session, const TopicFilter& filter,
                         const Subscriber& subscriber) {
  // The subscriber first, then the bit (or the count), then the SUBACK: a bit without a subscriber costs a message that
  // nobody wants, the reverse loses messages (docs/design.md, Bits).
  auto& counters = here.reactor().counters(here);
  const bool durable = session.expiry_seconds != 0;
  if (filter.shared()) {
    const FilterId known = id_of(filter);
    if (known != FilterId{} && subscribers_.find(known, &session)) {
      subscribers_.add(known, subscriber);
      if (session.told_) tell_subscription(session, find_subscription(filter, known), false);
      return false;
    }
    SharedGroup& group = table_.join(here.id(), filter, session.connection() != nullptr);
    subscribers_.add(group.id(), subscriber);
    if (durable) table_.set_durable(here.id(), group.filter(), true);
    session.subscriptions.add(SessionSubscription(group));
    if (session.told_) tell_subscription(session, SessionSubscription(group), false);
    counters.add(Metric::shared_subscriptions);
  } else {
    Filter& added = table_.add(here.id(), filter);
    const bool is_new = subscribers_.add(added.id(), subscriber) != ShardSubscribers::Added::replaced;
    if (session.told_) tell_subscription(session, SessionSubscription(added), false);
    if (!is_new) return false;
    if (durable) table_.set_durable(here.id(), added, true);
    session.subscriptions.add(SessionSubscription(added));
  }
  counters.add(Metric::subscriptions);
  return true;
}

void Sessions::replay(OwnedSession& session, Filter& filter, const Subscriber& subscriber) {
  session.replays.set(filter.id(), PendingReplay{&filter, subscriber, {}});
  session.touch();
}

bool Sessions::unsubscribe(const OnReactor& here, OwnedSession& session, const TopicFilter& filter) {
  const FilterId id = id_of(filter);
  if (id == FilterId{} || !subscribers_.find(id, &session)) return false;
  const SessionSubscription subscription = find_subscription(filter, id);
  if (session.told_) tell_subscription(session, subscription, true);
  session.subscriptions.remove(subscription);
  session.replays.erase(id);
  leave(here, session, subscription);
  return true;
}

SessionSubscription Sessions::find_subscription(const TopicFilter& filter, FilterId id) const {
  Filter* const found = table_.find(filter);
  if (!filter.shared()) return SessionSubscription(*found);
  for (SharedGroup* group : found->groups()) {
    if (group->id() == id) return SessionSubscription(*group);
  }
  check(false, "somebody is on the group");
  return SessionSubscription(*found);
}

FilterId Sessions::id_of(const TopicFilter& filter) const {
  const Filter* found = table_.find(filter);
  if (!found) return {};
  if (!filter.shared()) return found->id();
  for (const SharedGroup* group : found->groups()) {
    if (group->name() == filter.share()) return group->id();
  }
  return {};
}

void Sessions::leave(const OnReactor& here, OwnedSession& session, const SessionSubscription& subscription) {
  auto& counters = here.reactor().counters(here);
  const auto removed = subscribers_.remove(subscription.id(), &session);
  check(removed != ShardSubscribers::Removed::none, "a session leaves only filters that it is on");
  counters.subtract(Metric::subscriptions);
  if (SharedGroup* group = subscription.group()) {
    counters.subtract(Metric::shared_subscriptions);
    table_.leave(here.id(), *group, !session.away());
  } else if (removed == ShardSubscribers::Removed::last) {
    table_.remove(here.id(), subscription.filter());
  }
}

void Sessions::count_members(const OnReactor& here, OwnedSession& session, int online, int absent) {
  session.subscriptions.each([&](const SessionSubscription& subscription) {
    if (SharedGroup* group = subscription.group()) table_.count(here.id(), *group, online, absent);
  });
}

bool Sessions::clean_up(const OnReactor& here) {
  std::size_t left = kLeavesPerTurn;
  while (!ending_.empty()) {
    OwnedSession& session = *ending_.back();
    while (auto subscription = session.subscriptions.take_last()) {
      leave(here, session, *subscription);
      if (--left == 0) return true;
    }
    ending_.pop_back();
  }
  return false;
}

}  // namespace bramble
