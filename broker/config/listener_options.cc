#include "broker/config/listener_options.h"

#include <algorithm>

namespace bramble {

std::string read_max_qos(ListenerOptions& options, std::string_view value) {
  value = one_word(value);
  if (value.size() != 1 || value[0] < '0' || value[0] > '2') return std::string(value) + " is not a QoS: 0, 1 or 2";
  options.max_qos = static_cast<mqtt::Qos>(value[0] - '0');
  return {};
}

std::string show_max_qos(const ListenerOptions& options) { return std::to_string(static_cast<int>(options.max_qos)); }

std::string read_protocol_versions(ListenerOptions& options, std::string_view value) {
  ListenerOptions read;
  read.accept_v3 = read.accept_v4 = read.accept_v5 = false;
  while (!value.empty()) {
    const auto end = std::min(value.find_first_of(", \t"), value.size());
    const std::string_view version = value.substr(0, end);
    if (version == "3") {
      read.accept_v3 = true;
    } else if (version == "4") {
      read.accept_v4 = true;
    } else if (version == "5") {
      read.accept_v5 = true;
    } else if (!version.empty()) {
      return std::string(version) + " is not a protocol version: 3, 4 or 5, with commas between";
    }
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  if (!read.accept_v3 && !read.accept_v4 && !read.accept_v5)
    return "no version is left: 3, 4 or 5, with commas between";
  options.accept_v3 = read.accept_v3;
  options.accept_v4 = read.accept_v4;
  options.accept_v5 = read.accept_v5;
  return {};
}

std::string show_protocol_versions(const ListenerOptions& options) {
  std::string shown;
  if (options.accept_v3) shown += ",3";
  if (options.accept_v4) shown += ",4";
  if (options.accept_v5) shown += ",5";
  return shown.empty() ? shown : shown.substr(1);
}

}  // namespace bramble
