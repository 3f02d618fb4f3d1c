#include <doctest/doctest.h>
#include <string>

#include "broker/log.h"
#include "broker/log/repeats.h"
#include "tests/support/log_to_file.h"

// Who and what a line is about, in the forms of the log, and what is kept back of lines that repeat.
namespace bramble {

using testing::Lines;
using testing::LogToFile;

namespace {

log::Subject wrong_password() {
  return {.client_id = "pump",
          .user = "bob",
          .address = "127.0.0.1:4711",
          .listener = "1883",
          .reason = "its password is wrong",
          .reason_code = 0x87};
}

void log_wrong_password(const log::Subject& subject) {
  log::write(LogType::notice, subject, "Client {} disconnected, not authorised.", subject.name());
}

std::string without_time(const std::string& line) {
  const auto level = line.find("\"level\"");
  return level == std::string::npos ? line : "{" + line.substr(level);
}

}  // namespace

TEST_CASE("text names the client as Mosquitto 2.1 does, and adds user and reason unless the sentence has them") {
  LogToFile file;
  file.open();
  log::Subject subject = wrong_password();
  log_wrong_password(subject);
  subject.user = {};
  log_wrong_password(subject);
  subject.user = "bob";
  subject.reason_said = true;
  log_wrong_password(subject);
  subject.user_said = true;
  log_wrong_password(subject);
  subject.client_id = {};
  log_wrong_password(subject);
  subject.client_id = "pump";
  subject.address = {};
  log_wrong_password(subject);
  CHECK(file.lines() ==
        Lines{"Client pump [127.0.0.1:4711] disconnected, not authorised. (u'bob': its password is wrong)",
              "Client pump [127.0.0.1:4711] disconnected, not authorised. (its password is wrong)",
              "Client pump [127.0.0.1:4711] disconnected, not authorised. (u'bob')",
              "Client pump [127.0.0.1:4711] disconnected, not authorised.",
              "Client <unknown> [127.0.0.1:4711] disconnected, not authorised.",
              "Client pump disconnected, not authorised."});
}

TEST_CASE("json has a member for all that is known, and no other") {
  LogToFile file;
  file.options.log_format = LogFormat::json;
  file.open();
  log_wrong_password(wrong_password());
  log::write(LogType::error, "plain");
  const Lines lines = file.lines();
  REQUIRE(lines.size() == 2);
  CHECK(testing::has_form(lines[0].substr(0, 36), "{\"time\":\"9999-99-99T99:99:99.999Z\",\""));
  CHECK(without_time(lines[0]) ==
        R"({"level":"notice","message":"Client pump [127.0.0.1:4711] disconnected, not authorised.",)"
        R"("client_id":"pump","user":"bob","address":"127.0.0.1:4711","listener":"1883",)"
        R"("reason":"its password is wrong","reason_code":135})");
  CHECK(without_time(lines[1]) == R"({"level":"error","message":"plain"})");
}

TEST_CASE("json is valid whatever bytes a client sends: escaped, and what is no UTF-8 replaced") {
  LogToFile file;
  file.options.log_format = LogFormat::json;
  file.open();
  log::write(LogType::notice, log::Subject{.client_id = "a\"b\\c\n\x01\x7F é😀", .user = "\xFF\xC3(\xE2\x82"}, "x");
  CHECK(without_time(file.lines().at(0)) ==
        R"({"level":"notice","message":"x","client_id":"a\"b\\c\u000a\u0001\u007f é😀",)"
        R"("user":"\ufffd\ufffd(\ufffd\ufffd"})");
}

TEST_CASE("the users and reasons of text cannot begin a line of their own either, and long ones are cut") {
  LogToFile file;
  file.open();
  log::write(LogType::notice, log::Subject{.user = "a\n1: root"}, "x");
  log::write(LogType::notice, log::Subject{.user = std::string(5000, 'u')}, "x");
  const Lines lines = file.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "x (u'a?1: root')");
  CHECK(lines[1] == "x (u'" + std::string(1021, 'u') + "...')");
}

TEST_CASE("a client id and a user of any length leave the rest of the line whole, and end between two characters") {
  LogToFile file;
  file.open();
  log::Subject subject = wrong_password();
  const std::string id = std::string(1020, 'i') + "ééé", user(60'000, 'u'), cut(1021, 'u');
  subject.client_id = id;
  subject.user = user;
  log_wrong_password(subject);
  CHECK(file.lines() ==
        Lines{"Client " + std::string(1020, 'i') + "... [127.0.0.1:4711] disconnected, not authorised. (u'" + cut +
              "...': its password is wrong)"});
}

TEST_CASE(
    "controls of 8 bits, line separators and what turns text round reach no terminal, nor do bytes of no character") {
  const std::string id =
      "a\u0080\u0085\u009B2J\u2028\u2029\u202A\u202E\u2066\u2069\x9B"
      "é\u200F";
  LogToFile file;
  file.open();
  log::write(LogType::notice, log::Subject{.client_id = id, .user = id}, "{}", id);
  log::close();
  file.options.log_format = LogFormat::json;
  file.open();
  log::write(LogType::notice, log::Subject{.client_id = id}, "x");
  const Lines lines = file.lines();
  CHECK(lines.at(0) == "a???2J???????é\u200F (u'a???2J???????é\u200F')");
  CHECK(
      without_time(lines.at(1)) ==
      R"({"level":"notice","message":"x","client_id":"a\u0080\u0085\u009b2J\u2028\u2029\u202a\u202e\u2066\u2069\ufffdé)"
      "\u200F\"}");
}

TEST_CASE("no name has what names the client of a line; brackets that do not look like it stay") {
  CHECK(log::in_sentence("x [6.6.6.6:666] disconnected, not authorised.") ==
        "x ?6.6.6.6:666? disconnected, not authorised.");
  CHECK(log::in_sentence("x[6.6.6.6:666] disconnected") == "x?6.6.6.6:666? disconnected");
  CHECK(log::in_sentence("[6.6.6.6:666]") == "?6.6.6.6:666?");
  CHECK(log::in_sentence("x\u00A0[6.6.6.6:666]") == "x\u00A0?6.6.6.6:666?");
  CHECK(log::in_sentence("sensor[3]") == "sensor[3]");
  CHECK(log::in_sentence("living room[3]") == "living room[3]");
  LogToFile file;
  file.open();
  log::write(LogType::notice, log::Subject{.client_id = "a [b] c", .user = "d [e] f"}, "x");
  log::close();
  file.options.log_format = LogFormat::json;
  file.open();
  log::write(LogType::notice, log::Subject{.client_id = "a [b] c"}, "x");
  const Lines lines = file.lines();
  CHECK(lines.at(0) == "x (u'd ?e? f')");
  CHECK(lines.at(1).ends_with(R"("client_id":"a [b] c"})"));
}

TEST_CASE("log_format takes effect when the log is opened again") {
  LogToFile file;
  file.open();
  log::write(LogType::notice, "a");
  log::close();
  file.options.log_format = LogFormat::json;
  file.open();
  log::write(LogType::notice, "b");
  const Lines lines = file.lines();
  CHECK(lines.at(0) == "a");
  CHECK(lines.at(1).ends_with(R"("message":"b"})"));
}

TEST_CASE("log_dest journald without a journal is an error that says what to do") {
  ::setenv("BRAMBLE_JOURNAL_SOCKET", "/nonexistent/socket", 1);
  const auto config = make_config(split_config("log_dest journald\n", "b.conf"));
  ::unsetenv("BRAMBLE_JOURNAL_SOCKET");
  REQUIRE(config.has_value());
  ::setenv("BRAMBLE_JOURNAL_SOCKET", "/nonexistent/socket", 1);
  const auto opened = log::open(*config);
  ::unsetenv("BRAMBLE_JOURNAL_SOCKET");
  CHECK(opened.error() ==
        "b.conf:1: log_dest: no journal takes lines at /nonexistent/socket: No such file or directory; "
        "systemd-journald does not run here: log to stderr, syslog or a file");
}

TEST_CASE("of one cause and host ten lines a minute are let through, and then how many more there were is told") {
  LogToFile file;
  file.open();
  log::Repeats repeats;
  const SteadyTime start{};
  int let_through = 0;
  for (int i = 0; i < 500; ++i) let_through += repeats.allow(start + Milliseconds(i), "wrong", "10.0.0.1");
  CHECK(let_through == 10);
  CHECK(repeats.allow(start, "wrong", "10.0.0.2"));
  CHECK(repeats.allow(start, "malformed", "10.0.0.1"));
  CHECK(repeats.next() == start + std::chrono::minutes(1));
  repeats.tell(start + std::chrono::seconds(59));
  repeats.tell(start + std::chrono::seconds(60));
  repeats.tell(start + std::chrono::seconds(60));
  CHECK_FALSE(repeats.next().has_value());
  CHECK(repeats.allow(start + std::chrono::seconds(61), "wrong", "10.0.0.1"));
  CHECK(file.lines() == Lines{"490 more like it from 10.0.0.1 in the last minute. (wrong)"});
}

TEST_CASE("a minute that is over is told when its cause comes again, too") {
  LogToFile file;
  file.open();
  log::Repeats repeats;
  const SteadyTime start{};
  for (int i = 0; i < 11; ++i) repeats.allow(start, "wrong", "10.0.0.1");
  CHECK(repeats.allow(start + std::chrono::minutes(2), "wrong", "10.0.0.1"));
  CHECK(file.lines() == Lines{"1 more like it from 10.0.0.1 in the last minute. (wrong)"});
}

TEST_CASE("hosts without number take bounded memory and make a bounded number of lines") {
  LogToFile file;
  file.open();
  log::Repeats repeats;
  const SteadyTime start{};
  std::size_t let_through = 0;
  for (int host = 0; host < 100'000; ++host) let_through += repeats.allow(start, "wrong", std::to_string(host));
  CHECK(let_through == log::Repeats::kKnownMax + log::Repeats::kLinesMax);
  repeats.tell_all();
  CHECK(repeats.allow(start, "wrong", "0"));  // there is room again
  CHECK(file.lines() == Lines{"99734 more like it from many addresses in the last minute. (different reasons)"});
}

}  // namespace bramble
