// The part of Broker that opens what outlives the process and takes over what is in it.
#include <filesystem>
#include <unordered_map>

#include "broker/broker.h"
#include "broker/log.h"
#include "broker/session/mosquitto_source.h"
#include "broker/store/database_file.h"
#include "broker/store/importing.h"
#include "broker/store_folder.h"

namespace bramble {

namespace {

constexpr Seconds kProgressEvery{2};

/// Deals the sessions out to the reactors, which make them when they run, and puts the retained messages where they
/// were.
class Restoration final : public Database::Reader {
 public:
  Restoration(unsigned reactors, SessionDirectory& directory, RetainedMessages& retained)
      : by_reactor(reactors), directory_(directory), retained_(retained) {}

  void session(KeptSession session) override {
    const std::size_t reactor = next_++ % by_reactor.size();
    directory_.claim(session.client_id, ReactorId{static_cast<std::uint16_t>(reactor)});
    auto& mine = by_reactor[reactor];
    places_.emplace(session.id, Place{reactor, mine.size()});
    mine.push_back({std::move(session), {}, {}, {}});
  }
  void subscription(KeptSubscription subscription) override {
    auto* const of = find(subscription.session);
    if (of) of->subscriptions.push_back(std::move(subscription));
  }
  void receipt(const KeptReceipt& receipt) override {
    auto* const of = find(receipt.session);
    if (of) of->receipts.push_back(receipt);
  }
  void retained(std::uint32_t slot, MessagePtr message) override { retained_.restore(slot, std::move(message)); }
  void delivery(KeptDelivery delivery) override {
    auto* const of = find(delivery.session);
    if (of) of->deliveries.push_back(std::move(delivery));
  }

  std::vector<std::vector<Sessions::Restored>> by_reactor;

 private:
  struct Place {
    std::size_t reactor = 0, index = 0;
  };
  Sessions::Restored* find(SessionId id) {
    const auto found = places_.find(id);
    return found == places_.end() ? nullptr : &by_reactor[found->second.reactor][found->second.index];
  }

  SessionDirectory& directory_;
  RetainedMessages& retained_;
  std::size_t next_ = 0;
  std::unordered_map<SessionId, Place> places_;
};

/// Mosquitto's database, if there is one and ours is not there yet. It is not changed.
OrMessage<void> import_once(const StoreOptions& options, const std::filesystem::path& file) {
  const auto theirs = std::filesystem::path(options.persistence_location) / options.persistence_file;
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored) || !std::filesystem::exists(theirs, ignored)) return {};
  const auto aside = set_log_aside(file);  // else it would be taken for the log of what is imported
  if (!aside) return tl::unexpected(aside.error());
  if (!aside->empty()) log::write(LogType::error, "{}", *aside);
  const auto imported = import_into_new(theirs, file, Clocks::now(), source_of);
  if (!imported) {
    return tl::unexpected(imported.error() + "; without it the broker starts when `persistence_file` names no file");
  }
  log::write(LogType::notice,
             "{}: taken over from Mosquitto, and not changed: {} sessions, {} subscriptions, {} retained messages, {} "
             "queued messages; {} records left out.",
             theirs.string(), imported->sessions, imported->subscriptions, imported->retained, imported->deliveries,
             imported->left_out);
  return {};
}

void log_moved(Database& database) {
  if (const std::string line = database.take_moved(); !line.empty()) log::write(LogType::error, "{}", line);
}

std::filesystem::path file_of(const StoreOptions& options) {
  return std::filesystem::path(options.persistence_location) / "bramble.db";
}

/// Its sessions would be a surprise when they come back, much later.
void tell_of_unused(const StoreOptions& options) {
  std::error_code none;
  const auto bytes = std::filesystem::file_size(file_of(options), none);
  if (!options.persistence || none || bytes == 0) return;
  log::write(LogType::warning,
             "{} is there and is not used (durability none): it stays as it is, and what is in it comes back when "
             "durability is another; move it away if it should not.",
             file_of(options).string());
}

/// What may be lost, in one line.
std::string promise_in_words(const StoreOptions& options) {
  if (options.promise() == Promise::commit) {
    return "what is acknowledged is on the disk: nothing of it is lost, whatever happens (durability commit)";
  }
  return fmt::format("a crash or power cut loses what was acknowledged in the last {} s at most (durability interval)",
                     options.durability_interval.count());
}

}  // namespace

OrMessage<void> Broker::open_store() {
  const StoreOptions& options = config_->store;
  if (options.promise() == Promise::nothing) {
    tell_of_unused(options);
    return {};
  }
  if (Obstacle obstacle = why_no_store(*config_); obstacle.error != 0) {
    return tl::unexpected(std::move(obstacle.line));
  }
  const auto file = file_of(options);
  if (auto imported = import_once(options, file); !imported) return imported;
  auto database = Database::open(file);
  if (!database) return tl::unexpected<std::string>(std::move(database.error()));
  log_moved(**database);
  directory_.number_publishers_by((*database)->seed());

  Restoration restoration(mesh_.size(), directory_, retained_);
  auto told = std::chrono::steady_clock::now();
  const auto loaded = (*database)->load(restoration, Clocks::now(), [&](std::uint64_t records) {
    const auto now = std::chrono::steady_clock::now();
    if (now - told < kProgressEvery) return;
    told = now;
    log::write(LogType::notice, "{}: {} records read so far.", file.string(), records);
  });
  if (!loaded) return tl::unexpected(loaded.error());
  log_moved(**database);
  log::write(LogType::notice, "{}: {} sessions, {} subscriptions, {} retained messages, {} queued messages; {}.",
             file.string(), loaded->sessions, loaded->subscriptions, loaded->retained, loaded->deliveries,
             promise_in_words(options));
  if (loaded->left_out != 0) {
    log::write(LogType::error, "{}: in {} places it could not be read: what was there is left out.", file.string(),
               loaded->left_out);
  }
  Sessions::begin_ids_after(SessionId{loaded->last_session});
  (*database)->begin_run(options.promise() == Promise::commit);
  retained_.note_changes();
  store_ = std::make_unique<Store>(std::move(*database), mesh_, retained_, options, loaded->last_row);
  for (std::size_t i = 0; i < shards_.size(); ++i) shards_[i]->use(*store_, std::move(restoration.by_reactor[i]));
  return {};
}

}  // namespace bramble
