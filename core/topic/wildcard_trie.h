#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/sync/quiescence.h"
#include "core/topic/filter.h"
#include "core/topic/topic.h"

namespace bramble {

/// The filters with wildcards, as a tree of their levels, as far as more than one filter goes: from there on a leaf
/// refers to the filter's own text. It does not own the filters.
/// Threads: find(), match() and empty() any reactor that is online, without locks; insert() and erase() holding
/// mutex(). Cost: a match visits each node at most once and goes on at most twice from each, so it is bounded by the
/// nodes there are, however hostile the filters; its stack is the caller's, so depth is no danger. 16 bytes a leaf, one
/// a filter at most; 48 and its text a node; 8 to 32 in the table above it.
class WildcardTrie {
  struct Child;
  struct Leaf;
  struct Node;
  class TopicLevels;

 public:
  /// What a match works with, kept by the caller so that matching allocates nothing in steady state.
  class Scratch {
   public:
    std::size_t visited = 0;  ///< nodes and leaves, in all matches so far; long leaves count as several

   private:
    friend class WildcardTrie;
    struct alignas(32) Level {  // a power of two: size() of the vector is asked for at each step
      std::uint64_t hash;
      std::string_view text;
    };
    struct Branch {
      const Child* child;
      std::size_t depth;
    };
    std::vector<Level> levels_;     // the topic's, as far as the tree is deep
    std::vector<Branch> branches_;  // the '+' that still have to be tried
  };

  explicit WildcardTrie(const SeededHash& hash);
  ~WildcardTrie();
  WildcardTrie(const WildcardTrie&) = delete;

  /// No filter at all: nothing to match, so the topic need not be split.
  bool empty() const { return filters_.load(std::memory_order_acquire) == 0; }
  Filter* find(std::string_view filter) const;
  /// Appends the filters that match.  [MQTT-4.7.1-1] [MQTT-4.7.2-1]
  void match(std::string_view topic, Scratch& scratch, std::vector<Filter*>& out) const;

  std::mutex& mutex() { return mutex_; }
  void insert(Filter& filter, Quiescence& quiescence, ReactorId here);
  void erase(Filter& filter, Quiescence& quiescence, ReactorId here);

  std::vector<Filter*> all() const;             ///< for figures and the end. Only while nobody writes
  std::size_t nodes() const { return nodes_; }  ///< and leaves, without the root. Writer only
  std::size_t bytes() const;                    ///< of nodes, leaves and tables. Only while nobody writes

 private:
  struct Place {
    Node* node;
    Leaf* leaf;     // below `node`, if the way ends at one
    Levels levels;  // those after `node`
  };
  static constexpr std::size_t kBytesAsNode = 64;  // of a leaf's text, compared in the time of a node

  static std::uint32_t level_hash(const SeededHash& hash, std::string_view level);
  static void destroy(void* child);
  Child* next_child(const Node& node, Levels levels) const;
  Place walk(std::string_view filter) const;
  void hang(Node& node, Filter& filter, Levels levels, Quiescence& quiescence, ReactorId here);
  Node& split(Node& parent, Leaf& leaf, Quiescence& quiescence, ReactorId here);
  void unlink(Node& parent, Child& child, Quiescence& quiescence, ReactorId here);
  template <class OnNode, class OnLeaf>
  void each(OnNode on_node, OnLeaf on_leaf) const;

  const SeededHash hash_;
  Node* const root_;
  std::atomic<std::size_t> filters_{0};
  alignas(64) std::mutex mutex_;  // away from what every match reads
  std::size_t nodes_ = 0;
};

}  // namespace bramble
