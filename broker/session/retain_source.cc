#include "broker/session/retain_source.h"

#include <algorithm>

#include "core/base/bytes.h"

namespace bramble {

namespace {
enum class Kept : std::uint8_t { client_id_alone, both, too_long };
constexpr std::size_t kHead = 7;          // listener, how its names are kept, size of the client id
constexpr std::size_t kSourceMax = 1024;  // a message of a byte must not cost 64 KiB by its client's id
}  // namespace

void RetainSource::encode(std::string& out) const {
  const bool fits = kHead + client_id.size() + user.value_or("").size() <= kSourceMax;
  const std::string_view first = fits ? client_id : "", second = fits ? user.value_or("") : "";
  out.resize(kHead + first.size() + second.size());
  ByteWriter writer(out.data());
  writer.u32(listener);
  writer.u8(static_cast<std::uint8_t>(!fits ? Kept::too_long : user ? Kept::both : Kept::client_id_alone));
  writer.prefixed(first);
  writer.bytes(second);
}

namespace {
bool may_still_write(const ListenerRules& by, const ApplicationMessage& retained) {
  if (!by.access || retained.facts().arrived >= by.access_since) return true;
  ByteReader reader(retained.source());
  reader.u32();
  const Kept names{reader.u8()};
  if (names == Kept::too_long) return false;
  const std::string_view client_id = reader.prefixed();
  const auto user = names == Kept::both ? std::optional(reader.rest()) : std::nullopt;
  if (reader.failed()) return false;  // from a damaged file
  return by.access->rights_of(user, client_id)->decide(Access::write, retained.topic()).allowed;
}
}  // namespace

bool may_still_write(const AllRules& rules, const ApplicationMessage& retained) {
  if (retained.source().empty()) return true;  // the broker's own
  ByteReader reader(retained.source());
  const std::uint32_t place = reader.u32();
  const auto is_there = [&](const auto& of) { return place_mark(of->options) == place; };
  const auto by = std::ranges::find_if(rules, is_there);
  if (by != rules.end()) return may_still_write(**by, retained);
  return std::ranges::all_of(rules, [&](const auto& of) { return may_still_write(*of, retained); });
}

}  // namespace bramble
