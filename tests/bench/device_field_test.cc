#include "tools/bench/device_field.h"

#include <doctest/doctest.h>
#include <set>

#include "core/topic/match.h"

using namespace bramble;
using bench::DeviceField;

TEST_CASE("each topic of a device field is matched by its own filters and by no other") {
  const DeviceField field("w", 120, 2, 7);
  CHECK(field.devices() == 60);
  CHECK(field.filters() == 120);
  for (std::uint32_t device = 0; device < field.devices(); ++device) {
    const std::uint32_t first = DeviceField::first_filter(device), end = first + DeviceField::filters_of(device);
    for (std::uint32_t filter = 0; filter < field.filters(); ++filter) {
      const bool own = filter >= first && filter < end;
      CHECK(own == (DeviceField::device_of(filter) == device));
      const std::string text = field.filters_for(filter % 7)[filter / 7];
      CHECK(own == matches(text, field.topic(device)));
    }
  }
}

TEST_CASE("whose filter makes them hear a device is found without looking through all") {
  const DeviceField field("w", 60, 1, 5);
  for (std::uint32_t device = 0; device < field.devices(); ++device) {
    std::uint32_t hearing = 0;
    for (std::uint32_t subscriber = 0; subscriber < 5; ++subscriber) {
      const auto place = field.place_of(device, subscriber);
      if (!place) continue;
      ++hearing;
      CHECK(matches(field.filters_for(subscriber)[*place], field.topic(device)));
    }
    CHECK(hearing == DeviceField::filters_of(device));
  }
  CHECK_FALSE(field.place_of(field.devices(), 0));
}

TEST_CASE("a device field has devices for every publisher, however few filters were asked for") {
  CHECK(DeviceField("w", 1, 50, 50).devices() == 150);
}
