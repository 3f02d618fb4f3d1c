#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bramble::testing {

// mosquitto.db as it is laid out, byte by byte, so that a bug in the reader's idea of it cannot hide here.

inline std::string big_endian(std::uint64_t value, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

inline std::string little_endian(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

inline std::string chunk(unsigned type, const std::string& body) {
  return big_endian(type, 4) + big_endian(body.size(), 4) + body;
}

/// What a file begins with: the magic bytes, no checksum, the format, and how large ids are.
inline std::string mosquitto_head(unsigned format, char id_size = 8) {
  return std::string("\0\xB5\0mosquitto db", 15) + big_endian(0, 4) + big_endian(format, 4) +
         chunk(1, little_endian(0x45) + std::string{'\1', id_size} + std::string(6, '\0'));
}

/// Of format 5.
inline std::string client_5(const std::string& id, std::uint32_t expiry = 0xFFFF'FFFF, std::uint64_t ends_at = 0) {
  return chunk(6, little_endian(ends_at) + big_endian(expiry, 4) + big_endian(9, 2) + big_endian(id.size(), 2) + id);
}

/// Of format 6; `padding`: 4 zero bytes, but on i386.
inline std::string client_6(const std::string& id, const std::string& user, std::uint16_t port,
                            const std::string& padding = std::string(4, '\0')) {
  return chunk(6, little_endian(0) + big_endian(0xFFFF'FFFF, 4) + big_endian(9, 2) + big_endian(id.size(), 2) +
                      big_endian(port, 2) + big_endian(user.size(), 2) + padding + id + user);
}

struct StoredBytes {
  std::uint64_t id = 0;
  std::string topic, payload;
  std::string properties{};  ///< with their length
  std::string client_id = "source";
  std::string user{};
  char qos = 1;
  char retain = 0;
  std::uint64_t expires_at = 0;
};
inline std::string stored(const StoredBytes& of) {
  return chunk(2, little_endian(of.id) + little_endian(of.expires_at) + big_endian(of.payload.size(), 4) +
                      big_endian(5, 2) + big_endian(of.client_id.size(), 2) + big_endian(of.user.size(), 2) +
                      big_endian(of.topic.size(), 2) + big_endian(1883, 2) + of.qos + of.retain + of.client_id +
                      of.user + of.topic + of.payload + of.properties);
}

struct ClientMessageBytes {
  std::string client_id;
  std::uint64_t message = 0;
  std::uint16_t packet_id = 0;
  char qos = 1;
  char state = 11;
  char retain_dup = 0;
  char direction = 1;  ///< 0: from the client
  std::string properties{};
};
inline std::string client_message(const ClientMessageBytes& of) {
  return chunk(3, little_endian(of.message) + big_endian(of.packet_id, 2) + big_endian(of.client_id.size(), 2) +
                      of.qos + of.state + of.retain_dup + of.direction + of.client_id + of.properties);
}

inline std::string subscribed(const std::string& client_id, const std::string& filter, char qos, char options = 0,
                              std::uint32_t identifier = 0) {
  return chunk(5, big_endian(identifier, 4) + big_endian(client_id.size(), 2) + big_endian(filter.size(), 2) + qos +
                      options + std::string(2, '\0') + client_id + filter);
}

inline std::string retained(std::uint64_t id) { return chunk(4, little_endian(id)); }

}  // namespace bramble::testing
