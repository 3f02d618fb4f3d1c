#include "broker/broker.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

namespace bramble {
namespace {

ListenerOptions on_loopback(std::uint16_t port) {
  ListenerOptions options;
  options.port = port;
  options.bind_address = "127.0.0.1";
  options.auth.allow_anonymous = true;
  options.declared_at = "b.conf:1";
  return options;
}

OrMessage<std::unique_ptr<Broker>> build(std::vector<ListenerOptions> listeners) {
  auto config = std::make_shared<Config>();
  config->broker.threads = 1;
  config->listeners = std::move(listeners);
  return Broker::build(config);
}

TEST_CASE("a listener that need not open is left out with a warning; any other that does not open stops the start") {
  std::string path = (std::filesystem::temp_directory_path() / "bramble-broker-XXXXXX").string();
  ::close(::mkstemp(path.data()));
  Config to_file;
  to_file.broker.log_dest = {"file " + path};
  REQUIRE(log::open(to_file).has_value());

  auto rules = std::make_shared<ListenerRules>();
  rules->options = on_loopback(0);
  const auto first = Listener::open(0, std::move(rules), to_file.broker);
  REQUIRE(first.has_value());
  const std::string taken = (*first)->addresses().at(0);
  ListenerOptions cannot = on_loopback(static_cast<std::uint16_t>(std::stoi(taken.substr(taken.rfind(':') + 1))));
  const auto refused = build({on_loopback(0), cannot});
  cannot.optional = true;
  const auto built = build({cannot, on_loopback(0)});

  log::close();
  std::ifstream file(path);
  const std::string logged(std::istreambuf_iterator<char>(file), {});
  std::filesystem::remove(path);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().find("b.conf:1: Cannot listen on port") == 0);
  REQUIRE(built.has_value());
  CHECK((*built)->addresses().size() == 1);
  CHECK(logged.find(refused.error()) != std::string::npos);
}

}  // namespace
}  // namespace bramble
