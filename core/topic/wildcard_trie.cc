#include "core/topic/wildcard_trie.h"

#include <cstring>
#include <new>

#include "core/base/check.h"
#include "core/sync/text_index.h"
#include "core/topic/topic.h"

namespace bramble {

/// What a level leads to: a Node, or the Leaf of the only filter there.
struct WildcardTrie::Child {
  std::uint32_t is_leaf : 1;
  std::uint32_t level_hash : 31;
  std::uint16_t size;  // of the level's text
  std::uint16_t at;    // of a leaf: where the level is in the filter's text

  static constexpr std::uint32_t kHashMask = 0x7FFFFFFF;
  std::uint64_t hash() const { return spread(level_hash); }
  std::string_view text() const;
  bool is_plus() const { return text() == "+"; }

  /// The 64 bits that a TextIndex wants, from the 31 there is room for: the last are the place, the first the tag.
  static std::uint64_t spread(std::uint64_t level_hash) { return level_hash << 33 | level_hash; }
};

/// The only filter that goes on this way; what comes after its level is in its text. Most filters of a large tree end
/// like this, and a node for each of their last levels took 110 bytes a filter.
struct WildcardTrie::Leaf : Child {
  Filter* filter;

  Leaf(Filter& it, std::uint32_t hash, std::string_view level)
      : Child{1, hash & kHashMask, static_cast<std::uint16_t>(level.size()),
              static_cast<std::uint16_t>(level.data() - it.text().data())},
        filter(&it) {}
  /// From the '/' after its level.
  std::string_view rest() const {
    std::string_view text = filter->text();
    text.remove_prefix(std::size_t{at} + size);
    return text;
  }
  Levels levels_after() const {
    Levels levels(filter->text().substr(at));
    levels.next();
    return levels;
  }
};

/// The levels from the root to here are, or were, the beginning of at least two filters, or all of one that ends here.
/// Changed by writers holding the mutex; `+` and `#` are fields, because every match asks for them.
struct WildcardTrie::Node : Child {
  TextIndex<Child> children;            // without '+'
  std::atomic<Child*> plus{nullptr};    // the child "+"
  std::atomic<Filter*> here{nullptr};   // the filter that ends here
  std::atomic<Filter*> below{nullptr};  // the one that goes on with "#" alone
  Node* parent;                         // writers only

  Node(Node* above, std::uint32_t hash, std::size_t text_size)
      : Child{0, hash & kHashMask, static_cast<std::uint16_t>(text_size), 0}, parent(above) {}
  bool unused() const {
    return !here.load(std::memory_order_relaxed) && !below.load(std::memory_order_relaxed) &&
           !plus.load(std::memory_order_relaxed) && children.empty();
  }
  std::atomic<Filter*>& end_of(std::string_view filter) { return filter.back() == '#' ? below : here; }

  static Node* make(Node* parent, std::uint32_t level_hash, std::string_view text) {
    void* memory = ::operator new(sizeof(Node) + text.size());
    if (!text.empty()) std::memcpy(static_cast<char*>(memory) + sizeof(Node), text.data(), text.size());
    return new (memory) Node(parent, level_hash, text.size());
  }
};

inline std::string_view WildcardTrie::Child::text() const {
  if (is_leaf) return {static_cast<const Leaf*>(this)->filter->text().data() + at, size};
  return {reinterpret_cast<const char*>(static_cast<const Node*>(this) + 1), size};
}

void WildcardTrie::destroy(void* child) {
  if (static_cast<Child*>(child)->is_leaf) {
    delete static_cast<Leaf*>(child);
  } else {
    static_cast<Node*>(child)->~Node();
    ::operator delete(child);
  }
}

namespace {

/// Most nodes end no filter: the common case is one load, and the list is grown elsewhere.
inline void append(const std::atomic<Filter*>& filter, std::vector<Filter*>& out) {
  Filter* it = filter.load(std::memory_order_acquire);  // pairs with the release in insert(): a whole filter
  if (it) [[unlikely]]
    out.push_back(it);
}

/// Do the levels of a topic match those of a filter? Both begin with a '/', or there are none.  Cost: O(bytes).
bool rest_matches(std::string_view filter, std::string_view topic) {
  const char* wanted = filter.data();
  const char* const wanted_end = wanted + filter.size();
  const char* found = topic.data();
  const char* const found_end = found + topic.size();
  while (wanted != wanted_end) {
    ++wanted;
    if (wanted != wanted_end && *wanted == '#') return true;  // also the level above it
    if (found == found_end) return false;
    ++found;
    if (wanted != wanted_end && *wanted == '+') {
      ++wanted;
      while (found != found_end && *found != '/') ++found;
      continue;
    }
    for (; wanted != wanted_end && *wanted != '/'; ++wanted, ++found) {
      if (found == found_end || *found != *wanted) return false;
    }
    if (found != found_end && *found != '/') return false;
  }
  return found == found_end;
}

}  // namespace

WildcardTrie::WildcardTrie(const SeededHash& hash) : hash_(hash), root_(Node::make(nullptr, 0, {})) {
  static_assert(sizeof(Leaf) == 16 && sizeof(Node) == 48, "docs/design.md, Memory");
}

std::uint32_t WildcardTrie::level_hash(const SeededHash& hash, std::string_view level) {
  return static_cast<std::uint32_t>(hash(level)) & Child::kHashMask;
}

/// Splits and hashes a topic only as far as somebody asks.
class WildcardTrie::TopicLevels {
 public:
  TopicLevels(std::string_view topic, const SeededHash& hash, std::vector<Scratch::Level>& split)
      : rest_(topic), end_(topic.data() + topic.size()), hash_(hash), split_(split) {
    split_.clear();
  }
  /// The level at `depth`; nullptr: the topic has no more. `depth` is at most one more than asked for before.
  const Scratch::Level* at(std::size_t depth) {
    if (depth == split_.size()) {
      if (rest_.done()) return nullptr;
      const std::string_view level = rest_.next();
      split_.push_back({Child::spread(level_hash(hash_, level)), level});
    }
    return &split_[depth];
  }
  /// What follows that level, which was asked for before: from the '/' after it.
  std::string_view rest_after(std::size_t depth) const {
    const std::string_view level = split_[depth].text;
    const char* const from = level.data() + level.size();
    return {from, static_cast<std::size_t>(end_ - from)};
  }

 private:
  Levels rest_;
  const char* const end_;
  const SeededHash& hash_;
  std::vector<Scratch::Level>& split_;
};

void WildcardTrie::match(std::string_view topic, Scratch& scratch, std::vector<Filter*>& out) const {
  TopicLevels levels(topic, hash_, scratch.levels_);
  auto& branches = scratch.branches_;
  branches.clear();
  Scratch::Branch at{root_, 0};  // the first at.depth levels of the topic lead to at.child
  for (std::size_t visited = 1;; ++visited) {
    const Child* child = nullptr;
    const Child* plus = nullptr;
    if (at.child->is_leaf) {
      const auto& leaf = *static_cast<const Leaf*>(at.child);
      const std::string_view rest = leaf.rest();
      visited += rest.size() / kBytesAsNode;
      if (rest_matches(rest, levels.rest_after(at.depth - 1))) out.push_back(leaf.filter);
    } else {
      const auto& node = *static_cast<const Node*>(at.child);
      const bool wildcards = at.depth > 0 || topic.front() != '$';  // [MQTT-4.7.2-1]
      if (wildcards) append(node.below, out);                       // "a/#" matches "a" too
      if (const auto* level = levels.at(at.depth)) {
        child = node.children.find(level->hash, level->text);
        // acquire: pairs with the release in hang() and split().
        if (wildcards) plus = node.plus.load(std::memory_order_acquire);
      } else {
        append(node.here, out);
      }
    }
    const std::size_t next = at.depth + 1;
    if (child) {
      if (plus) branches.push_back({plus, next});
      at = {child, next};
    } else if (plus) {
      at = {plus, next};
    } else if (!branches.empty()) {
      at = branches.back();
      branches.pop_back();
    } else {
      scratch.visited += visited;
      return;
    }
  }
}

/// What `node` has for the next of `levels`; nullptr: nothing, or there is no next one, or it is "#".
WildcardTrie::Child* WildcardTrie::next_child(const Node& node, Levels levels) const {
  if (levels.done()) return nullptr;
  const std::string_view level = levels.next();
  if (level == "#") return nullptr;
  if (level == "+") return node.plus.load(std::memory_order_acquire);
  return node.children.find(Child::spread(level_hash(hash_, level)), level);
}

/// Where the levels of `filter` lead: to a leaf, which may be another filter's, or to the node at which it would end or
/// go on.
WildcardTrie::Place WildcardTrie::walk(std::string_view filter) const {
  Place place{root_, nullptr, Levels(filter)};
  while (Child* next = next_child(*place.node, place.levels)) {
    if (next->is_leaf) {
      place.leaf = static_cast<Leaf*>(next);
      break;
    }
    place.node = static_cast<Node*>(next);
    place.levels.next();
  }
  return place;
}

Filter* WildcardTrie::find(std::string_view filter) const {
  const Place place = walk(filter);
  if (place.leaf) return place.leaf->filter->text() == filter ? place.leaf->filter : nullptr;
  if (!place.levels.done() && place.levels.rest() != "#") return nullptr;
  return place.node->end_of(filter).load(std::memory_order_acquire);
}

void WildcardTrie::insert(Filter& filter, Quiescence& quiescence, ReactorId here) {
  Place place = walk(filter.text());
  while (place.leaf) {  // what they have in common becomes nodes
    place.node = &split(*place.node, *place.leaf, quiescence, here);
    place.levels.next();
    place.leaf = static_cast<Leaf*>(next_child(*place.node, place.levels));
  }
  hang(*place.node, filter, place.levels, quiescence, here);
  filters_.store(filters_.load(std::memory_order_relaxed) + 1, std::memory_order_release);  // with that in empty()
}

/// `filter` goes on from `node` with `levels`, which leads to nothing yet.
void WildcardTrie::hang(Node& node, Filter& filter, Levels levels, Quiescence& quiescence, ReactorId here) {
  if (levels.done() || levels.rest() == "#") {
    node.end_of(filter.text()).store(&filter, std::memory_order_release);  // pairs with the acquire in append()
    return;
  }
  const std::string_view level = levels.next();
  auto* leaf = new Leaf(filter, level_hash(hash_, level), level);
  ++nodes_;
  if (level == "+") {
    node.plus.store(leaf, std::memory_order_release);  // pairs with the acquire in match()
  } else {
    node.children.insert(*leaf, quiescence, here);
  }
}

/// Puts a node in the place of a leaf, with the leaf's filter on it. Whoever reads meanwhile finds one or the other.
WildcardTrie::Node& WildcardTrie::split(Node& parent, Leaf& leaf, Quiescence& quiescence, ReactorId here) {
  Node* node = Node::make(&parent, leaf.level_hash, leaf.text());
  hang(*node, *leaf.filter, leaf.levels_after(), quiescence, here);
  if (leaf.is_plus()) {
    parent.plus.store(node, std::memory_order_release);  // pairs with the acquire in match()
  } else {
    parent.children.replace(leaf, *node);
  }
  quiescence.retire(here, &leaf, destroy);
  return *node;
}

void WildcardTrie::erase(Filter& filter, Quiescence& quiescence, ReactorId here) {
  const Place place = walk(filter.text());
  if (place.leaf) {
    check(place.leaf->filter == &filter, "erased a filter twice");
    unlink(*place.node, *place.leaf, quiescence, here);
  } else {
    auto& end = place.node->end_of(filter.text());
    check(end.load(std::memory_order_relaxed) == &filter, "erased a filter twice");
    end.store(nullptr, std::memory_order_release);
  }
  filters_.store(filters_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  for (Node* node = place.node; node != root_ && node->unused();) {  // those that lead nowhere any more
    Node* parent = node->parent;
    unlink(*parent, *node, quiescence, here);
    node = parent;
  }
}

void WildcardTrie::unlink(Node& parent, Child& child, Quiescence& quiescence, ReactorId here) {
  if (child.is_plus()) {
    parent.plus.store(nullptr, std::memory_order_release);
  } else {
    parent.children.erase(child, quiescence, here);
  }
  quiescence.retire(here, &child, destroy);
  --nodes_;
}

/// Calls on_node(Node&) and on_leaf(Leaf&) for each, which may destroy it.
template <class OnNode, class OnLeaf>
void WildcardTrie::each(OnNode on_node, OnLeaf on_leaf) const {
  std::vector<Child*> left{root_};
  while (!left.empty()) {
    Child* child = left.back();
    left.pop_back();
    if (child->is_leaf) {
      on_leaf(*static_cast<Leaf*>(child));
      continue;
    }
    auto& node = *static_cast<Node*>(child);
    node.children.each([&left](Child& below) { return left.push_back(&below), true; });
    if (Child* plus = node.plus.load(std::memory_order_acquire)) left.push_back(plus);
    on_node(node);
  }
}

WildcardTrie::~WildcardTrie() {
  each([](Node& node) { destroy(&node); }, [](Leaf& leaf) { destroy(&leaf); });
}

std::vector<Filter*> WildcardTrie::all() const {
  std::vector<Filter*> filters;
  const auto add_ends = [&filters](const Node& node) {
    append(node.here, filters);
    append(node.below, filters);
  };
  each(add_ends, [&filters](const Leaf& leaf) { filters.push_back(leaf.filter); });
  return filters;
}

std::size_t WildcardTrie::bytes() const {
  std::size_t bytes = 0;
  const auto add_node = [&bytes](const Node& node) { bytes += sizeof node + node.size + node.children.bytes(); };
  each(add_node, [&bytes](const Leaf& leaf) { bytes += sizeof leaf; });
  return bytes;
}

}  // namespace bramble
