#pragma once

#include <atomic>
#include <cstdint>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <string_view>

#include "broker/config/config.h"
#include "broker/log/record.h"
#include "core/base/time.h"

/// The log, in Mosquitto's form: one line an event, `1763836800: text`; with `log_format json` an object a line. A line
/// is formatted by the thread that writes it and put in a bounded queue (1024 lines), with its Subject beside it; one
/// thread of the log's own gives it the form of each destination and writes it out. syslog and the journal get text,
/// the journal the Subject as fields too. When the queue is full the oldest line goes, and how many went is logged.
/// Threads: write(), on() and fatal() any; the others only the main thread.
/// Cost: on() one relaxed load; a line that is off costs only that, and formats nothing.
namespace bramble::log {

namespace detail {
struct Destinations;
extern std::atomic<std::uint32_t> types;  // relaxed: a line more or less while options change is fine
void write_line(LogType type, const Subject& subject, fmt::string_view format, fmt::format_args arguments);
}  // namespace detail

/// The destinations and types that some options name: open, and not in use yet.
class Prepared {
 public:
  Prepared(std::unique_ptr<detail::Destinations> to, std::uint32_t types);
  Prepared(Prepared&&) noexcept;
  ~Prepared();

 private:
  friend void use(Prepared prepared);
  std::unique_ptr<detail::Destinations> to_;
  std::uint32_t types_;
};
/// Errors: a log file that cannot be opened, with where it was asked for.
OrMessage<Prepared> prepare(const Config& config);
/// From now on lines go there, and nowhere else. Starts the log's thread: so not before a fork. Before the first use(),
/// and after close(), lines go to stderr at once: error, warning, notice and information. May be called again.
void use(Prepared prepared);
/// A terminal that nobody reads will not be waited for: for who stays in front of it, before it leaves root behind.
/// Threads: main, before any other.
void take_streams();
/// Both. Errors: as prepare; what was in use stays so.
OrMessage<void> open(const Config& config);
/// Writes out what is queued, and ends the log's thread. Threads that write have ended.
void close();
/// Opens a log file anew under its name, after something else has moved the old one away.
OrMessage<void> reopen();

inline bool on(LogType type) {
  return (detail::types.load(std::memory_order_relaxed) & static_cast<std::uint32_t>(type)) != 0;
}

template <class... Arguments>
void write(LogType type, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (on(type)) detail::write_line(type, {}, format, fmt::make_format_args(arguments...));
}
/// The sentence is as Mosquitto has it, where it has one for this, and names the client (Subject::name); the text form
/// adds what of the subject it does not say.
template <class... Arguments>
void write(LogType type, const Subject& subject, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (on(type)) detail::write_line(type, subject, format, fmt::make_format_args(arguments...));
}

/// Why the process cannot start or go on: an error line, and on stderr too wherever the log goes.
void fatal(std::string_view text);

/// Who publishes the lines of `log_dest topic`: given the topic ($SYS/broker/log/E ...) and the line. Runs on the log's
/// thread, so it may only post; debug and internal lines never come here, nor what it writes itself, so publishing a
/// line may not log anything but those. Set once, before open(); an empty function takes it back, before the broker
/// that it posts to ends.
using TopicSink = std::function<void(std::string_view topic, std::string_view line)>;
void set_topic_sink(TopicSink sink);

/// Lines lost to a full queue since the start, as far as the log has said so.
std::uint64_t lost_lines();

/// Lets through one line a minute about something that happens again and again. One for each cause, and for each client
/// if it is about one; where many addresses can cause the same, Repeats.
/// Threads: its owner's only.
class LinePerMinute {
 public:
  bool allow(SteadyTime now);  ///< true: write it now
  std::uint64_t suppressed();  ///< how many allow() refused since this was last asked

 private:
  SteadyTime next_ = SteadyTime::min();
  std::uint64_t suppressed_ = 0;
};

}  // namespace bramble::log
