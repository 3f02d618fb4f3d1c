#include "core/topic/wildcard_trie.h"

#include <cstring>
#include <new>

#include "core/base/check.h"
#include "core/sync/text_index.h"
#include "core/topic/topic.h"

namespace bramble {

/// The levels from the root to here are the beginning of at least one filter. Changed by writers holding the mutex; `+`
/// and `#` are fields, because every match asks for them.
struct WildcardTrie::Node {
  std::uint64_t level_hash;
  TextIndex<Node> children;             // without '+'
  std::atomic<Node*> plus{nullptr};     // the child "+"
  std::atomic<Filter*> here{nullptr};   // the filter that ends here
  std::atomic<Filter*> below{nullptr};  // the one that goes on with "#" alone
  Node* parent;                         // writers only
  std::uint16_t size;

  Node(Node* above, std::uint64_t level, std::size_t text_size)
      : level_hash(level), parent(above), size(static_cast<std::uint16_t>(text_size)) {}
  std::uint64_t hash() const { return level_hash; }
  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }
  bool is_plus() const { return text() == "+"; }
  bool unused() const {
    return !here.load(std::memory_order_relaxed) && !below.load(std::memory_order_relaxed) &&
           !plus.load(std::memory_order_relaxed) && children.empty();
  }
  std::atomic<Filter*>& end_of(std::string_view filter) { return filter.back() == '#' ? below : here; }

  static Node* make(Node* parent, std::uint64_t level_hash, std::string_view text) {
    void* memory = ::operator new(sizeof(Node) + text.size());
    if (!text.empty()) std::memcpy(static_cast<char*>(memory) + sizeof(Node), text.data(), text.size());
    return new (memory) Node(parent, level_hash, text.size());
  }
  static void destroy(void* node) {
    static_cast<Node*>(node)->~Node();
    ::operator delete(node);
  }
};

namespace {

/// Most nodes end no filter: the common case is one load, and the list is grown elsewhere.
inline void append(const std::atomic<Filter*>& filter, std::vector<Filter*>& out) {
  Filter* it = filter.load(std::memory_order_acquire);  // pairs with the release in insert(): a whole filter
  if (it) [[unlikely]]
    out.push_back(it);
}

}  // namespace

WildcardTrie::WildcardTrie(const SeededHash& hash) : hash_(hash), root_(Node::make(nullptr, 0, {})) {}

/// Splits and hashes a topic only as far as somebody asks.
class WildcardTrie::TopicLevels {
 public:
  TopicLevels(std::string_view topic, const SeededHash& hash, std::vector<Scratch::Level>& split)
      : rest_(topic), hash_(hash), split_(split) {
    split_.clear();
  }
  /// The level at `depth`; nullptr: the topic has no more. `depth` is at most one more than asked for before.
  const Scratch::Level* at(std::size_t depth) {
    if (depth == split_.size()) {
      if (rest_.done()) return nullptr;
      const std::string_view level = rest_.next();
      split_.push_back({hash_(level), level});
    }
    return &split_[depth];
  }

 private:
  Levels rest_;
  const SeededHash& hash_;
  std::vector<Scratch::Level>& split_;
};

void WildcardTrie::match(std::string_view topic, Scratch& scratch, std::vector<Filter*>& out) const {
  TopicLevels levels(topic, hash_, scratch.levels_);
  auto& branches = scratch.branches_;
  branches.clear();
  Scratch::Branch at{root_, 0};  // the first at.depth levels of the topic lead to at.node
  for (std::size_t visited = 1;; ++visited) {
    const bool wildcards = at.depth > 0 || topic.front() != '$';  // [MQTT-4.7.2-1]
    const Node* child = nullptr;
    const Node* plus = nullptr;
    if (wildcards) append(at.node->below, out);  // "a/#" matches "a" too
    if (const auto* level = levels.at(at.depth)) {
      child = at.node->children.find(level->hash, level->text);
      if (wildcards) plus = at.node->plus.load(std::memory_order_acquire);  // pairs with the release in child_of()
    } else {
      append(at.node->here, out);
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

Filter* WildcardTrie::find(std::string_view filter) const {
  Node* node = walk(filter);
  return node ? node->end_of(filter).load(std::memory_order_acquire) : nullptr;
}

/// The node at which `filter` ends, or before its "#".
WildcardTrie::Node* WildcardTrie::walk(std::string_view filter) const {
  Node* node = root_;
  for (Levels levels(filter); node && !levels.done();) {
    const std::string_view level = levels.next();
    if (level == "#") break;
    node = level == "+" ? node->plus.load(std::memory_order_acquire) : node->children.find(hash_(level), level);
  }
  return node;
}

void WildcardTrie::insert(Filter& filter, Quiescence& quiescence, ReactorId here) {
  Node* node = root_;
  for (Levels levels(filter.text()); !levels.done();) {
    const std::string_view level = levels.next();
    if (level != "#") node = &child_of(*node, level, quiescence, here);
  }
  node->end_of(filter.text()).store(&filter, std::memory_order_release);  // pairs with the acquire in append()
  filters_.store(filters_.load(std::memory_order_relaxed) + 1, std::memory_order_release);  // with that in empty()
}

WildcardTrie::Node& WildcardTrie::child_of(Node& node, std::string_view level, Quiescence& quiescence, ReactorId here) {
  const std::uint64_t hash = hash_(level);
  const bool plus = level == "+";
  if (Node* known = plus ? node.plus.load(std::memory_order_relaxed) : node.children.find(hash, level)) return *known;
  Node* fresh = Node::make(&node, hash, level);
  ++nodes_;
  if (plus) {
    node.plus.store(fresh, std::memory_order_release);  // pairs with the acquire in match()
  } else {
    node.children.insert(*fresh, quiescence, here);
  }
  return *fresh;
}

void WildcardTrie::erase(Filter& filter, Quiescence& quiescence, ReactorId here) {
  Node* node = walk(filter.text());
  check(node && node->end_of(filter.text()).load(std::memory_order_relaxed) == &filter, "erased a filter twice");
  node->end_of(filter.text()).store(nullptr, std::memory_order_release);
  filters_.store(filters_.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  prune(node, quiescence, here);
}

/// Unlinks `node` and those above it that lead nowhere any more.
void WildcardTrie::prune(Node* node, Quiescence& quiescence, ReactorId here) {
  while (node != root_ && node->unused()) {
    Node* parent = node->parent;
    if (node->is_plus()) {
      parent->plus.store(nullptr, std::memory_order_release);
    } else {
      parent->children.erase(*node, quiescence, here);
    }
    quiescence.retire(here, node, Node::destroy);
    --nodes_;
    node = parent;
  }
}

/// Calls visit(Node&) for each, which may destroy it.
template <class Visit>
void WildcardTrie::each_node(Visit visit) const {
  std::vector<Node*> left{root_};
  while (!left.empty()) {
    Node* node = left.back();
    left.pop_back();
    node->children.each([&left](Node& child) { return left.push_back(&child), true; });
    if (Node* plus = node->plus.load(std::memory_order_acquire)) left.push_back(plus);
    visit(*node);
  }
}

WildcardTrie::~WildcardTrie() {
  each_node([](Node& node) { Node::destroy(&node); });
}

std::vector<Filter*> WildcardTrie::all() const {
  std::vector<Filter*> filters;
  each_node([&filters](const Node& node) {
    append(node.here, filters);
    append(node.below, filters);
  });
  return filters;
}

std::size_t WildcardTrie::bytes() const {
  std::size_t bytes = 0;
  each_node([&bytes](const Node& node) { bytes += sizeof node + node.size + node.children.bytes(); });
  return bytes;
}

}  // namespace bramble
