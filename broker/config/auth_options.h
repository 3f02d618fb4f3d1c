#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/config/option_row.h"

namespace bramble {

/// Options of who may log in and do what: of the whole broker, or with `per_listener_settings true` of each listener.
/// Rows below.
struct AuthOptions {
  std::optional<bool> allow_anonymous;  ///< set in the listeners of every Config
  std::string password_file;
  std::string acl_file;
  std::string psk_file;
  bool allow_zero_length_clientid = true;
  std::string auto_id_prefix = "auto-";
};

std::string read_auto_id_prefix(std::string& prefix, std::string_view value);
std::string read_auth_auto_id_prefix(AuthOptions& options, std::string_view value);
std::string show_auth_auto_id_prefix(const AuthOptions& options);

inline constexpr OptionRow<AuthOptions> kAuthOptions[] = {
    {"allow_anonymous", &AuthOptions::allow_anonymous, Reload::new_connections,
     "Let clients in without a user name. Not given: true while no listener is configured, for then only this machine "
     "is served; false as soon as one is."},
    {"password_file", &AuthOptions::password_file, Reload::at_once,
     "Users and their hashed passwords, as bramble-passwd and mosquitto_passwd write them."},
    {"acl_file", &AuthOptions::acl_file, Reload::at_once, "Who may read and write which topics. Without it all may."},
    {"psk_file", &AuthOptions::psk_file, Reload::at_once,
     "Identities and their pre-shared keys, a line each: identity:key in hexadecimal. For listeners with psk_hint; "
     "read "
     "without one, too."},
    {"allow_zero_length_clientid", &AuthOptions::allow_zero_length_clientid, Reload::new_connections,
     "Accept an empty client id, and make one up."},
    {"auto_id_prefix",
     Special<AuthOptions>{read_auth_auto_id_prefix, show_auth_auto_id_prefix,
                          copy_fields<&AuthOptions::auto_id_prefix>},
     Reload::new_connections, "What client ids that were made up begin with: at most 50 bytes."},
};

}  // namespace bramble
