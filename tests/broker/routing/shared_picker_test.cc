#include "broker/routing/shared_picker.h"

#include <array>
#include <doctest/doctest.h>

#include "core/topic/subscription_table.h"
#include "tests/core/topic/table_random.h"

namespace bramble {
namespace {

using Among = SharedPicker::Among;

constexpr ReactorId kFirst{0}, kSecond{1}, kThird{2};

/// A group with members on three reactors.
struct Scene {
  Quiescence quiescence{3};
  SubscriptionTable table{quiescence, 3, 1};
  SharedGroup* group = nullptr;
  SharedPicker picker;

  Scene() {
    for (const ReactorId id : {kFirst, kSecond, kThird}) quiescence.online(id);
  }
  ~Scene() {
    for (const ReactorId id : {kFirst, kSecond, kThird}) quiescence.offline(id);
  }
  void join(ReactorId reactor, int members, bool online) {
    for (int i = 0; i < members; ++i) group = &table.join(reactor, filter_of("$share/g/a"), online);
  }
  std::array<int, 3> pick(int times, Among among, std::uint64_t asked = 0) {
    std::array<int, 3> picked{};
    for (int i = 0; i < times; ++i) {
      if (const auto reactor = picker.pick(*group, among, asked)) ++picked[reactor->value];
    }
    return picked;
  }
};

TEST_CASE("each reactor is picked as often as it has members, and one that has none never") {
  Scene scene;
  scene.join(kFirst, 1, true);
  scene.join(kThird, 3, true);
  CHECK(scene.pick(400, Among::online) == std::array<int, 3>{100, 0, 300});
  scene.join(kSecond, 4, true);
  CHECK(scene.pick(800, Among::online) == std::array<int, 3>{100, 400, 300});
}

TEST_CASE("absent members count apart from those online") {
  Scene scene;
  scene.join(kFirst, 2, true);
  scene.join(kSecond, 1, false);
  scene.join(kThird, 1, false);
  CHECK(scene.pick(100, Among::online) == std::array<int, 3>{100, 0, 0});
  CHECK(scene.pick(100, Among::absent) == std::array<int, 3>{0, 50, 50});
  scene.table.count(kSecond, *scene.group, +1, -1);  // it has come back
  CHECK(scene.pick(300, Among::online) == std::array<int, 3>{200, 100, 0});
}

TEST_CASE("reactors that were asked are passed over, and when all were there is none to pick") {
  Scene scene;
  scene.join(kFirst, 5, true);
  scene.join(kSecond, 1, true);
  scene.join(kThird, 1, true);
  CHECK(scene.pick(100, Among::online, reactor_bit(kFirst)) == std::array<int, 3>{0, 50, 50});
  CHECK(scene.pick(100, Among::online, reactor_bit(kFirst) | reactor_bit(kThird)) == std::array<int, 3>{0, 100, 0});
  CHECK_FALSE(scene.picker.pick(*scene.group, Among::online, 7).has_value());
  CHECK_FALSE(scene.picker.pick(*scene.group, Among::absent, 0).has_value());
}

}  // namespace
}  // namespace bramble
