#include "broker/store/store.h"

#include <algorithm>

#include "broker/log.h"

namespace bramble {

namespace {

constexpr Milliseconds kWindowMin{2}, kWindowMax{20};  // in which acknowledgements gather for one fsync
constexpr std::size_t kManyRecords = 512;              // more gather by themselves while a round is written
constexpr Seconds kTryAgainEvery{1};
constexpr int kLastTries = 3;  // of the last round
constexpr std::size_t kRetainedAtATime = 256;
constexpr Milliseconds kSlowMax{2000};
constexpr Seconds kSilentTooLong{5};
constexpr Seconds kLookAtClockEvery{1};  // a crash after a leap that is not told costs sessions and messages

}  // namespace

Store::Store(std::unique_ptr<Database> database, Mesh& mesh, RetainedMessages& retained, const StoreOptions& options,
             std::uint64_t last_row)
    : database_(std::move(database)),
      mesh_(mesh),
      retained_(retained),
      promise_(options.promise()),
      interval_(options.durability_interval),
      slow_after_(promise_ == Promise::interval ? std::min(interval_ / 4, kSlowMax) : kSlowMax),
      next_row_(last_row + 1) {
  facts_.durability = promise_ == Promise::commit ? "commit" : "interval";
  if (promise_ == Promise::interval) facts_.loss_window_s = options.durability_interval.count();
  report();
}

Store::~Store() = default;

void Store::start() { thread_ = std::thread(&Store::run, this); }

void Store::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  std::unique_lock lock(mutex_);
  while (!woken_.wait_for(lock, kTryAgainEvery, [this] { return ended_; })) {
    lock.unlock();
    watch(std::chrono::steady_clock::now());
    lock.lock();
  }
  lock.unlock();
  thread_.join();
}

// --- what reactors say

void Store::changed() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(changed_, true)) return;
    changed_at_ = std::chrono::steady_clock::now();
  }
  woken_.notify_all();
}

void Store::want_round() {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(changed_, true)) changed_at_ = std::chrono::steady_clock::now();
    wanted_ = true;
  }
  woken_.notify_all();
}

void Store::hurry_round() {
  {
    const std::lock_guard lock(mutex_);
    hurried_ = true;
  }
  woken_.notify_all();
}

void Store::closed() {
  {
    const std::lock_guard lock(mutex_);
    ++answers_;
  }
  woken_.notify_all();
}

void Store::give(std::unique_ptr<Part> part, bool passed_on) {
  {
    const std::lock_guard lock(mutex_);
    if (!part->empty()) parts_.push_back(std::move(part));
    passed_on_ |= passed_on;
    ++answers_;
  }
  woken_.notify_all();
}

StoreFacts Store::facts() const {
  const std::lock_guard lock(mutex_);
  return facts_;
}

void Store::watch(SteadyTime now) {
  SteadyTime asked_at;
  {
    const std::lock_guard lock(mutex_);
    asked_at = disk_asked_at_;
    if (silence_told_ || asked_at == SteadyTime::max() || now - asked_at < kSilentTooLong) return;
    silence_told_ = true;
  }
  log::write(
      LogType::warning,
      "The disk has not answered for {} s: until it does nothing is written, and who publishes what is to be kept "
      "waits.",
      std::chrono::duration_cast<Seconds>(now - asked_at).count());
}

// --- the thread

void Store::run() {
  while (wait_for_cause()) round();
  if (!gave_up_) round();
  if (!gave_up_) database_->end_run(Clocks::now());
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  woken_.notify_all();
}

/// Acknowledgements that wait gather for a moment, so that one fsync answers them all; on a slow disk for as long as
/// that takes. When there are many they do so while the round before is written. What nobody waits for gathers for
/// durability_interval.
Milliseconds Store::window() const {
  if (busy_ || promise_ != Promise::commit) return Milliseconds(0);
  return std::clamp(std::chrono::duration_cast<Milliseconds>(sync_time_), kWindowMin, kWindowMax);
}

template <class Holds>
void Store::wait(std::unique_lock<std::mutex>& lock, SteadyTime until, Holds holds) {
  for (auto now = SteadyTime::clock::now(); !holds() && now < until; now = SteadyTime::clock::now()) {
    if (woken_.wait_until(lock, std::min(until, now + kLookAtClockEvery), holds)) return;
    lock.unlock();
    database_->look_at_clock(Clocks::now());
    lock.lock();
  }
}

bool Store::wait_for_cause() {
  std::unique_lock lock(mutex_);
  wait(lock, SteadyTime::max(), [this] { return stopping_ || changed_ || hurried_; });
  const auto at_once = [this] { return stopping_ || hurried_; };
  // early enough that the round is on the disk when the interval is over
  const auto writing = std::chrono::duration_cast<Milliseconds>(longest_) * 2;
  const Milliseconds open = interval_ - std::min(writing, interval_ * 3 / 4);
  wait(lock, changed_at_ + open, [&] { return at_once() || wanted_; });
  if (wanted_) woken_.wait_for(lock, window(), at_once);
  changed_ = wanted_ = hurried_ = false;
  return !stopping_;
}

void Store::ask_all(RoundStep::What what) {
  {
    const std::lock_guard lock(mutex_);
    answers_ = 0;
  }
  for (unsigned i = 0; i < mesh_.size(); ++i) mesh_[i].inbox().post(RoundStep{what, round_});
}

void Store::collect() {
  const auto wait_for_all = [this] {
    std::unique_lock lock(mutex_);
    woken_.wait(lock, [this] { return answers_ == mesh_.size(); });
    return std::exchange(passed_on_, false);
  };
  ask_all(RoundStep::What::close);
  wait_for_all();
  // each has handed off all that the round has for the others, before it said so: they find it before this
  do {
    ask_all(RoundStep::What::collect);
  } while (wait_for_all());
}

void Store::take_retained() {
  while (retained_.take_changes(kRetainedAtATime, retained_changes_)) {
  }
}

std::size_t Store::records() const {
  std::size_t records = retained_changes_.size();
  for (const auto& part : parts_) records += part->deliveries.size() + part->removed.size();
  return records;
}

void Store::round() {
  ++round_;
  round_since_.store(std::chrono::steady_clock::now(), std::memory_order_relaxed);
  collect();
  take_retained();
  busy_ = records() >= kManyRecords;
  write();
  ask_all(RoundStep::What::stored);
  checkpoint();
  report();
}

/// Nothing is written meanwhile, so publishers have to be slowed if it takes long.
void Store::checkpoint() {
  const SteadyTime began = std::chrono::steady_clock::now();
  round_since_.store(began, std::memory_order_relaxed);
  ask_disk();
  database_->checkpoint(busy_);
  disk_answered();
  round_since_.store(SteadyTime::max(), std::memory_order_relaxed);
  const Nanoseconds took = std::chrono::steady_clock::now() - began;
  if (took > interval_) report_slow(took);
}

void Store::report() {
  const Database::Figures figures = database_->figures();
  const std::lock_guard lock(mutex_);
  facts_.commits = figures.commits;
  facts_.records = figures.records_written;
  facts_.bytes_written = figures.bytes_written;
  facts_.file_bytes = figures.file_bytes;
  facts_.commit_time = commit_time_;
}

/// Until the disk takes it: the next round waits meanwhile, and what it will have to tell is in the sessions, whose
/// limits bound it.
void Store::write() {
  int last_tries = kLastTries;
  while (!try_to_write()) {
    std::unique_lock lock(mutex_);
    facts_.failing = true;
    if (stopping_ && --last_tries == 0) {
      lock.unlock();
      gave_up_ = true;
      log::write(LogType::error, "What has changed since the disk failed is lost: the broker stops without it.");
      break;
    }
    woken_.wait_for(lock, kTryAgainEvery, [this] { return stopping_; });
  }
  const std::lock_guard lock(mutex_);
  parts_.clear();
  retained_changes_.clear();
  facts_.failing = false;
}

bool Store::try_to_write() {
  const Clocks clocks = Clocks::now();
  const auto done = commit(clocks);
  if (const std::string moved = database_->take_moved(); !moved.empty()) {
    file_was_damaged_ = true;
    log::write(LogType::error, "{}", moved);
  }
  if (!done) {
    report_failure(done.error());
    return false;
  }
  const Nanoseconds took = std::chrono::steady_clock::now() - clocks.steady;
  commit_time_ = (commit_time_ * 7 + took) / 8;
  const Nanoseconds whole = took + (clocks.steady - round_since());
  longest_ = std::max(std::min<Nanoseconds>(whole, interval_), longest_ * 15 / 16);
  if (whole > interval_ && !failing()) report_slow(whole);
  if (!busy_) sync_time_ = (sync_time_ * 7 + took) / 8;
  round_since_.store(SteadyTime::max(), std::memory_order_relaxed);
  if (failing_.exchange(false, std::memory_order_relaxed)) {
    log::write(LogType::notice, "The disk takes what is to be kept again{}.",
               file_was_damaged_ ? "" : ": all of it is there");
  }
  return true;
}

OrMessage<void> Store::commit(const Clocks& clocks) {
  ask_disk();
  auto done = database_->commit(parts_, retained_changes_, clocks);
  disk_answered();
  return done;
}

void Store::ask_disk() {
  const std::lock_guard lock(mutex_);
  disk_asked_at_ = std::chrono::steady_clock::now();
}

void Store::disk_answered() {
  SteadyTime asked_at;
  {
    const std::lock_guard lock(mutex_);
    asked_at = std::exchange(disk_asked_at_, SteadyTime::max());
    if (!std::exchange(silence_told_, false)) return;
  }
  log::write(LogType::warning, "The disk answers again, after {:.1f} s.",
             std::chrono::duration<double>(std::chrono::steady_clock::now() - asked_at).count());
}

void Store::report_slow(Nanoseconds took) {
  if (promise_ != Promise::interval || !slow_lines_.allow(std::chrono::steady_clock::now())) return;
  log::write(LogType::warning,
             "It took {:.1f} s to collect and write what is to be kept: when the power goes at such a time, more than "
             "the last {} s (durability_interval) may be lost. Publishers are slowed then.",
             std::chrono::duration<double>(took).count(), std::chrono::duration_cast<Seconds>(interval_).count());
}

void Store::report_failure(const std::string& why) {
  if (failing_.exchange(true, std::memory_order_relaxed)) return;
  log::write(LogType::error,
             "What is to be kept cannot be written: {}. It is tried again every second; until then nothing new is "
             "acknowledged that would have to be kept.",
             why);
}

}  // namespace bramble
