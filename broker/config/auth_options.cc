#include "broker/config/auth_options.h"

#include "core/mqtt/utf8.h"

namespace bramble {

namespace {

constexpr std::size_t kAutoIdPrefixBytesMax = 50;

// U+0000 to U+001F and U+007F to U+009F, in valid UTF-8.
bool has_control_character(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    if (byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

}  // namespace

std::string read_auto_id_prefix(std::string& prefix, std::string_view value) {
  if (value.size() > kAutoIdPrefixBytesMax) {
    return "is " + std::to_string(value.size()) + " bytes long: at most " + std::to_string(kAutoIdPrefixBytesMax);
  }
  if (!mqtt::valid_utf8(value) || has_control_character(value)) {
    return "cannot begin a client id: UTF-8 without control characters";
  }
  prefix = value;
  return {};
}

std::string read_auth_auto_id_prefix(AuthOptions& options, std::string_view value) {
  return read_auto_id_prefix(options.auto_id_prefix, value);
}

std::string show_auth_auto_id_prefix(const AuthOptions& options) { return options.auto_id_prefix; }

}  // namespace bramble
