#include "broker/store/ledger.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <set>

#include "broker/store/store.h"
#include "tests/broker/reactor/turns.h"
#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

namespace {

/// A store whose thread is not started, and what two reactors have to tell it.
struct Books {
  explicit Books(Promise promise = Promise::commit, std::uint64_t last_row = 0)
      : store(open(folder / "db"), turns.mesh, retained, options(promise), last_row) {
    first.use(store);
    second.use(store);
  }
  static StoreOptions options(Promise promise) {
    StoreOptions options;
    options.persistence = true;
    options.durability = promise;
    return options;
  }

  Folder folder;
  Turns turns;
  RetainedMessages retained{turns.quiescence, 1};
  Store store;
  Ledger first, second;
};

}  // namespace

TEST_CASE("a ledger without a store keeps nothing, and holds nobody up") {
  Ledger ledger;
  CHECK_FALSE(ledger.keeps());
  CHECK_FALSE(ledger.commits());
  CHECK_FALSE(ledger.failing());
  CHECK_FALSE(ledger.lags(std::chrono::steady_clock::now()));
  CHECK(ledger.round() == 0);
}

TEST_CASE("acknowledgements wait for the disk with `durability commit`, and not with `interval`") {
  const Books commit, interval(Promise::interval);
  CHECK(commit.first.keeps());
  CHECK(commit.first.commits());
  CHECK(interval.first.keeps());
  CHECK_FALSE(interval.first.commits());
}

TEST_CASE("what is written before a round closes is in its part, and what comes after in the next one's") {
  Books books;
  Ledger& ledger = books.first;
  CHECK(ledger.round() == 1);
  CHECK(ledger.wait_for_round() == 1);
  ledger.part().sessions.push_back(session(1));
  ledger.close();
  CHECK(ledger.round() == 2);
  CHECK(ledger.wait_for_round() == 2);
  CHECK(ledger.part().empty());
  ledger.part().sessions.push_back(session(2));
  const auto closed = ledger.take_closed();
  REQUIRE(closed->sessions.size() == 1);
  CHECK(closed->sessions[0].id == SessionId{1});
  ledger.close();
  CHECK(ledger.take_closed()->sessions[0].id == SessionId{2});
}

TEST_CASE("what is late goes with the closed round, before its part is taken and after") {
  Books books;
  Ledger& ledger = books.first;
  ledger.part().sessions.push_back(session(1));
  ledger.close();
  ledger.closed_part().deliveries.push_back(delivery(ledger.next_row(), 1, message("x")));
  const auto closed = ledger.take_closed();
  CHECK(closed->sessions.size() == 1);
  CHECK(closed->deliveries.size() == 1);
  ledger.closed_part().deliveries.push_back(delivery(ledger.next_row(), 1, message("y")));
  const auto later = ledger.take_closed();
  CHECK(later->sessions.empty());
  REQUIRE(later->deliveries.size() == 1);
  CHECK(later->deliveries[0].row > closed->deliveries[0].row);
  CHECK(ledger.take_closed()->empty());
  CHECK(ledger.part().empty());
}

TEST_CASE("rows rise, each is given once, and they begin behind those of the file") {
  Books books(Promise::commit, 1'000);
  std::set<std::uint64_t> given;
  std::uint64_t first = 1'000, second = 1'000;
  for (int i = 0; i < 1'000; ++i) {
    const auto one = books.first.next_row(), other = books.second.next_row();
    REQUIRE(one > first);
    REQUIRE(other > second);
    first = one;
    second = other;
    given.insert({one, other});
  }
  CHECK(given.size() == 2'000);
}

TEST_CASE("rows of a round are above all that any reactor gave in the rounds before") {
  Books books;
  std::uint64_t last = 0;
  for (int round = 0; round < 5; ++round) {
    std::uint64_t highest = last;
    for (Ledger* const ledger : {&books.first, &books.second}) {
      for (int i = 0; i < 3; ++i) {
        const auto row = ledger->next_row();
        CHECK(row > last);
        highest = std::max(highest, row);
      }
    }
    for (Ledger* const ledger : {&books.first, &books.second}) {
      ledger->close();
      ledger->take_closed();
    }
    last = highest;
  }
}

TEST_CASE("sessions that were touched are given once") {
  Books books;
  books.first.touched(SessionId{1});
  books.first.touched(SessionId{2});
  CHECK(books.first.take_touched() == std::vector{SessionId{1}, SessionId{2}});
  CHECK(books.first.take_touched().empty());
}

TEST_CASE("very many deliveries that are not on the disk slow publishers down, until the round is stored") {
  Books books;
  const auto now = std::chrono::steady_clock::now();
  books.first.count(16'384);
  CHECK_FALSE(books.first.lags(now));
  books.first.count(16'384);  // two reactors share what is too many
  CHECK_FALSE(books.first.lags(now));
  books.first.count(1);
  CHECK(books.first.lags(now));
  CHECK(books.second.lags(now));  // whose publishers may be the ones
  books.first.count(-1);
  CHECK_FALSE(books.second.lags(now));
  CHECK_FALSE(books.first.lags(now));
  books.first.close();  // it is being written
  CHECK_FALSE(books.first.lags(now));
  books.first.count(1);
  CHECK(books.first.lags(now));
  books.first.stored();
  CHECK_FALSE(books.first.lags(now));
}

TEST_CASE("a reactor that is behind with what it was handed slows those who feed it, for a moment") {
  Books books;
  const auto now = std::chrono::steady_clock::now();
  books.first.held_up(now);
  CHECK(books.first.lags(now));
  CHECK_FALSE(books.second.lags(now));
  CHECK_FALSE(books.first.lags(now + std::chrono::milliseconds(10)));
}

TEST_CASE("many bytes that are not on the disk slow publishers down as many deliveries do") {
  Books books;
  const auto now = std::chrono::steady_clock::now();
  for (int i = 0; i < 2'000; ++i) books.first.count(1, 1'000);  // none of them is a kilobyte
  books.first.count(0, 32'768 * 1'024 - 2'000 * 2'024);
  CHECK_FALSE(books.first.lags(now));
  books.first.count(0, 1);
  CHECK(books.first.lags(now));
  books.first.count(-2'000, -2'000 * 1'000);  // all at once
  books.first.count(2'000, 2'000 * 1'000 - 1);
  CHECK_FALSE(books.first.lags(now));
}

}  // namespace bramble::testing
