#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace bramble {

enum class LogType : std::uint32_t {
  error = 1,
  warning = 2,
  notice = 4,
  information = 8,
  debug = 16,
  subscribe = 32,
  unsubscribe = 64,
  internal = 128,
  websockets = 256,
};

/// Options of the whole broker. Each field has a row below; names are mosquitto.conf's, or ours where the help says so.
struct BrokerOptions {
  // process
  std::string user;  ///< empty: not given
  std::string pid_file;
  unsigned threads = 0;  ///< 0: the cores the process may use
  // limits and MQTT behaviour
  bool allow_zero_length_clientid = true;
  std::string auto_id_prefix = "auto-";
  std::uint32_t max_inflight_bytes = 0;
  std::uint16_t max_inflight_messages = 20;
  std::uint16_t max_keepalive = 0;  ///< 0: no limit
  std::uint32_t max_packet_size = 2'000'000;
  std::uint64_t max_queued_bytes = 0;
  std::uint32_t max_queued_messages = 1000;
  std::uint32_t message_size_limit = 0;
  bool queue_qos0_messages = false;
  bool retain_available = true;
  bool set_tcp_nodelay = false;
  bool upgrade_outgoing_qos = false;
  std::chrono::seconds persistent_client_expiration{0};  ///< 0: never
  std::uint64_t max_output_bytes = 1 << 20;
  std::uint64_t max_inbox_bytes = 16 << 20;
  // logs and $SYS
  std::chrono::seconds sys_interval{10};
  std::vector<std::string> log_dest;  ///< empty: stderr
  std::uint32_t log_type = 0;         ///< OR of LogType; 0: not given (error, warning, notice, information)
  bool log_timestamp = true;
  std::string log_timestamp_format;  ///< empty: seconds since 1970
  bool connection_messages = true;
};

}  // namespace bramble
