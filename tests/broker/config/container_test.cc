#include "broker/config/container.h"

#include <array>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>

#include "broker/config/command_line.h"
#include "tests/broker/broker_process.h"
#include "tests/broker/config/read_config.h"

namespace bramble::testing {
namespace {

/// The places of a container in a folder of the test's own.
struct Container {
  Container() {
    line.container = true;
    line.environment = environment.data();  // a test's own is full of BRAMBLE_BIN and its like
    line.places = {folder / "etc.conf", folder / "mosquitto.conf", folder / "data"};
    std::filesystem::create_directory(line.places.data);
  }
  StartFolder folder;
  std::array<const char*, 2> environment{};
  CommandLine line;
};

}  // namespace

TEST_CASE("the file of a container is bramble.conf, else mosquitto.conf, else that of the first start") {
  Container container;
  const ContainerPlaces& places = container.line.places;
  CHECK(find_container_file(places).path == places.first_start());
  CHECK_FALSE(find_container_file(places).there);
  container.folder.write("data/bramble.conf", "");
  CHECK(find_container_file(places).path == places.first_start());
  CHECK(find_container_file(places).there);
  container.folder.write("mosquitto.conf", "");
  CHECK(find_container_file(places).path == places.mosquitto);
  container.folder.write("etc.conf", "");
  CHECK(find_container_file(places).path == places.own);
}

TEST_CASE("a mounted file that cannot be read is not passed over for the next") {
  Container container;
  std::filesystem::create_directory(container.line.places.own);  // as Docker makes of a file that is not there
  container.folder.write("mosquitto.conf", "listener 1883\n");
  find_config_file(container.line);
  CHECK(load_config(container.line).error() ==
        container.line.places.own + ": cannot be read: it is a folder; name a file in it");
}

TEST_CASE("a link that leads nowhere is not passed over for the next") {
  Container container;
  std::filesystem::create_symlink("..data/bramble.conf", container.line.places.own);  // as a ConfigMap without that key
  container.folder.write("mosquitto.conf", "listener 1883\n");
  find_config_file(container.line);
  CHECK_FALSE(container.line.first_start);
  CHECK(contains(load_config(container.line).error(), container.line.places.own + ": cannot be read: No such file"));
}

TEST_CASE("-c wins over the search") {
  Container container;
  container.folder.write("etc.conf", "listener 1884\n");
  container.line.config_file = "mine.conf";
  find_config_file(container.line);
  CHECK(container.line.config_file == "mine.conf");
  CHECK_FALSE(container.line.first_start);
}

TEST_CASE("the file that was found stays the one that is read, also when a better one comes") {
  Container container;
  container.folder.write("mosquitto.conf", "listener 1884\n");
  find_config_file(container.line);
  container.folder.write("etc.conf", "listener 1885\n");
  find_config_file(container.line);
  CHECK(load_config(container.line)->listeners.front().port == 1884);
}

TEST_CASE("what the first start writes opens one listener of all addresses, for a user with a password") {
  Container container;
  find_config_file(container.line);
  REQUIRE(container.line.first_start);
  const auto config = load_config(container.line);
  REQUIRE_MESSAGE(config.has_value(), config.error());
  REQUIRE(config->listeners.size() == 1);
  CHECK(config->listeners[0].bind_address.empty());
  CHECK(config->listeners[0].port == 1883);
  CHECK(config->listeners[0].auth.allow_anonymous == false);
  CHECK(config->listeners[0].auth.password_file == container.line.places.passwords());
  CHECK(config->store.persistence);
  CHECK(config->store.persistence_location == container.line.places.data);
  CHECK(config->warnings.empty());
}

TEST_CASE("a configuration without a listener is told to reach nobody outside the container") {
  Container container;
  container.folder.write("mosquitto.conf", "persistence false\n");
  find_config_file(container.line);
  const auto config = load_config(container.line);
  REQUIRE(config.has_value());
  CHECK(config->local_only);
  CHECK(warns(*config, container.line.places.mosquitto + ": opens no listener, so nobody outside this container"));
}

TEST_CASE("the environment counts with --container alone") {
  Container container;
  container.folder.write("mosquitto.conf", "listener 1884\n");
  container.environment[0] = "BRAMBLE_MAX_QUEUED_MESSAGES=77";
  find_config_file(container.line);
  CHECK(load_config(container.line)->broker.max_queued_messages == 77);
  container.line.container = false;
  CHECK(load_config(container.line)->broker.max_queued_messages == 1000);
}

}  // namespace bramble::testing
