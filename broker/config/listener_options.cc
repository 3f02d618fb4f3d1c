#include "broker/config/listener_options.h"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>

#include "core/topic/topic.h"

namespace bramble {

bool is_address(const std::string& text) {
  in6_addr binary{};
  return ::inet_pton(AF_INET, text.c_str(), &binary) == 1 || ::inet_pton(AF_INET6, text.c_str(), &binary) == 1;
}

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

std::string read_protocol(ListenerOptions& options, std::string_view value) {
  value = one_word(value);
  if (value == "mqtt") {
    options.protocol = Protocol::mqtt;
  } else if (value == "websockets") {
    options.protocol = Protocol::websockets;
  } else if (value == "http_api") {
    return "http_api is known to Mosquitto, not in Bramble: $SYS topics and bramble-ctl tell what it would";
  } else if (value == "mqttsn") {
    return "mqttsn is spoken neither by Mosquitto nor by Bramble: mqtt or websockets";
  } else {
    return std::string(value) + " is no protocol: mqtt or websockets";
  }
  return {};
}

std::string show_protocol(const ListenerOptions& options) {
  return options.protocol == Protocol::websockets ? "websockets" : "mqtt";
}

std::string read_socket_domain(ListenerOptions& options, std::string_view value) {
  value = one_word(value);
  if (value == "ipv4") {
    options.socket_domain = SocketDomain::ipv4;
  } else if (value == "ipv6") {
    options.socket_domain = SocketDomain::ipv6;
  } else {
    return std::string(value) + " is no domain: ipv4 or ipv6";
  }
  return {};
}

std::string show_socket_domain(const ListenerOptions& options) {
  if (options.socket_domain == SocketDomain::any) return {};
  return options.socket_domain == SocketDomain::ipv4 ? "ipv4" : "ipv6";
}

std::string read_listener_auto_id_prefix(ListenerOptions& options, std::string_view value) {
  return read_auto_id_prefix(options.listener_auto_id_prefix, value);
}

std::string show_listener_auto_id_prefix(const ListenerOptions& options) { return options.listener_auto_id_prefix; }

std::string read_unix_socket_mode(ListenerOptions& options, std::string_view value) {
  value = one_word(value);
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), mode, 8);
  if (error != std::errc{} || end != value.data() + value.size() || mode > 0777) {
    return std::string(value) + " is no mode: three digits from 0 to 7, such as 660";
  }
  options.unix_socket_mode = mode;
  return {};
}

std::string show_unix_socket_mode(const ListenerOptions& options) {
  std::string digits;
  for (const int shift : {6, 3, 0}) digits += static_cast<char>('0' + (options.unix_socket_mode >> shift & 7));
  return digits;
}

std::string read_mount_point(ListenerOptions& options, std::string_view value) {
  if (const auto name = TopicName::parse(value); !name) {
    return std::string(value) + " cannot begin a topic: UTF-8 without + and #";
  }
  options.mount_point = value;
  return {};
}

std::string show_mount_point(const ListenerOptions& options) { return options.mount_point; }

}  // namespace bramble
