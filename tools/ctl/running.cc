#include "tools/ctl/running.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <set>
#include <sstream>
#include <vector>

#include "core/mqtt/encode.h"
#include "tools/ctl/stream.h"

namespace bramble::ctl {

namespace {

constexpr const char* kBroker = "bramble";
constexpr const char* kListens = "0A";  // a state in /proc/net/tcp

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

std::vector<std::filesystem::path> entries(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> all;
  std::error_code error;
  for (std::filesystem::directory_iterator each(folder, error), end; !error && each != end; each.increment(error)) {
    all.push_back(each->path());
  }
  return all;
}

/// Each as "socket:[4711]"; other files of the broker are among them.
std::set<std::string> sockets_of_broker() {
  std::set<std::string> all;
  for (const auto& process : entries("/proc")) {
    std::string name;
    std::ifstream(process / "comm") >> name;
    if (name != kBroker) continue;
    std::error_code error;
    for (const auto& file : entries(process / "fd")) all.insert(std::filesystem::read_symlink(file, error).string());
  }
  return all;
}

/// "0100007F:075B": words of 32 bits as they lie in memory, in hexadecimal. All zero is any address, so loopback.
Place place_of(std::string_view address) {
  std::array<std::uint32_t, 4> words{};
  const char* at = address.data();
  std::size_t count = 0;
  for (; count < words.size() && count * 8 < address.find(':'); ++count, at += 8) {
    std::from_chars(at, at + 8, words[count], 16);
  }
  const int family = count == 1 ? AF_INET : AF_INET6;
  const bool any = std::ranges::all_of(words, [](std::uint32_t word) { return word == 0; });
  std::array<char, INET6_ADDRSTRLEN> host{};
  ::inet_ntop(family, words.data(), host.data(), host.size());
  Place place;
  place.host = !any ? host.data() : family == AF_INET ? "127.0.0.1" : "::1";
  std::from_chars(at + 1, address.data() + address.size(), place.port, 16);
  return place;
}

std::vector<Place> where_it_listens() {
  const auto sockets = sockets_of_broker();
  std::vector<Place> all;
  for (const char* const table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream lines(table);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string number, local, remote, state, queues, timer, tries, account, timeout, inode;
      words >> number >> local >> remote >> state >> queues >> timer >> tries >> account >> timeout >> inode;
      if (state == kListens && sockets.contains("socket:[" + inode + "]")) all.push_back(place_of(local));
    }
  }
  return all;
}

bool reacts(const Place& place, SteadyTime until) {
  const auto stream = Stream::open(place, until);
  if (!stream) return false;
  mqtt::Connect connect;
  connect.version = mqtt::Version::v5;
  connect.clean_start = true;
  std::string packet;
  mqtt::append_connect(packet, connect);
  if (!(*stream)->write(packet, until)) return true;
  do {
    if (const auto bytes = (*stream)->read(); !bytes || !bytes->empty()) return true;
  } while ((*stream)->wait_to_read(until));
  return false;
}

}  // namespace

OrMessage<std::string> ask_running(SteadyTime until) {
  const std::vector<Place> places = where_it_listens();
  std::size_t left = places.size();
  for (const Place& place : places) {
    if (reacts(place, share_of(until, left--))) return fmt::format("the broker that runs answers at {}", place.name());
  }
  return wrong("no broker that runs here answers");
}

}  // namespace bramble::ctl
