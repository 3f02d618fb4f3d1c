#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bramble::bench {

/// The topics and filters of `wildcard`: many devices, each with a topic of five levels and 1, 2 or 3 filters that
/// match it, + and # in various places, shared out among the subscribers one after the other. bench/load/loadgen has
/// the same
/// (`wild`), so that the two can be compared. Devices and filters count from 0; a device's filters come together.
/// Cost: some 25 bytes a device.  Threads: any, it does not change.
class DeviceField {
 public:
  /// About `filters` filters, at least those of three devices for each publisher.
  DeviceField(std::string_view prefix, std::uint32_t filters, std::uint32_t publishers, std::uint32_t subscribers);

  std::uint32_t devices() const { return static_cast<std::uint32_t>(offsets_.size()) - 1; }
  std::uint32_t filters() const { return devices() * 2; }
  std::uint32_t subscribers() const { return subscribers_; }

  std::string_view topic(std::uint32_t device) const {
    return std::string_view(topics_).substr(offsets_[device], offsets_[device + 1] - offsets_[device]);
  }
  static std::uint32_t filters_of(std::uint32_t device) { return device % 3 + 1; }
  static std::uint32_t first_filter(std::uint32_t device) {
    return device / 3 * 6 + (device % 3) * (device % 3 + 1) / 2;
  }
  static std::uint32_t device_of(std::uint32_t filter);

  /// Of `subscriber`, in order.
  std::vector<std::string> filters_for(std::uint32_t subscriber) const;
  /// The place in filters_for of the filter that makes `subscriber` hear `device`; nothing if none does.
  std::optional<std::size_t> place_of(std::uint32_t device, std::uint32_t subscriber) const;

 private:
  std::string filter(std::uint32_t number) const;

  std::string prefix_;
  std::uint32_t subscribers_;
  std::string topics_;
  std::vector<std::uint32_t> offsets_;
};

}  // namespace bramble::bench
