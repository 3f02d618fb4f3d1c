// A system's clock that is set while the broker runs, or that has not been set yet when it starts.
#include "broker/store/calendar.h"

#include <doctest/doctest.h>

#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

constexpr WallTime kToday = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29);
constexpr Seconds kHour{3600};
constexpr Seconds kYear{31'556'952};

Clocks clocks(Seconds up, WallTime wall) { return {SteadyTime(up), wall}; }

/// A session whose client went at `gone_at`, and a message that came then.
Parts gone(SteadyTime gone_at) {
  Part part;
  part.sessions.push_back(session(1));
  part.sessions[0].gone_at = gone_at;
  const auto message = MessagePtr::make({"a", {}, "x"}, {mqtt::Qos::at_least_once, false, 60, gone_at, {}}, "");
  part.deliveries.push_back(delivery(1, 1, message));
  Parts parts;
  parts.push_back(std::make_unique<Part>(std::move(part)));
  return parts;
}

/// Of a session that is not there.
Parts ended(std::uint64_t id) {
  Part part;
  part.ended.push_back(SessionId{id});
  Parts parts;
  parts.push_back(std::make_unique<Part>(std::move(part)));
  return parts;
}

/// How old the session's absence and the message are when a broker that starts at `system` reads them.
struct Ages {
  SteadyTime::duration away, message;
};
Ages ages(const std::filesystem::path& file, const Clocks& system) {
  const Kept kept = load(*open(file), system);
  REQUIRE(kept.sessions.size() == 1);
  REQUIRE(kept.sessions[0].gone_at);
  REQUIRE(kept.deliveries.size() == 1);
  return {system.steady - *kept.sessions[0].gone_at, system.steady - kept.deliveries[0].message->facts().arrived};
}

void check_ages(const Ages& found, Seconds expected) {
  CHECK(found.away == expected);
  CHECK(found.message == expected);
}

}  // namespace

TEST_CASE("what lies in the file gets older by the time between two runs") {
  const Folder folder;
  REQUIRE(open(folder / "db")->commit(gone(SteadyTime(Seconds(90))), {}, clocks(Seconds(100), kToday)));
  check_ages(ages(folder / "db", clocks(Seconds(5), kToday + kHour)), kHour + Seconds(10));
}

TEST_CASE("a clock that is set by 50 years, or back by an hour, while the broker runs makes nothing older or younger") {
  enum class Then { ends, writes, has_nothing_to_write, rests };
  for (const Seconds step : {50 * kYear, -kHour, -40 * kYear}) {
    for (const Then then : {Then::ends, Then::writes, Then::has_nothing_to_write, Then::rests}) {
      CAPTURE(step.count());
      CAPTURE(static_cast<int>(then));
      const Folder folder;
      const Clocks after = clocks(Seconds(200), kToday + Seconds(100) + step);
      {
        const auto database = open(folder / "db");
        REQUIRE(database->commit(gone(SteadyTime(Seconds(90))), {}, clocks(Seconds(100), kToday)));
        if (then == Then::ends) database->end_run(after);
        if (then == Then::writes) REQUIRE(database->commit(ended(2), {}, after));
        if (then == Then::has_nothing_to_write) REQUIRE(database->commit({}, {}, after));
        if (then == Then::rests) database->look_at_clock(after);
      }
      check_ages(ages(folder / "db", clocks(Seconds(5), kToday + Seconds(120) + step)), Seconds(130));
    }
  }
}

TEST_CASE("what comes after the clock was set is as old as it is") {
  const Folder folder;
  {
    const auto database = open(folder / "db");
    REQUIRE(database->commit(gone(SteadyTime(Seconds(0))), {}, clocks(Seconds(0), kToday)));
    REQUIRE(database->commit(gone(SteadyTime(Seconds(95))), {}, clocks(Seconds(100), kToday + 50 * kYear)));
  }
  check_ages(ages(folder / "db", clocks(Seconds(5), kToday + 50 * kYear + kHour)), kHour + Seconds(5));
}

TEST_CASE(
    "a clock that is not set yet when the broker starts makes nothing younger, nor does setting it make it older") {
  const Folder folder;
  REQUIRE(open(folder / "db")->commit(gone(SteadyTime(Seconds(90))), {}, clocks(Seconds(100), kToday)));
  const WallTime unset{Seconds(20)};
  {
    const auto database = open(folder / "db");
    const Kept kept = load(*database, clocks(Seconds(20), unset));
    CHECK(SteadyTime(Seconds(20)) - *kept.sessions[0].gone_at == Seconds(10));
    database->end_run(clocks(Seconds(80), kToday + 30 * kHour));
  }
  check_ages(ages(folder / "db", clocks(Seconds(5), kToday + 31 * kHour)), kHour + Seconds(70));
}

TEST_CASE("what came after the file was last told how late it is does not come from the future") {
  const Folder folder;
  {
    const auto database = open(folder / "db");
    REQUIRE(database->commit(ended(2), {}, clocks(Seconds(100), kToday)));
    REQUIRE(database->commit(gone(SteadyTime(Seconds(140))), {}, clocks(Seconds(150), kToday + Seconds(50))));
  }
  check_ages(ages(folder / "db", clocks(Seconds(5), kToday - kHour)), Seconds(0));
}

TEST_CASE("the largest times that a file may have are read, and what is beyond them is as if it was not there") {
  using std::chrono::sys_days;
  const Clocks late = clocks(Seconds(5), sys_days(std::chrono::year(2160) / 1 / 1));
  for (const Milliseconds ahead : {90 * Milliseconds(kYear), -90 * Milliseconds(kYear)}) {
    const Calendar calendar(late, Calendar::Kept{ahead, sys_days(std::chrono::year(2165) / 1 / 1)});
    CHECK(calendar.at(late.steady).wall >= sys_days(std::chrono::year(2165) / 1 / 1));
  }
}

TEST_CASE("how long the broker was away is not known if its clock had not been set before: it counts as no time") {
  const Folder folder;
  const WallTime unset{Seconds(100)};
  REQUIRE(open(folder / "db")->commit(gone(SteadyTime(Seconds(90))), {}, clocks(Seconds(100), unset)));
  check_ages(ages(folder / "db", clocks(Seconds(5), kToday)), Seconds(10));
}

TEST_CASE("a clock that is a second off is not told of; small steps are, when they are a second together") {
  Calendar calendar(clocks(Seconds(0), kToday), std::nullopt);
  CHECK(calendar.has_news(clocks(Seconds(0), kToday)));  // the file is new
  calendar.told(calendar.kept(clocks(Seconds(0), kToday)));
  CHECK_FALSE(calendar.has_news(clocks(Seconds(59), kToday + Seconds(59))));
  CHECK_FALSE(calendar.was_set(clocks(Seconds(10), kToday + Seconds(10) + Milliseconds(600))));
  CHECK(calendar.was_set(clocks(Seconds(20), kToday + Seconds(20) + Milliseconds(1200))));
  CHECK_FALSE(calendar.was_set(clocks(Seconds(60), kToday + Seconds(60))));
  CHECK(calendar.has_news(clocks(Seconds(60), kToday + Seconds(60))));  // that it is a minute later
}

TEST_CASE("a new file in the place of a damaged one is told of the calendar, too") {
  Calendar calendar(clocks(Seconds(0), kToday), Calendar::Kept{kHour, kToday + kHour});
  CHECK_FALSE(calendar.has_news(clocks(Seconds(1), kToday + Seconds(1))));
  calendar.forget_told();
  CHECK(calendar.has_news(clocks(Seconds(1), kToday + Seconds(1))));
  CHECK(calendar.kept(clocks(Seconds(1), kToday + Seconds(1))) == Calendar::Kept{kHour, kToday + kHour + Seconds(1)});
}

}  // namespace bramble::testing
