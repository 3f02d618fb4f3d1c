#include "bench/micro/million_filters.h"

#include <malloc.h>
#include <utility>

namespace bramble {
namespace {

std::string device(unsigned site, unsigned device) {
  return "site/" + std::to_string(site) + "/dev/" + std::to_string(device);
}

}  // namespace

MillionFilters::MillionFilters() {
  constexpr ReactorId kHere{0};
  quiescence_.online(kHere);
  const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  const auto add = [this](const std::string& text) { table_.add(kHere, TopicFilter::parse(text).value()); };
  for (unsigned d = 0; d < kDevices; ++d) {
    add("site/+/dev/" + std::to_string(d) + "/temp");
    for (unsigned s = 0; s < kSites; ++s) {
      add(device(s, d) + "/temp");
      if (d < 88) add(device(s, d * 10) + "/+");
      if (d < 9) add(device(s, d * 100) + "/#");
      if (d == 0) add("site/" + std::to_string(s) + "/dev/+/temp");
      if (d == 0) add("site/" + std::to_string(s) + "/#");
      if (s % 100 != 0) continue;
      quiescence_.quiescent(kHere);
      quiescence_.collect(kHere);
    }
  }
  quiescence_.quiescent(kHere);
  quiescence_.collect(kHere);
  heap_bytes_ = mallinfo2().uordblks + mallinfo2().hblkhd - before;
}

std::string MillionFilters::topic(std::uint64_t i) {
  const std::uint64_t shuffled = i * 0x9E3779B97F4A7C15u >> 20;
  return device(static_cast<unsigned>(shuffled % kSites), static_cast<unsigned>(shuffled / kSites % kDevices)) +
         "/temp";
}

MillionFilters& MillionFilters::instance() {
  static MillionFilters filters;
  return filters;
}

}  // namespace bramble
