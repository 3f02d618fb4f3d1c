#include "broker/store/engine.h"

#include <algorithm>
#include <fmt/format.h>
#include <random>

#include "broker/store/loading.h"
#include "broker/store/rebuild.h"
#include "broker/store/schema.h"

namespace bramble {

namespace {

constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kFrameBytes = 24 + kPageBytes;  // a page in the log
constexpr int kPagesWhileWaiting = 8000;  // 32 MB: 24 ms for 1000 of them keep 6400 acknowledgements as long
constexpr int kPagesBeforeCheckpoint = 1000;
constexpr int kFailuresBeforeNewConnection = 2;

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

Trouble refusal(std::string line) { return {Fault::refused, std::move(line)}; }

}  // namespace

OrMessage<void> Database::Engine::begin() {
  Trouble trouble = connect();
  if (trouble.fault == Fault::damaged) {
    read_all_the_same(connection_);
    trouble = rebuild();
  }
  if (!trouble) return {};
  connection_.leave_log();
  disconnect();
  if (trouble.fault == Fault::damaged || trouble.fault == Fault::not_sqlite) return begin_anew(trouble);
  return tl::unexpected(line("cannot open", trouble));
}

/// Nothing of it can be read.
OrMessage<void> Database::Engine::begin_anew(const Trouble& trouble) {
  if (const auto fresh = file_.make_fresh(); !fresh) return tl::unexpected(fresh.error());
  const auto aside = file_.replace();
  if (!aside) return tl::unexpected(aside.error());
  moved_ = fmt::format("{} cannot be read ({}): it is {} now, and a new one has been begun", file_.path(), trouble.why,
                       *aside);
  if (const Trouble again = connect()) return tl::unexpected(line("cannot open", again));
  return {};
}

Trouble Database::Engine::connect() {
  connection_ = SqlConnection(file_.path(), SqlConnection::Access::write);
  if (!connection_.open()) return connection_.trouble();
  if (Trouble trouble = refuse()) return trouble;
  if (!set_up(connection_)) return connection_.trouble();
  const std::int64_t format = format_of(connection_);
  if (format < current_format()) {
    if (Trouble trouble = upgrade(connection_, format, upgrade_steps())) return trouble;
  }
  return prepare();
}

/// What is not ours to touch. That it cannot be read is for others to say.
Trouble Database::Engine::refuse() {
  lock_first(connection_);
  if (!is_ours(connection_)) {
    return refusal(fmt::format("{} is another program's database: name another file", file_.path()));
  }
  const std::int64_t format = format_of(connection_);
  if (format <= current_format()) return {};
  return refusal(fmt::format(
      "{} has format {}, written by bramble {}; this is bramble {}, which knows formats up to {}: start the newer one, "
      "or move the file away to begin with nothing",
      file_.path(), format, written_by(connection_), BRAMBLE_VERSION, current_format()));
}

Trouble Database::Engine::prepare() {
  const auto seed = meta(connection_, "seed");
  if (!seed && !set_meta(connection_, "seed", static_cast<std::int64_t>(random_seed()))) return connection_.trouble();
  if (written_by(connection_) != BRAMBLE_VERSION && !set_written_by(connection_)) return connection_.trouble();
  seed_ = static_cast<std::uint64_t>(meta(connection_, "seed").value_or(0));
  if (next_message_ == 0) {
    next_message_ = 1 + static_cast<std::uint64_t>(integer_of(connection_, "SELECT max(id) FROM msg"));
  }
  writer_.emplace(connection_);
  writer_->next_message(next_message_);
  if (!cuts_) cuts_ = cuts_of(connection_);
  writer_->cuts(*cuts_);
  return {};
}

void Database::Engine::disconnect() {
  if (writer_) {
    done_.records_written += writer_->records();
    next_message_ = writer_->next_message();
    writer_.reset();
  }
  done_.bytes_written += connection_.pages_logged() * kFrameBytes;
  connection_ = SqlConnection();
}

OrMessage<Database::Loaded> Database::Engine::load(Reader& reader, const Clocks& clocks,
                                                   const std::function<void(std::uint64_t)>& progress) {
  Loading loading(connection_, reader, clocks, progress);
  loading.run();
  writer_->next_message(std::max(writer_->next_message(), loading.last_message() + 1));
  // What is left out must not be there at the next start either: its numbers may be others' by then. Where nothing is
  // damaged it only takes up room, and may wait for a disk that has some.
  Loaded loaded = loading.loaded();
  loaded.left_out += lost_;
  Trouble trouble = loading.damaged() ? rebuild() : Trouble{};
  lost_ = 0;  // loading has counted them
  if (!trouble) trouble = remove(connection_, loading.left_out());
  marks_in_doubt_ = false;  // they are of what has just been read
  if (trouble && loading.damaged()) return tl::unexpected(line("cannot write what is left of", trouble));
  return loaded;
}

OrMessage<void> Database::Engine::commit(RecordWriter::Round round) {
  round.in_doubt = failures_ > 0 || marks_in_doubt_;
  Trouble trouble = failures_ < kFailuresBeforeNewConnection && writer_ ? Trouble{} : connect_again();
  if (!trouble) trouble = attempt(round);
  if (trouble.fault == Fault::damaged) {
    trouble = rebuild();
    round.in_doubt = true;
    if (!trouble) trouble = attempt(round);
  }
  failures_ = trouble ? failures_ + 1 : 0;
  if (trouble) return tl::unexpected(line("cannot write", trouble));
  ++done_.commits;
  return {};
}

/// After some failures nothing works any more on the same connection, though the disk does.
Trouble Database::Engine::connect_again() {
  disconnect();
  if (!file_.in_place()) return {Fault::disk, "it has been moved or removed meanwhile, or its disk is not there"};
  Trouble trouble = connect();
  if (trouble) disconnect();
  return trouble;
}

Trouble Database::Engine::attempt(const RecordWriter::Round& round) {
  if (transact(round)) {
    writer_->settle();
    return {};
  }
  Trouble trouble = connection_.trouble();
  writer_->take_back();
  if (connection_.in_transaction()) connection_.run("ROLLBACK");
  return trouble;
}

bool Database::Engine::transact(const RecordWriter::Round& round) {
  const bool done = connection_.run("BEGIN IMMEDIATE") && (run_marked_ || mark_run()) && writer_->write(round) &&
                    connection_.run("COMMIT");
  run_marked_ |= done;
  return done;
}

bool Database::Engine::mark_run() { return set_cuts(connection_, *cuts_, stays_whole_); }

/// If the disk does not take it, the first round brings it along.
void Database::Engine::begin_run(bool stays_whole) {
  stays_whole_ = stays_whole;
  run_marked_ = connection_.run("BEGIN IMMEDIATE") && mark_run() && connection_.run("COMMIT");
  if (connection_.in_transaction()) connection_.run("ROLLBACK");
}

void Database::Engine::end_run() {
  if (connection_.open()) set_cuts(connection_, *cuts_, true);
}

/// The file anew, of what can be read of it. With trouble it is as it was, and in use again if it can be.
Trouble Database::Engine::rebuild() {
  const auto fresh = file_.make_fresh();
  if (!fresh) return {Fault::disk, fresh.error()};
  Trouble trouble = fill(*fresh);
  if (!trouble) trouble = swap_files();
  if (trouble) file_.remove_fresh();
  return trouble;
}

/// Its log is empty in the end: the damaged file is whole without it, and it cannot be taken for the new one's.
Trouble Database::Engine::fill(const std::string& fresh) {
  SqlConnection to(fresh, SqlConnection::Access::write);
  if (!to.open()) return to.trouble();
  if (Trouble trouble = copy_readable(connection_, to, lost_)) return trouble;
  return connection_.checkpoint(true) ? Trouble{} : connection_.trouble();
}

Trouble Database::Engine::swap_files() {
  connection_.leave_log();
  disconnect();
  const auto aside = file_.replace();
  if (aside) {
    moved_ = fmt::format("{} was damaged: what could be read of it is in a new file, and the old one is {} now",
                         file_.path(), *aside);
    marks_in_doubt_ = true;
  }
  Trouble trouble = connect();
  if (trouble) disconnect();
  return aside ? trouble : Trouble{Fault::disk, aside.error()};
}

void Database::Engine::checkpoint(bool somebody_waits) {
  if (connection_.log_pages() < (somebody_waits ? kPagesWhileWaiting : kPagesBeforeCheckpoint)) return;
  const std::uint64_t pages = file_.pages_in_log(connection_.log_pages());
  if (connection_.checkpoint(false)) {
    done_.bytes_written += pages * kPageBytes;
  } else if (checkpoint_lines_.allow(std::chrono::steady_clock::now())) {
    log::write(LogType::warning, "{}; its log grows meanwhile",
               line("cannot move the log into", connection_.trouble()));
  }
}

Database::Figures Database::Engine::figures() const {
  Figures figures = done_;
  figures.bytes_written += connection_.pages_logged() * kFrameBytes;
  if (writer_) figures.records_written += writer_->records();
  figures.file_bytes = file_.bytes();
  return figures;
}

std::string Database::Engine::line(const char* what, const Trouble& trouble) const {
  switch (trouble.fault) {
    case Fault::in_use: return in_use(file_.path());
    case Fault::refused: return trouble.why;
    default: return fmt::format("{} {}: {}", what, file_.path(), trouble.why);
  }
}

}  // namespace bramble
