#include "core/websocket/answers.h"

#include <array>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "core/websocket/http_text.h"

namespace bramble {

namespace {

const char* name_of(HttpStatus status) {
  switch (status) {
    case HttpStatus::switching_protocols: return "Switching Protocols";
    case HttpStatus::ok: return "OK";
    case HttpStatus::not_modified: return "Not Modified";
    case HttpStatus::bad_request: return "Bad Request";
    case HttpStatus::forbidden: return "Forbidden";
    case HttpStatus::not_found: return "Not Found";
    case HttpStatus::method_not_allowed: return "Method Not Allowed";
    case HttpStatus::upgrade_required: return "Upgrade Required";
    case HttpStatus::headers_too_large: return "Request Header Fields Too Large";
    case HttpStatus::internal_error: return "Internal Server Error";
    case HttpStatus::unavailable: return "Service Unavailable";
    case HttpStatus::version_not_supported: return "HTTP Version Not Supported";
  }
  return "";
}

std::string title_of(HttpStatus status) {
  return std::to_string(static_cast<unsigned>(status)) + " " + name_of(status);
}

void append_status_line(std::string& out, HttpStatus status) {
  out += "HTTP/1.1 ";
  out += title_of(status);
  out += "\r\n";
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void append_content(std::string& out, std::string_view type, std::uint64_t size) {
  append_header(out, "Content-Type", type);
  append_header(out, "Content-Length", std::to_string(size));
  append_header(out, "X-Content-Type-Options", "nosniff");
}

void append_caching(std::string& out, std::string_view etag) {
  append_header(out, "Cache-Control", "no-cache");
  append_header(out, "ETag", '"' + std::string(etag) + '"');
}

}  // namespace

std::string websocket_accept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 29> base64;  // 28 digits and a NUL
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), SHA_DIGEST_LENGTH);
  return {base64.begin(), base64.begin() + size};
}

void append_switching_protocols(std::string& out, const HttpRequest& request) {
  append_status_line(out, HttpStatus::switching_protocols);
  append_header(out, "Upgrade", "websocket");
  append_header(out, "Connection", "Upgrade");
  append_header(out, "Sec-WebSocket-Accept", websocket_accept(request.key));
  append_header(out, "Sec-WebSocket-Protocol", request.protocol);
  out += "\r\n";
}

void append_error(std::string& out, HttpStatus status, bool head_only) {
  const std::string body = title_of(status) + "\n";
  append_status_line(out, status);
  if (status == HttpStatus::method_not_allowed) append_header(out, "Allow", "GET, HEAD");
  if (status == HttpStatus::upgrade_required) {
    append_header(out, "Upgrade", "websocket");
    append_header(out, "Sec-WebSocket-Version", "13");
  }
  append_content(out, "text/plain; charset=utf-8", body.size());
  append_header(out, "Connection", status == HttpStatus::upgrade_required ? "close, Upgrade" : "close");
  out += "\r\n";
  if (!head_only) out += body;
}

void append_file_head(std::string& out, std::string_view type, std::uint64_t size, std::string_view etag) {
  append_status_line(out, HttpStatus::ok);
  append_content(out, type, size);
  append_caching(out, etag);
  append_header(out, "Connection", "close");
  out += "\r\n";
}

void append_not_modified(std::string& out, std::string_view etag) {
  append_status_line(out, HttpStatus::not_modified);
  append_caching(out, etag);
  append_header(out, "Connection", "close");
  out += "\r\n";
}

bool etag_matches(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    std::string_view one = http::next_of_list(if_none_match);
    if (one == "*") return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"' && one.substr(1, one.size() - 2) == etag)
      return true;
  }
  return false;
}

}  // namespace bramble
