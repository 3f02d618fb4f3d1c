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
constexpr Seconds kLongReplacement{1}, kReplaceAtLeastEvery{20};
constexpr Seconds kUnreadTooLong{60};  // it will not pass

std::uint64_t random_seed() {
  std::random_device device;
  return std::uint64_t{device()} << 32 | device();
}

Trouble refusal(std::string line) { return {Fault::refused, std::move(line)}; }

/// Begins to count if it has not begun, and anew when it has been too long.
bool too_long(std::optional<SteadyTime>& since) {
  const SteadyTime now = std::chrono::steady_clock::now();
  if (!since) since = now;
  if (now - *since < kUnreadTooLong) return false;
  since.reset();
  return true;
}

Trouble gone() { return {Fault::disk, "it has been moved or removed meanwhile, or its disk is not there"}; }

}  // namespace

OrMessage<void> Database::Engine::begin() {
  Trouble trouble = connect();
  if (trouble.fault == Fault::unread) trouble = connect_without_bad_log();
  if (trouble.fault == Fault::damaged || trouble.fault == Fault::unread) {
    read_all_the_same(connection_);
    trouble = replace(Due::rebuilt);
  }
  if (trouble.fault == Fault::damaged || trouble.fault == Fault::unread || trouble.fault == Fault::not_sqlite) {
    unreadable_ = trouble.why;
    trouble = replace(Due::empty_file);
  }
  if (!trouble) return {};
  if (trouble.fault == Fault::disk && due_ != Due::nothing) return {};  // load() tries again, and says so
  connection_.leave_log();
  disconnect();
  tell(line("cannot open", trouble));
  return tl::unexpected(take_moved());
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

/// A bad place in the log keeps SQLite from reading the file, too. Where it does not lie in the log, all is as before.
Trouble Database::Engine::connect_without_bad_log() {
  disconnect();
  if (Trouble trouble = cut_log()) return trouble;
  return connect();
}

Trouble Database::Engine::cut_log() {
  const auto line = file_.cut_log();
  if (!line) return {Fault::disk, line.error()};
  if (!line->empty()) tell(*line);
  return {};
}

/// For all that can be read of it, which connect() refuses. Nothing is written, not even at the end.
Trouble Database::Engine::connect_to_read() {
  disconnect();
  if (bad_places_) {
    if (Trouble trouble = cut_log()) return trouble;
  }
  connection_ = SqlConnection(file_.path(), SqlConnection::Access::write);
  if (!connection_.open()) return connection_.trouble();
  connection_.leave_log();
  read_all_the_same(connection_);
  const Fault fault = connection_.fault();  // of the lock: nothing could be read, though there is something
  const bool unread = fault == Fault::unread && !bad_places_;
  return unread || fault == Fault::in_use || fault == Fault::disk ? connection_.trouble() : Trouble{};
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

/// What stays as it was first found, whatever becomes of the file.
void Database::Engine::take_identity() {
  const auto seed = meta(connection_, "seed");
  if (seed_ == 0) seed_ = seed ? static_cast<std::uint64_t>(*seed) : random_seed();
  if (!cuts_) cuts_ = cuts_of(connection_);
  if (!found_calendar_) found_calendar_ = calendar_of(connection_);
}

Trouble Database::Engine::prepare() {
  take_identity();
  const auto seed = static_cast<std::int64_t>(seed_);
  if (meta(connection_, "seed") != seed && !set_meta(connection_, "seed", seed)) return connection_.trouble();
  if (written_by(connection_) != BRAMBLE_VERSION && !set_written_by(connection_)) return connection_.trouble();
  if (next_message_ == 0) {
    next_message_ = 1 + static_cast<std::uint64_t>(integer_of(connection_, "SELECT max(id) FROM msg"));
  }
  writer_.emplace(connection_);
  writer_->next_message(next_message_);
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

OrMessage<Database::Loaded> Database::Engine::load(Reader& reader, const Clocks& system,
                                                   const std::function<void(std::uint64_t)>& progress) {
  if (due_ == Due::rebuilt && !connection_.open()) {
    if (const Trouble trouble = connect_to_read()) return tl::unexpected(line("cannot read", trouble));
  }
  Loading loading(connection_, reader, calendar(system).at(system.steady), progress);
  if (due_ != Due::empty_file) loading.run();
  if (loading.trouble()) return tl::unexpected(line("cannot read", loading.trouble()));
  next_message_ = std::max(writer_ ? writer_->next_message() : next_message_, loading.last_message() + 1);
  if (writer_) writer_->next_message(next_message_);
  Loaded loaded = loading.loaded();
  loaded.left_out += std::exchange(lost_, 0);
  // What is left out must not be there at the next start either: its numbers may be others' by then. Where nothing is
  // damaged it only takes up room, and may wait for a disk that has some.
  if (loading.damaged() && due_ == Due::nothing) due_ = Due::rebuilt;
  const bool must_go = loading.damaged() || due_ != Due::nothing;
  left_out_ = loading.left_out();
  bad_places_ = loading.met_bad_places();  // else all of it has been read, and a copy has to have as much
  if (const Trouble trouble = make_writable(); trouble && due_ != Due::nothing) tell_of_due(trouble);
  if (!must_go) left_out_.clear();
  lost_ = 0;                // loading has counted them
  marks_in_doubt_ = false;  // they are of what has just been read
  return loaded;
}

OrMessage<void> Database::Engine::commit(RecordWriter::Round round) {
  system_ = round.clocks;
  round.clocks = calendar(system_).at(system_.steady);
  Trouble trouble = make_writable();
  round.in_doubt = failures_ > 0 || marks_in_doubt_;
  if (!trouble) trouble = attempt(round);
  judge(trouble);
  if (trouble.fault == Fault::damaged) {
    due_ = Due::rebuilt;
    trouble = make_writable();
    round.in_doubt = true;
    if (!trouble) trouble = attempt(round);
  }
  if (trouble) {
    ++failures_;
    broken_ += trouble.fault != Fault::unread ? 1 : 0;
    return tl::unexpected(line("cannot write", trouble));
  }
  failures_ = broken_ = 0;
  ++done_.commits;
  return {};
}

/// What the disk does not give for long is damaged.
void Database::Engine::judge(Trouble& trouble) {
  if (trouble.fault != Fault::unread) return unread_since_.reset();
  if (!too_long(unread_since_)) return;
  trouble.fault = Fault::damaged;
  bad_places_ = true;
}

/// Until it gives no trouble nothing is written: numbers of what was left out may be others' by then.
Trouble Database::Engine::make_writable() {
  Trouble trouble;
  if (due_ != Due::nothing) {
    trouble = try_replace();
  } else if (broken_ >= kFailuresBeforeNewConnection || !writer_) {
    trouble = connect_again();
  }
  if (!trouble) trouble = remove(connection_, left_out_);
  if (!trouble) left_out_.clear();
  return trouble;
}

/// One that takes long, for the file is big and the disk nearly full, is not tried as often as rounds are.
Trouble Database::Engine::try_replace() {
  const SteadyTime began = std::chrono::steady_clock::now();
  if (began < replace_after_) return not_replaced_;
  not_replaced_ = replace(due_);
  const SteadyTime now = std::chrono::steady_clock::now();
  if (not_replaced_ && now - began > kLongReplacement) {
    replace_after_ = now + std::min<SteadyTime::duration>(9 * (now - began), kReplaceAtLeastEvery);
  }
  return not_replaced_;
}

/// After some failures nothing works any more on the same connection, though the disk does.
Trouble Database::Engine::connect_again() {
  disconnect();
  if (!file_.in_place()) return gone();
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
  std::optional<Calendar::Kept> news;
  if (calendar_->has_news(system_)) news = calendar_->kept(system_);
  const bool done = connection_.run("BEGIN IMMEDIATE") && (run_marked_ || mark_run()) &&
                    (!news || set_calendar(connection_, *news)) && writer_->write(round) && connection_.run("COMMIT");
  run_marked_ |= done;
  if (done && news) calendar_->told(*news);
  return done;
}

bool Database::Engine::mark_run() { return set_cuts(connection_, *cuts_, stays_whole_); }

/// If the disk does not take it, the first round brings it along.
void Database::Engine::begin_run(bool stays_whole) {
  stays_whole_ = stays_whole;
  run_marked_ = false;
  if (due_ != Due::nothing || !writer_) return;
  run_marked_ = connection_.run("BEGIN IMMEDIATE") && mark_run() && connection_.run("COMMIT");
  if (connection_.in_transaction()) connection_.run("ROLLBACK");
}

void Database::Engine::end_run(const Clocks& system) {
  if (due_ != Due::nothing || !connection_.open()) return;
  set_calendar(connection_, calendar(system).kept(system));
  set_cuts(connection_, *cuts_, true);
}

/// Of the run: what the file said when it was first opened, and the system's clock at the first look at it.
Calendar& Database::Engine::calendar(const Clocks& system) {
  if (!calendar_) calendar_.emplace(system, found_calendar_);
  return *calendar_;
}

void Database::Engine::look_at_clock(const Clocks& system) {
  if (!calendar(system).was_set(system)) return;
  static_cast<void>(commit({{}, {}, system}));  // else the next round tells it
}

/// With trouble the file is as it was, unless due_ says that it has been done.
Trouble Database::Engine::replace(Due by) {
  due_ = by;
  if (!file_.in_place()) return gone();
  if (due_ == Due::rebuilt && (!connection_.open() || broken_ >= kFailuresBeforeNewConnection)) {
    if (Trouble trouble = connect_to_read()) return trouble;
  }
  connection_.leave_log();
  take_identity();
  const auto fresh = file_.make_fresh();
  if (!fresh) return {Fault::disk, fresh.error()};
  std::uint64_t lost = 0;
  Trouble trouble = fill(*fresh, lost);
  if (!trouble) trouble = swap_files(lost);
  if (due_ == Due::nothing && by == Due::rebuilt) lost_ = lost;
  if (trouble) file_.remove_fresh();
  return trouble;
}

/// With what can be read. The damaged file's log is empty in the end, if it can be read: that is whole without it, and
/// it cannot be taken for the new one's.
Trouble Database::Engine::fill(const std::string& fresh, std::uint64_t& lost) {
  SqlConnection to(fresh, SqlConnection::Access::write);
  if (!to.open()) return to.trouble();
  if (due_ == Due::empty_file) return make_empty(to);
  const auto bad_places = bad_places_ ? TableScan::BadPlaces::are_damage : TableScan::BadPlaces::end_it;
  if (Trouble trouble = copy_readable(connection_, to, bad_places, lost)) return trouble;
  if (connection_.checkpoint(true) || (bad_places_ && connection_.fault() == Fault::unread)) return {};
  return connection_.trouble();
}

Trouble Database::Engine::swap_files(std::uint64_t lost) {
  disconnect();
  const auto aside = file_.replace();
  if (!aside) return {Fault::disk, aside.error()};
  tell(due_ == Due::rebuilt
           ? fmt::format("{} was damaged: what could be read of it ({} places could not) is in a new file, and the old "
                         "one is {} now",
                         file_.path(), lost, *aside)
           : fmt::format("{} cannot be read ({}): it is {} now, and a new one has been begun", file_.path(),
                         unreadable_, *aside));
  due_ = Due::nothing;
  bad_places_ = false;
  marks_in_doubt_ = true;
  run_marked_ = false;
  if (calendar_) calendar_->forget_told();
  Trouble trouble = connect();
  if (trouble) disconnect();
  return trouble;
}

/// For whoever asks with take_moved().
void Database::Engine::tell(const std::string& line) {
  if (!moved_.empty()) moved_ += "; ";
  moved_ += line;
}

void Database::Engine::tell_of_due(const Trouble& trouble) {
  tell(
      due_ == Due::rebuilt
          ? fmt::format("{} is damaged, and the disk takes no new one ({}): what could be read is served, and the file "
                        "stays as it is until the disk takes a new one",
                        file_.path(), trouble.why)
          : fmt::format("{} cannot be read ({}), and the disk takes no new one ({}): the broker begins with nothing, "
                        "and the file stays as it is until the disk takes a new one",
                        file_.path(), unreadable_, trouble.why));
}

/// A log with a bad place never gets into the file, and would grow for ever. What lies there may be in our memory.
void Database::Engine::judge_log() {
  if (connection_.fault() != Fault::unread) return log_unread_since_.reset();
  if (!too_long(log_unread_since_)) return;
  due_ = Due::rebuilt;
  bad_places_ = true;
}

void Database::Engine::checkpoint(bool somebody_waits) {
  if (connection_.log_pages() < (somebody_waits ? kPagesWhileWaiting : kPagesBeforeCheckpoint)) return;
  const std::uint64_t pages = file_.pages_in_log(connection_.log_pages());
  if (connection_.checkpoint(false)) {
    done_.bytes_written += pages * kPageBytes;
    log_unread_since_.reset();
    return;
  }
  judge_log();
  if (checkpoint_lines_.allow(std::chrono::steady_clock::now())) {
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
