#include "broker/net/listener_rules.h"

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <system_error>

#include "broker/config/config_file.h"
#include "broker/net/tcp.h"

namespace bramble {

namespace {

OrMessage<std::shared_ptr<const AccessList>> load_access(const Config& config, const std::string& path) {
  const auto text = read_text_file(path);
  if (!text) return tl::unexpected<std::string>(config.at("acl_file", path) + path + text.error());
  return AccessList::parse(*text, path);
}

/// What `load` gives for a path, once; null for none.
template <class Loaded, class Load>
OrMessage<Loaded> once(std::map<std::string, Loaded>& known, const std::string& path, Load load) {
  if (path.empty()) return Loaded{};
  if (const auto found = known.find(path); found != known.end()) return found->second;
  auto loaded = load(path);
  if (loaded) known[path] = *loaded;
  return loaded;
}

/// What is named and not kept.
OrMessage<void> check_others(const Config& config, const ListenerOptions& options) {
  std::error_code unknown;
  if (const auto& pages = options.http_dir; !pages.empty() && !std::filesystem::is_directory(pages, unknown)) {
    return tl::unexpected(config.at("http_dir", pages) + pages + " is no folder that can be read; check the path");
  }
  const std::string& keys = options.auth.psk_file;
  const bool unused = options.tls.psk_hint.empty();
  return keys.empty() || !unused ? OrMessage<void>() : TlsContext::check_keys(config, keys);
}

/// See ListenerRules. What cannot be read here was refused before, or is read by OpenSSL alone.
std::size_t trusted_by(const ListenerOptions& options) {
  const TlsOptions& tls = options.tls;
  std::string all;
  const auto add = [&all](const std::string& path) {
    if (!path.empty()) all += read_text_file(path).value_or("");
  };
  if (tls.require_certificate) {
    add(tls.cafile);
    add(tls.crlfile);
    std::error_code error;
    for (std::filesystem::directory_iterator each(tls.capath, error), end; !error && each != end;
         each.increment(error)) {
      std::error_code unknown;
      all += each->path().string() + std::to_string(each->last_write_time(unknown).time_since_epoch().count());
    }
  }
  if (!tls.psk_hint.empty()) add(options.auth.psk_file);
  return std::hash<std::string>{}(all);
}

/// What a connection has proven by the options before may not be enough, or not the same.
bool proves_otherwise(const ListenerOptions& now, const ListenerOptions& before) {
  return now.tls != before.tls || now.protocol != before.protocol ||
         now.enable_proxy_protocol != before.enable_proxy_protocol ||
         now.proxy_protocol_v2_require_tls != before.proxy_protocol_v2_require_tls ||
         now.websockets_origin != before.websockets_origin || now.trusted_proxies != before.trusted_proxies;
}

/// Null: none.
bool same_rules(const AccessList* a, const AccessList* b) { return a && b ? a->says_the_same(*b) : a == b; }

}  // namespace

void ListenerRules::go_by(std::shared_ptr<const AccessList> list) {
  if (!same_rules(access.get(), list.get())) access_since = SteadyTime::max();
  access = std::move(list);
}

void ListenerRules::follow(const ListenerRules& before) {
  connections = before.connections;
  const bool other = trusted != before.trusted || proves_otherwise(options, before.options);
  era = static_cast<std::uint8_t>(before.era + (other ? 1 : 0));
  access_since = same_rules(access.get(), before.access.get()) ? before.access_since : SteadyTime::max();
  if (rates && before.rates && rates->rate() == before.rates->rate()) rates = before.rates;
}

OrMessage<AllRules> read_rules(const Config& config, LockedKeys locked, std::vector<std::string>* left) {
  AllRules all;
  std::map<std::string, std::shared_ptr<Users>> users;
  std::map<std::string, std::shared_ptr<const AccessList>> lists;
  for (const ListenerOptions& options : config.listeners) {
    auto rules = std::make_shared<ListenerRules>();
    rules->options = options;
    rules->access_since = std::chrono::steady_clock::now();
    if (const auto rate = options.max_connection_rate; rate != 0) rules->rates = std::make_shared<AddressRates>(rate);
    if (auto checked = check_others(config, options); !checked) return tl::unexpected(checked.error());
    auto passwords =
        once(users, options.auth.password_file, [&](const auto& path) { return Users::load(config, path); });
    if (!passwords) return tl::unexpected<std::string>(std::move(passwords.error()));
    rules->users = std::move(*passwords);
    auto access = once(lists, options.auth.acl_file, [&](const auto& path) { return load_access(config, path); });
    if (!access) return tl::unexpected<std::string>(std::move(access.error()));
    rules->access = std::move(*access);
    if (options.tls.on()) {
      auto tls = TlsContext::make(config, options, locked, left);
      if (!tls) return tl::unexpected<std::string>(std::move(tls.error()));
      rules->tls = std::move(*tls);
      rules->trusted = trusted_by(options);
    }
    all.push_back(std::move(rules));
  }
  return all;
}

std::uint32_t place_mark(const ListenerOptions& options) {
  if (!options.unix_socket()) return options.port;
  std::uint32_t hash = 2'166'136'261;  // FNV-1a: it has to be the same in the next process
  for (const char each : options.bind_address) hash = (hash ^ static_cast<unsigned char>(each)) * 16'777'619;
  return hash | 0x8000'0000;
}

std::string listener_name(const ListenerOptions& options, int socket) {
  if (options.unix_socket()) return options.bind_address;
  if (options.port != 0) return std::to_string(options.port);
  const std::string name = socket_name(socket);  // the system has picked it
  return name.substr(name.rfind(':') + 1);
}

}  // namespace bramble
