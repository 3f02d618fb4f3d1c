// A Connection that may not publish all it likes (docs/design.md, Limits): max_publish_rate, max_publish_bytes_rate,
// memory_limit.
#include <poll.h>
#include <utility>

#include "broker/connection/connections.h"
#include "broker/connection/handlers.h"

namespace bramble {

namespace {
constexpr Seconds kHearAfterEnd{10};  // one that has to wait and has hung up
}  // namespace

Connection::Publishes Connection::may_publish(const OnReactor& here, const mqtt::Frame& frame) {
  if (deaf()) return Publishes::never;
  if (parts_.router.backlogged() || !here.reactor().caught_up(here)) {
    hold_packet(here);
    return Publishes::later;
  }
  const bool short_of_memory = parts_.shortage >= Shortage::slow_publishers;
  if ((allowance_ && !allowance_->any(listener(), here.now())) || (short_of_memory && !may_take_memory(frame))) {
    throttle(here);
    return Publishes::later;
  }
  if (!allowance_) return Publishes::now;
  allowance_->spend(listener(), frame.size);
  if (!short_of_memory && !PublishAllowance::limited(listener())) allowance_.reset();
  return Publishes::now;
}

bool Connection::may_take_memory(const mqtt::Frame& publish) {
  if (allowance_ && std::exchange(allowance_->one_more, false)) return true;
  return removes_retained(*this, publish);
}

void Connection::limit_publishing(const OnReactor& here) {
  if (!PublishAllowance::limited(listener())) {
    if (!throttled_ && !deaf()) allowance_.reset();
  } else if (!allowance_) {
    allowance_ = std::make_unique<PublishAllowance>(listener(), here.now());
  }
}

void Connection::throttle(const OnReactor& here) {
  parts_.counters.add(Metric::publishers_throttled);
  if (!allowance_) {
    allowance_ = std::make_unique<PublishAllowance>(listener(), here.now());
  } else if (parts_.shortage < Shortage::slow_publishers && allowance_->line.allow(here.now())) {
    report(here, {"publishes too fast and is read more slowly.", "max_publish_rate, max_publish_bytes_rate",
                  mqtt::ReasonCode::quota_exceeded, true});
  }
  wait_a_while(here);
}

void Connection::wait_a_while(const OnReactor& here) {
  if (!allowance_) allowance_ = std::make_unique<PublishAllowance>(listener(), here.now());
  held_ = throttled_ = true;
  heard_ = here.now();
  parts_.connections.throttled(here, *this);
  update_interest(here);
}

void Connection::wait_for_store(const OnReactor& here, const mqtt::Frame& publish) {
  parts_.counters.add(Metric::publishers_throttled);
  if (allowance_) allowance_->give_back(listener(), publish.size);
  wait_a_while(here);
}

bool Connection::unthrottle(const OnReactor& here) {
  heard_ = here.now();  // its silence was our doing
  if (deaf()) {
    here.reactor().want_turn(here);  // at the door it is looked whether the rest has come
    return false;
  }
  if (at_door_ == AtDoor::going && allowance_->gone_for(here.now()) > kHearAfterEnd) {
    turn_deaf(here);
    return true;
  }
  if (parts_.shortage >= Shortage::stop_publishers || !allowance_->any(listener(), here.now())) return false;
  allowance_->one_more = parts_.shortage == Shortage::slow_publishers;
  go_on_publishing(here);
  return true;
}

/// Until it has to wait again, mostly after one PUBLISH: epoll need not hear of that.
void Connection::go_on_publishing(const OnReactor& here) {
  throttled_ = false;
  here.reactor().spend(here, 1);
  resume(here);
  if (state_ < State::closing) update_interest(here);
}

// --- of one that has hung up

std::size_t Connection::read_ahead(const OnReactor& here) {
  if (state_ >= State::closing || !throttled_ || at_door_ == AtDoor::going) return 0;
  char* const bytes = here.reactor().turn_buffer(here).room(Reactor::kReadBytes);
  const auto moved = read_transport(here, bytes, Reactor::kReadBytes);
  if (moved.bytes != 0) {
    parts_.counters.add(Metric::bytes_received, static_cast<std::int64_t>(moved.bytes));
    unread_->append({bytes, moved.bytes});
  }
  if (moved.state == Transport::State::closed) hang_up(here);  // and what it said is still heard
  return moved.bytes;
}

/// What it sent beyond what it may is passed over, so that what it said last is heard soon, DISCONNECT above all
/// [MQTT-3.14.4-3]. Nothing of that was acknowledged. It is read at the door, as who has hung up is.
void Connection::turn_deaf(const OnReactor& here) {
  allowance_->deaf = true;
  throttled_ = held_ = false;
  if (at_door_ != AtDoor::going) hang_up(here);
  here.reactor().want_turn(here);
}

bool Connection::hear_rest(const OnReactor& here) {
  if (!throttled_) return false;
  allowance_->taken_over(here.now());
  turn_deaf(here);
  return true;
}

/// Some of it can be read now. Closes if it has come, or takes too long.
bool Connection::rest_is_there(const OnReactor& here) {
  if (allowance_->rest_is_over(here.now())) {
    close(here, mqtt::ReasonCode::session_taken_over, "a new connection has taken the session over", false);
    return false;
  }
  if (!Readiness::shows(transport_->descriptor(), POLLIN | POLLRDHUP)) return false;
  allowance_->rest_came(here.now());
  return true;
}

}  // namespace bramble
