#include "core/auth/rule_trie.h"

#include <utility>

#include "core/topic/topic.h"

namespace bramble {
namespace {

void keep_first(const Rule*& kept, const Rule* rule) {
  if (rule && (!kept || rule->line < kept->line)) kept = rule;
}

}  // namespace

void RuleTrie::Ends::add(const Rule& rule) {
  if (rule.denies()) keep_first(deny, &rule);
  if (rule.allows(Access::read)) keep_first(read, &rule);
  if (rule.allows(Access::write)) keep_first(write, &rule);
}

/// One look-up. It goes down every branch that the topic fits.
class RuleTrie::Walk {
 public:
  Walk(const RuleTrie& trie, Access access, std::string_view topic, const Names& names)
      : trie_(trie), access_(access), names_(names), reserved_(topic.starts_with('$')) {}

  void from(NodeId id, Levels levels, bool first, bool only_denies) {
    const Node& node = trie_.nodes_[id];
    const bool wildcards = !(first && reserved_);  // [MQTT-4.7.2-1]
    if (wildcards) take(node.below, only_denies);  // "a/#" matches "a" too
    if (levels.done()) return take(node.exactly, only_denies);
    const auto level = levels.next();
    if (const NodeId next = trie_.child(id, level)) from(next, levels, false, only_denies);
    if (node.plus != 0 && wildcards) from(node.plus, levels, false, only_denies);
    for (std::uint32_t i = node.template_edge; i != 0; i = trie_.template_edges_[i].next) {
      const TemplateEdge& edge = trie_.template_edges_[i];
      if (!spells(edge.level, names_, level)) continue;
      // A client that calls itself "$SYS" does not get $SYS from `pattern read %c/#`.
      const bool name_made_it_reserved = first && reserved_ && !edge.level.starts_with('$');
      from(edge.to, levels, false, only_denies || name_made_it_reserved);
    }
  }
  Found found() const { return found_; }

 private:
  void take(const Ends& ends, bool only_denies) {
    keep_first(found_.deny, ends.deny);
    if (!only_denies) keep_first(found_.allow, access_ == Access::read ? ends.read : ends.write);
  }

  const RuleTrie& trie_;
  const Access access_;
  const Names& names_;
  const bool reserved_;
  Found found_;
};

// The seed may be known: only the file puts levels in, and whoever asks for other levels meets an empty place.
RuleTrie::RuleTrie() : hash_(0), nodes_(1), edges_(2), template_edges_(1) {}

RuleTrie::Found RuleTrie::find(Access access, std::string_view topic, const Names& names) const {
  Walk walk(*this, access, topic, names);
  walk.from(0, Levels(topic), true, false);
  return walk.found();
}

void RuleTrie::add(const Rule& rule) {
  NodeId node = 0;
  for (Levels levels(rule.filter); !levels.done();) {
    const auto level = levels.next();
    if (level == "#") return nodes_[node].below.add(rule);
    if (level == "+") {
      if (nodes_[node].plus == 0) {
        const NodeId made = new_node();
        nodes_[node].plus = made;
      }
      node = nodes_[node].plus;
    } else {
      node = rule.pattern && holds_placeholder(level) ? template_child_or_new(node, level) : child_or_new(node, level);
    }
  }
  nodes_[node].exactly.add(rule);
}

std::size_t RuleTrie::slot_of(NodeId from, std::string_view level) const {
  const std::size_t mask = edges_.size() - 1;
  for (std::size_t i = hash_(level) ^ from * 0x9E3779B97F4A7C15u;; ++i) {
    const Edge& edge = edges_[i & mask];
    if (edge.to == 0 || (edge.from == from && edge.level == level)) return i & mask;
  }
}

RuleTrie::NodeId RuleTrie::child_or_new(NodeId from, std::string_view level) {
  if (const NodeId there = child(from, level)) return there;
  if ((edge_count_ + 1) * 2 > edges_.size()) grow();
  const NodeId made = new_node();
  edges_[slot_of(from, level)] = Edge{level, from, made};
  ++edge_count_;
  return made;
}

RuleTrie::NodeId RuleTrie::template_child_or_new(NodeId from, std::string_view level) {
  for (std::uint32_t i = nodes_[from].template_edge; i != 0; i = template_edges_[i].next) {
    if (template_edges_[i].level == level) return template_edges_[i].to;
  }
  const NodeId made = new_node();
  template_edges_.push_back({level, made, nodes_[from].template_edge});
  nodes_[from].template_edge = static_cast<std::uint32_t>(template_edges_.size() - 1);
  return made;
}

RuleTrie::NodeId RuleTrie::new_node() {
  nodes_.emplace_back();
  return static_cast<NodeId>(nodes_.size() - 1);
}

void RuleTrie::grow() {
  const auto old = std::exchange(edges_, std::vector<Edge>(edges_.size() * 2));
  for (const Edge& edge : old) {
    if (edge.to != 0) edges_[slot_of(edge.from, edge.level)] = edge;
  }
}

}  // namespace bramble
