#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Client ids and topics with a place for what differs between clients: %i is the client's number, %c its client id,
/// %% a percent sign.  Threads: any.
namespace bramble::bench {

bool is_template(std::string_view text);
/// Every % in `text` is followed by another or by one of the letters `known`.
bool is_template_of(std::string_view text, std::string_view known);
std::string fill_template(std::string_view text, std::uint32_t number, std::string_view client_id = {});

}  // namespace bramble::bench
