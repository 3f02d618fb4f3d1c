#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/store/database.h"
#include "broker/store/mosquitto_database.h"

namespace bramble {

/// Puts what a Reader is told into a database, in commits of a bounded size, each on the disk when it returns.
/// Threads: one at a time.  Lifetime: within that of the database, which has been loaded.
/// Errors: the first that a commit gave; nothing is taken after it, and finish() says it.
class Importing final : public Database::Reader {
 public:
  Importing(Database& into, const Clocks& clocks) : into_(into), clocks_(clocks) {}

  void session(KeptSession session) override;
  void subscription(KeptSubscription subscription) override;
  void receipt(const KeptReceipt& receipt) override;
  void retained(std::uint32_t slot, MessagePtr message) override;
  void delivery(KeptDelivery delivery) override;
  /// Commits what is left.
  OrMessage<void> finish();

 private:
  static constexpr std::uint64_t kRecordsMax = 10'000, kBytesMax = 16 << 20;  // of a commit, about
  Part& part();
  void count(std::size_t bytes);
  void commit();

  Database& into_;
  const Clocks clocks_;
  std::vector<std::unique_ptr<Part>> parts_;  // one, or none
  std::vector<RetainedChange> retained_;
  std::uint64_t records_ = 0, bytes_ = 0;
  std::string error_;
};

/// RetainSource::encode, if the caller knows listeners.
using SourceOf = std::function<std::string(const MosquittoPublisher& publisher)>;

/// All of Mosquitto's file into a database that has nothing in it and was loaded; with publishers numbered by its seed.
/// Not all or nothing: for that, see import_into_new().
OrMessage<Database::Loaded> import_mosquitto(const std::filesystem::path& mosquitto_db, Database& into,
                                             const Clocks& clocks, const SourceOf& source = nullptr);

/// Makes a database at `file`, where there is none, with all that `fill` puts into it, or none: it is filled under the
/// name FILE.importing, which the next try begins anew, and gets its own when it is complete and on the disk.
/// Root makes it for the account that the folder belongs to. One at a time in a folder.
/// Errors: a line: there is one already, what `fill` said, the disk.
using Fill = std::function<OrMessage<Database::Loaded>(Database& into)>;
OrMessage<Database::Loaded> make_database(const std::filesystem::path& file, const Clocks& clocks, const Fill& fill);

/// Moves what is in the log of a database into it, so that it is one file: nobody has it open. What cannot be moved
/// stays.
void take_in_log(const std::filesystem::path& database);

/// Both together. Mosquitto's file is not changed.
OrMessage<Database::Loaded> import_into_new(const std::filesystem::path& mosquitto_db,
                                            const std::filesystem::path& bramble_db, const Clocks& clocks,
                                            const SourceOf& source = nullptr);

}  // namespace bramble
