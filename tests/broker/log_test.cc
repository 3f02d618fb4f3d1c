#include "broker/log.h"

#include <condition_variable>
#include <doctest/doctest.h>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/log_to_file.h"

namespace bramble {  // outside it, log is the logarithm

using testing::has_form;
using testing::Lines;
using testing::LogToFile;

TEST_CASE("a line is logged in the order written, and only if its type is on") {
  LogToFile file;
  file.open();
  CHECK(log::on(LogType::error));
  CHECK_FALSE(log::on(LogType::debug));
  log::write(LogType::error, "first {}", 1);
  log::write(LogType::debug, "not this");
  log::write(LogType::notice, "second {}", "two");
  CHECK(file.lines() == Lines{"first 1", "second two"});
}

TEST_CASE("a line begins with the seconds since 1970, as Mosquitto's do, or with the time as asked for") {
  LogToFile file;
  file.options.log_timestamp = true;
  file.open();
  log::write(LogType::error, "x");
  file.options.log_timestamp_format = "%Y-%m-%dT%H:%M:%S";
  log::close();
  file.open();
  log::write(LogType::error, "y");
  const Lines lines = file.lines();
  REQUIRE(lines.size() == 2);
  CHECK(has_form(lines[0], "9999999999: x"));
  CHECK(has_form(lines[1], "9999-99-99T99:99:99: y"));
}

TEST_CASE("log_dest none logs nothing at all") {
  LogToFile file;
  file.options.log_dest = {"none"};
  file.options.log_type = kLogTypesAll;
  file.open();
  CHECK_FALSE(log::on(LogType::error));
}

TEST_CASE("log_type takes effect when the log is opened again") {
  LogToFile file;
  file.open();
  file.options.log_type = static_cast<std::uint32_t>(LogType::subscribe);
  file.open();
  CHECK(log::on(LogType::subscribe));
  CHECK_FALSE(log::on(LogType::error));
}

TEST_CASE("what a client named itself cannot begin a line of its own") {
  LogToFile file;
  file.open();
  log::write(LogType::notice, "client {}", "a\n1: root logged in\x7F");
  CHECK(file.lines() == Lines{"client a?1: root logged in?"});
}

TEST_CASE("a very long line is cut") {
  LogToFile file;
  file.open();
  log::write(LogType::notice, "{}", std::string(100'000, 'x'));
  const Lines lines = file.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].size() == 4096);
  CHECK(lines[0].ends_with("x..."));
}

TEST_CASE("a log file that was moved away is begun anew") {
  LogToFile file;
  file.open();
  const std::string moved = file.path() + ".1";
  std::filesystem::rename(file.path(), moved);
  CHECK(log::reopen().has_value());
  log::write(LogType::notice, "after");
  CHECK(file.lines() == Lines{"after"});
  std::filesystem::remove(moved);
}

TEST_CASE("a log file that cannot be opened is an error by name, and the log stays as it was") {
  LogToFile file;
  file.open();
  const std::string folder = std::filesystem::temp_directory_path().string();
  const auto error_of = [](const std::string& text) {
    const auto config = make_config(split_config(text, "b.conf"));
    REQUIRE(config.has_value());
    return log::open(*config).error();
  };
  CHECK(
      error_of("log_dest stderr\nlog_dest file /nonexistent/b.log\nlog_dest stdout\n") ==
      "b.conf:2: log_dest: cannot open /nonexistent/b.log: No such file or directory; create the folder /nonexistent");
  CHECK(error_of("log_dest file " + folder + "\n") ==
        "b.conf:1: log_dest: cannot open " + folder + ": Is a directory; name a file in it");
  CHECK(error_of("log_dest file " + file.path() + "/x\n") == "b.conf:1: log_dest: cannot open " + file.path() +
                                                                 "/x: Not a directory; name a path whose " +
                                                                 file.path() + " is a folder");
  log::write(LogType::notice, "still here");
  CHECK(file.lines() == Lines{"still here"});
}

TEST_CASE("log_dest topic hands lines and their topic to the broker, but never debug lines") {
  LogToFile file;
  Lines told;  // written by the log's thread, read after close() has joined it
  log::set_topic_sink([&](std::string_view topic, std::string_view line) {
    told.push_back(std::string(topic) + " " + std::string(line));
  });
  file.options.log_dest.emplace_back("topic");
  file.options.log_type = kLogTypesAll;
  file.open();
  log::write(LogType::error, "e");
  log::write(LogType::debug, "d");
  log::write(LogType::internal, "i");
  log::write(LogType::subscribe, "s");
  CHECK(file.lines().size() == 4);
  CHECK(told == Lines{"$SYS/broker/log/E e", "$SYS/broker/log/M/subscribe s"});
}

TEST_CASE("a full queue loses the oldest lines, and says how many") {
  LogToFile file;
  std::mutex mutex;
  std::condition_variable changed;
  bool held = false, go_on = false;
  log::set_topic_sink([&](std::string_view, std::string_view) {  // holds the log's thread at its first line
    std::unique_lock lock(mutex);
    held = true;
    changed.notify_all();
    changed.wait(lock, [&] { return go_on; });
  });
  file.options.log_dest.emplace_back("topic");
  file.open();
  const auto lost_before = log::lost_lines();
  log::write(LogType::notice, "held");
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return held; });
  }
  for (int i = 0; i < 2000; ++i) log::write(LogType::notice, "{}", i);
  {
    const std::lock_guard lock(mutex);
    go_on = true;
  }
  changed.notify_all();
  const Lines lines = file.lines();
  CHECK(lines.front() == "held");
  CHECK(lines.at(1) == "976 log lines were lost: too many at once");
  CHECK(lines.back() == "1999");
  CHECK(log::lost_lines() - lost_before == 976);
}

TEST_CASE("lines of several threads stay whole") {
  LogToFile file;
  file.open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 100; ++i) log::write(LogType::notice, "thread {} line {}", t, i);
    });
  }
  for (auto& thread : threads) thread.join();
  const Lines lines = file.lines();
  CHECK(lines.size() == 400);
  for (const auto& line : lines) CHECK((has_form(line, "thread 9 line 9") || has_form(line, "thread 9 line 99")));
}

TEST_CASE("what a client can cause at will is logged once a minute, with a count") {
  log::LinePerMinute line;
  const SteadyTime start{};
  CHECK(line.allow(start));
  CHECK_FALSE(line.allow(start));
  CHECK_FALSE(line.allow(start + std::chrono::seconds(59)));
  CHECK(line.allow(start + std::chrono::seconds(60)));
  CHECK(line.suppressed() == 2);
  CHECK(line.suppressed() == 0);
}

}  // namespace bramble
