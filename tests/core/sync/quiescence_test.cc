#include "core/sync/quiescence.h"

#include <doctest/doctest.h>
#include <vector>

namespace bramble {
namespace {

constexpr ReactorId kWriter{0};
constexpr ReactorId kReader{1};

/// Says when it is freed.
struct Thing {
  explicit Thing(std::vector<int>& freed, int name) : freed_(freed), name_(name) {}
  ~Thing() { freed_.push_back(name_); }
  std::vector<int>& freed_;
  int name_;
};

TEST_CASE("what was retired is freed when every reactor that might see it has ended its turn") {
  std::vector<int> freed;
  Quiescence quiescence(3);
  quiescence.online(kWriter);
  quiescence.online(kReader);
  quiescence.retire(kWriter, new Thing(freed, 1));
  CHECK(quiescence.collect(kWriter));
  quiescence.quiescent(kWriter);
  CHECK(quiescence.collect(kWriter));
  CHECK(freed.empty());
  quiescence.quiescent(kReader);
  CHECK_FALSE(quiescence.collect(kWriter));
  CHECK(freed == std::vector{1});
}

TEST_CASE("a sleeping reactor holds nothing up, and one that wakes later sees nothing of it") {
  std::vector<int> freed;
  Quiescence quiescence(2);
  quiescence.online(kReader);
  quiescence.retire(kWriter, new Thing(freed, 1));
  CHECK(quiescence.collect(kWriter));
  quiescence.offline(kReader);
  quiescence.online(kReader);
  CHECK_FALSE(quiescence.collect(kWriter));
  CHECK(freed == std::vector{1});
}

TEST_CASE("things are freed in the order in which they were retired, and no sooner than each may be") {
  std::vector<int> freed;
  Quiescence quiescence(2);
  quiescence.online(kReader);
  quiescence.retire(kWriter, new Thing(freed, 1));
  quiescence.retire(kWriter, new Thing(freed, 2));
  quiescence.quiescent(kReader);
  quiescence.retire(kWriter, new Thing(freed, 3));
  CHECK(quiescence.collect(kWriter));
  CHECK(freed == std::vector{1, 2});
  quiescence.offline(kReader);
  CHECK_FALSE(quiescence.collect(kWriter));
  CHECK(freed == std::vector{1, 2, 3});
}

TEST_CASE("the end frees what still waits") {
  std::vector<int> freed;
  {
    Quiescence quiescence(2);
    quiescence.online(kReader);
    quiescence.retire(kWriter, new Thing(freed, 1));
  }
  CHECK(freed == std::vector{1});
}

}  // namespace
}  // namespace bramble
