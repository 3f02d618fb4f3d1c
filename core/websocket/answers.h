#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/websocket/upgrade.h"

/// What we answer to a request. Every answer but 101 says "Connection: close": one request a connection.
/// All append to `out`.  Threads: any.
namespace bramble {

/// Sec-WebSocket-Accept for this key (RFC 6455 4.2.2).
std::string websocket_accept(std::string_view key);

/// 101, to a request that is for a WebSocket; then come frames.
void append_switching_protocols(std::string& out, const HttpRequest& request);

/// A status of 400 and above with a line of text that names it. 405 says which methods there are, 426 which version
/// (RFC 6455 4.4).
void append_error(std::string& out, HttpStatus status, bool head_only = false);

/// The head before a file's `size` bytes, and all there is to say to HEAD. Browsers ask again each time and are told
/// 304 if `etag` is the one they have. `type`: media_type(); `etag`: any text without quotes and control characters.
void append_file_head(std::string& out, std::string_view type, std::uint64_t size, std::string_view etag);
void append_not_modified(std::string& out, std::string_view etag);
/// Is the file with this `etag` what they have (RFC 9110 13.1.2)?
bool etag_matches(std::string_view if_none_match, std::string_view etag);

}  // namespace bramble
