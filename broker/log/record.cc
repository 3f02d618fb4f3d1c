#include "broker/log/record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "core/mqtt/utf8.h"

namespace bramble::log {

namespace {

constexpr std::size_t kSentenceMax = 4096;
constexpr std::string_view kCut = "...";

struct Head {
  std::array<std::uint16_t, 6> sizes;  // of the sentence and the parts, in order
  std::uint8_t code, has_code, user_said, reason_said;
};

bool is_printed_ascii(char letter) { return letter >= ' ' && letter < 0x7F; }

/// One event stays one line, which reads as it stands, whatever a client put in its id or topic: each control, and each
/// byte that is no UTF-8, becomes a '?'. In place; returns the size that is left.
std::size_t blot(char* text, std::size_t size) {
  if (std::all_of(text, text + size, is_printed_ascii)) return size;
  std::size_t kept = 0;
  for (std::string_view rest(text, size); !rest.empty();) {
    const mqtt::Character character = mqtt::first_character(rest);
    rest.remove_prefix(character.bytes.size());
    if (!character.utf8 || mqtt::is_control(character.code)) {
      text[kept++] = '?';
    } else {
      std::memmove(text + kept, character.bytes.data(), character.bytes.size());
      kept += character.bytes.size();
    }
  }
  return kept;
}

/// `text` without its last characters, if it is longer than this with kCut behind it.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max - kCut.size();
  while (end != 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

std::uint16_t append_part(fmt::memory_buffer& out, std::string_view part) {
  const std::size_t before = out.size();
  const std::string_view begin = cut(part, kNameBytesMax);
  out.append(begin);
  if (begin.size() != part.size()) out.append(kCut);
  return static_cast<std::uint16_t>(out.size() - before);
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const mqtt::Character character = mqtt::first_character(text);
    text.remove_prefix(character.bytes.size());
    if (!character.utf8) {
      out += "\\ufffd";
    } else if (mqtt::is_control(character.code)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(character.code));
    } else {
      if (character.code == '"' || character.code == '\\') out += '\\';
      out += character.bytes;
    }
  }
  out += '"';
}

void append_member(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  if (out.size() > 1) out += ',';
  append_string(out, name);
  out += ':';
  append_string(out, value);
}

}  // namespace

std::string in_sentence(std::string_view text, std::size_t bytes_max) {
  std::string out(cut(text, bytes_max));
  const auto blank = [&](std::size_t at) {  // or may look like one
    return at >= out.size() || out[at] == ' ' || static_cast<unsigned char>(out[at]) >= 0x80;
  };
  bool alone = out.find("] ") != std::string::npos;
  for (auto at = out.find('['); at != std::string::npos; at = out.find('[', at + 1)) alone |= blank(at - 1);
  if (alone) {
    std::ranges::replace(out, '[', '?');
    std::ranges::replace(out, ']', '?');
  }
  if (out.size() != text.size()) out += kCut;
  return out;
}

std::string Subject::name() const {
  const std::string id = client_id.empty() ? "<unknown>" : in_sentence(client_id);
  return address.empty() ? id : fmt::format("{} [{}]", id, address);
}

void begin_record(fmt::memory_buffer& out) { out.resize(sizeof(Head)); }

void end_record(fmt::memory_buffer& out, const Subject& subject) {
  if (out.size() > sizeof(Head) + kSentenceMax) {
    out.resize(sizeof(Head) + kSentenceMax - kCut.size());
    out.append(kCut);
  }
  out.resize(sizeof(Head) + blot(out.data() + sizeof(Head), out.size() - sizeof(Head)));
  Head head{};
  head.sizes[0] = static_cast<std::uint16_t>(out.size() - sizeof(Head));
  head.sizes[1] = append_part(out, subject.client_id);
  head.sizes[2] = append_part(out, subject.user);
  head.sizes[3] = append_part(out, subject.address);
  head.sizes[4] = append_part(out, subject.listener);
  head.sizes[5] = append_part(out, subject.reason);
  head.code = subject.reason_code.value_or(0);
  head.has_code = subject.reason_code.has_value();
  head.user_said = subject.user_said;
  head.reason_said = subject.reason_said;
  std::memcpy(out.data(), &head, sizeof head);
}

Record read_record(std::string_view bytes) {
  Head head;
  std::memcpy(&head, bytes.data(), sizeof head);
  bytes.remove_prefix(sizeof head);
  const auto take = [&](std::size_t size) {
    const std::string_view part = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return part;
  };
  Record record;
  record.sentence = take(head.sizes[0]);
  Subject& subject = record.subject;
  subject.client_id = take(head.sizes[1]);
  subject.user = take(head.sizes[2]);
  subject.address = take(head.sizes[3]);
  subject.listener = take(head.sizes[4]);
  subject.reason = take(head.sizes[5]);
  if (head.has_code != 0) subject.reason_code = head.code;
  subject.user_said = head.user_said != 0;
  subject.reason_said = head.reason_said != 0;
  return record;
}

std::string text_of(const Record& record) {
  std::string text(record.sentence);
  const Subject& subject = record.subject;
  const bool user = !subject.user.empty() && !subject.user_said;
  const bool reason = !subject.reason.empty() && !subject.reason_said;
  if (!user && !reason) return text;
  text += " (";
  if (user) ((text += "u'") += in_sentence(subject.user)) += reason ? "': " : "'";
  if (reason) text += subject.reason;
  text += ')';
  text.resize(blot(text.data(), text.size()));
  return text;
}

std::string json_of(const Record& record, std::string_view time, std::string_view level) {
  const Subject& subject = record.subject;
  std::string out = "{";
  append_member(out, "time", time);
  append_member(out, "level", level);
  append_member(out, "message", record.sentence);
  append_member(out, "client_id", subject.client_id);
  append_member(out, "user", subject.user);
  append_member(out, "address", subject.address);
  append_member(out, "listener", subject.listener);
  append_member(out, "reason", subject.reason);
  if (subject.reason_code) fmt::format_to(std::back_inserter(out), ",\"reason_code\":{}", *subject.reason_code);
  out += '}';
  return out;
}

}  // namespace bramble::log
