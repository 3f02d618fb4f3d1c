#include "core/base/fair_queue.h"

#include <doctest/doctest.h>
#include <memory>

namespace bramble {
namespace {

bool push(FairQueue<std::string>& queue, const std::string& who, std::string value) { return queue.push(who, value); }

}  // namespace

TEST_CASE("in a FairQueue those who ask take turns, and each is served in the order in which it asked") {
  FairQueue<std::string> queue(100);
  for (const char* value : {"a1", "a2", "a3", "b1", "b2", "c1"}) REQUIRE(push(queue, {value[0]}, value));
  for (const char* value : {"a1", "b1", "c1", "a2", "b2", "a3"}) CHECK(queue.pop() == value);
  CHECK(queue.empty());
  CHECK(push(queue, "a", "again"));
  CHECK(queue.pop() == "again");
}

TEST_CASE("one who fills a FairQueue leaves half of it to others, and what is refused stays with who asked") {
  FairQueue<std::string> queue(8);
  int taken = 0;
  while (push(queue, "flood", "x")) ++taken;
  CHECK(taken == 4);
  CHECK(push(queue, "second", "y"));
  CHECK(push(queue, "second", "y"));
  std::string kept = "mine";
  CHECK_FALSE(queue.push("second", kept));
  CHECK(kept == "mine");
  CHECK(push(queue, "third", "z"));
  CHECK(queue.pop() == "x");
  CHECK(queue.pop() == "y");
  CHECK(queue.pop() == "z");
  CHECK(queue.size() == 4);
  queue.clear();
  CHECK(queue.empty());
}

}  // namespace bramble
