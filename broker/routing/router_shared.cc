// The half of Router that finds a member for what a $share group gets (docs/design.md, Shared groups).
#include "broker/routing/router.h"

namespace bramble {

void Router::to_group(const OnReactor& here, Publication& publication, const SharedGroup& group) {
  try_elsewhere(here, publication, group, Entry::To::member_with_room, 0);
}

void Router::try_elsewhere(const OnReactor& here, Publication& publication, const SharedGroup& group, Entry::To kind,
                           std::uint64_t asked) {
  auto next = picker_.pick(group, SharedPicker::Among::online, asked);
  if (!next && kind == Entry::To::member_with_room) {  // nobody has room now: somebody may have it later
    kind = Entry::To::member_with_queue;
    asked = 0;
    next = picker_.pick(group, SharedPicker::Among::online, asked);
  }
  if (!next) next = picker_.pick(group, SharedPicker::Among::absent, asked);
  if (!next) {
    here.reactor().counters(here).add(Metric::dropped_queue_full);
    return;
  }
  const FilterId id = group.id();
  if (*next != here.id()) return hand_off(here, *next, publication, {&id, 1}, kind, asked);
  if (backlog_.empty()) return to_member(here, publication, id, kind, asked);
  Entry& entry = own_waiting(here).handoff->add({&id, 1});
  entry.message = publication.message();
  entry.to = kind;
  entry.asked = asked;
  entry.late = ledger_.late;
}

void Router::to_member(const OnReactor& here, Publication& publication, FilterId group, Entry::To kind,
                       std::uint64_t asked) {
  const std::size_t bytes = publication.content().payload.size();
  const bool now = kind == Entry::To::member_with_room;
  const auto online_can = [&](const Subscriber& member) {
    OwnedSession& session = session_of(member);
    if (session.ended || !session.connection() || !session.may_get(here, publication, member)) return false;
    return now ? session.has_room(session.qos_for(publication, member), bytes) : session.has_queue_room(here, bytes);
  };
  const auto absent_can = [&](const Subscriber& member) {
    OwnedSession& session = session_of(member);
    return !now && !session.ended && !session.connection() && session.may_get(here, publication, member) &&
           session.has_queue_room(here, bytes);
  };
  const Subscriber* member = subscribers_.next_member(group, online_can);
  if (!member) member = subscribers_.next_member(group, absent_can);
  if (member) {
    here.reactor().spend(here, 1);
    session_of(*member).deliver(here, publication, *member, group, false);
    return;
  }
  if (const SharedGroup* known = find_group(publication.content().topic, group)) {
    try_elsewhere(here, publication, *known, kind, asked | reactor_bit(here.id()));
  }  // else: the last member has left meanwhile
}

void Router::pick_again(const OnReactor& here, const Delivery& delivery) {
  Publication publication(delivery.message, here.now(), here.reactor().turn_buffer(here));
  if (const SharedGroup* group = find_group(publication.content().topic, delivery.share)) {
    to_group(here, publication, *group);
  }
}

const SharedGroup* Router::find_group(std::string_view topic, FilterId group) {
  const auto name = TopicName::parse(topic);
  check(name.has_value(), "a message's topic was valid when it came");
  table_.match(*name, group_matches_);
  for (const Filter* filter : group_matches_) {
    for (const SharedGroup* candidate : filter->groups()) {
      if (candidate->id() == group) return candidate;
    }
  }
  return nullptr;
}

}  // namespace bramble
