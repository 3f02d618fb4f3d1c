#include "broker/store/importing.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/config/file_remedy.h"
#include "broker/store/statement.h"
#include "core/base/hash.h"

namespace bramble {

namespace {

namespace fs = std::filesystem;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

/// As the file's name and what SQLite writes beside it.
constexpr const char* kBeside[] = {"", "-wal", "-shm", "-journal"};

fs::path beside(const fs::path& file, const char* end) { return file.string() + end; }

std::string why(const fs::path& path, int error) {
  return path.string() + ": cannot be written: " + std::generic_category().message(error) + "; " +
         write_remedy(path.string(), error);
}

/// A file, or a folder with the names in it.
OrMessage<void> sync(const fs::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return wrong(why(path, errno));
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  if (error != 0) return wrong(why(path, error));
  return {};
}

OrMessage<void> remove_all_of(const fs::path& file) {
  for (const char* end : kBeside) {
    std::error_code error;
    fs::remove(beside(file, end), error);
    if (error) return wrong(why(beside(file, end), error.value()));
  }
  return {};
}

/// Says so if there is one of them.
OrMessage<void> check_absent(const fs::path& file) {
  for (const char* end : kBeside) {
    std::error_code unknown;
    if (fs::exists(fs::symlink_status(beside(file, end), unknown))) {
      return wrong(beside(file, end).string() +
                   ": is there already and is not written over; move it, or name another "
                   "folder");
    }
  }
  return {};
}

fs::path folder_of(const fs::path& file) { return file.has_parent_path() ? file.parent_path() : fs::path("."); }

/// As long as it lives, nobody else makes a database in the folder. A file system without such locks says nothing.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& folder)
      : descriptor_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
        taken_(descriptor_ >= 0 && (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)) {}
  FolderLock(const FolderLock&) = delete;
  ~FolderLock() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  bool taken() const { return taken_; }

 private:
  const int descriptor_;
  const bool taken_;
};

/// Root makes it for the account that the folder is of, which the broker runs as.
void give_to_owner_of_folder(const fs::path& file) {
  struct stat folder {};
  if (::geteuid() != 0 || ::stat(folder_of(file).c_str(), &folder) != 0) return;
  static_cast<void>(::lchown(file.c_str(), folder.st_uid, folder.st_gid));
}

/// The new name is nobody else's: where the file system can say so, it looks once more.
OrMessage<void> give_name(const fs::path& made, const fs::path& file) {
  if (::renameat2(AT_FDCWD, made.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno != EINVAL && errno != ENOSYS) return wrong(why(file, errno));
    if (::rename(made.c_str(), file.c_str()) != 0) return wrong(why(file, errno));
  }
  auto synced = sync(folder_of(file));
  if (!synced) ::unlink(file.c_str());
  return synced;
}

/// For a database that has to be empty.
class Nothing final : public Database::Reader {
 public:
  void session(KeptSession) override { empty = false; }
  void subscription(KeptSubscription) override { empty = false; }
  void receipt(const KeptReceipt&) override { empty = false; }
  void retained(std::uint32_t, MessagePtr) override { empty = false; }
  void delivery(KeptDelivery) override { empty = false; }
  bool empty = true;
};

OrMessage<Database::Loaded> make(const fs::path& file, const Clocks& clocks, const Fill& fill) {
  const auto database = Database::open(file);
  if (!database) return wrong(database.error());
  Nothing nothing;
  if (const auto loaded = (*database)->load(nothing, clocks, {}); !loaded) return wrong(loaded.error());
  if (!nothing.empty) return wrong(file.string() + ": has something in it that nobody has put there; try again");
  auto loaded = fill(**database);
  if (loaded) (*database)->checkpoint();
  return loaded;
}

}  // namespace

Part& Importing::part() {
  if (parts_.empty()) parts_.push_back(std::make_unique<Part>());
  return *parts_.front();
}

void Importing::session(KeptSession session) {
  const std::size_t bytes = session.client_id.size() + (session.will ? session.will->payload.size() : 0);
  part().sessions.push_back(std::move(session));
  count(bytes);
}

void Importing::subscription(KeptSubscription subscription) {
  const std::size_t bytes = subscription.filter.size();
  part().subscriptions.push_back({std::move(subscription), false});
  count(bytes);
}

void Importing::receipt(const KeptReceipt& receipt) {
  part().receipts.push_back({receipt, false});
  count(0);
}

void Importing::retained(std::uint32_t slot, MessagePtr message) {
  const std::size_t bytes = message->memory();
  retained_.push_back({slot, std::move(message)});
  count(bytes);
}

void Importing::delivery(KeptDelivery delivery) {
  const std::size_t bytes = delivery.message->memory();
  part().deliveries.push_back(std::move(delivery));
  count(bytes);
}

void Importing::count(std::size_t bytes) {
  bytes_ += bytes;
  if (++records_ >= kRecordsMax || bytes_ >= kBytesMax) commit();
}

void Importing::commit() {
  if (error_.empty() && records_ > 0) {
    if (auto done = into_.commit(parts_, retained_, clocks_); !done) error_ = std::move(done.error());
  }
  parts_.clear();
  retained_.clear();
  records_ = bytes_ = 0;
}

OrMessage<void> Importing::finish() {
  commit();
  if (!error_.empty()) return wrong(error_);
  return {};
}

OrMessage<Database::Loaded> import_mosquitto(const fs::path& mosquitto_db, Database& into, const Clocks& clocks,
                                             const SourceOf& source) {
  const SeededHash hash(into.seed());
  // as SessionDirectory::publisher_id has it
  const auto id = [&hash](std::string_view client_id) { return PublisherId{hash(client_id) | 1}; };
  Importing importing(into, clocks);
  auto loaded = read_mosquitto_database(mosquitto_db, clocks, importing, {.id = id, .source = source});
  if (!loaded) return loaded;
  if (auto done = importing.finish(); !done) return wrong(std::move(done.error()));
  return loaded;
}

OrMessage<Database::Loaded> make_database(const fs::path& file, const Clocks& clocks, const Fill& fill) {
  const fs::path made = beside(file, ".importing");
  const FolderLock lock(folder_of(file));
  if (!lock.taken()) return wrong(folder_of(file).string() + ": somebody makes a database there, or it is no folder");
  if (auto absent = check_absent(file); !absent) return wrong(std::move(absent.error()));
  if (auto removed = remove_all_of(made); !removed) return wrong(std::move(removed.error()));
  auto loaded = make(made, clocks, fill);
  std::error_code unknown;
  // It is one file only when its log is in it, which SQLite sees to when it is closed.
  if (loaded && fs::exists(beside(made, "-wal"), unknown)) loaded = wrong(made.string() + ": its log is not in it");
  OrMessage<void> done;
  if (loaded) give_to_owner_of_folder(made);
  if (loaded) done = sync(made);
  if (loaded && done) done = give_name(made, file);
  if (loaded && done) return loaded;
  static_cast<void>(remove_all_of(made));
  return loaded ? wrong(std::move(done.error())) : loaded;
}

void take_in_log(const fs::path& database) {
  SqlConnection connection(database.string(), SqlConnection::Access::write);
  if (!connection.open() || !connection.run("PRAGMA locking_mode = EXCLUSIVE")) return;
  static_cast<void>(connection.checkpoint(true));  // its end removes the log
}

OrMessage<Database::Loaded> import_into_new(const fs::path& mosquitto_db, const fs::path& bramble_db,
                                            const Clocks& clocks, const SourceOf& source) {
  return make_database(bramble_db, clocks,
                       [&](Database& into) { return import_mosquitto(mosquitto_db, into, clocks, source); });
}

}  // namespace bramble
