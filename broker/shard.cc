#include "broker/shard.h"

namespace bramble {

namespace {

constexpr Seconds kSweepEvery{1};
constexpr std::size_t kSweptSlots = 1000;
constexpr Milliseconds kLookAtMemoryEvery{20};
constexpr Seconds kLookAtStoreEvery{1};

DeliveryRules rules_of(const BrokerOptions& options) {
  DeliveryRules rules;
  rules.limits = {options.max_inflight_messages, options.max_inflight_bytes, options.max_queued_messages,
                  options.max_queued_bytes};
  rules.queue_qos0_messages = options.queue_qos0_messages;
  rules.upgrade_outgoing_qos = options.upgrade_outgoing_qos;
  return rules;
}

/// One lambda a kind, chosen by std::visit: a kind without one does not compile.
template <class... Cases>
struct Switch : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Switch(Cases...) -> Switch<Cases...>;

}  // namespace

Shard::Shard(Commons& commons, ReactorId id, std::shared_ptr<const Config> config, AllRules rules)
    : commons_(commons),
      rules_(rules_of(config->broker)),
      sessions_(commons.directory, commons.table, subscribers_, rules_, ledger_),
      router_(commons.mesh, commons.table, subscribers_, commons.retained, ledger_),
      parts_{std::move(config),
             std::move(rules),
             commons.passwords,
             commons.mesh,
             commons.directory,
             commons.retained,
             subscribers_,
             sessions_,
             ledger_,
             router_,
             connections_,
             commons.counters.of(id),
             {},
             {},
             {},
             {},
             Shortage::none,
             false},
      connections_(parts_) {
  router_.deliver_duplicates(parts_.config->broker.allow_duplicate_messages);
  sessions_.use(parts_.rules);
}

Shard::~Shard() = default;

void Shard::on_start(const OnReactor& here) {
  for (auto& restored : std::exchange(restored_, {})) sessions_.restore(here, std::move(restored));
  begin_memory_watch(here);
  if (here.id().value != 0) return;
  here.reactor().timers(here).arm(sweep_chore_, here.now() + kSweepEvery);
  begin_sys(here);
  if (store_) watch_store(here);
}

void Shard::begin_sys(const OnReactor& here) {
  if (parts_.config->broker.sys_interval.count() == 0) return here.reactor().timers(here).disarm(sys_chore_);
  if (!sys_topics_) sys_topics_ = std::make_unique<SysTopics>(commons_.mesh.size(), here.now());
  publish_sys(here);
}

void Shard::apply(const OnReactor& here, const Change& change) {
  const AllRules before = std::exchange(parts_.rules, change.rules);
  const bool sys_changed = parts_.config->broker.sys_interval != change.config->broker.sys_interval;
  parts_.config = change.config;
  rules_ = rules_of(parts_.config->broker);
  router_.deliver_duplicates(parts_.config->broker.allow_duplicate_messages);
  std::erase_if(listeners_, [&](const std::shared_ptr<Listener>& listener) {
    const ListenerRules& rules = *parts_.rules[listener->number()];
    if (rules.closed) {
      listener->stop_accepting(here);
    } else {
      listener->apply(here, parts_.rules[listener->number()], parts_.config->broker);
    }
    return rules.closed;
  });
  sessions_.apply(here, parts_.rules);
  connections_.apply(here, before);
  begin_memory_watch(here);
  if (here.id().value == 0 && sys_changed) begin_sys(here);
}

void Shard::accept(const OnReactor& here) {
  for (const auto& listener : listeners_) listener->start_accepting(here, commons_.mesh);
}

void Shard::leave(const OnReactor& here) {
  for (const auto& listener : listeners_) listener->stop_accepting(here);
  connections_.close_all(here);
}

void Shard::accept_from(const OnReactor& here, std::shared_ptr<Listener> listener) {
  listener->start_accepting(here, commons_.mesh);
  listeners_.push_back(std::move(listener));
}

bool Shard::run_errands(const OnReactor& here) {
  for (auto& errand : std::exchange(errands_, {})) {
    if (errand->run(here, *this)) errands_.push_back(std::move(errand));
  }
  return !errands_.empty();
}

void Shard::on_message(const OnReactor& here, Message message) {
  std::visit(
      Switch{
          [&](std::unique_ptr<Handoff>& handoff) { receive(here, std::move(handoff)); },
          [&](ConnectionAccepted& accepted) { connections_.accept(here, std::move(accepted)); },
          [&](std::unique_ptr<ConnectionMoved>& moved) { connections_.adopt(here, std::move(*moved)); },
          [&](InboxEased&) { connections_.eased(here); },
          [&](BrokerPublish& publish) {
            Publication publication(std::move(publish.message), here.now(), here.reactor().turn_buffer(here));
            router_.publish(here, publication);
          },
          [&](PasswordChecked& checked) { connections_.password_checked(here, checked.connection, checked.right); },
          [&](RoundStep& step) { take_step(here, step); },
          [&](std::unique_ptr<Errand>& errand) {
            errands_.push_back(std::move(errand));
            here.reactor().want_turn(here);
          },
          [&](Stop&) {
            connections_.close_all(here);
            here.reactor().stop(here);
          },
      },
      message);
}

void Shard::on_dispatched(const OnReactor& here) { connections_.door().serve(here); }

bool Shard::on_leftovers(const OnReactor& here) {
  // what comes in only joins a backlog, but nobody who arrives or moves here waits for its end
  if (router_.backlogged()) here.reactor().drain_inbox(here);
  bool more = router_.work_off(here);
  more |= connections_.work_off(here);
  more |= sessions_.clean_up(here);
  more |= run_errands(here);
  return more;
}

void Shard::on_turn_end(const OnReactor& here) {
  if (sessions_.has_leftovers()) router_.settle_leftovers(here, sessions_);
  router_.post_handoffs(here);  // before any acknowledgement is written (docs/design.md, Order)
  connections_.end_turn(here);
  router_.end_turn();
  if (part_wanted_) give_part(here);
  if (sessions_.has_leftovers()) here.reactor().want_turn(here);  // of clients found gone while they were written to
}

void Shard::publish_own(const OnReactor& here, std::string_view topic, std::string_view payload, bool retain) {
  const ApplicationMessage::Facts facts{mqtt::Qos::at_most_once, retain, mqtt::kNoExpiry, here.now(), PublisherId{}};
  Publication publication({topic, {}, payload}, facts, here.now(), here.reactor().turn_buffer(here));
  router_.publish(here, publication);
}

void Shard::publish_sys(const OnReactor& here) {
  SysFacts facts;
  facts.retained_messages = commons_.retained.count();
  facts.memory = memory_use();
  if (store_) facts.store = store_->facts();
  sys_topics_->update(here.now(), commons_.counters.sums(), facts,
                      [&](std::string_view topic, std::string_view value) { publish_own(here, topic, value, true); });
  here.reactor().want_turn(here);
  here.reactor().timers(here).arm(sys_chore_, here.now() + parts_.config->broker.sys_interval);
}

void Shard::sweep_retained(const OnReactor& here) {
  here.reactor().timers(here).arm(sweep_chore_, here.now() + kSweepEvery);
  if (parts_.config->broker.retain_expiry_interval == 0) return;
  std::vector<MessagePtr> removed;
  commons_.retained.expire(here.id(), here.now(), sweep_, kSweptSlots, removed);
  if (!removed.empty() && ledger_.keeps()) ledger_.changed();
  here.reactor().counters(here).add(Metric::dropped_expired, static_cast<std::int64_t>(removed.size()));
}

void Shard::watch_store(const OnReactor& here) {
  here.reactor().timers(here).arm(store_chore_, here.now() + kLookAtStoreEvery);
  store_->watch(here.now());
}

Shortage shortage_of(std::uint64_t bytes, std::uint64_t limit) {
  if (limit == 0) return Shortage::none;
  const auto part = [&](std::uint64_t percent) { return limit / 100 * percent; };
  if (bytes >= part(100)) return Shortage::stop_publishers;
  if (bytes >= part(90)) return Shortage::slow_publishers;
  return bytes >= part(80) ? Shortage::nothing_new : Shortage::none;
}

void Shard::begin_memory_watch(const OnReactor& here) {
  parts_.shortage = Shortage::none;
  if (parts_.config->broker.memory_limit == 0) return here.reactor().timers(here).disarm(memory_chore_);
  watch_memory(here);
}

void Shard::watch_memory(const OnReactor& here) {
  here.reactor().timers(here).arm(memory_chore_, here.now() + kLookAtMemoryEvery);
  const std::uint64_t limit = parts_.config->broker.memory_limit;
  if (parts_.shortage != Shortage::none) return_free_memory();
  const MemoryUse use = memory_use();
  const Shortage before = std::exchange(parts_.shortage, shortage_of(use.current, limit));
  if (parts_.shortage == Shortage::stop_publishers) connections_.shed_one(here);
  if (here.id().value != 0 || parts_.shortage == before) return;
  const char* const words = parts_.shortage == Shortage::none          ? "all goes on as usual"
                            : parts_.shortage == Shortage::nothing_new ? "new sessions and subscriptions are refused"
                            : parts_.shortage == Shortage::slow_publishers
                                ? "publishers are read slowly, and nothing new is taken"
                                : "publishers are not read, and who does not read is disconnected";
  log::write(parts_.shortage > before ? LogType::warning : LogType::notice, "Memory {} MB of memory_limit {} MB: {}.",
             use.current >> 20, limit >> 20, words);
}

}  // namespace bramble
