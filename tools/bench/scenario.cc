#include "tools/bench/scenario.h"

namespace bramble::bench {

LoadClient::Settings client_settings(const Options& options, const std::string& id, std::uint32_t number) {
  return {.version = options.version,
          .client_id = options.client_id + "-" + id,
          .user_name = options.user_name,
          .password = options.password,
          .keep_alive = options.keep_alive,
          .filters = {},
          .number = number};
}

}  // namespace bramble::bench
