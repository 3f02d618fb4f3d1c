#include "core/sync/text_index.h"

#include <doctest/doctest.h>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/base/hash.h"

namespace bramble {
namespace {

constexpr ReactorId kHere{0};

struct Member {
  std::string text_;
  std::uint64_t hash_;

  std::uint64_t hash() const { return hash_; }
  std::string_view text() const { return text_; }
};

std::vector<std::unique_ptr<Member>> members(std::size_t count) {
  const SeededHash hash(1);
  std::vector<std::unique_ptr<Member>> made;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = "member " + std::to_string(i);
    made.push_back(std::make_unique<Member>(Member{text, hash(text)}));
  }
  return made;
}

std::size_t count(const TextIndex<Member>& index) {
  std::set<const Member*> seen;
  CHECK(index.each([&seen](const Member& member) { return seen.insert(&member).second; }));  // nobody twice
  return seen.size();
}

void end_turn(Quiescence& quiescence) {
  quiescence.quiescent(kHere);
  quiescence.collect(kHere);
}

TEST_CASE("an index finds what is in it and nothing else, from one member to many and back") {
  for (const std::size_t size : {1u, 2u, 3u, 4u, 100u, 4'096u, 4'097u, 20'000u}) {
    CAPTURE(size);
    Quiescence quiescence(1);
    TextIndex<Member> index;
    const auto all = members(size);
    for (const auto& it : all) {
      REQUIRE(index.find(it->hash(), it->text()) == nullptr);
      index.insert(*it, quiescence, kHere);
      REQUIRE(index.find(it->hash(), it->text()) == it.get());
    }
    CHECK(count(index) == size);
    for (const auto& it : all) REQUIRE(index.find(it->hash(), it->text()) == it.get());
    for (const auto& it : all) {
      index.erase(*it, quiescence, kHere);
      REQUIRE(index.find(it->hash(), it->text()) == nullptr);
    }
    CHECK(index.empty());
    CHECK(index.bytes() == 0);
    end_turn(quiescence);
  }
}

TEST_CASE("a member takes the place of one with its text, and nobody else's") {
  for (const std::size_t size : {1u, 2u, 100u, 4'097u}) {
    CAPTURE(size);
    Quiescence quiescence(1);
    TextIndex<Member> index;
    const auto all = members(size);
    const auto others = members(size);
    for (const auto& it : all) index.insert(*it, quiescence, kHere);
    for (std::size_t i = 0; i < size; i += 2) index.replace(*all[i], *others[i]);
    for (std::size_t i = 0; i < size; ++i) {
      REQUIRE(index.find(all[i]->hash(), all[i]->text()) == (i % 2 == 0 ? others : all)[i].get());
    }
    CHECK(count(index) == size);
  }
}

TEST_CASE("an index that stays small stays small, however many pass through it") {
  Quiescence quiescence(1);
  TextIndex<Member> index;
  const auto all = members(20'000);
  for (std::size_t i = 0; i < all.size(); ++i) {
    index.insert(*all[i], quiescence, kHere);
    if (i >= 8) index.erase(*all[i - 8], quiescence, kHere);
    REQUIRE(index.bytes() <= 600);
    end_turn(quiescence);
  }
}

TEST_CASE("an index agrees with a set after any run of changes, with hashes that collide") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Quiescence quiescence(1);
    TextIndex<Member> index;
    auto all = members(64);
    for (auto& it : all) it->hash_ &= 0xFFFF'0000'0000'0003u;
    std::set<const Member*> in;
    for (int step = 0; step < 3'000; ++step) {
      Member& member = *all[random() % all.size()];
      if (in.erase(&member)) {
        index.erase(member, quiescence, kHere);
      } else {
        in.insert(&member);
        index.insert(member, quiescence, kHere);
      }
      const Member& other = *all[random() % all.size()];
      REQUIRE((index.find(other.hash(), other.text()) == &other) == in.contains(&other));
      REQUIRE(index.empty() == in.empty());
      if (step % 8 == 0) end_turn(quiescence);
    }
    CHECK(count(index) == in.size());
  }
}

}  // namespace
}  // namespace bramble
