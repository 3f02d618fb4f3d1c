// The part of Broker that takes a new configuration over while it runs.
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <sys/stat.h>

#include "broker/broker.h"
#include "broker/log.h"
#include "broker/on_all.h"

namespace bramble {

namespace {

/// The options that are taken at the start only keep their values; those that were to change are named.
template <class Options, class Rows>
std::string keep_what_needs_a_restart(const Rows& rows, const Options& old, Options& options) {
  std::string names;
  for (const auto& row : rows) {
    if (row.reload != Reload::at_start || show_option(row, old) == show_option(row, options)) continue;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
    copy_option(row, old, options);
  }
  return names;
}

/// A Unix socket that stays open gets the mode that is asked for now.
void set_mode(const ListenerOptions& options) {
  if (!options.unix_socket() || ::chmod(options.bind_address.c_str(), options.unix_socket_mode) == 0) return;
  log::write(LogType::warning, "{}: unix_socket_mode: cannot change that of {}: {}; restart the broker.",
             options.declared_at, options.bind_address, std::strerror(errno));
}

using Listeners = std::vector<std::shared_ptr<Listener>>;

/// What a new configuration makes of the listeners. Each keeps its number for good: connections know it by that.
struct Sorted {
  AllRules rules;  ///< by number, also of those that are gone
  Listeners kept, gone, added;
};

/// While it lives, others may open on the ports of these.
class SharedPorts {
 public:
  explicit SharedPorts(const Listeners& listeners) : listeners_(listeners) { share(true); }
  ~SharedPorts() { share(false); }
  SharedPorts(const SharedPorts&) = delete;

 private:
  void share(bool shares) {
    for (const auto& listener : listeners_) listener->share_ports(shares);
  }
  const Listeners& listeners_;
};

OrMessage<Sorted> sort_out(const Listeners& listeners, const AllRules& before, const AllRules& fresh,
                           const BrokerOptions& options) {
  Sorted all{{}, {}, listeners, {}};
  for (const auto& old : before) {
    auto gone = std::make_shared<ListenerRules>(*old);
    gone->closed = true;
    gone->tls.reset();  // keys and passwords that nobody comes with any more
    gone->users.reset();
    if (!options.per_listener_settings && !fresh.empty()) gone->go_by(fresh.front()->access);
    all.rules.push_back(std::move(gone));
  }
  AllRules to_open;
  for (const auto& each : fresh) {
    const auto same = std::ranges::find_if(
        all.gone, [&](const auto& listener) { return before[listener->number()]->options.same_place(each->options); });
    if (same == all.gone.end()) {
      to_open.push_back(each);
      continue;
    }
    auto mine = std::make_shared<ListenerRules>(*each);
    mine->follow(*before[(*same)->number()]);
    all.rules[(*same)->number()] = std::move(mine);
    all.kept.push_back(*same);
    all.gone.erase(same);
  }
  const SharedPorts sharing(all.gone);  // one that changes its address keeps its port
  for (const auto& rules : to_open) {
    auto listener = Listener::open(static_cast<std::uint32_t>(all.rules.size()), rules, options, true);
    if (!listener && rules->options.optional) continue;
    if (!listener) return tl::unexpected<std::string>(std::move(listener.error()));
    all.rules.push_back(rules);
    all.added.push_back(std::move(*listener));
  }
  return all;
}

}  // namespace

OrMessage<void> Broker::reload(Config config) {
  std::string restart = keep_what_needs_a_restart(kBrokerOptions, config_->broker, config.broker);
  const std::string kept_ones = keep_what_needs_a_restart(kStoreOptions, config_->store, config.store);
  if (!kept_ones.empty()) restart += (restart.empty() ? "" : ", ") + kept_ones;
  const auto fresh = read_rules(config, LockedKeys::open_known);
  if (!fresh) return tl::unexpected<std::string>(fresh.error());
  const auto sorted = sort_out(listeners_, rules_, *fresh, config.broker);
  if (!sorted) return tl::unexpected<std::string>(sorted.error());

  rules_ = sorted->rules;
  config_ = std::make_shared<const Config>(std::move(config));
  for (const auto& listener : sorted->kept) set_mode(rules_[listener->number()]->options);
  listeners_ = sorted->kept;
  listeners_.insert(listeners_.end(), sorted->added.begin(), sorted->added.end());
  const Shard::Change change{config_, rules_};
  on_all(mesh_, [&](const OnReactor& here, Shard& shard) { shard.apply(here, change); });
  for (const auto& gone : sorted->gone) {
    for (BoundSocket* const socket : gone->lasting_sockets()) socket->give_up();
  }
  // who is accepted by one of them may be given to any reactor, and each knows its rules now
  on_all(mesh_, [&](const OnReactor& here, Shard& shard) {
    for (const auto& listener : sorted->added) {
      if (listener->number() % mesh_.size() == here.id().value) shard.accept_from(here, listener);
    }
  });
  passwords_.want(has_users(*config_));
  announce();
  if (!restart.empty()) {
    log::write(LogType::notice, "These options keep their values until the broker is restarted: {}.", restart);
  }
  return {};
}

}  // namespace bramble
