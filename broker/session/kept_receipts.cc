#include "broker/session/kept_receipts.h"

#include <algorithm>
#include <utility>
#include <xxhash.h>

namespace bramble {

std::uint64_t message_mark(std::string_view topic, std::string_view payload) {
  const std::uint64_t of_topic = XXH3_64bits(topic.data(), topic.size());
  return std::max<std::uint64_t>(1, XXH3_64bits_withSeed(payload.data(), payload.size(), of_topic) >> 11);
}

void KeptReceipts::restore(mqtt::PacketId id, std::uint64_t mark) {
  told_.take(id);
  if (mark != 0) from_before_.emplace(id, mark);
}

void KeptReceipts::replaced(mqtt::PacketId id) {
  if (!from_before_.empty()) from_before_.erase(id);
}

bool KeptReceipts::is_another(const mqtt::Publish& publish) const {
  const auto found = from_before_.find(publish.packet_id);
  return found != from_before_.end() && (!publish.dup || found->second != message_mark(publish.topic, publish.payload));
}

std::vector<KeptReceipts::Note> KeptReceipts::take_changed() {
  std::vector<Note> notes = std::exchange(changed_, {});
  std::ranges::reverse(notes);
  std::ranges::stable_sort(notes, {}, &Note::id);
  const auto same = [](const Note& a, const Note& b) { return a.id == b.id; };
  notes.erase(std::unique(notes.begin(), notes.end(), same), notes.end());
  return notes;
}

void KeptReceipts::drop_overtaken() {
  changed_ = take_changed();
  changed_max_ = std::max(kNotesMin, 2 * changed_.size());
}

}  // namespace bramble
