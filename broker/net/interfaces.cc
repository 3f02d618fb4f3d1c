#include "broker/net/interfaces.h"

#include <array>
#include <cerrno>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <memory>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bramble {

std::vector<Interface> interfaces() {
  std::vector<Interface> all;
  ifaddrs* found = nullptr;
  if (::getifaddrs(&found) != 0) return all;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> list(found, &::freeifaddrs);
  for (const ifaddrs* each = found; each; each = each->ifa_next) {
    if (!each->ifa_addr) continue;
    const auto family = each->ifa_addr->sa_family;
    if (family != AF_INET && family != AF_INET6) continue;
    std::array<char, NI_MAXHOST> host{};
    const socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (::getnameinfo(each->ifa_addr, size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) continue;
    const int index = static_cast<int>(::if_nametoindex(each->ifa_name));
    if (index == 0) continue;  // it has just gone
    all.push_back({index, each->ifa_name, host.data(), (each->ifa_flags & IFF_LOOPBACK) != 0});
  }
  return all;
}

namespace {

int watch_addresses() {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  sockaddr_nl groups{};
  groups.nl_family = AF_NETLINK;
  groups.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (socket < 0 || ::bind(socket, reinterpret_cast<const sockaddr*>(&groups), sizeof groups) == 0) return socket;
  const int error = errno;
  ::close(socket);
  errno = error;
  return -1;
}

}  // namespace

InterfaceWatch::InterfaceWatch() : descriptor_(watch_addresses()) {}

InterfaceWatch::~InterfaceWatch() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void InterfaceWatch::take() {
  std::array<char, 8192> messages;
  while (true) {
    const ssize_t got = ::recv(descriptor_, messages.data(), messages.size(), 0);
    const bool more = got > 0 || (got < 0 && (errno == ENOBUFS || errno == EINTR));  // lost ones were changes, too
    if (!more) return;
  }
}

}  // namespace bramble
