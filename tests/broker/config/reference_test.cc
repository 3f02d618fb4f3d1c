#include "broker/config/reference.h"

#include <doctest/doctest.h>
#include <fstream>
#include <iterator>
#include <string>

#include "broker/config/config.h"

namespace {

// The test programs run in the root of the tree.
std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path);
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

}  // namespace

TEST_CASE("configs/reference.conf is what the rows say: make_config_reference > configs/reference.conf") {
  CHECK(text_of("configs/reference.conf") == bramble::config_reference());
}

TEST_CASE("the reference without its comment signs is read without an error") {
  std::string text;
  for (const auto& line : bramble::split_config(bramble::config_reference(), "r")) text += line.name;
  CHECK(text.empty());  // all is commented out
  const std::string reference = bramble::config_reference();
  for (std::size_t at = 0; at < reference.size();) {
    const auto end = reference.find('\n', at);
    const std::string line = reference.substr(at, end - at);
    at = end + 1;
    if (line == "#port 1883") continue;  // where `listener 1883` is
    if (line.size() < 2 || line[0] != '#' || line[1] == ' ' || line.find(' ') == std::string::npos) continue;
    text += line.substr(1) + "\n";
  }
  text = text.substr(text.find("listener 1883")) + text.substr(0, text.find("listener 1883"));
  const auto config = bramble::make_config(bramble::split_config(text, "r"));
  CHECK_MESSAGE(config.has_value(), config.error());
}

TEST_CASE("the configurations that come with Bramble are read without an error") {
  for (const char* const path : {"configs/bramble.conf", "configs/docker/bramble.conf"}) {
    const auto lines = bramble::read_config_file(path);
    REQUIRE_MESSAGE(lines.has_value(), lines.error());
    const auto config = bramble::make_config(*lines);
    CHECK_MESSAGE(config.has_value(), config.error());
  }
}
