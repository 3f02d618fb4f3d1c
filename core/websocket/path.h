#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bramble {

/// The path of a request's target (all before '?'), percent-decoded once and with "." , ".." and empty segments
/// resolved: it begins with '/', has no segment "..", no NUL or other control character, no backslash, and is UTF-8. A
/// '/' at the end stays. So a file under a directory is that directory's name and this; links in the directory are the
/// caller's care. Errors: nothing, for what cannot be made such a path, or climbs above its root, or hides a '/' as
/// %2F.
std::optional<std::string> decode_path(std::string_view raw);

/// The Content-Type of a file, by its name's extension; "application/octet-stream" if that is not known.
std::string_view media_type(std::string_view path);

}  // namespace bramble
