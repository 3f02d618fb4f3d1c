#pragma once

#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>

namespace bramble::log {

/// What a sentence has of a client id, user name or topic, and a Subject of each of its parts.
inline constexpr std::size_t kNameBytesMax = 1024;

/// What a client chose, as a sentence may have it: the end of a long one is "...", so that the rest of the line is
/// there whatever a client is called. "[ADDRESS] ..." is never in it, so that no name can pass for the line about
/// another client: where one opens behind a blank or what may look like one, or closes before a blank, all square
/// brackets become '?'. `a[1]` stays what it is.
std::string in_sentence(std::string_view text, std::size_t bytes_max = kNameBytesMax);

/// Whom and what a line is about, besides its sentence: the text form, JSON and the journal take it from here. What is
/// not known is empty. The views need to last only for the call that writes the line.
struct Subject {
  std::string_view client_id = {};
  std::string_view user = {};      ///< as the client gave it: proven only once it has connected
  std::string_view address = {};   ///< "127.0.0.1:50123"; the client's own, where a proxy that is believed tells it
  std::string_view listener = {};  ///< its port, or the path of its socket
  std::string_view reason = {};    ///< in words
  std::optional<std::uint8_t> reason_code = {};  ///< MQTT's
  bool user_said = false;                        ///< the sentence has the user in it already
  bool reason_said = false;                      ///< and the reason

  /// "ID [ADDRESS]", as Mosquitto 2.1 names a client, the id as by in_sentence(); "<unknown>" is its word, too.
  std::string name() const;
};

/// A line on its way from who writes it to the log's thread: the sentence, and its Subject behind it, in one piece of
/// memory. The sentence has at most 4096 bytes, and '?' for what is_control() and for what is no UTF-8; each part of
/// the Subject at most kNameBytesMax, as they are.
struct Record {
  std::string_view sentence;
  Subject subject;
};

/// `out` begins as begin_record() left it, and has had the sentence appended.
void begin_record(fmt::memory_buffer& out);
void end_record(fmt::memory_buffer& out, const Subject& subject);
/// Whose views lie in `bytes`, which came from the two above.
Record read_record(std::string_view bytes);

/// The sentence, and behind it in brackets what of user and reason is not in it: "... (u'bob': its password is wrong)".
std::string text_of(const Record& record);
/// One object; `time` and `level` come first.
std::string json_of(const Record& record, std::string_view time, std::string_view level);

}  // namespace bramble::log
