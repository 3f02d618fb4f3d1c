#include "broker/store/mosquitto_chunks.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "broker/config/file_remedy.h"
#include "core/base/bytes.h"
#include "core/mqtt/properties.h"
#include "core/mqtt/utf8.h"
#include "core/topic/topic.h"

namespace bramble::mosquitto {

namespace {

constexpr std::size_t kHeadBytes = kMagic.size() + 4 + 4;  // a checksum, the format
constexpr std::size_t kChunkHeadBytes = 8;
// Of a message: its struct, three texts, a payload and properties, which are together less than a packet may be.
constexpr std::uint64_t kBodyBytesMax = 32 + 3 * 65'535 + std::uint64_t{mqtt::kRemainingLengthMax};
constexpr std::size_t kClientBytes = 20;        // of its struct in format 6, but for padding at its end
constexpr std::size_t kClientPaddedBytes = 24;  // where a number of 8 bytes lies at a multiple of 8; i386 has it not so

constexpr std::int64_t kSecondsMax = 7'000'000'000;  // since 1970: the clock ends a little later

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

std::uint64_t little_endian(ByteReader& reader) {
  const std::string_view bytes = reader.take(8);
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

std::optional<mqtt::Qos> qos_of(std::uint8_t number) {
  return number <= 2 ? std::optional(static_cast<mqtt::Qos>(number)) : std::nullopt;
}

bool is_client_id(std::string_view id) { return !id.empty() && mqtt::valid_utf8(id); }

/// Mosquitto before 2.1 writes, for a client without a user name behind one that has one, whatever lies in memory
/// behind that name, which ends in a zero byte: that is no name.
std::optional<std::string_view> user_of(std::string_view name) {
  return name.empty() || !mqtt::valid_utf8(name) ? std::nullopt : std::optional(name);
}

bool goes_on(mqtt::PropertyId id) {
  using mqtt::PropertyId;
  return id != PropertyId::message_expiry_interval && id != PropertyId::topic_alias &&
         id != PropertyId::subscription_identifier;
}

/// Of a PUBLISH, with their length; nothing at all: there are none. False: they cannot be.
bool read_properties(std::string_view bytes, std::string& going_on, std::uint32_t& subscription_identifier) {
  if (bytes.empty()) return true;
  ByteReader reader(bytes);
  mqtt::PropertyReader properties(reader, mqtt::in_publish);
  for (mqtt::Property property; properties.next(property);) {
    if (goes_on(property.id)) going_on += property.encoded;
    if (property.id == mqtt::PropertyId::subscription_identifier) subscription_identifier = property.number;
  }
  return !properties.failed() && reader.empty();
}

}  // namespace

OrMessage<ChunkFile> ChunkFile::open(const std::filesystem::path& path) {
  ChunkFile file;
  if (auto opened = file.open_file(path.string()); !opened) return wrong(std::move(opened.error()));
  if (auto head = file.read_head(path.string()); !head) return wrong(std::move(head.error()));
  return file;
}

OrMessage<void> ChunkFile::open_file(const std::string& path) {
  // O_NONBLOCK: a pipe in the file's place would wait for a writer
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  const int error = errno;
  if (descriptor < 0) {
    return wrong(path + ": cannot be read: " + std::generic_category().message(error) + "; " + read_remedy(error));
  }
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) file_.reset(::fdopen(descriptor, "rb"));
  if (!file_) {
    ::close(descriptor);
    return wrong(path + ": is no file that can be read; name Mosquitto's database");
  }
  left_ = static_cast<std::uint64_t>(status.st_size);
  saved_at_ = WallTime(Seconds(std::clamp<std::int64_t>(status.st_mtim.tv_sec, 0, kSecondsMax)));
  return {};
}

bool ChunkFile::read(char* to, std::size_t size) {
  if (size > left_ || std::fread(to, 1, size, file_.get()) != size) return false;
  left_ -= size;
  return true;
}

OrMessage<void> ChunkFile::read_head(const std::string& path) {
  if (left_ == 0) return wrong(path + ": is empty, so it is no database of Mosquitto");
  std::string head(kHeadBytes, '\0');
  if (!read(head.data(), head.size()) || !head.starts_with(kMagic)) {
    if (std::ferror(file_.get()) != 0) return wrong(path + ": cannot be read: " + std::generic_category().message(EIO));
    return wrong(path + ": is no database of Mosquitto; name the file that its persistence_file is");
  }
  format_ = ByteReader(std::string_view(head).substr(kMagic.size() + 4)).u32();
  if (format_ == 5 || format_ == 6) return {};
  if (format_ < 5) {
    return wrong(
        fmt::format("{}: is of format {}, of Mosquitto before 1.6, and only 5 and 6 can be read; start "
                    "Mosquitto 1.6 or later with it once and stop it: then it is",
                    path, format_));
  }
  return wrong(fmt::format("{}: is of format {}, of a Mosquitto that is newer than this; only 5 and 6 can be read",
                           path, format_));
}

ChunkFile::Next ChunkFile::next(Chunk& chunk) {
  if (left_ == 0) return Next::end;
  char head[kChunkHeadBytes];
  if (!read(head, sizeof head)) return unfinished();
  ByteReader reader({head, sizeof head});
  chunk.type = ChunkType{reader.u32()};
  const std::uint32_t size = reader.u32();
  if (size > left_ || chunk.type == ChunkType{}) return Next::cut_off;
  if (size > kBodyBytesMax) {
    if (::fseeko(file_.get(), static_cast<off_t>(size), SEEK_CUR) != 0) return Next::unreadable;
    left_ -= size;
    return Next::too_large;
  }
  body_.resize(size);
  if (!read(body_.data(), size)) return unfinished();
  chunk.body = body_;
  return Next::chunk;
}

bool has_known_ids(std::string_view configuration) {
  ByteReader reader(configuration);
  reader.take(8);  // the last id
  reader.u8();     // whether Mosquitto has ended since
  return reader.u8() == 8;
}

std::optional<Client> parse_client(std::string_view body, unsigned format) {
  ByteReader reader(body);
  Client client;
  client.ends_at = static_cast<std::int64_t>(little_endian(reader));
  client.expiry_seconds = reader.u32();
  reader.u16();  // the last packet identifier
  const std::size_t id_size = reader.u16();
  std::size_t user_size = 0;
  if (format >= 6) {
    client.port = reader.u16();
    user_size = reader.u16();
    if (body.size() == kClientPaddedBytes + id_size + user_size) reader.take(kClientPaddedBytes - kClientBytes);
  }
  client.id = reader.take(id_size);
  client.user = user_of(reader.take(user_size));
  if (reader.failed() || !reader.empty() || !is_client_id(client.id)) return std::nullopt;
  return client;
}

std::optional<Message> parse_message(std::string_view body) {
  ByteReader reader(body);
  Message message;
  message.id = little_endian(reader);
  message.expires_at = static_cast<std::int64_t>(little_endian(reader));
  const std::size_t payload_size = reader.u32();
  reader.u16();  // its packet identifier on the way here
  const std::size_t client_id_size = reader.u16(), user_size = reader.u16(), topic_size = reader.u16();
  message.port = reader.u16();
  const auto qos = qos_of(reader.u8());
  message.retain = reader.u8() != 0;
  message.client_id = reader.take(client_id_size);
  message.user = user_of(reader.take(user_size));
  message.topic = reader.take(topic_size);
  message.payload = reader.take(payload_size);
  std::uint32_t identifier = 0;
  if (!qos || reader.failed() || !TopicName::parse(message.topic)) return std::nullopt;
  if (!message.client_id.empty() && !is_client_id(message.client_id)) return std::nullopt;
  if (!read_properties(reader.rest(), message.properties, identifier)) return std::nullopt;
  message.qos = *qos;
  return message;
}

std::optional<ClientMessage> parse_client_message(std::string_view body) {
  ByteReader reader(body);
  ClientMessage message;
  message.message = little_endian(reader);
  message.packet_id = reader.u16();
  const std::size_t id_size = reader.u16();
  const auto qos = qos_of(reader.u8());
  message.state = State{reader.u8()};
  const std::uint8_t flags = reader.u8();
  message.retain = flags >> 4 != 0;
  message.dup = (flags & 0x0F) != 0;
  const std::uint8_t direction = reader.u8();
  message.incoming = direction == 0;
  message.client_id = reader.take(id_size);
  if (!qos || direction > 1 || message.state < State::publish_qos0 || message.state > State::queued)
    return std::nullopt;
  message.qos = *qos;
  std::string none;
  if (reader.failed() || !read_properties(reader.rest(), none, message.subscription_identifier)) return std::nullopt;
  return message;
}

std::optional<Subscription> parse_subscription(std::string_view body) {
  ByteReader reader(body);
  Subscription subscription;
  subscription.identifier = reader.u32();
  const std::size_t id_size = reader.u16(), filter_size = reader.u16();
  const auto qos = qos_of(reader.u8());
  const std::uint8_t options = reader.u8();
  reader.u16();  // padding
  subscription.client_id = reader.take(id_size);
  subscription.filter = reader.take(filter_size);
  if (!qos || reader.failed() || !reader.empty() || !TopicFilter::parse(subscription.filter)) return std::nullopt;
  if (subscription.identifier > kVarIntMax) return std::nullopt;
  subscription.qos = *qos;
  subscription.no_local = (options & 4) != 0;
  subscription.retain_as_published = (options & 8) != 0;
  return subscription;
}

std::optional<std::uint64_t> parse_retained(std::string_view body) {
  ByteReader reader(body);
  const std::uint64_t message = little_endian(reader);
  return reader.failed() ? std::nullopt : std::optional(message);
}

}  // namespace bramble::mosquitto
