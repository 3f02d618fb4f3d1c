#include "core/sync/mpsc_queue.h"

#include <atomic>
#include <doctest/doctest.h>
#include <memory>
#include <thread>
#include <vector>

namespace bramble {
namespace {

TEST_CASE("items come in the order of their pushes, whichever producer pushed them") {
  MpscQueue<int> queue(3);
  CHECK(queue.looks_empty());
  CHECK_FALSE(queue.pop());
  for (int i = 0; i < 3'000; ++i) {
    if (i % 4 == 3) {
      queue.push(i);
    } else {
      queue.push(static_cast<unsigned>(i % 4), i);
    }
  }
  CHECK_FALSE(queue.looks_empty());
  for (int i = 0; i < 3'000; ++i) REQUIRE(queue.pop() == i);
  CHECK(queue.looks_empty());
}

TEST_CASE("items that can only be moved pass, and those left behind are freed") {
  MpscQueue<std::unique_ptr<int>> queue(1);
  queue.push(0, std::make_unique<int>(1));
  queue.push(std::make_unique<int>(2));
  queue.push(0, std::make_unique<int>(3));
  CHECK(**queue.pop() == 1);
  CHECK_FALSE(queue.looks_empty());
}

// Each thread takes a step in turn, as told by one word: what it pushes then is after all that was pushed before.
TEST_CASE("what was pushed before is popped before, across threads") {
  constexpr int kProducers = 4;
  constexpr int kItems = 20'000;
  MpscQueue<int> queue(kProducers);
  std::atomic<int> turn{0};
  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&queue, &turn, producer] {
      for (int mine = producer; mine < kItems; mine += kProducers) {
        while (turn.load(std::memory_order_acquire) != mine) std::this_thread::yield();
        queue.push(static_cast<unsigned>(producer), mine);
        turn.store(mine + 1, std::memory_order_release);
      }
    });
  }
  for (int expected = 0; expected < kItems;) {
    if (const auto item = queue.pop()) {
      REQUIRE(*item == expected);
      ++expected;
    } else {
      std::this_thread::yield();
    }
  }
  for (auto& producer : producers) producer.join();
  CHECK(queue.looks_empty());
}

TEST_CASE("nothing is lost or doubled when all push at once, and each producer's order holds") {
  constexpr unsigned kProducers = 4;
  constexpr unsigned kItems = 20'000;
  MpscQueue<std::pair<unsigned, unsigned>> queue(kProducers);
  std::vector<std::thread> producers;
  for (unsigned producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&queue, producer] {
      for (unsigned i = 0; i < kItems; ++i) {
        if (producer == 0) {  // one without a number
          queue.push({producer, i});
        } else {
          queue.push(producer, {producer, i});
        }
      }
    });
  }
  std::vector<unsigned> next(kProducers, 0);
  for (unsigned got = 0; got < kProducers * kItems;) {
    if (const auto item = queue.pop()) {
      REQUIRE(item->second == next[item->first]++);
      ++got;
    } else {
      std::this_thread::yield();
    }
  }
  for (auto& producer : producers) producer.join();
  CHECK_FALSE(queue.pop());
}

TEST_CASE("nothing passes a place that is reserved, and the queue says that it is not caught up until it is filled") {
  MpscQueue<int> queue(2);
  CHECK(queue.caught_up());
  const std::uint64_t place = queue.reserve();
  queue.push(1, 20);
  CHECK_FALSE(queue.caught_up());
  CHECK_FALSE(queue.pop().has_value());
  queue.push(0, place, 10);
  CHECK(queue.pop() == 10);
  CHECK(queue.pop() == 20);
  CHECK(queue.caught_up());
}

}  // namespace
}  // namespace bramble
