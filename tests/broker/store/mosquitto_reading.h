#pragma once

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>
#include <string>

#include "broker/session/mosquitto_source.h"
#include "broker/store/mosquitto_database.h"
#include "tests/broker/store/collected.h"
#include "tests/support/text_file.h"

namespace bramble::testing {

inline constexpr const char* kReal = "tests/broker/store/mosquitto_2_0.db";  // made by tests/tools/mosquitto_files.py
inline constexpr std::int64_t kRealMadeAt = 1'795'889'599;                   // about; its messages live for years

inline Clocks at(std::int64_t seconds) { return {SteadyTime(Seconds(1'000'000)), WallTime(Seconds(seconds))}; }

inline PublisherNames names() {
  return {.id = [](std::string_view client_id) { return PublisherId{client_id.size()}; }, .source = source_of};
}

struct Read {
  Collected all;
  Database::Loaded loaded;
};

inline Read read_file(const std::string& path, const Clocks& clocks) {
  Read result;
  const auto loaded = read_mosquitto_database(path, clocks, result.all, names());
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  CHECK(result.all.in_order);
  result.loaded = *loaded;
  return result;
}

inline Read read_bytes(const std::string& bytes, std::int64_t now = 1000) {
  const TextFile file(bytes);
  return read_file(file.path(), at(now));
}

inline std::string refused(const std::string& path) {
  Collected none;
  const auto loaded = read_mosquitto_database(path, at(0), none);
  REQUIRE_FALSE(loaded.has_value());
  return loaded.error();
}

inline std::string refused_bytes(const std::string& bytes) {
  const TextFile file(bytes);
  const std::string said = refused(file.path());
  REQUIRE(said.starts_with(file.path() + ": "));
  return said.substr(file.path().size() + 2);
}

inline std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  REQUIRE(in);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace bramble::testing
