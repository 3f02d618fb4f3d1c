#include "broker/reactor/readiness.h"

#include <doctest/doctest.h>
#include <functional>
#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

#include "tests/broker/reactor/turns.h"

namespace bramble {
namespace {

/// A descriptor that is ready from the beginning, and what it does with its turn.
struct Ready final : Watcher {
  explicit Ready(std::function<void(const OnReactor&, Ready&)> does) : act(std::move(does)) {}
  ~Ready() { ::close(descriptor); }

  void ready(const OnReactor& here, std::uint32_t) override {
    ++events;
    act(here, *this);
  }

  std::function<void(const OnReactor&, Ready&)> act;
  int descriptor = ::eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
  int events = 0;
};

void fill(const OnReactor& here) {
  here.reactor().turn_buffer(here).room(TurnBuffer::kEnough);
  here.reactor().turn_buffer(here).take(TurnBuffer::kEnough);
}

void ignore(const OnReactor&, Ready&) {}

TEST_CASE("what a turn that is full has not handed out comes in the next") {
  testing::Turns turns;
  const auto read_much = [](const OnReactor& here, Ready&) { fill(here); };
  Ready first(read_much), second(read_much), third(read_much);
  const auto sum = [&] { return first.events + second.events + third.events; };
  std::vector<int> sums;
  turns.run({
      [&](const OnReactor& here) {
        for (Ready* each : {&first, &second, &third}) {
          REQUIRE(here.reactor().readiness(here).add(each->descriptor, *each, EPOLLIN | EPOLLET));
        }
      },
      [&](const OnReactor&) { sums.push_back(sum()); },
      [&](const OnReactor&) { sums.push_back(sum()); },
      [&](const OnReactor&) { sums.push_back(sum()); },
  });
  CHECK(sums == std::vector<int>{1, 2, 3});
}

TEST_CASE("memory that a turn had filled before does not keep it from handing out") {
  testing::Turns turns;
  Ready watcher(ignore);
  Readiness readiness;
  turns.run({[&](const OnReactor& here) {
    fill(here);
    REQUIRE(readiness.add(watcher.descriptor, watcher, EPOLLIN));
    readiness.wait(Milliseconds(0));
    readiness.dispatch(here);
  }});
  CHECK(watcher.events == 1);
}

TEST_CASE("a watcher that is removed gets nothing more, found or not") {
  testing::Turns turns;
  Readiness readiness;
  std::vector<Ready*> all;
  const auto remove_others = [&](const OnReactor& here, Ready& self) {
    fill(here);
    for (Ready* other : all) {
      if (other != &self) readiness.remove(other->descriptor, *other);
    }
  };
  Ready first(remove_others), second(remove_others), third(remove_others);
  all = {&first, &second, &third};
  turns.run({
      [&](const OnReactor& here) {
        for (Ready* each : all) REQUIRE(readiness.add(each->descriptor, *each, EPOLLIN | EPOLLET));
        readiness.wait(Milliseconds(0));
        readiness.dispatch(here);
      },
      [&](const OnReactor& here) { readiness.dispatch(here); },
  });
  CHECK(first.events + second.events + third.events == 1);
}

}  // namespace
}  // namespace bramble
