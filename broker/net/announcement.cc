#include "broker/net/announcement.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <set>

#include "broker/config/show.h"
#include "broker/net/tcp.h"

namespace bramble {

namespace {

constexpr std::size_t kNameBytesMax = 63;  // a DNS label's
constexpr std::string_view kPlainType = "_mqtt._tcp";
constexpr std::string_view kSecureType = "_secure-mqtt._tcp";

std::uint16_t usual_port(std::string_view type) { return type == kSecureType ? 8883 : 1883; }

std::uint16_t port_of(std::string_view address) {
  std::uint16_t port = 0;
  const auto digits = address.substr(address.rfind(':') + 1);
  std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return port;
}

void add_word(std::string& words, std::string_view word, bool holds) {
  if (holds) words.append(words.empty() ? "" : ",").append(word);
}

std::string protocols(const ListenerOptions& options) {
  std::string words;
  add_word(words, "3.1", options.accept_v3);
  add_word(words, "3.1.1", options.accept_v4);
  add_word(words, "5", options.accept_v5);
  return words;
}

std::string has_to_show(const ListenerOptions& options) {
  std::string words;
  add_word(words, "certificate", options.tls.require_certificate);
  add_word(words, "psk", options.tls.on() && options.tls.certfile.empty());
  add_word(words, "password", !*options.auth.allow_anonymous && !user_by_certificate(options));
  return words.empty() ? "none" : words;
}

bool any_address(const std::string& host) { return host == "0.0.0.0" || host == "::"; }
bool loopback(const std::string& host) { return host.starts_with("127.") || host == "::1"; }

int namesakes(const Announcement& of, const std::vector<Announcement>& all) {
  std::set<std::vector<std::string>> before;
  for (const Announcement& each : all) {
    if (each.type != of.type || each.port != of.port) continue;
    if (each.txt == of.txt) break;
    before.insert(each.txt);
  }
  return static_cast<int>(before.size());
}

}  // namespace

std::vector<Announcement> announcements(const ListenerOptions& options, const std::vector<std::string>& addresses) {
  std::vector<Announcement> all;
  const bool plain_mqtt = options.protocol == Protocol::mqtt && options.enable_proxy_protocol == 0;
  if (!plain_mqtt || options.unix_socket() || options.bind_interface == "lo") return all;
  const std::string type(options.tls.on() ? kSecureType : kPlainType);
  const std::vector<std::string> txt{"proto=" + protocols(options), "auth=" + has_to_show(options)};
  for (const std::string& address : addresses) {
    const std::string host = host_of(address);
    if (loopback(host)) continue;
    const bool v6 = host.find(':') != std::string::npos;
    Announcement here{type,
                      port_of(address),
                      v6 ? SocketDomain::ipv6 : SocketDomain::ipv4,
                      options.bind_interface,
                      any_address(host) ? "" : host,
                      txt};
    const auto other_half = std::ranges::find_if(all, [&](const Announcement& each) {
      return each.port == here.port && each.address.empty() && here.address.empty();
    });
    if (other_half == all.end()) {
      all.push_back(std::move(here));
    } else {
      other_half->domain = SocketDomain::any;
    }
  }
  return all;
}

std::vector<PlacedAnnouncement> place(const std::vector<Announcement>& all, const std::vector<Interface>& interfaces) {
  std::vector<PlacedAnnouncement> placed;
  for (const Announcement& each : all) {
    const int number = namesakes(each, all);
    const auto add = [&](int interface) {
      placed.push_back({each.type, each.port, each.domain, interface, each.txt, number});
    };
    if (each.device.empty() && each.address.empty()) {
      add(kEverywhere);
      continue;
    }
    for (const Interface& interface : interfaces) {
      const bool device = each.device.empty() || each.device == interface.device;
      const bool address = each.address.empty() || each.address == interface.address;
      if (device && address && !interface.loopback) add(interface.index);
    }
  }
  std::ranges::sort(placed);
  placed.erase(std::unique(placed.begin(), placed.end()), placed.end());  // clang 14 cannot with std::ranges
  return placed;
}

std::string service_name(const PlacedAnnouncement& announcement, std::string_view host) {
  std::string port;
  if (announcement.port != usual_port(announcement.type)) port = fmt::format(" ({})", announcement.port);
  std::string name = fmt::format("Bramble on {}{}", host, port);
  return name.size() <= kNameBytesMax ? name : "Bramble" + port;
}

}  // namespace bramble
