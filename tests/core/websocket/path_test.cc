#include "core/websocket/path.h"

#include <doctest/doctest.h>

#include "tests/support/random.h"

namespace bramble {

TEST_CASE("a path is decoded once and has no '.', '..' or empty segments left") {
  for (const auto& [raw, path] : {std::pair{"/", "/"},
                                  {"/mqtt", "/mqtt"},
                                  {"//mqtt", "/mqtt"},
                                  {"/a//b///", "/a/b/"},
                                  {"/a/./b/.", "/a/b/"},
                                  {"/a/../b", "/b"},
                                  {"/a/b/..", "/a/"},
                                  {"/a/b/../..", "/"},
                                  {"/a/%2e%2E/b", "/b"},
                                  {"/a/.%2e/b", "/b"},
                                  {"/%61%7e%41", "/a~A"},
                                  {"/a%20b+c", "/a b+c"},
                                  {"/%252e%252e/", "/%2e%2e/"},
                                  {"/.../..a/a..", "/.../..a/a.."},
                                  {"/%C3%A9", "/\xC3\xA9"}}) {
    CAPTURE(raw);
    REQUIRE(decode_path(raw));
    CHECK(*decode_path(raw) == path);
  }
}

TEST_CASE("a path that climbs above its root, hides a '/' or has bytes that no path has is refused") {
  for (const auto* raw :
       {"",      "mqtt",       "/..",   "/../",   "/../x",          "/a/../../b", "/%2e%2e/", "/%2E./x",
        "/.%2e", "//..",       "/./..", "/a%2fb", "/..%2f..%2fetc", "/%5c..",     "/a\\b",    "/..\\x",
        "/%00",  "/a%00.html", "/%0a",  "/%7F",   "/%1F",           "/%",         "/%2",      "/%zz",
        "/%2g",  "/a b",       "/a\tb", "/a#b",   "/\xC3\xA9",      "/%FF",       "/%C0%AE",  "/%ED%A0%80"}) {
    CAPTURE(raw);
    CHECK_FALSE(decode_path(raw));
  }
  CHECK_FALSE(decode_path(std::string_view("/a\0b", 4)));
}

TEST_CASE("no path by chance keeps a segment that leads elsewhere") {
  testing::Random random(testing::test_seed());
  const std::vector<std::string> parts{"/",  ".",   "..",  "%2e", "%2f",  "a",  "%61",
                                       "\\", "%5c", "%00", "//",  "/../", "%25"};
  std::size_t good = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string raw = "/";
    for (std::uint64_t n = random.below(8); n > 0; --n) raw += random.pick(parts);
    const auto path = decode_path(raw);
    if (!path) continue;
    ++good;
    CAPTURE(raw);
    REQUIRE(path->starts_with('/'));
    const std::string closed = *path + "/";
    REQUIRE(closed.find("/../") == std::string::npos);
    REQUIRE(closed.find("/./") == std::string::npos);
    REQUIRE(path->find("//") == std::string::npos);
    REQUIRE(path->find('\\') == std::string::npos);
    REQUIRE(path->find('\0') == std::string::npos);
  }
  CHECK(good > 1'000);
}

TEST_CASE("a file's type is told by its extension, in any case") {
  CHECK(media_type("/index.html") == "text/html; charset=utf-8");
  CHECK(media_type("/a.b/APP.JS") == "text/javascript; charset=utf-8");
  CHECK(media_type("/a.svg") == "image/svg+xml");
  for (const auto* path : {"/", "/html", "/a.html/file", "/a.", "/a.unknown", "", ".css/x"}) {
    CHECK(media_type(path) == "application/octet-stream");
  }
}

}  // namespace bramble
