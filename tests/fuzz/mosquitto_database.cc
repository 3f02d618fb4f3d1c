// Any bytes as Mosquitto's database: an error that names the file, or sessions and what belongs to them, in order.

#include "broker/store/mosquitto_database.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/check.h"

namespace {

using bramble::check;

class Checks final : public bramble::Database::Reader {
 public:
  void session(bramble::KeptSession session) override {
    check(session.id.value == ++sessions_, "sessions are numbered");
    check(session.gone_at.has_value(), "all are away");
    check(!session.client_id.empty(), "a session is somebody's");
  }
  void subscription(bramble::KeptSubscription subscription) override { belongs(subscription.session); }
  void receipt(const bramble::KeptReceipt& receipt) override {
    belongs(receipt.session);
    check(receipt.packet_id != 0, "a receipt has an identifier");
  }
  void retained(std::uint32_t slot, bramble::MessagePtr message) override {
    check(slot == slots_++, "slots follow each other");
    check(!message->payload().empty(), "what is retained has a payload");
  }
  void delivery(bramble::KeptDelivery delivery) override {
    belongs(delivery.session);
    check(delivery.row == ++rows_, "rows follow each other");
    check((delivery.state.stage == bramble::DeliveryState::Stage::queued) == (delivery.state.packet_id == 0),
          "what is in flight has an identifier");
  }

 private:
  void belongs(bramble::SessionId id) const { check(id.value != 0 && id.value <= sessions_, "its session is known"); }
  std::uint64_t sessions_ = 0, slots_ = 0, rows_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const int file = ::memfd_create("fuzz", 0);
  static const std::string path = "/proc/self/fd/" + std::to_string(file);
  check(::ftruncate(file, 0) == 0 && ::pwrite(file, data, size, 0) == static_cast<ssize_t>(size), "memory has room");
  const bramble::Clocks clocks{bramble::SteadyTime(bramble::Seconds(1000)), bramble::WallTime(bramble::Seconds(1000))};
  Checks reader;
  const auto loaded = bramble::read_mosquitto_database(path, clocks, reader);
  if (!loaded) check(loaded.error().starts_with(path), "an error says where");
  return 0;
}
