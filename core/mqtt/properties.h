#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/mqtt/property_table.h"

namespace bramble::mqtt {

/// One property as read. Which fields say something depends on the row's type; the others are left as they were.
struct Property {
  PropertyId id{};
  std::uint32_t number = 0;  ///< byte, two_bytes, four_bytes, var_int
  std::string_view text;     ///< utf8, binary, and the name of a utf8_pair
  std::string_view value;    ///< of a utf8_pair
  std::string_view encoded;  ///< all of it as received, identifier included
};

/// Walks the properties of one packet and refuses what may not be there (section 2.2.2):
///   malformed       the length runs past the packet, an unknown identifier, one not valid in this place, a value that
///   is
///                   cut short or not of its type (UTF-8 included)
///   protocol_error  a second one of what may be there once, a value outside its range
/// Use: `for (Property property; properties.next(property);) ...` and then ask failed().
/// Lifetime: what it gives points into the packet.  Threads: a value of one thread.
class PropertyReader {
 public:
  /// Takes the Property Length and that many bytes from `body`.
  PropertyReader(ByteReader& body, Place place);
  bool next(Property& property);
  bool failed() const { return failed_; }
  Failure failure() const { return Failure(error_); }
  const char* position() const { return bytes_.position(); }  ///< where the next one starts, or they end

 private:
  bool read(const PropertyRow& row, Property& property);
  std::string_view utf8();
  bool fail(const Failure& why);

  ByteReader bytes_;
  Place place_;
  bool failed_ = false;
  std::uint64_t seen_ = 0;  ///< a bit an identifier: they end at 0x2A
  Error error_{};
};

/// For packets whose properties we read past: all of PropertyReader's checks, nothing kept.
Result<void> skip_properties(ByteReader& body, Place place);

/// Appends the properties of one packet to `out`; finish() puts the Property Length in front of them.
/// A property that may not be in this place is our bug and is checked.
/// Lifetime: within `out`'s; nobody else writes to it until finish().  Threads: a value of one thread.
class PropertyWriter {
 public:
  PropertyWriter(std::string& out, Place place) : out_(out), start_(out.size()), place_(place) {}
  void number(PropertyId id, std::uint32_t value);
  void text(PropertyId id, std::string_view value);  ///< utf8 and binary
  void pair(PropertyId id, std::string_view name, std::string_view value);
  void encoded(std::string_view properties) { out_.append(properties); }  ///< as some PropertyReader gave them
  void finish();

 private:
  const PropertyRow& begin(PropertyId id);

  std::string& out_;
  std::size_t start_;
  Place place_;
};

}  // namespace bramble::mqtt
