#include "broker/net/handed_sockets.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/log.h"
#include "broker/net/tcp.h"

namespace bramble {

namespace {

int asked(int socket, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  return ::getsockopt(socket, level, name, &value, &size) == 0 ? value : -1;
}

std::string device_of(int socket) {
  std::array<char, IFNAMSIZ> name{};
  socklen_t size = name.size();
  if (::getsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name.data(), &size) != 0) return {};
  return {name.data(), ::strnlen(name.data(), size)};  // of none the size is 0, and qemu leaves anything in the name
}

sockaddr_storage address_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return address;
}

/// Both are of this type.
template <class Address>
std::pair<Address, Address> as(const sockaddr_storage& one, const sockaddr& other) {
  std::pair<Address, Address> both;
  std::memcpy(&both.first, &one, sizeof(Address));
  std::memcpy(&both.second, &other, sizeof(Address));
  return both;
}

bool same(const sockaddr_storage& one, const sockaddr& other) {
  if (one.ss_family != other.sa_family) return false;
  if (one.ss_family == AF_INET) {
    const auto [a, b] = as<sockaddr_in>(one, other);
    return a.sin_port == b.sin_port && a.sin_addr.s_addr == b.sin_addr.s_addr;
  }
  if (one.ss_family == AF_INET6) {
    const auto [a, b] = as<sockaddr_in6>(one, other);
    return a.sin6_port == b.sin6_port && a.sin6_scope_id == b.sin6_scope_id &&
           std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr) == 0;
  }
  if (one.ss_family != AF_UNIX) return false;
  const auto [a, b] = as<sockaddr_un>(one, other);
  struct stat file {};
  return std::strncmp(a.sun_path, b.sun_path, sizeof a.sun_path) == 0 && ::lstat(a.sun_path, &file) == 0 &&
         S_ISSOCK(file.st_mode);
}

bool fits(int socket, const sockaddr& address, const ListenerOptions& options) {
  return asked(socket, SOL_SOCKET, SO_TYPE) == SOCK_STREAM && asked(socket, SOL_SOCKET, SO_ACCEPTCONN) == 1 &&
         same(address_of(socket), address) &&
         (address.sa_family == AF_UNIX || device_of(socket) == options.bind_interface) &&
         (address.sa_family != AF_INET6 || asked(socket, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
}

std::string where(int socket) {
  const sockaddr_storage address = address_of(socket);
  if (address.ss_family != AF_UNIX) return socket_name(socket);
  sockaddr_un path{};
  std::memcpy(&path, &address, sizeof path);
  return {path.sun_path, ::strnlen(path.sun_path, sizeof path.sun_path)};
}

}  // namespace

HandedSockets::HandedSockets(std::vector<Socket> sockets) {
  for (Socket& socket : sockets) places_.push_back({std::move(socket)});
}

HandedSockets::~HandedSockets() {
  for (const Place& place : places_) ::close(place.socket.descriptor);
}

HandedSockets::Place* HandedSockets::find(const sockaddr& address, const ListenerOptions& options) {
  const auto found = std::ranges::find_if(
      places_, [&](const Place& place) { return fits(place.socket.descriptor, address, options); });
  return found == places_.end() ? nullptr : &*found;
}

void HandedSockets::want(const sockaddr& address, const ListenerOptions& options) {
  if (Place* const place = find(address, options)) place->wanted = true;
}

void HandedSockets::close_unwanted() {
  std::erase_if(places_, [](const Place& place) {
    const auto& [socket, wanted] = place;
    if (wanted) return false;
    if (is_ours(socket)) {
      ::shutdown(socket.descriptor, SHUT_RDWR);  // the manager has it too, until it is told
    } else {
      log::write(LogType::warning,
                 "The service manager has handed over a socket ({}, {}) that no listener asks for: it has to be on the "
                 "listener's address and port and its bind_interface, and for IPv6 with BindIPv6Only=ipv6-only.",
                 socket.name, where(socket.descriptor));
    }
    ::close(socket.descriptor);
    return true;
  });
}

HandedSockets::Socket HandedSockets::take(const sockaddr& address, const ListenerOptions& options) {
  Place* const place = find(address, options);
  if (!place) return {};
  Socket socket = std::move(place->socket);
  places_.erase(places_.begin() + (place - places_.data()));
  ::fcntl(socket.descriptor, F_SETFL, ::fcntl(socket.descriptor, F_GETFL) | O_NONBLOCK);
  return socket;
}

std::string HandedSockets::name_of(int descriptor) {
  std::string name = std::string(kOurs) + where(descriptor);
  if (const std::string device = device_of(descriptor); !device.empty()) name += "@" + device;
  std::ranges::replace_if(
      name, [](char letter) { return letter <= ' ' || letter > '~' || letter == ':'; }, '_');
  constexpr std::size_t kBytesMax = 255;  // FDNAME's
  return name.substr(0, kBytesMax);
}

}  // namespace bramble
