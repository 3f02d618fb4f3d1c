#include "core/topic/filter.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <new>

namespace bramble {

Filter* Filter::make(FilterId id, std::uint64_t hash, std::string_view text, bool has_wildcards) {
  static_assert(kTextAt == offsetof(Filter, has_wildcards_) + sizeof has_wildcards_);
  void* memory = ::operator new(std::max(sizeof(Filter), kTextAt + text.size()));
  auto* filter = new (memory) Filter(id, hash, text, has_wildcards);
  std::memcpy(static_cast<char*>(memory) + kTextAt, text.data(), text.size());  // after what may write the padding
  return filter;
}

void Filter::destroy(void* filter) {
  auto* it = static_cast<Filter*>(filter);
  if (Groups* groups = it->groups_.load(std::memory_order_relaxed)) {
    for (SharedGroup* group : *groups) delete group;
    delete groups;
  }
  it->~Filter();
  ::operator delete(filter);
}

// Only under the mutex that guards the filter, and no bit or group is set without that.
bool Filter::unused() const {
  return reactors_.load(std::memory_order_relaxed) == 0 && groups_.load(std::memory_order_relaxed) == nullptr;
}

}  // namespace bramble
