#include "tools/ctl/store_fields.h"

#include <cmath>
#include <fmt/format.h>

#include "core/auth/base64.h"
#include "core/base/bytes.h"
#include "core/mqtt/properties.h"
#include "core/mqtt/utf8.h"

namespace bramble::ctl {

namespace {

using bench::Json;

constexpr std::uint64_t kInstantMax = 7'000'000'000'000;  // ms: the clock's nanoseconds end a little later

}  // namespace

void StoreFields::refuse(std::string_view name, std::string_view what) {
  if (wrong_.empty()) wrong_ = fmt::format("{}: {}", name, what);
}

bool StoreFields::has(std::string_view name) const {
  const Json* const value = record_.find(name);
  return value && value->dump() != "null";
}

std::string StoreFields::text(std::string_view name) {
  const Json* const value = record_.find(name);
  if (value && value->text() && value->text()->size() <= mqtt::kTopicBytesMax && mqtt::valid_utf8(*value->text())) {
    return *value->text();
  }
  refuse(name, "is no text of at most 65535 bytes");
  return {};
}

std::uint64_t StoreFields::number(std::string_view name, std::uint64_t least, std::uint64_t most) {
  const Json* const value = record_.find(name);
  const double number = value && value->number() ? *value->number() : -1;
  if (number >= static_cast<double>(least) && number <= static_cast<double>(most) && number == std::floor(number)) {
    return static_cast<std::uint64_t>(number);
  }
  refuse(name, fmt::format("is no whole number from {} to {}", least, most));
  return least;
}

bool StoreFields::flag(std::string_view name) {
  const Json* const value = record_.find(name);
  const std::string shown = value ? value->dump() : "";
  if (shown != "true" && shown != "false") refuse(name, "is neither true nor false");
  return shown == "true";
}

std::string StoreFields::bytes(std::string_view name) {
  if (const Json* const plain = record_.find(name); plain && plain->text()) return *plain->text();
  const std::string encoded_name = std::string(name) + "_base64";
  const Json* const encoded = record_.find(encoded_name);
  if (encoded && encoded->text()) {
    if (const auto bytes = from_base64(*encoded->text(), Padding::with)) return {bytes->begin(), bytes->end()};
  }
  refuse(name, "is neither a text nor, as " + encoded_name + ", base64");
  return {};
}

mqtt::Qos StoreFields::qos(std::string_view name) { return static_cast<mqtt::Qos>(number(name, 0, 2)); }

WallTime StoreFields::instant(std::string_view name) {
  return WallTime(Milliseconds(static_cast<std::int64_t>(number(name, 0, kInstantMax))));
}

std::string StoreFields::properties(bool of_will) {
  std::string encoded = bytes("properties");
  std::string with_length(var_int_size(static_cast<std::uint32_t>(encoded.size() & kVarIntMax)), '\0');
  ByteWriter(with_length.data()).var_int(static_cast<std::uint32_t>(encoded.size() & kVarIntMax));
  with_length += encoded;
  ByteReader reader(with_length);
  if (!mqtt::skip_properties(reader, of_will ? mqtt::in_will : mqtt::in_publish) || !reader.empty()) {
    refuse("properties_base64", "are no properties of a message");
  }
  return encoded;
}

const Json* StoreFields::object(std::string_view name) {
  const Json* const value = record_.find(name);
  if (value && value->object()) return value;
  refuse(name, "is no object");
  return nullptr;
}

}  // namespace bramble::ctl
