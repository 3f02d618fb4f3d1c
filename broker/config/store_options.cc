#include "broker/config/store_options.h"

#include <array>

namespace bramble {

namespace {
struct Name {
  std::string_view name;
  Promise promise;
};
constexpr std::array<Name, 3> kNames{
    {{"none", Promise::nothing}, {"interval", Promise::interval}, {"commit", Promise::commit}}};
}  // namespace

std::string read_durability(StoreOptions& options, std::string_view value) {
  for (const auto& [name, promise] : kNames) {
    if (value != name) continue;
    options.durability = promise;
    return {};
  }
  return std::string(value) + " is not one of commit, interval, none";
}

std::string show_durability(const StoreOptions& options) {
  for (const auto& [name, promise] : kNames) {
    if (options.durability == promise) return std::string(name);
  }
  return {};
}

}  // namespace bramble
