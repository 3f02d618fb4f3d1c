#include "broker/routing/shared_picker.h"

#include "core/topic/filter.h"

namespace bramble {

std::optional<ReactorId> SharedPicker::pick(const SharedGroup& group, Among among, std::uint64_t asked) {
  const auto members = [&](unsigned reactor) -> std::uint32_t {
    const ReactorId id{static_cast<std::uint16_t>(reactor)};
    if (asked & reactor_bit(id)) return 0;
    return among == Among::online ? group.online(id) : group.absent(id);
  };
  std::uint64_t total = 0;
  for (unsigned r = 0; r < group.reactors(); ++r) total += members(r);
  if (total == 0) return std::nullopt;

  if (cursors_.size() > kCursorsMax) cursors_.clear();  // of groups that are gone, mostly
  std::uint64_t turn = cursors_[group.id()]++ % total;
  for (unsigned r = 0; r < group.reactors(); ++r) {
    const std::uint32_t here = members(r);  // counts may have moved since: then any reactor will do
    if (turn < here) return ReactorId{static_cast<std::uint16_t>(r)};
    turn -= here;
  }
  return std::nullopt;
}

}  // namespace bramble
