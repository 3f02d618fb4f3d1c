#include "core/topic/filter.h"

#include <cstring>
#include <new>

namespace bramble {

Filter* Filter::make(FilterId id, std::uint64_t hash, std::string_view text, bool has_wildcards) {
  void* memory = ::operator new(sizeof(Filter) + text.size());
  std::memcpy(static_cast<char*>(memory) + sizeof(Filter), text.data(), text.size());
  return new (memory) Filter(id, hash, text, has_wildcards);
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
