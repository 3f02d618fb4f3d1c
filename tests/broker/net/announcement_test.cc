#include "broker/net/announcement.h"

#include <doctest/doctest.h>

#include "tests/broker/config/read_config.h"

namespace bramble {
namespace {

using Addresses = std::vector<std::string>;
using Texts = std::vector<std::string>;

/// Of the only listener of that configuration, with those sockets.
std::vector<Announcement> announced(const std::string& text, const Addresses& addresses) {
  const Config config = testing::must_read("allow_anonymous true\n" + text);
  REQUIRE(config.listeners.size() == 1);
  return announcements(config.listeners[0], addresses);
}

const Addresses kAll{"0.0.0.0:1883", "[::]:1883"};
constexpr const char* kTls = "certfile server.pem\nkeyfile server.key\n";

Announcement with_address(const std::string& address, SocketDomain domain) {
  return {"_mqtt._tcp", 1883, domain, "", address, {"auth=none"}};
}

PlacedAnnouncement on(int interface, SocketDomain domain = SocketDomain::ipv4) {
  return {"_mqtt._tcp", 1883, domain, interface, {"auth=none"}, 0};
}

const std::vector<Interface> kInterfaces{{1, "lo", "127.0.0.1", true},
                                         {2, "eth0", "192.168.1.7", false},
                                         {2, "eth0", "10.0.0.7", false},
                                         {2, "eth0", "fe80::7%eth0", false},
                                         {3, "wlan0", "192.168.1.8", false}};

TEST_CASE("a listener on all addresses is announced once, everywhere, as _mqtt._tcp with its port") {
  const auto all = announced("listener 1883\n", kAll);
  REQUIRE(all.size() == 1);
  CHECK(all[0] == Announcement{"_mqtt._tcp", 1883, SocketDomain::any, "", "", {"proto=3.1,3.1.1,5", "auth=none"}});
}

TEST_CASE("a listener with TLS is announced as _secure-mqtt._tcp") {
  const auto all = announced("listener 8883\n" + std::string(kTls), {"0.0.0.0:8883", "[::]:8883"});
  REQUIRE(all.size() == 1);
  CHECK(all[0].type == "_secure-mqtt._tcp");
  CHECK(all[0].port == 8883);
}

TEST_CASE("a listener of loopback is not announced") {
  CHECK(announced("listener 1883 127.0.0.1\n", {"127.0.0.1:1883"}).empty());
  CHECK(announced("listener 1883 127.1.2.3\n", {"127.1.2.3:1883"}).empty());
  CHECK(announced("listener 1883 ::1\n", {"[::1]:1883"}).empty());
  CHECK(announced("listener 1883\nbind_interface lo\n", kAll).empty());
}

TEST_CASE("of a name that is loopback and another address only the other is announced") {
  const auto all = announced("listener 1883 pi4\n", {"127.0.1.1:1883", "192.168.1.7:1883"});
  REQUIRE(all.size() == 1);
  CHECK(all[0].address == "192.168.1.7");
}

TEST_CASE("Unix sockets, WebSockets and what waits for a PROXY header are not announced") {
  CHECK(announced("listener 0 /run/bramble.sock\n", {"/run/bramble.sock"}).empty());
  CHECK(announced("listener 9001\nprotocol websockets\n", {"0.0.0.0:9001"}).empty());
  CHECK(announced("listener 1883\nenable_proxy_protocol 2\n", kAll).empty());
}

TEST_CASE("without a listener in the configuration nothing is announced") {
  const Config config = testing::must_read("mdns true\n");
  for (const auto& listener : config.listeners)
    CHECK(announcements(listener, {"127.0.0.1:1883", "[::1]:1883"}).empty());
}

TEST_CASE("a listener of one protocol family is announced over that one only") {
  CHECK(announced("listener 1883\nsocket_domain ipv4\n", {"0.0.0.0:1883"}).at(0).domain == SocketDomain::ipv4);
  CHECK(announced("listener 1883\nsocket_domain ipv6\n", {"[::]:1883"}).at(0).domain == SocketDomain::ipv6);
}

TEST_CASE("a port that the system picks is announced as picked") {
  const auto all = announced("listener 0 192.168.1.7\n", {"192.168.1.7:40001"});
  REQUIRE(all.size() == 1);
  CHECK(all[0].port == 40001);
  CHECK(all[0].address == "192.168.1.7");
}

TEST_CASE("TXT names the versions that are let in") {
  CHECK(announced("listener 1883\naccept_protocol_versions 4,5\n", kAll).at(0).txt.at(0) == "proto=3.1.1,5");
}

TEST_CASE("TXT says what a client has to show") {
  const auto auth = [](const std::string& more) { return announced("listener 1883\n" + more, kAll).at(0).txt.at(1); };
  CHECK(auth("") == "auth=none");
  CHECK(auth("allow_anonymous false\npassword_file users\n") == "auth=password");
  CHECK(auth("password_file users\n") == "auth=none");  // who has no user name gets in
  const std::string certificate = std::string(kTls) + "cafile ca.pem\nrequire_certificate true\n";
  CHECK(auth(certificate) == "auth=certificate");
  CHECK(auth(certificate + "allow_anonymous false\npassword_file users\n") == "auth=certificate,password");
  CHECK(auth(certificate + "allow_anonymous false\nuse_identity_as_username true\n") == "auth=certificate");
  CHECK(auth("psk_hint pi\npsk_file keys\n") == "auth=psk");
}

TEST_CASE("TXT does not tell the broker's version") {
  const auto all = announced("listener 1883\n", kAll);
  for (const auto& record : all.at(0).txt) {
    CHECK(record.find(BRAMBLE_VERSION) == std::string::npos);
  }
}

TEST_CASE("what is open on all addresses is placed everywhere, whatever interfaces there are") {
  const auto all = announced("listener 1883\n", kAll);
  REQUIRE(place(all, {}).size() == 1);
  CHECK(place(all, {})[0].interface == kEverywhere);
  CHECK(place(all, kInterfaces) == place(all, {}));
}

TEST_CASE("what is open on one address is placed on the interface that has it") {
  CHECK(place({with_address("192.168.1.8", SocketDomain::ipv4)}, kInterfaces) == std::vector{on(3)});
  CHECK(place({with_address("fe80::7%eth0", SocketDomain::ipv6)}, kInterfaces) ==
        std::vector{on(2, SocketDomain::ipv6)});
}

TEST_CASE("what is open on an address that no interface has is placed nowhere") {
  CHECK(place({with_address("192.168.1.9", SocketDomain::ipv4)}, kInterfaces).empty());
}

TEST_CASE("two addresses of one interface and port are one announcement there") {
  CHECK(place({with_address("192.168.1.7", SocketDomain::ipv4), with_address("10.0.0.7", SocketDomain::ipv4)},
              kInterfaces) == std::vector{on(2)});
}

TEST_CASE("two of one type and port that say something else are namesakes, in the order of the listeners") {
  Announcement other = with_address("10.0.0.7", SocketDomain::ipv4);
  other.txt = {"auth=password"};
  const auto placed = place({with_address("192.168.1.7", SocketDomain::ipv4), other}, kInterfaces);
  REQUIRE(placed.size() == 2);
  CHECK(placed[0].txt == Texts{"auth=none"});
  CHECK(placed[0].namesakes == 0);
  CHECK(placed[1].namesakes == 1);
  CHECK(place({with_address("192.168.1.9", SocketDomain::ipv4), other}, kInterfaces) == std::vector{placed[1]});
}

TEST_CASE("two of one type and port that say the same are one service, wherever they are") {
  const auto placed = place(
      {with_address("192.168.1.7", SocketDomain::ipv4), with_address("192.168.1.8", SocketDomain::ipv4)}, kInterfaces);
  CHECK(placed == std::vector{on(2), on(3)});
}

TEST_CASE("what is bound to a device is placed there once, and nowhere without it") {
  auto all = announced("listener 1883\nbind_interface eth0\n", kAll);
  REQUIRE(place(all, kInterfaces).size() == 1);
  CHECK(place(all, kInterfaces)[0].interface == 2);
  all = announced("listener 1883\nbind_interface eth7\n", kAll);
  CHECK(place(all, kInterfaces).empty());
}

TEST_CASE("an address of a loopback interface is no place, whatever it is") {
  CHECK(place({with_address("10.9.9.9", SocketDomain::ipv4)}, {{1, "lo", "10.9.9.9", true}}).empty());
}

TEST_CASE("a service is named after its host, and after its port if it is not the usual one") {
  CHECK(service_name({"_mqtt._tcp", 1883, {}, kEverywhere, {}, 0}, "pi4") == "Bramble on pi4");
  CHECK(service_name({"_secure-mqtt._tcp", 8883, {}, kEverywhere, {}, 0}, "pi4") == "Bramble on pi4");
  CHECK(service_name({"_mqtt._tcp", 8883, {}, kEverywhere, {}, 0}, "pi4") == "Bramble on pi4 (8883)");
  CHECK(service_name({"_mqtt._tcp", 1884, {}, kEverywhere, {}, 0}, "pi4") == "Bramble on pi4 (1884)");
}

TEST_CASE("a service's name has at most 63 bytes, however long the host's is") {
  const std::string host(63, 'h');
  CHECK(service_name({"_mqtt._tcp", 1883, {}, kEverywhere, {}, 0}, host) == "Bramble");
  CHECK(service_name({"_mqtt._tcp", 1884, {}, kEverywhere, {}, 0}, host) == "Bramble (1884)");
  CHECK(service_name({"_mqtt._tcp", 1883, {}, kEverywhere, {}, 0}, host.substr(0, 52)).size() == 63);
}

TEST_CASE("the interfaces of this machine have loopback among them, and say so") {
  const auto all = interfaces();
  const auto loopback = std::ranges::find(all, "127.0.0.1", &Interface::address);
  REQUIRE(loopback != all.end());
  CHECK(loopback->loopback);
  CHECK(loopback->index > 0);
}

}  // namespace
}  // namespace bramble
