#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace bramble {

/// A number that cannot be mistaken for another kind of number.
template <class Tag, class Rep>
struct Strong {
  Rep value{};
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 means the 0 of what this expands to
  constexpr auto operator<=>(const Strong&) const = default;
};

/// Which reactor, 0 to 63 (one bit each in a filter's word).
using ReactorId = Strong<struct ReactorIdTag, std::uint16_t>;
/// A session, for the life of the process; never reused. 0 is the broker itself.
using SessionId = Strong<struct SessionIdTag, std::uint64_t>;
using PublisherId = Strong<struct PublisherIdTag, std::uint64_t>;
/// A filter of the subscription table, or one (filter, $share group); never reused, 0 is none.
using FilterId = Strong<struct FilterIdTag, std::uint64_t>;

inline constexpr unsigned kReactorsMax = 64;

}  // namespace bramble

template <class Tag, class Rep>
struct std::hash<bramble::Strong<Tag, Rep>> {
  std::size_t operator()(const bramble::Strong<Tag, Rep>& id) const noexcept { return std::hash<Rep>{}(id.value); }
};
