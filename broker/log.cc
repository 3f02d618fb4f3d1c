#include "broker/log.h"

#include <algorithm>
#include <cstring>
#include <ctime>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>
#include <string>
#include <syslog.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/log/journal.h"
#include "broker/log/log_file.h"

namespace bramble::log {

namespace detail {
std::atomic<std::uint32_t> types{kLogTypesDefault};

struct Destinations {
  std::vector<int> streams;  // descriptors of stderr and stdout
  std::vector<LogFile> files;
  bool to_syslog = false;
  int facility = LOG_DAEMON;
  std::optional<Journal> journal;
  bool json = false;
  bool to_topic = false;
  bool with_time = true;
  std::string time_format;  // empty: seconds since 1970
};
}  // namespace detail

namespace {

constexpr std::size_t kTogetherBytes = 16 * 1024;  // that are written at once
constexpr std::size_t kQueueLines = 1024;          // about 400 bytes each, taken at open()
constexpr Seconds kTellAgain{10};                  // what is lost there, to those that take lines

// What lines of one type are called, and where they go in syslog and below $SYS/broker/log/; empty: not there.
struct TypeRow {
  LogType type;
  const char* name;
  int priority;
  const char* topic;
};
constexpr TypeRow kTypes[] = {
    {LogType::error, "error", LOG_ERR, "$SYS/broker/log/E"},
    {LogType::warning, "warning", LOG_WARNING, "$SYS/broker/log/W"},
    {LogType::notice, "notice", LOG_NOTICE, "$SYS/broker/log/N"},
    {LogType::information, "information", LOG_INFO, "$SYS/broker/log/I"},
    {LogType::debug, "debug", LOG_DEBUG, ""},
    {LogType::subscribe, "subscribe", LOG_NOTICE, "$SYS/broker/log/M/subscribe"},
    {LogType::unsubscribe, "unsubscribe", LOG_NOTICE, "$SYS/broker/log/M/unsubscribe"},
    {LogType::internal, "internal", LOG_DEBUG, ""},
    {LogType::websockets, "websockets", LOG_DEBUG, "$SYS/broker/log/WS"},
};

const TypeRow& row_of(LogType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row;
  }
  return kTypes[0];
}

using detail::Destinations;

struct {
  int out = STDOUT_FILENO;
  int err = STDERR_FILENO;
} streams;  // written by take_streams() only

OrMessage<Destinations> open_destinations(const Config& config) {
  const BrokerOptions& options = config.broker;
  Destinations result;
  result.with_time = options.log_timestamp;
  result.time_format = options.log_timestamp_format;
  result.json = options.log_format == LogFormat::json;
  if (options.log_facility >= 0) result.facility = LOG_LOCAL0 + (options.log_facility << 3);  // as syslog.h codes them
  for (const std::string& destination : options.log_dest) {
    if (destination == "stderr") result.streams.push_back(streams.err);
    if (destination == "stdout") result.streams.push_back(streams.out);
    if (destination == "syslog") result.to_syslog = true;
    if (destination == "topic") result.to_topic = true;
    if (destination == "journald") {
      auto journal = Journal::open(config.at("log_dest", "journald"));
      if (!journal) return tl::unexpected<std::string>(std::move(journal.error()));
      result.journal = std::move(*journal);
    }
    if (!destination.starts_with("file ")) continue;
    const std::string path = destination.substr(std::strlen("file "));
    auto file = LogFile::open(config.at("log_dest", path), path);
    if (!file) return tl::unexpected<std::string>(std::move(file.error()));
    result.files.push_back(std::move(*file));
  }
  if (options.log_dest.empty()) result.streams.push_back(streams.err);
  return result;
}

// ISO 8601, UTC, milliseconds.
std::string iso_time(spdlog::log_clock::time_point time) {
  const std::time_t second = spdlog::log_clock::to_time_t(time);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  std::tm utc{};
  ::gmtime_r(&second, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                     utc.tm_hour, utc.tm_min, utc.tm_sec, milliseconds % 1000);
}

std::uint32_t types_of(const BrokerOptions& options) {
  if (options.log_dest == std::vector<std::string>{"none"}) return 0;
  return options.log_type == 0 ? kLogTypesDefault : options.log_type & kLogTypesAll;
}

// Writes the lines out, on the log's thread. What it holds changes under the mutex of base_sink.
class Sink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void set(Destinations destinations) {
    const std::lock_guard lock(mutex_);
    write_waiting();
    to_ = std::move(destinations);
    stuck_.clear();
    second_ = -1;  // the time is to be written anew
    if (to_.to_syslog) ::openlog("bramble", LOG_PID, to_.facility);
  }
  void set_topic(TopicSink topic_sink) {
    const std::lock_guard lock(mutex_);
    topic_sink_ = std::move(topic_sink);
  }
  /// Whose lost lines to count: while its thread runs, or none.
  void count_lost_by(spdlog::details::thread_pool* pool) {
    const std::lock_guard lock(mutex_);
    pool_ = pool;
    lost_by_pool_ = 0;
  }
  std::uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }

  OrMessage<void> reopen() {
    const std::lock_guard lock(mutex_);
    write_waiting();
    for (LogFile& file : to_.files) {
      auto anew = file.reopened();
      if (!anew) return tl::unexpected<std::string>(std::move(anew.error()));
      file = std::move(*anew);
    }
    stuck_.clear();
    return {};
  }
  bool writes_to_stderr() {
    const std::lock_guard lock(mutex_);
    return std::ranges::find(to_.streams, streams.err) != to_.streams.end();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    tell_lost(message.time);
    // spdlog has no place for our types; the source line, which we do not log, carries them through its queue.
    write(static_cast<LogType>(message.source.line), message.time,
          read_record({message.payload.data(), message.payload.size()}));
  }

  void tell_lost(spdlog::log_clock::time_point time) {
    const std::uint64_t by_pool = pool_ == nullptr ? 0 : pool_->overrun_counter();
    if (by_pool > lost_by_pool_) count_lost(by_pool - std::exchange(lost_by_pool_, by_pool));
    if (untold_ == 0 || (!stuck_.empty() && time < told_ + kTellAgain)) return;
    told_ = time;
    const std::string sentence = fmt::format("{} log lines were lost: too many at once", std::exchange(untold_, 0));
    write(LogType::warning, time, Record{sentence, {}});
  }

  void count_lost(std::uint64_t lines) {
    untold_ += lines;
    lost_.fetch_add(lines, std::memory_order_relaxed);
  }

  void write(LogType type, spdlog::log_clock::time_point time, const Record& record) {
    const TypeRow& row = row_of(type);
    const std::string text = text_of(record);
    if (to_.json) {
      line_ = json_of(record, iso_time(time), row.name);
    } else {
      line_ = to_.with_time ? time_prefix(spdlog::log_clock::to_time_t(time)) : "";
      line_ += text;
    }
    if (to_.to_syslog) ::syslog(row.priority, "%s", text.c_str());
    if (to_.journal) to_.journal->write(row.priority, record);
    if (to_.to_topic && topic_sink_ && *row.topic != '\0') topic_sink_(row.topic, line_);
    (waiting_ += line_) += '\n';
    if (pool_ == nullptr || waiting_.size() >= kTogetherBytes || pool_->queue_size() == 0) write_waiting();
  }

  // One write for what came while the last line was written: thousands of clients at once make thousands of lines.
  void write_waiting() {
    for (const int stream : to_.streams) write_waiting_to(stream);
    for (const LogFile& file : to_.files) write_waiting_to(file.descriptor());
    waiting_.clear();
  }

  void write_waiting_to(int descriptor) {
    const std::string_view left =
        write_all(descriptor, waiting_, stuck_.contains(descriptor) ? Milliseconds(0) : kPatience);
    if (left.empty()) return void(stuck_.erase(descriptor));
    stuck_.insert(descriptor);
    count_lost(static_cast<std::uint64_t>(std::ranges::count(left, '\n')));
  }

  const std::string& time_prefix(std::time_t second) {
    if (second == second_) return prefix_;
    second_ = second;
    prefix_ = std::to_string(second);
    if (!to_.time_format.empty()) {
      std::tm local{};
      char text[kLogTimestampBytesMax + 1];
      const std::size_t size = ::strftime(text, sizeof text, to_.time_format.c_str(), ::localtime_r(&second, &local));
      prefix_.assign(text, size);
    }
    prefix_ += ": ";
    return prefix_;
  }

  void flush_() override {}

  Destinations to_;
  TopicSink topic_sink_;
  std::string line_;
  std::string waiting_;  // lines for streams and files that are not written yet
  std::time_t second_ = -1;
  std::string prefix_;
  spdlog::details::thread_pool* pool_ = nullptr;
  std::uint64_t lost_by_pool_ = 0;      // of pool_, counted so far
  std::uint64_t untold_ = 0;            // lines that were lost
  spdlog::log_clock::time_point told_;  // when that was last said
  std::set<int> stuck_;                 // descriptors that take nothing: nobody waits for them until they do
  std::atomic<std::uint64_t> lost_{0};  // of all; relaxed: a figure and nothing with it
};

// The one log of the process. The sink and the logger live as long as the process, so a writer never holds a dead one.
struct Log {
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();
  std::shared_ptr<spdlog::details::thread_pool> pool;  // from open() to close()
  std::shared_ptr<spdlog::async_logger> logger;

  // What writers use. Release in open(), acquire in write_line(): the logger is whole.
  std::atomic<spdlog::async_logger*> current{nullptr};
};

Log& the_log() {
  static Log* const log = new Log;  // never destroyed: threads may still write while the process ends
  return *log;
}

void write_directly(std::string_view text) {
  write_all(streams.err, fmt::format("{}: {}\n", std::time(nullptr), text));
}

}  // namespace

void detail::write_line(LogType type, const Subject& subject, fmt::string_view format, fmt::format_args arguments) {
  fmt::memory_buffer bytes;
  begin_record(bytes);
  fmt::vformat_to(std::back_inserter(bytes), format, arguments);
  end_record(bytes, subject);
  const std::string_view record(bytes.data(), bytes.size());
  auto* const logger = the_log().current.load(std::memory_order_acquire);
  if (logger == nullptr) return write_directly(text_of(read_record(record)));
  logger->log(spdlog::source_loc{"", static_cast<int>(type), ""}, spdlog::level::info, record);
}

Prepared::Prepared(std::unique_ptr<detail::Destinations> to, std::uint32_t types) : to_(std::move(to)), types_(types) {}
Prepared::Prepared(Prepared&&) noexcept = default;
Prepared::~Prepared() = default;

void take_streams() { streams = {without_waiting(STDOUT_FILENO), without_waiting(STDERR_FILENO)}; }

OrMessage<Prepared> prepare(const Config& config) {
  auto destinations = open_destinations(config);
  if (!destinations) return tl::unexpected<std::string>(std::move(destinations.error()));
  return Prepared(std::make_unique<Destinations>(std::move(*destinations)), types_of(config.broker));
}

void use(Prepared prepared) {
  Log& log = the_log();
  log.sink->set(std::move(*prepared.to_));
  if (!log.pool) {
    log.pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
    log.sink->count_lost_by(log.pool.get());
    log.logger = std::make_shared<spdlog::async_logger>("bramble", log.sink, log.pool,
                                                        spdlog::async_overflow_policy::overrun_oldest);
    log.current.store(log.logger.get(), std::memory_order_release);
  }
  detail::types.store(prepared.types_, std::memory_order_relaxed);
}

OrMessage<void> open(const Config& config) {
  auto prepared = prepare(config);
  if (!prepared) return tl::unexpected<std::string>(std::move(prepared.error()));
  use(std::move(*prepared));
  return {};
}

void close() {
  Log& log = the_log();
  if (!log.pool) return;
  log.current.store(nullptr, std::memory_order_release);
  detail::types.store(kLogTypesDefault, std::memory_order_relaxed);
  log.pool.reset();  // joins its thread, which first writes what is queued
  log.sink->count_lost_by(nullptr);
  log.sink->set(Destinations{});
}

OrMessage<void> reopen() { return the_log().sink->reopen(); }

void fatal(std::string_view text) {
  Log& log = the_log();
  write(LogType::error, "Error: {}", text);
  const bool seen =
      on(LogType::error) && (log.current.load(std::memory_order_acquire) == nullptr || log.sink->writes_to_stderr());
  if (!seen) write_all(streams.err, fmt::format("Error: {}\n", text));
}

void set_topic_sink(TopicSink sink) { the_log().sink->set_topic(std::move(sink)); }

std::uint64_t lost_lines() { return the_log().sink->lost(); }

bool LinePerMinute::allow(SteadyTime now) {
  if (now < next_) {
    ++suppressed_;
    return false;
  }
  next_ = now + std::chrono::minutes(1);
  return true;
}

std::uint64_t LinePerMinute::suppressed() { return std::exchange(suppressed_, 0); }

}  // namespace bramble::log
