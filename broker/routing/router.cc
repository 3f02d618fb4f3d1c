#include "broker/routing/router.h"

#include <algorithm>
#include <atomic>
#include <bit>

namespace bramble {

namespace {

constexpr std::size_t kOvershoot = 64;  // so few deliveries beyond the turn's budget do not matter; more are wide

constexpr std::size_t kExpectedEntriesMax = 256;  // that memory is had for before they are there
constexpr std::size_t kExpectedBytesMax = 32 * 1024;
constexpr std::size_t kSpentMax = 1024 * 1024;  // of what a turn has received and must keep; more is for the next one

/// The round of the store that what it changes belongs to.
std::uint64_t round_of(const Handoff& handoff, const Entry& entry) { return handoff.round - (entry.late ? 1 : 0); }

constexpr std::size_t kNodesADelivery = 6;  // that many are visited in the time that one delivery takes

}  // namespace

void Router::charge(const OnReactor& here, Matches& matches) {
  here.reactor().spend(here, static_cast<int>(matches.take_visited() / kNodesADelivery));
}

Router::Router(Mesh& mesh, const SubscriptionTable& table, ShardSubscribers& subscribers, RetainedMessages& retained,
               Ledger& ledger)
    : mesh_(mesh),
      table_(table),
      subscribers_(subscribers),
      retained_(retained),
      ledger_(ledger),
      outgoing_(mesh.size()) {}

void Router::retain(const OnReactor& here, Publication& publication, std::string_view source) {
  const std::size_t untold = retained_.set(here.id(), publication.message(source));
  if (ledger_.keeps()) tell_retained(untold);
  // pairs with the fence of a SUBSCRIBE between its bit and its look at the retained messages
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Router::tell_retained(std::size_t bytes) {
  ledger_.changed();  // though all of it is known: the round that tells it may be the one before this
  if (bytes != 0) ledger_.count(1, static_cast<std::int64_t>(bytes));
}

void Router::publish(const OnReactor& here, Publication& publication, std::string_view source) {
  const auto name = TopicName::parse(publication.content().topic);
  check(name.has_value(), "the broker publishes to valid topics");
  if (publication.facts().retain) retain(here, publication, source);
  table_.match(*name, matches_);
  charge(here, matches_);
  route(here, publication, {matches_.begin(), matches_.end()});
}

void Router::settle_leftovers(const OnReactor& here, Sessions& sessions) {
  for (const auto& left : sessions.take_leftovers()) {
    if (left.will) {
      const ApplicationMessage::Facts facts{left.will->qos, left.will->retain, left.will->message_expiry, here.now(),
                                            left.from};
      Publication publication(left.will->content(), facts, here.now(), here.reactor().turn_buffer(here));
      publish(here, publication, left.will->source);
      sessions.will_is_out(left);
    }
    for (const Delivery& delivery : left.shared) pick_again(here, delivery);
  }
}

Router::Outcome Router::route(const OnReactor& here, Publication& publication, std::span<Filter* const> filters) {
  const bool one = filters.size() == 1 && filters[0]->groups().empty();
  if (one && filters[0]->reactors() == reactor_bit(here.id())) {  // as so often
    const FilterId id = filters[0]->id();
    deliver_here(here, publication, {&id, 1});
    return {true, 0};
  }
  handed_to_ = 0;
  const bool matched =
      one ? route_to_one(here, publication, *filters[0]) : route_to_several(here, publication, filters);
  Outcome outcome{matched, 0};
  for (std::uint64_t left = handed_to_; left != 0; left &= left - 1) {
    const ReactorId there{static_cast<std::uint16_t>(std::countr_zero(left))};
    if (mesh_[there].inbox().level(here.now()) != Inbox::Level::normal) outcome.slow |= reactor_bit(there);
  }
  return outcome;
}

bool Router::route_to_one(const OnReactor& here, Publication& publication, const Filter& filter) {
  const FilterId id = filter.id();
  const std::uint64_t mine = reactor_bit(here.id());
  const std::uint64_t reactors = filter.reactors();
  for (std::uint64_t left = reactors & ~mine; left != 0; left &= left - 1) {
    const ReactorId there{static_cast<std::uint16_t>(std::countr_zero(left))};
    hand_off(here, there, publication, {&id, 1}, Entry::To::all, 0);
  }
  if (reactors & mine) deliver_here(here, publication, {&id, 1});
  return reactors != 0;
}

bool Router::route_to_several(const OnReactor& here, Publication& publication, std::span<Filter* const> filters) {
  const std::uint64_t mine = reactor_bit(here.id());
  bool matched = false;
  std::uint64_t others = 0;
  here_filters_.clear();
  for (const Filter* filter : filters) {
    const std::uint64_t reactors = filter->reactors();
    if (reactors & mine) here_filters_.push_back(filter->id());
    others |= reactors & ~mine;
    matched |= reactors != 0;
  }
  for (std::uint64_t left = others; left != 0; left &= left - 1) {
    const ReactorId there{static_cast<std::uint16_t>(std::countr_zero(left))};
    there_filters_.clear();
    for (const Filter* filter : filters) {
      if (filter->reactors() & reactor_bit(there)) there_filters_.push_back(filter->id());
    }
    if (!there_filters_.empty()) hand_off(here, there, publication, there_filters_, Entry::To::all, 0);
  }
  // before the deliveries here: one of those that finds an output full writes it, and what goes elsewhere goes first
  for (const Filter* filter : filters) {
    for (const SharedGroup* group : filter->groups()) {
      matched = true;
      to_group(here, publication, *group);
    }
  }
  if (!here_filters_.empty()) deliver_here(here, publication, here_filters_);
  return matched;
}

void Router::deliver_here(const OnReactor& here, Publication& publication, std::span<const FilterId> filters) {
  std::size_t done = 0;
  if (!duplicates_) look_for_overlap(filters);
  if (backlog_.empty()) {
    here.reactor().spend(here, 1);
    while (done < filters.size() && here.reactor().budget_left(here) && fan_out(here, publication, filters[done])) {
      ++done;
    }
    if (done == filters.size()) return;
  }
  Waiting& waiting = own_waiting(here);
  check(done == 0 || waiting.handoff->entries.empty(), "only the first of a backlog can be half done");
  Entry& entry = waiting.handoff->add(filters);
  entry.message = publication.message();
  entry.late = ledger_.late;
  if (done != 0) waiting.filter = static_cast<std::uint32_t>(done);
}

Router::Waiting& Router::own_waiting(const OnReactor& here) {
  here.reactor().want_turn(here);
  if (backlog_.empty() || backlog_.back().received || backlog_.back().handoff->round != ledger_.round()) {
    Waiting waiting;
    waiting.handoff = std::make_unique<Handoff>();
    waiting.handoff->round = ledger_.round();
    backlog_.push_back(std::move(waiting));
  }
  return backlog_.back();
}

bool Router::fan_out(const OnReactor& here, Publication& publication, FilterId filter) {
  const bool resumed = subscribers_.suspended();  // only the first of the backlog can be, and nothing overtakes it
  const auto subscribers = resumed ? subscribers_.rest() : subscribers_.on(filter);
  std::size_t count = subscribers.size();
  // of many: those at QoS 0 only refer to the packet, the others are a copy of it
  const std::size_t for_one = publication.facts().qos == mqtt::Qos::at_most_once ? 4 : 2;
  publication.wide = count > kOvershoot;
  if (publication.wide) count = std::min(count, here.reactor().budget(here) * for_one);
  for (const Subscriber& subscriber : subscribers.first(count)) {
    OwnedSession& session = session_of(subscriber);
    if (session.ended) continue;
    if (overlapping_.empty()) {
      session.deliver(here, publication, subscriber, FilterId{}, false);
    } else {
      deliver_once(here, publication, filter, subscriber);
    }
  }
  publication.wide = false;
  here.reactor().spend(here, static_cast<int>((count + for_one - 1) / for_one));
  if (count < subscribers.size()) {
    if (resumed) {
      subscribers_.advance(count);
    } else {
      subscribers_.suspend(filter, count);
    }
    return false;
  }
  if (resumed) subscribers_.finish();
  return true;
}

void Router::deliver_once(const OnReactor& here, Publication& publication, FilterId filter, Subscriber subscriber) {
  OwnedSession& session = session_of(subscriber);
  const std::uint32_t identifier = subscriber.subscription_identifier;
  bool before = true;
  for (const FilterId each : overlapping_) {
    before &= each != filter;
    const Subscriber* const other = each == filter ? nullptr : subscribers_.find(each, &session);
    if (!other || other->subscription_identifier != identifier) continue;
    if (before && !subscribed_since_.contains(&session)) return;  // it has gone with that one
    subscriber.qos = std::max(subscriber.qos, other->qos);
    subscriber.retain_as_published |= other->retain_as_published;
    subscriber.no_local &= other->no_local;
    subscriber.all_readable |= other->all_readable;
  }
  session.deliver(here, publication, subscriber, FilterId{}, false);
}

// --- what comes from and goes to other reactors ---

void Router::hand_off(const OnReactor& here, ReactorId to, Publication& publication, std::span<const FilterId> filters,
                      Entry::To kind, std::uint64_t asked) {
  handed_to_ |= reactor_bit(to);
  if (publication.facts().qos == mqtt::Qos::at_most_once &&
      mesh_[to].inbox().level(here.now()) == Inbox::Level::drop_qos0) {
    here.reactor().counters(here).add(Metric::dropped_inbox);
    if (inbox_line_.allow(here.now())) {
      log::write(LogType::notice,
                 "QoS 0 messages for reactor {} are dropped: its inbox is at twice max_inbox_bytes; "
                 "{} more since the last such line.",
                 to.value, inbox_line_.suppressed());
    }
    return;
  }
  Handoff& handoff = outgoing(to);
  Entry& entry = handoff.add(filters);
  entry.to = kind;
  entry.asked = asked;
  if (ledger_.late) entry.late = ledger_.passed_on = true;
  if (publication.passes()) {
    entry.passed = publication.pass(handoff.packets.add(publication.packet_size()));
  } else {
    entry.message = publication.message();
    handoff.bytes += entry.message->memory();
  }
}

Handoff& Router::outgoing(ReactorId to) {
  Outgoing& outgoing = outgoing_[to.value];
  if (!outgoing.handoff) {
    outgoing.handoff = std::make_unique<Handoff>();
    outgoing.handoff->round = ledger_.round();
    outgoing.handoff->entries.reserve(outgoing.entries);
    outgoing.handoff->packets.expect(outgoing.packet_bytes);
  }
  return *outgoing.handoff;
}

void Router::post_handoffs(const OnReactor& here) {
  for (std::size_t r = 0; r < outgoing_.size(); ++r) {
    if (auto& handoff = outgoing_[r].handoff) handoff->place = mesh_[static_cast<unsigned>(r)].inbox().reserve();
  }
  for (std::size_t r = 0; r < outgoing_.size(); ++r) {
    auto& [handoff, entries, packet_bytes] = outgoing_[r];
    if (!handoff) continue;
    entries = std::min(handoff->entries.size(), kExpectedEntriesMax);
    packet_bytes = std::min(handoff->packets.bytes(), kExpectedBytesMax);
    handoff->bytes += handoff->memory();
    handoff->posted = here.now();
    mesh_.post(here, ReactorId{static_cast<std::uint16_t>(r)}, std::move(handoff));
  }
}

void Router::receive(const OnReactor& here, std::unique_ptr<Handoff> handoff) {
  Waiting work{std::move(handoff), true, 0, 0};
  if (backlog_.empty() && deliver(here, work)) return;
  backlog_.push_back(std::move(work));
  here.reactor().want_turn(here);
}

bool Router::work_off(const OnReactor& here) {
  while (!backlog_.empty() && here.reactor().budget_left(here)) {
    // taken out while it is worked on: what is delivered may append to the backlog
    Waiting work = backlog_.pop_front();
    if (!deliver(here, work)) backlog_.push_front(std::move(work));
  }
  if (backlog_.empty() && !subscribed_since_.empty()) subscribed_since_.clear();
  return !backlog_.empty();
}

bool Router::deliver(const OnReactor& here, Waiting& work) {
  const Handoff& handoff = *work.handoff;
  while (work.entry < handoff.entries.size()) {
    if (!here.reactor().budget_left(here)) return false;
    if (!deliver_entry(here, handoff, handoff.entries[work.entry], work.filter)) return false;
    ++work.entry;
    work.filter = 0;
  }
  if (work.received) {
    const std::uint64_t waiters = here.reactor().inbox().done(handoff, here.now());
    for (std::uint64_t left = waiters; left != 0; left &= left - 1) {
      mesh_.post(here, ReactorId{static_cast<std::uint16_t>(std::countr_zero(left))}, InboxEased{here.id()});
    }
    if (handoff.packets.bytes() != 0) keep_until_written(here, std::move(work.handoff));
  }
  return true;
}

void Router::keep_until_written(const OnReactor& here, std::unique_ptr<Handoff> handoff) {
  spent_bytes_ += handoff->memory();
  spent_.push_back(std::move(handoff));
  if (spent_bytes_ > kSpentMax) here.reactor().spend(here, static_cast<int>(here.reactor().budget(here)));
}

void Router::end_turn() {
  spent_.clear();
  spent_bytes_ = 0;
}

bool Router::deliver_entry(const OnReactor& here, const Handoff& handoff, const Entry& entry, std::uint32_t& filter) {
  if (entry.passed) {  // at QoS 0, so no store waits for it
    Publication publication(*entry.passed, here.now(), here.reactor().turn_buffer(here));
    return deliver_publication(here, publication, handoff, entry, filter);
  }
  ledger_.late = round_of(handoff, entry) < ledger_.round();
  Publication publication(entry.message, here.now(), here.reactor().turn_buffer(here));
  const bool done = deliver_publication(here, publication, handoff, entry, filter);
  ledger_.late = false;
  return done;
}

bool Router::backlogged(std::uint64_t round) {
  for (std::size_t i = 0; i < backlog_.size(); ++i) {
    const Waiting& waiting = backlog_[i];
    const auto& entries = waiting.handoff->entries;
    const auto left = std::span(entries).subspan(waiting.entry);
    if (std::ranges::any_of(left, [&](const Entry& each) { return round_of(*waiting.handoff, each) <= round; })) {
      return true;
    }
  }
  return false;
}

bool Router::deliver_publication(const OnReactor& here, Publication& publication, const Handoff& handoff,
                                 const Entry& entry, std::uint32_t& filter) {
  const auto filters = handoff.filters_of(entry);
  here.reactor().spend(here, 1);
  if (!subscribers_.suspended() && publication.expired()) {  // one that has begun is finished
    here.reactor().counters(here).add(Metric::dropped_expired);
    return true;
  }
  if (entry.to != Entry::To::all) {
    to_member(here, publication, filters[0], entry.to, entry.asked);
    return true;
  }
  if (!duplicates_) look_for_overlap(filters);
  for (; filter < filters.size(); ++filter) {
    if (!here.reactor().budget_left(here)) return false;
    if (!fan_out(here, publication, filters[filter])) return false;
  }
  return true;
}

}  // namespace bramble
