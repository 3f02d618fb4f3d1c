#include "core/auth/password_file.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <doctest/doctest.h>
#include <string>
#include <thread>

namespace bramble {

namespace {

using namespace std::string_literals;

constexpr std::array<unsigned char, 12> kSalt{'s', 'a', 'l', 't'};

std::string hash(std::string_view password) {
  return PasswordHash::argon2id(password, kSalt, {.memory_kib = 1024, .passes = 2}).text();
}

PasswordFile file(const std::string& text) {
  const auto parsed = PasswordFile::parse(text, "users");
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error());
  return *parsed;
}

std::string refused(const std::string& text) {
  const auto parsed = PasswordFile::parse(text, "users");
  REQUIRE_FALSE(parsed.has_value());
  return parsed.error();
}

/// The best of several, so that what else the machine does is left out.
double milliseconds(const PasswordFile& users, std::string_view user, std::string_view password) {
  auto best = std::chrono::steady_clock::duration::max();
  for (int round = 0; round < 10; ++round) {
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(users.check(user, password));
    best = std::min(best, std::chrono::steady_clock::now() - start);
  }
  return std::chrono::duration<double, std::milli>(best).count();
}

}  // namespace

TEST_CASE("a user is let in with his own password and no other") {
  const auto users = file("alice:" + hash("one") + "\nbob:" + hash("two") + "\nno one:" + hash("") + "\n");
  CHECK(users.size() == 3);
  CHECK(users.check("alice", "one"));
  CHECK(users.check("bob", "two"));
  CHECK(users.check("no one", ""));
  for (const auto* user : {"alice", "bob", "no one", "carol", "", "Alice", "alice "}) {
    CHECK_FALSE(users.check(user, "three"));
  }
  CHECK_FALSE(users.check("alice", "two"));
  CHECK_FALSE(users.check("alice", ""));
  CHECK_FALSE(users.check("carol", "one"));
  CHECK_FALSE(users.check("alice\0"s, "one"));
  CHECK(users.knows("bob"));
  CHECK_FALSE(users.knows("carol"));
  CHECK(users.warnings().empty());
}

TEST_CASE("a file of Debian's mosquitto_passwd is read, old hashes and new") {
  const auto users = file(
      "alice:$7$101$nwQwH/q5m791jGUA$"
      "Kf8DRJ39xLscPs8hItK76itetOTS8+8BPVI37Cnsjhgbp1DGCFu5G5eFOW/CkdmUHz+V9gy0GEFYofU5DxNW3Q==\n"
      "dave:$6$2e3CFGLfYmrQ9GqX$"
      "1R8Mel/vtUJj3rk6EbEwJ6lV0+opS4k0NUN0ijw8RFnPK4BUbd0zBQV7cH3RvzB+QhC+tMbBKj7CxHpXSiO2eQ==\n");
  CHECK(users.check("alice", "secret"));
  CHECK(users.check("dave", "secret"));
  CHECK_FALSE(users.check("dave", "Secret"));
  REQUIRE(users.warnings().size() == 1);
  CHECK(users.warnings()[0].starts_with("users: 2 of 2 passwords are hashed in less than a millisecond"));
  CHECK(users.warnings()[0].ends_with("bramble-passwd users USER"));
}

TEST_CASE("comments, blank lines, CR LF, blanks around a field and a byte order mark are no part of users") {
  const auto users = file("\xEF\xBB\xBF# who may log in\r\n\r\n  \t\n#bob:" + hash("two") + "\r\nalice:" + hash("one") +
                          "\r\n carol\t: " + hash("three") + " \r\n #dave:" + hash("four"));
  CHECK(users.size() == 3);
  CHECK(users.check("alice", "one"));
  CHECK(users.check("carol", "three"));
  CHECK(users.check("#dave", "four"));  // only the first character of a line begins a comment
  CHECK_FALSE(users.knows("bob"));
  CHECK(file("\xEF\xBB\xBF"
             "alice:" +
             hash("one"))
            .check("alice", "one"));
}

TEST_CASE("a file without users lets nobody in") {
  for (const auto* text : {"", "\n", "# alice:x\n", "\r\n\r\n"}) {
    const auto users = file(text);
    CHECK(users.size() == 0);
    CHECK_FALSE(users.check("", ""));
    CHECK_FALSE(users.check("alice", "x"));
  }
}

TEST_CASE("a user's name may hold anything but ':'") {
  const auto name = "$é/+#\x01\x7F\"'\\"s;
  const auto users = file(name + ":" + hash("one") + "\n" + std::string(65'535, 'u') + ":" + hash("two") + "\n");
  CHECK(users.check(name, "one"));
  CHECK(users.check(std::string(65'535, 'u'), "two"));
}

TEST_CASE("a password in plain text is refused with its line and the command that hashes it") {
  CHECK(refused("# mine\nalice:" + hash("one") + "\nbob:secret\n") ==
        "users:3: user 'bob' has a password in plain text; hash all of them: bramble-passwd -U users");
  CHECK(refused("bob:$money").find("plain text") != std::string::npos);
  CHECK(refused("bob:a:b").find("plain text") != std::string::npos);
}

TEST_CASE("a hash that is broken or of another program is refused with its line and the command that sets a new one") {
  CHECK(refused("bob:$7$x$y\n") ==
        "users:1: the hash of user 'bob' needs a number of iterations behind its $7$; set the password anew: "
        "bramble-passwd "
        "users USER");
  CHECK(refused("bob:$2b$12$abc\n").find("has none of the known forms") != std::string::npos);
  CHECK(refused("bob:" + hash("one") + ":more\n").find("in base64") != std::string::npos);
  CHECK(refused("bob:$argon2id$v=19$m=4194304,t=1,p=1$c2FsdHNhbHQ$AAAA").find("at most 262144") != std::string::npos);
}

TEST_CASE("a line that is not USER:HASH is refused with its number") {
  CHECK(refused("\nalice\n").starts_with("users:2: has no ':'"));
  CHECK(refused("alice:\n") == "users:1: has no hash for user 'alice'; bramble-passwd FILE USER sets a password");
  CHECK(refused("alice: \r\n").starts_with("users:1: has no hash"));
  CHECK(refused(":" + hash("one")) == "users:1: has no user before its ':'; take the line out");
  CHECK(refused(" :" + hash("one")).starts_with("users:1: has no user"));
  CHECK(refused(std::string(65'536, 'u') + ":" + hash("one")).starts_with("users:1: has a user of 65536 bytes"));
}

TEST_CASE("a user who is there twice is refused: with Mosquitto the number of users decides which password is right") {
  CHECK(refused("alice:" + hash("one") + "\n# more\nalice :" + hash("two") + "\n") ==
        "users:3: user 'alice' has a password in line 1 already; take one of the two lines out");
}

TEST_CASE("a message shows no password, no hash and nothing that a terminal would obey") {
  const auto plain = refused(
      "a\x1B[2J\x7F"
      "b:topsecret");
  CHECK(plain.find("topsecret") == std::string::npos);
  CHECK(plain.find("'a?[2J?b'") != std::string::npos);
  CHECK(refused("bob:$7$topsecret$x").find("topsecret") == std::string::npos);
  CHECK(refused("topsecret").find("topsecret") == std::string::npos);
  CHECK(refused(std::string(1000, 'u') + ":x").size() < 300);
}

TEST_CASE("a user who does not exist is refused as slowly as a wrong password") {
  const auto users = file("alice:" + hash("one") + "\n");
  const double wrong = milliseconds(users, "alice", "two");
  const double unknown = milliseconds(users, "bob", "two");
  CHECK(unknown > wrong / 3);
  CHECK(unknown < wrong * 3);
}

TEST_CASE("where costs differ, a wrong password takes as long for each user and for none") {
  const auto users = file("alice:" + hash("one") + "\nbob:" + PasswordHash::sha512("one", kSalt).text() +
                          "\ncarol:" + PasswordHash::pbkdf2("one", kSalt, {2000}).text() + "\n");
  const double slow = milliseconds(users, "alice", "two");
  for (const auto* user : {"bob", "carol", "dave"}) {
    CHECK(milliseconds(users, user, "two") > slow / 3);
    CHECK(milliseconds(users, user, "two") < slow * 3);
  }
  CHECK(users.check("bob", "one"));
  CHECK(users.warnings().size() == 1);  // bob's is fast to guess
}

TEST_CASE("a file with many costs is warned of, and a failed login costs no more than four of them") {
  std::string text;
  for (unsigned i = 1; i <= 200; ++i) {
    text += "user" + std::to_string(i) + ":" + PasswordHash::pbkdf2("x", kSalt, {i}).text() + "\n";
  }
  const auto users = file(text);
  REQUIRE(users.warnings().size() == 2);
  CHECK(users.warnings()[1].starts_with("users: passwords are hashed at 200 different costs; with more than 4"));
  for (unsigned i = 1; i <= 200; ++i) CHECK(users.check("user" + std::to_string(i), "x"));
}

TEST_CASE("the lines of a file put together are the file, whatever it holds") {
  const std::string text =
      "\xEF\xBB\xBF"
      "a:b\r\n\n#c\nno colon\n: \n d : e:f \n\r\r\nlast";
  std::string all;
  std::size_t number = 0;
  const auto lines = split_password_file(text);
  for (const auto& line : lines) {
    all += line.text;
    CHECK(line.number == ++number);
  }
  CHECK(all == text);
  REQUIRE(lines.size() == 8);
  CHECK(lines[0].user == "a");
  CHECK(lines[0].password == "b");
  CHECK(lines[5].user == "d");
  CHECK(lines[5].password == "e:f");
  for (const std::size_t wrong : {3u, 4u, 7u}) CHECK_FALSE(lines[wrong].wrong.empty());
  for (const std::size_t nobody : {1u, 2u, 3u, 4u, 6u, 7u}) CHECK(lines[nobody].user.empty());
}

TEST_CASE("many threads may ask the same file") {
  const auto users = file("alice:" + hash("one") + "\nbob:" + hash("two") + "\n");
  std::array<int, 4> right{};
  std::array<std::thread, 4> threads;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    threads[i] = std::thread([&users, &count = right[i]] {
      for (int round = 0; round < 5; ++round) {
        count += users.check("alice", "one") && !users.check("bob", "one") && !users.check("carol", "one") ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int count : right) CHECK(count == 5);
}

}  // namespace bramble
