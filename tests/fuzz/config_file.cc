// Any bytes as a configuration file: an error with a place and a reason, or a configuration in which everything is set.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/config/config.h"
#include "core/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = bramble::make_config(bramble::split_config(text, "fuzz"));
  if (!config) {
    bramble::check(config.error().starts_with("fuzz:"), "an error says where");
    return 0;
  }
  bramble::check(!config->listeners.empty(), "there is a listener");
  for (const auto& listener : config->listeners) {
    bramble::check(listener.auth.allow_anonymous.has_value(), "it is known who may log in");
  }
  return 0;
}
