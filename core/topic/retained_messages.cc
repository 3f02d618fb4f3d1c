#include "core/topic/retained_messages.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "core/base/check.h"
#include "core/sync/text_index.h"
#include "core/topic/match.h"

namespace bramble {
namespace {

constexpr std::size_t kStepsMax = 10'000;     // of one walk down the tree for a wildcard filter
constexpr std::size_t kSlotsAtATime = 1'024;  // that one next() looks at: 20 to 100 us
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

constexpr std::uint64_t free_after(std::uint32_t number) { return std::uint64_t{number} << 1 | 1; }

/// What the broker says of itself is said anew after a restart.
bool outlives(const ApplicationMessage& message) { return !message.topic().starts_with("$SYS/"); }

void give_up_count(void* message) { MessagePtr::adopt(static_cast<const ApplicationMessage*>(message)); }

}  // namespace

/// The levels from the root to here are a topic with a message, or the beginning of one.
struct RetainedMessages::Node {
  std::uint64_t level_hash;
  TextIndex<Node> children;
  Node* parent;                                             // writers only
  std::atomic<const ApplicationMessage*> message{nullptr};  // holds a count; null for ever once the node is unlinked
  std::atomic<std::uint32_t> slot{kNone};                   // of the message
  std::uint16_t size;

  Node(Node* above, std::uint64_t level, std::size_t text_size)
      : level_hash(level), parent(above), size(static_cast<std::uint16_t>(text_size)) {}
  std::uint64_t hash() const { return level_hash; }
  std::string_view text() const { return {reinterpret_cast<const char*>(this + 1), size}; }
  bool unused() const { return !message.load(std::memory_order_relaxed) && children.empty(); }
  std::size_t bytes() const { return sizeof *this + size; }

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

RetainedMessages::RetainedMessages(Quiescence& quiescence, std::uint64_t seed)
    : quiescence_(quiescence), hash_(seed), root_(Node::make(nullptr, 0, {})) {}

RetainedMessages::~RetainedMessages() {
  std::vector<Node*> left{root_};
  while (!left.empty()) {
    Node* node = left.back();
    left.pop_back();
    node->children.each([&left](Node& child) { return left.push_back(&child), true; });
    MessagePtr::adopt(node->message.load(std::memory_order_relaxed));
    Node::destroy(node);
  }
  for (auto& chunk : chunks_) delete[] chunk.load(std::memory_order_relaxed);
}

// --- writing

std::size_t RetainedMessages::set(ReactorId here, MessagePtr message) {
  const std::string_view topic = message->topic();
  // The topic is nearly always there already: look before taking the mutex. A node that still has a message under the
  // mutex has not been unlinked, and our turn keeps its memory.
  Node* known = walk(topic);
  const std::lock_guard lock(mutex_);
  const bool there = known && known->message.load(std::memory_order_relaxed);
  if (message->payload().empty()) {
    if (!there) known = walk(topic);
    return known && known->message.load(std::memory_order_relaxed) ? take(here, *known) : 0;
  }
  return put(here, there ? *known : walk_or_make(here, topic), std::move(message));
}

std::size_t RetainedMessages::put(ReactorId here, Node& node, MessagePtr message) {
  const ApplicationMessage* const before = node.message.load(std::memory_order_relaxed);
  const bool fresh = before == nullptr;
  if (fresh) node.slot.store(take_slot(), std::memory_order_relaxed);  // seen by who sees the message
  const std::size_t more = notes_changes_ ? note_change(node, *message, fresh ? 0 : before->memory()) : 0;
  weigh(message->memory(), 0);
  // acq_rel: pairs with the acquire in message_of(): a whole message, and its slot.
  const ApplicationMessage* old = node.message.exchange(message.release(), std::memory_order_acq_rel);
  if (fresh) {
    const auto pointer = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&node));
    slot(node.slot.load(std::memory_order_relaxed))->store(pointer, std::memory_order_release);  // pairs with node_in()
    count_.fetch_add(1, std::memory_order_relaxed);
  } else {
    retire(here, old);
  }
  return more;
}

std::size_t RetainedMessages::take(ReactorId here, Node& node) {
  const ApplicationMessage& gone = *message_of(node);
  const std::size_t more = notes_changes_ ? note_change(node, gone, gone.memory()) : 0;
  retire(here, node.message.exchange(nullptr, std::memory_order_acq_rel));
  give_slot(node.slot.load(std::memory_order_relaxed));
  prune(here, &node);
  if (count_.fetch_sub(1, std::memory_order_relaxed) > 1) return more;
  free_slot_ = kNone;  // none left: the numbers begin again, so that a replay does not walk over what once was
  slots_end_.store(0, std::memory_order_release);
  return more;
}

void RetainedMessages::retire(ReactorId here, const ApplicationMessage* message) {
  weigh(0, message->memory());
  quiescence_.retire(here, const_cast<ApplicationMessage*>(message), give_up_count);
}

void RetainedMessages::weigh(std::size_t more, std::size_t less) {
  bytes_.store(bytes_.load(std::memory_order_relaxed) + more - less, std::memory_order_relaxed);  // under the mutex
}

RetainedMessages::Node& RetainedMessages::walk_or_make(ReactorId here, std::string_view topic) {
  Node* node = root_;
  for (Levels levels(topic); !levels.done();) {
    const std::string_view level = levels.next();
    const std::uint64_t hash = hash_(level);
    Node* child = node->children.find(hash, level);
    if (!child) {
      child = Node::make(node, hash, level);
      const std::size_t table = node->children.bytes();
      node->children.insert(*child, quiescence_, here);
      weigh(child->bytes() + node->children.bytes(), table);
      ++nodes_;
    }
    node = child;
  }
  return *node;
}

/// Unlinks `node` and those above it that lead nowhere any more.
void RetainedMessages::prune(ReactorId here, Node* node) {
  while (node != root_ && node->unused()) {
    Node* parent = node->parent;
    const std::size_t table = parent->children.bytes();
    parent->children.erase(*node, quiescence_, here);
    weigh(parent->children.bytes(), table + node->bytes());
    quiescence_.retire(here, node, Node::destroy);
    --nodes_;
    node = parent;
  }
}

bool RetainedMessages::expire(ReactorId here, SteadyTime now, Sweep& sweep, std::size_t slots,
                              std::vector<MessagePtr>& removed) {
  const std::uint32_t end = slots_end_.load(std::memory_order_acquire);
  for (; slots > 0 && sweep.slot < end; --slots, ++sweep.slot) {
    Node* node = node_in(sweep.slot);
    const ApplicationMessage* seen = node ? message_of(*node) : nullptr;
    if (!seen || !seen->expired(now)) continue;
    const std::lock_guard lock(mutex_);
    // Our turn keeps `seen` from being freed, so no other message can have its address.
    if (node->message.load(std::memory_order_relaxed) != seen) continue;
    removed.push_back(MessagePtr::share(seen));
    take(here, *node);
  }
  if (sweep.slot < end) return false;
  sweep.slot = 0;
  return true;
}

// --- slots: a number for each topic that has a message

RetainedMessages::Slot* RetainedMessages::slot(std::uint32_t number) const {
  const std::uint32_t first = (number >> kChunkBits) + 1;  // chunk i begins at ((1 << i) - 1) << kChunkBits
  const auto chunk = static_cast<std::uint32_t>(std::bit_width(first)) - 1;
  const std::uint32_t begin = ((1u << chunk) - 1) << kChunkBits;
  return chunks_[chunk].load(std::memory_order_acquire) + (number - begin);  // pairs with the release in take_slot()
}

RetainedMessages::Node* RetainedMessages::node_in(std::uint32_t number) const {
  const std::uint64_t value = slot(number)->load(std::memory_order_acquire);  // pairs with the release in put()
  return value & 1 ? nullptr : reinterpret_cast<Node*>(static_cast<std::uintptr_t>(value));
}

std::uint32_t RetainedMessages::take_slot() {
  if (free_slot_ != kNone) {
    const std::uint64_t after = slot(free_slot_)->load(std::memory_order_relaxed) >> 1;
    return std::exchange(free_slot_, static_cast<std::uint32_t>(after));
  }
  const std::uint32_t number = slots_end_.load(std::memory_order_relaxed);
  check(number < kSlotsMax, "more retained topics than slot numbers");
  make_slot(number);
  slots_end_.store(number + 1, std::memory_order_release);  // pairs with the acquire in begin(): its chunk is there
  return number;
}

RetainedMessages::Slot& RetainedMessages::make_slot(std::uint32_t number) {
  const auto chunk = static_cast<std::uint32_t>(std::bit_width((number >> kChunkBits) + 1)) - 1;
  if (!chunks_[chunk].load(std::memory_order_relaxed)) {
    const std::size_t size = std::size_t{1} << (chunk + kChunkBits);
    chunks_[chunk].store(new Slot[size]{}, std::memory_order_release);
    weigh(size * sizeof(Slot), 0);
  }
  return *slot(number);
}

void RetainedMessages::give_slot(std::uint32_t number) {
  slot(number)->store(free_after(free_slot_), std::memory_order_release);
  free_slot_ = number;
}

// --- for who keeps them

/// Gives the bytes that there are more to write now, or to remove. `before`: of what was there.
std::size_t RetainedMessages::note_change(const Node& node, const ApplicationMessage& message, std::size_t before) {
  if (!outlives(message)) return 0;
  const std::uint32_t slot = node.slot.load(std::memory_order_relaxed);
  if (slot >= is_changed_.size()) is_changed_.resize(slot + 1);
  const std::size_t bytes = message.memory();
  if (is_changed_[slot]) return bytes > before ? bytes - before : 0;
  is_changed_[slot] = true;
  changed_.push_back(slot);
  return std::max(bytes, before);
}

bool RetainedMessages::take_changes(std::size_t most, std::vector<Change>& out) {
  const std::lock_guard lock(mutex_);  // so nothing is retired: what a node refers to is there
  for (; most > 0 && !changed_.empty(); --most) {
    const std::uint32_t number = changed_.back();
    changed_.pop_back();
    is_changed_[number] = false;
    const Node* const node = number < slots_end_.load(std::memory_order_relaxed) ? node_in(number) : nullptr;
    const ApplicationMessage* const message = node ? message_of(*node) : nullptr;
    const bool keep = message && outlives(*message);
    out.push_back({number, keep ? MessagePtr::share(message) : MessagePtr()});
  }
  return !changed_.empty();
}

bool RetainedMessages::restore(std::uint32_t number, MessagePtr message) {
  const ReactorId here{0};
  if (number >= kSlotsMax || number < slots_end_.load(std::memory_order_relaxed) || find(message->topic()))
    return false;
  make_slot(number);
  while (slots_end_.load(std::memory_order_relaxed) < number) {
    const std::uint32_t between = slots_end_.load(std::memory_order_relaxed);
    make_slot(between).store(free_after(free_slot_), std::memory_order_relaxed);
    free_slot_ = between;
    slots_end_.store(between + 1, std::memory_order_relaxed);
  }
  Node& node = walk_or_make(here, message->topic());
  weigh(message->memory(), 0);
  node.message.store(message.release(), std::memory_order_release);
  node.slot.store(number, std::memory_order_relaxed);
  const auto pointer = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&node));
  slot(number)->store(pointer, std::memory_order_release);
  slots_end_.store(number + 1, std::memory_order_release);
  count_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// --- reading

const ApplicationMessage* RetainedMessages::message_of(const Node& node) {
  return node.message.load(std::memory_order_acquire);  // pairs with the release in put()
}

RetainedMessages::Node* RetainedMessages::walk(std::string_view topic) const {
  Node* node = root_;
  for (Levels levels(topic); node && !levels.done();) {
    const std::string_view level = levels.next();
    node = node->children.find(hash_(level), level);
  }
  return node;
}

MessagePtr RetainedMessages::find(std::string_view topic) const {
  const Node* node = walk(topic);
  return node ? MessagePtr::share(message_of(*node)) : MessagePtr();
}

RetainedMessages::Replay RetainedMessages::begin(std::string_view filter, std::optional<std::uint32_t> from) const {
  Replay replay;
  replay.filter_ = filter;
  replay.wide_ = !collect(replay);
  auto& found = replay.found_;
  if (replay.wide_) {
    found = {};
    replay.end_ = slots_end_.load(std::memory_order_acquire);
    replay.began_ = std::min(from.value_or(0), replay.end_);
  } else {
    replay.end_ = static_cast<std::uint32_t>(found.size());
    if (from) {
      std::ranges::sort(found);
      replay.began_ = static_cast<std::uint32_t>(std::ranges::lower_bound(found, *from) - found.begin());
    }
  }
  replay.next_ = replay.began_;
  return replay;
}

bool RetainedMessages::next(Replay& replay, SteadyTime now, std::size_t most, std::vector<MessagePtr>& out) const {
  std::size_t looks = kSlotsAtATime;
  for (; replay.next_ < replay.end_ && most > 0 && looks > 0; ++replay.next_, --looks) {
    const Node* node = node_in(replay.wide_ ? replay.next_ : replay.found_[replay.next_]);
    const ApplicationMessage* message = node ? message_of(*node) : nullptr;
    // A number may have gone to another topic since begin(), so the filter is asked for narrow ones too.
    if (!message || message->expired(now) || !matches(replay.filter_, message->topic())) continue;
    out.push_back(MessagePtr::share(message));
    --most;
  }
  return replay.next_ < replay.end_;
}

/// The slots of the topics that match, found by walking down the tree; false when that takes too many steps.
bool RetainedMessages::collect(Replay& replay) const {
  struct Branch {
    const Node* node;
    Levels levels;  // those of the filter that are left
    bool below;     // after '#': this node and all under it
  };
  std::vector<Branch> branches{{root_, Levels(replay.filter_), false}};
  while (!branches.empty()) {
    Branch at = branches.back();
    branches.pop_back();
    if (++replay.walked_ > kStepsMax) return false;
    const bool ends = at.levels.done();
    if (ends && message_of(*at.node)) replay.found_.push_back(at.node->slot.load(std::memory_order_relaxed));
    if (ends && !at.below) continue;
    const std::string_view level = ends ? "#" : at.levels.next();
    const auto follow = [&](const Node& child) {
      const bool hidden = at.node == root_ && child.text().starts_with('$');  // [MQTT-4.7.2-1]
      if (!hidden) branches.push_back({&child, at.levels, level == "#"});
      return branches.size() <= kStepsMax;
    };
    if (level == "#" && !ends) {  // "a/#" matches "a" too
      branches.push_back({at.node, at.levels, true});
    } else if (level == "#" || level == "+") {
      if (!at.node->children.each(follow)) return false;
    } else if (const Node* child = at.node->children.find(hash_(level), level)) {
      branches.push_back({child, at.levels, false});
    }
  }
  return true;
}

}  // namespace bramble
