#include "broker/config/option_names.h"

#include "broker/config/config.h"

namespace bramble {

std::vector<std::string_view> option_names() {
  std::vector<std::string_view> names{"listener", "include_dir", "maximum_qos"};
  for (const auto& row : kBrokerOptions) names.push_back(row.name);
  for (const auto& row : kAuthOptions) names.push_back(row.name);
  for (const auto& row : kStoreOptions) names.push_back(row.name);
  for (const auto& row : kListenerOptions) names.push_back(row.name);
  for (const auto& row : kTlsOptions) names.push_back(row.name);
  return names;
}

}  // namespace bramble
