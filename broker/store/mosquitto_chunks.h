#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/time.h"
#include "core/mqtt/types.h"

/// What mosquitto.db, the file of Mosquitto's `persistence`, is made of: 15 bytes that say so, a checksum that is
/// always 0, the format, and chunks. A chunk is its type, its length (4 bytes each, big endian), a C struct as it lay
/// in memory, and texts behind it. Numbers of 2 and 4 bytes are big endian, those of 8 as the machine had them: little
/// endian. Two formats have it so: 5 (Mosquitto 1.6) and 6 (2.0 and 2.1), which knows more of a client.
/// Threads: values of one thread.
namespace bramble::mosquitto {

inline constexpr std::string_view kMagic{"\0\xB5\0mosquitto db", 15};

enum class ChunkType : std::uint32_t {
  configuration = 1,
  message = 2,
  client_message = 3,
  retained = 4,
  subscription = 5,
  client = 6,
};

struct Chunk {
  ChunkType type{};
  std::string_view body;  ///< until the next one is read
};

/// Reads the chunks of a file one after the other. The file is opened for reading, and is not locked.
/// Memory: the largest chunk, which is never more than the file has.
class ChunkFile {
 public:
  /// Errors: a line that names the file: it cannot be read, is no mosquitto.db, or of another format.
  static OrMessage<ChunkFile> open(const std::filesystem::path& path);

  unsigned format() const { return format_; }
  WallTime saved_at() const { return saved_at_; }
  enum class Next : std::uint8_t {
    chunk,
    too_large,  ///< one that Mosquitto would not write: it is passed over
    end,
    cut_off,  ///< what is left is no chunk
    unreadable
  };
  Next next(Chunk& chunk);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  ChunkFile() = default;
  OrMessage<void> open_file(const std::string& path);
  bool read(char* to, std::size_t size);
  OrMessage<void> read_head(const std::string& path);
  Next unfinished() const { return std::ferror(file_.get()) != 0 ? Next::unreadable : Next::cut_off; }

  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t left_ = 0;  // bytes of the file, by its size
  WallTime saved_at_{};
  unsigned format_ = 0;
  std::string body_;
};

// The chunks. Texts lie in the chunk's body. Nothing: the chunk is damaged, or holds what MQTT does not allow.

/// Of a session that outlives its connection.
struct Client {
  std::string_view id;
  std::optional<std::string_view> user;
  std::uint16_t port = 0;            ///< of the listener by which it came last; 0: not known
  std::int64_t ends_at = 0;          ///< seconds since 1970; 0: not set
  std::uint32_t expiry_seconds = 0;  ///< Session Expiry Interval
};
std::optional<Client> parse_client(std::string_view body, unsigned format);

struct Message {
  std::uint64_t id = 0;
  std::int64_t expires_at = 0;  ///< seconds since 1970; 0: never
  std::string_view client_id;   ///< who published it; empty: Mosquitto
  std::optional<std::string_view> user;
  std::uint16_t port = 0;  ///< of the listener by which it came; 0: not known
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::string_view topic;
  std::string_view payload;
  std::string properties;  ///< that go on to subscribers, encoded
};
std::optional<Message> parse_message(std::string_view body);

/// How far a message has come. The numbers are those of the file.
enum class State : std::uint8_t {
  publish_qos0 = 1,  ///< to be sent, or to be sent again
  publish_qos1 = 2,
  wait_for_puback = 3,
  publish_qos2 = 4,
  wait_for_pubrec = 5,
  resend_pubrel = 6,
  wait_for_pubrel = 7,
  resend_pubcomp = 8,
  wait_for_pubcomp = 9,
  send_pubrec = 10,
  queued = 11,
};

/// A message on its way to a client, or from it and not released yet.
struct ClientMessage {
  std::string_view client_id;
  std::uint64_t message = 0;  ///< its id
  mqtt::PacketId packet_id = 0;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  State state = State::queued;
  bool retain = false;
  bool dup = false;       ///< it was sent before
  bool incoming = false;  ///< from the client
  std::uint32_t subscription_identifier = 0;
};
std::optional<ClientMessage> parse_client_message(std::string_view body);

struct Subscription {
  std::string_view client_id;
  std::string_view filter;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  std::uint32_t identifier = 0;
};
std::optional<Subscription> parse_subscription(std::string_view body);

/// The id of the message.
std::optional<std::uint64_t> parse_retained(std::string_view body);

/// False: this file is of a build of Mosquitto that wrote ids of another size.
bool has_known_ids(std::string_view configuration);

}  // namespace bramble::mosquitto
