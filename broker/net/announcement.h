#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/listener_options.h"
#include "broker/net/interfaces.h"

namespace bramble {

/// What the network is told of a listener (DNS-SD, RFC 6763), and where it can be reached.
///
/// `_mqtt._tcp` is MQTT straight on TCP, `_secure-mqtt._tcp` the same in TLS: both are registered with IANA. There is
/// no type for MQTT over WebSocket, and who looks for `_mqtt._tcp` would send a CONNECT where an HTTP request is waited
/// for; so WebSocket listeners are not announced, and neither are those that wait for a PROXY header, Unix sockets, and
/// loopback.
///
/// TXT says `proto`, the versions of MQTT that are let in, and `auth`, what a client has to show: one CONNECT finds out
/// both. The broker's version is not told: no client needs it, and who looks for an old one should have to ask.
struct Announcement {
  std::string type;
  std::uint16_t port = 0;
  SocketDomain domain = SocketDomain::any;
  std::string device;   ///< only there; empty: on any
  std::string address;  ///< only where this is an interface's; empty: any
  std::vector<std::string> txt;

  bool operator==(const Announcement&) const = default;
};

/// Of a listener with these sockets, each as "192.168.1.7:1883".
std::vector<Announcement> announcements(const ListenerOptions& options, const std::vector<std::string>& addresses);

inline constexpr int kEverywhere = -1;

/// An announcement on one interface, or on all.
struct PlacedAnnouncement {
  std::string type;
  std::uint16_t port = 0;
  SocketDomain domain = SocketDomain::any;
  int interface = kEverywhere;
  std::vector<std::string> txt;
  int namesakes = 0;  ///< how many others come before it under the name that it would have

  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 of what this expands to
  auto operator<=>(const PlacedAnnouncement&) const = default;
};

/// Sorted, each once. Listeners of one type and port have one name if TXT is the same, and else each its own, which
/// stays when the addresses of another come and go. What belongs to an address or device that is not there now is left
/// out, and so is loopback.
std::vector<PlacedAnnouncement> place(const std::vector<Announcement>& all, const std::vector<Interface>& interfaces);

/// What a person who looks for brokers sees: "Bramble on pi4", and "Bramble on pi4 (1884)" for another port than the
/// type's own. At most 63 bytes.
std::string service_name(const PlacedAnnouncement& announcement, std::string_view host);

}  // namespace bramble
