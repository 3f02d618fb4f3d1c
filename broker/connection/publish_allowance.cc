#include "broker/connection/publish_allowance.h"

namespace bramble {

namespace {
bool any_of(Allowance& allowance, double rate, SteadyTime now) {
  if (rate == 0) return true;
  allowance.refill(rate, rate, now);
  return allowance.any();
}
}  // namespace

bool PublishAllowance::any(const ListenerOptions& of, SteadyTime now) {
  const bool messages = any_of(messages_, of.max_publish_rate, now);
  const bool bytes = any_of(bytes_, static_cast<double>(of.max_publish_bytes_rate), now);
  return messages && bytes;
}

void PublishAllowance::spend(const ListenerOptions& of, std::size_t bytes) {
  if (of.max_publish_rate != 0) messages_.spend(1);  // else a reload that sets it would find debts
  if (of.max_publish_bytes_rate != 0) bytes_.spend(static_cast<double>(bytes));
}

void PublishAllowance::give_back(const ListenerOptions& of, std::size_t bytes) {
  if (of.max_publish_rate != 0) messages_.spend(-1);
  if (of.max_publish_bytes_rate != 0) bytes_.spend(-static_cast<double>(bytes));
}

}  // namespace bramble
