// Who can reach each listener, and what he may do there.
#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <fmt/format.h>
#include <netinet/in.h>
#include <set>
#include <sys/stat.h>

#include "broker/config/show.h"

namespace bramble {

namespace {

bool encrypted(const ListenerOptions& listener) { return listener.tls.on(); }

/// An address that every interface answers to.
bool any_address(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return v4.s_addr == INADDR_ANY;
  return address.empty() || (::inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6));
}

std::string reached_from(const ListenerOptions& listener) {
  if (listener.unix_socket()) {
    return fmt::format("programs of this machine that the file's mode ({}) lets in", show_unix_socket_mode(listener));
  }
  if (only_this_machine(listener)) return "this machine only";
  std::string from = "other machines too";
  if (!listener.bind_interface.empty()) from += ", through " + listener.bind_interface;
  if (any_address(listener.bind_address)) {
    if (listener.bind_interface.empty()) from += ", by every address of this one";
  } else {
    from += fmt::format(", if {} is an address that they reach", listener.bind_address);
  }
  return from;
}

std::string protocol(const ListenerOptions& listener) {
  std::string versions;
  const std::pair<bool, const char*> all[] = {
      {listener.accept_v3, "3.1"}, {listener.accept_v4, "3.1.1"}, {listener.accept_v5, "5"}};
  for (const auto& [accepted, version] : all) {
    if (accepted) versions += (versions.empty() ? "" : ", ") + std::string(version);
  }
  const char* const over = listener.protocol == Protocol::websockets ? "WebSocket"
                           : listener.unix_socket()                  ? "a Unix socket"
                                                                     : "TCP";
  return fmt::format("MQTT {} over {}", versions, over);
}

std::string encryption(const ListenerOptions& listener) {
  const TlsOptions& tls = listener.tls;
  if (!tls.on()) {
    return listener.proxy_protocol_v2_require_tls ? "no: up to the proxy, which must say so; plain from there on"
                                                  : "no";
  }
  const char* const version = tls.tls_version == TlsVersion::tls1_3 ? "1.3" : "1.2 and 1.3";
  if (tls.certfile.empty()) return fmt::format("TLS {} by pre-shared keys", version);
  return fmt::format("TLS {}, certificate {}{}", version, show_value(tls.certfile),
                     tls.psk_hint.empty() ? "" : ", or by pre-shared keys");
}

/// What a client has to show before it says a word of MQTT; empty: nothing.
std::string has_to_show(const ListenerOptions& listener) {
  const TlsOptions& tls = listener.tls;
  const std::string key = tls.psk_hint.empty() ? "" : "a key of " + listener.auth.psk_file;
  std::string certificate;
  if (tls.require_certificate) {
    certificate = "a certificate that ";
    certificate += tls.cafile.empty() ? tls.capath : tls.capath.empty() ? tls.cafile : tls.cafile + " or " + tls.capath;
    certificate += " vouches for";
  }
  if (certificate.empty()) return tls.certfile.empty() ? key : "";
  return key.empty() ? certificate : certificate + ", or " + key;
}

std::string may_read_and_write(const ListenerOptions& listener) {
  std::string what =
      listener.auth.acl_file.empty() ? "every topic: no acl_file" : "what " + listener.auth.acl_file + " allows";
  if (!listener.mount_point.empty()) what += fmt::format("; all topics are below {}", listener.mount_point);
  return what;
}

std::string proxies(const ListenerOptions& listener) {
  if (listener.enable_proxy_protocol != 0) {
    return fmt::format("whoever connects is believed what its PROXY header (version {}) says of the client",
                       listener.enable_proxy_protocol);
  }
  if (listener.trusted_proxies.empty()) return "none is believed";
  return "X-Forwarded-For is believed from " + show_value(listener.trusted_proxies);
}

using Warnings = std::vector<std::string>;

/// Who gets in, and what is seen of it on the way.
void warn_of_reach(Warnings& to, const ListenerOptions& listener) {
  const bool outside = !only_this_machine(listener);
  const bool anonymous = *listener.auth.allow_anonymous && !user_by_certificate(listener);
  if (outside && !encrypted(listener) && !listener.proxy_protocol_v2_require_tls) {
    to.emplace_back(
        "not encrypted, and other machines reach it: passwords and messages can be read and changed on the "
        "way. certfile and keyfile switch TLS on; or give the listener the address 127.0.0.1");
  }
  if (outside && anonymous && has_to_show(listener).empty()) {
    to.emplace_back(
        "anonymous access: everyone who reaches this machine may connect. `allow_anonymous false` and a "
        "password_file (bramble-passwd -c FILE USER)");
  }
  if (outside && listener.enable_proxy_protocol != 0) {
    to.emplace_back(
        user_by_certificate(listener)
            ? "PROXY headers are believed from everyone, so who reaches it can be any user: let only the proxy reach it"
            : "PROXY headers are believed from everyone, so client addresses can be made up: let only the proxy reach "
              "it");
  }
  if (listener.unix_socket() && (listener.unix_socket_mode & 06) != 0) {
    to.push_back(fmt::format("mode {}: every account of this machine may connect. unix_socket_mode 660",
                             show_unix_socket_mode(listener)));
  }
  if (listener.protocol == Protocol::websockets && anonymous && listener.websockets_origin.empty()) {
    to.emplace_back(
        "any web page may use it from the browser of a person who can reach it: websockets_origin names the "
        "pages that may");
  }
}

void warn_of_rights(Warnings& to, const ListenerOptions& listener) {
  const AuthOptions& auth = listener.auth;
  const bool unchecked = auth.password_file.empty() && *auth.allow_anonymous && !user_by_certificate(listener);
  if (auth.acl_file.empty()) {
    to.emplace_back("no acl_file: every client may read and write every topic");
  } else if (unchecked) {
    to.emplace_back(
        "user names are not checked, so a client has the rights of whichever user it says it is: "
        "password_file, or `allow_anonymous false`");
  }
  if (listener.tls.disable_client_cert_date_checks) {
    to.emplace_back("client certificates count after their time, too: disable_client_cert_date_checks false");
  }
  if (listener.tls.require_certificate && listener.tls.crlfile.empty()) {
    to.emplace_back("a certificate that was stolen counts until its time is over: crlfile names the revoked ones");
  }
}

Warnings of_whole_broker(const Config& config) {
  const BrokerOptions& broker = config.broker;
  Warnings all;
  if (broker.max_packet_size == 0) {
    all.emplace_back("max_packet_size 0: one packet of one client may take 256 MiB of memory");
  }
  if (broker.max_queued_messages == 0 && broker.max_queued_bytes == 0) {
    all.emplace_back(
        "max_queued_messages 0 and no max_queued_bytes: the queue of a client that is away grows without end");
  }
  if (broker.password_rate == 0) {
    all.emplace_back("password_rate 0: an address may try passwords as fast as this machine checks them");
  }
  const bool outside = std::ranges::any_of(config.listeners, [](const auto& each) { return !only_this_machine(each); });
  if (outside && broker.persistent_client_expiration.count() == 0 && broker.global_max_clients < 0) {
    all.emplace_back(
        "sessions of clients that never come back are kept for as long as they ask: "
        "persistent_client_expiration and global_max_clients limit that");
  }
  return all;
}

/// Files with secrets in them: that are not there, or that others may read.
void warn_of_file(Warnings& to, std::set<std::string>& seen, const std::string& path) {
  if (path.empty() || !seen.insert(path).second) return;
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) to.push_back(path + " is not there: a start would fail");
  } else if ((found.st_mode & S_IROTH) != 0) {
    to.push_back(fmt::format("{0} can be read by every account of this machine: chmod o-r {0}", path));
  }
}

Warnings of_files(const Config& config) {
  Warnings all;
  std::set<std::string> seen;
  for (const ListenerOptions& listener : config.listeners) {
    for (const std::string& key : listener.tls.keyfile) warn_of_file(all, seen, key);
    warn_of_file(all, seen, listener.auth.password_file);
    warn_of_file(all, seen, listener.auth.psk_file);
  }
  return all;
}

std::string written(const Warnings& warnings) {
  std::string text;
  for (const std::string& warning : warnings) text += "  Warning: " + warning + "\n";
  return text;
}

}  // namespace

bool user_by_certificate(const ListenerOptions& listener) {
  return listener.tls.use_identity_as_username || listener.tls.use_subject_as_username;
}

std::string who_may_connect(const ListenerOptions& listener) {
  const std::string shows = has_to_show(listener);
  if (user_by_certificate(listener)) {
    const bool proxy = listener.enable_proxy_protocol == 2 && !listener.tls.on();
    const char* const user = listener.tls.use_subject_as_username ? "the certificate's subject"
                                                                  : "its name in the certificate, or its key's";
    if (proxy) return "clients whose certificate the proxy tells of; the user is the name in it";
    const bool by_key = !listener.tls.psk_hint.empty() && !listener.tls.use_subject_as_username;
    if (shows.empty() && !by_key) return "nobody: the user is who the certificate names, and none is asked for";
    return fmt::format("clients with {}; the user is {}, and no password is asked for",
                       shows.empty() ? "a key of " + listener.auth.psk_file : shows, user);
  }
  const std::string with = shows.empty() ? "" : " who has " + shows;
  const std::string& file = listener.auth.password_file;
  const bool anonymous = *listener.auth.allow_anonymous;
  if (file.empty()) {
    if (!anonymous) return "nobody: allow_anonymous false, and no password_file";
    return fmt::format("everyone{}, with any user name or none: no password is checked", with);
  }
  if (!anonymous) return fmt::format("users of {} with their password{}", file, shows.empty() ? "" : ", and " + shows);
  return fmt::format("users of {} with their password, and everyone{} without a user name", file, with);
}

bool only_this_machine(const ListenerOptions& listener) {
  if (listener.unix_socket() || listener.bind_interface == "lo") return true;
  const std::string& address = listener.bind_address;
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
  if (::inet_pton(AF_INET6, address.c_str(), &v6) != 1) return address == "localhost";
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

std::string show_security(const Config& config) {
  std::string text = "Who may do what\n";
  for (const ListenerOptions& listener : config.listeners) {
    if (listener.optional) continue;
    const char* const other = config.local_only ? ", and of ::1" : "";
    text += fmt::format("\n{}{} ({})\n", listener_name(listener), other, listener.declared_at);
    const std::pair<const char*, std::string> facts[] = {
        {"reached from", reached_from(listener)},
        {"protocol", protocol(listener)},
        {"encrypted", encryption(listener)},
        {"may connect", who_may_connect(listener)},
        {"may read and write", may_read_and_write(listener)},
        {"proxies", proxies(listener)},
    };
    for (const auto& [name, fact] : facts) text += fmt::format("  {:<20}{}\n", name, fact);
    Warnings warnings;
    warn_of_reach(warnings, listener);
    warn_of_rights(warnings, listener);
    text += written(warnings);
  }
  text += "\nthe whole broker\n";
  auto whole = of_whole_broker(config);
  for (std::string& warning : of_files(config)) whole.push_back(std::move(warning));
  text += whole.empty() ? "  no warning\n" : written(whole);
  return text;
}

}  // namespace bramble
