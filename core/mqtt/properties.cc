#include "core/mqtt/properties.h"

#include "core/base/check.h"
#include "core/mqtt/append.h"
#include "core/mqtt/utf8.h"

namespace bramble::mqtt {

static_assert(kPropertyIds <= 64, "PropertyReader keeps a bit for each identifier in one word");

PropertyReader::PropertyReader(ByteReader& body, Place place) : bytes_(body.take(body.var_int())), place_(place) {
  if (body.failed()) fail(malformed("the Property Length is not valid or runs past the packet"));
}

bool PropertyReader::next(Property& property) {
  if (failed_ || bytes_.empty()) return false;
  const char* from = bytes_.position();
  const std::uint32_t id = bytes_.u8();  // a Variable Byte Integer, of which the standard uses one byte only
  const PropertyRow* row = property_row(id);
  if (row == nullptr) return fail(malformed("an unknown property identifier"));
  if (((row->once_in | row->many_in) & place_) == 0) return fail(malformed("a property that this packet cannot have"));
  const std::uint64_t bit = std::uint64_t{1} << id;
  if ((row->once_in & place_) != 0 && (seen_ & bit) != 0) {
    return fail(protocol_error("a property more often than once"));
  }
  seen_ |= bit;
  if (!read(*row, property)) return false;
  property.encoded = {from, static_cast<std::size_t>(bytes_.position() - from)};
  return true;
}

bool PropertyReader::read(const PropertyRow& row, Property& property) {
  property.id = row.id;
  switch (row.type) {
    case PropertyType::byte: property.number = bytes_.u8(); break;
    case PropertyType::two_bytes: property.number = bytes_.u16(); break;
    case PropertyType::four_bytes: property.number = bytes_.u32(); break;
    case PropertyType::var_int: property.number = bytes_.var_int(); break;
    case PropertyType::utf8: property.text = utf8(); break;
    case PropertyType::binary: property.text = bytes_.prefixed(); break;
    case PropertyType::utf8_pair:
      property.text = utf8();
      property.value = utf8();
      break;
  }
  if (bytes_.failed()) return fail(malformed("a property that is cut short or not of its type"));
  const bool is_number = row.type <= PropertyType::var_int;
  if (is_number && (property.number < row.range.least || property.number > row.range.most)) {
    return fail(protocol_error("a property with a value it may not have"));
  }
  return true;
}

std::string_view PropertyReader::utf8() {
  const auto text = bytes_.prefixed();
  if (!valid_utf8(text)) bytes_.fail();  // [MQTT-1.5.4-1] [MQTT-1.5.7-1]
  return text;
}

bool PropertyReader::fail(const Failure& why) {
  failed_ = true;
  error_ = why.value();
  return false;
}

Result<void> skip_properties(ByteReader& body, Place place) {
  PropertyReader properties(body, place);
  for (Property property; properties.next(property);) {
  }
  if (properties.failed()) return properties.failure();
  return {};
}

const PropertyRow& PropertyWriter::begin(PropertyId id) {
  const PropertyRow& row = property_row(id);
  check(((row.once_in | row.many_in) & place_) != 0, "a property in a packet that cannot have it");
  append_u8(out_, static_cast<std::uint8_t>(id));
  return row;
}

void PropertyWriter::number(PropertyId id, std::uint32_t value) {
  const PropertyRow& row = begin(id);
  check(value >= row.range.least && value <= row.range.most, "a property with a value it may not have");
  switch (row.type) {
    case PropertyType::byte: append_u8(out_, static_cast<std::uint8_t>(value)); break;
    case PropertyType::two_bytes: append_u16(out_, static_cast<std::uint16_t>(value)); break;
    case PropertyType::four_bytes: append_u32(out_, value); break;
    case PropertyType::var_int: append_var_int(out_, value); break;
    default: check(false, "this property is not a number");
  }
}

void PropertyWriter::text(PropertyId id, std::string_view value) {
  const PropertyType type = begin(id).type;
  check(type == PropertyType::utf8 || type == PropertyType::binary, "this property is not a text");
  append_prefixed(out_, value);
}

void PropertyWriter::pair(PropertyId id, std::string_view name, std::string_view value) {
  check(begin(id).type == PropertyType::utf8_pair, "this property is not a pair");
  append_prefixed(out_, name);
  append_prefixed(out_, value);
}

void PropertyWriter::finish() { insert_length(out_, start_); }

}  // namespace bramble::mqtt
