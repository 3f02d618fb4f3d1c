#include "broker/log/record.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "core/mqtt/utf8.h"

namespace bramble::log {

namespace {

constexpr std::size_t kSentenceMax = 4096;
constexpr std::size_t kPartMax = 1024;
constexpr std::string_view kCut = "...";

struct Head {
  std::array<std::uint16_t, 6> sizes;  // of the sentence and the parts, in order
  std::uint8_t code, has_code, user_said, reason_said;
};

// One event stays one line, whatever a client put in its id or topic.
bool is_control(char letter) { return static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F; }

void blot_controls(char* begin, char* end) { std::replace_if(begin, end, is_control, '?'); }

std::uint16_t append_part(fmt::memory_buffer& out, std::string_view part) {
  if (part.size() <= kPartMax) {
    out.append(part);
    return static_cast<std::uint16_t>(part.size());
  }
  out.append(part.substr(0, kPartMax - kCut.size()));
  out.append(kCut);
  return static_cast<std::uint16_t>(kPartMax);
}

// The bytes of the character that begins `text`, if it is one of more than one byte; 0: it is none.
std::size_t character_size(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 0;
  return size != 0 && size <= text.size() && mqtt::valid_utf8(text.substr(0, size)) ? size : 0;
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char letter = text[0];
    std::size_t size = 1;
    if (static_cast<unsigned char>(letter) >= 0x80) {
      size = character_size(text);
      out += size == 0 ? "\\ufffd" : text.substr(0, size);
      size = std::max<std::size_t>(size, 1);
    } else if (letter == '"' || letter == '\\') {
      (out += '\\') += letter;
    } else if (is_control(letter)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(letter));
    } else {
      out += letter;
    }
    text.remove_prefix(size);
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

std::string Subject::name() const {
  if (client_id.empty() || address.empty()) return std::string(client_id.empty() ? address : client_id);
  return fmt::format("{} [{}]", client_id, address);
}

void begin_record(fmt::memory_buffer& out) { out.resize(sizeof(Head)); }

void end_record(fmt::memory_buffer& out, const Subject& subject) {
  if (out.size() > sizeof(Head) + kSentenceMax) {
    out.resize(sizeof(Head) + kSentenceMax - kCut.size());
    out.append(kCut);
  }
  blot_controls(out.begin() + sizeof(Head), out.end());
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
  if (user) ((text += "u'") += subject.user) += reason ? "': " : "'";
  if (reason) text += subject.reason;
  text += ')';
  blot_controls(text.data() + record.sentence.size(), text.data() + text.size());
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
