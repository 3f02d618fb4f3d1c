#include "tools/bench/stored.h"

#include <algorithm>

namespace bramble::bench {

namespace {

constexpr std::uint32_t kWindow = 64;

}  // namespace

Sending::Sending(Stage& stage, const Options& options, std::uint32_t publishers, std::uint32_t first_number)
    : stage_(stage), options_(options) {
  for (std::uint32_t i = 0; i < publishers; ++i) {
    auto settings = client_settings(options, "p" + std::to_string(i), first_number + i);
    clients_.push_back(std::make_unique<LoadClient>(std::move(settings), *this));
  }
}

bool Sending::connect() {
  for (const auto& client : clients_) stage_.open(*client);
  return stage_.until("connect", clients_.size(), [this] { return ready_; });
}

bool Sending::send(std::string_view what, Load load) {
  load_ = std::move(load);
  payload_ = load_.empty ? std::string() : options_.payload();
  next_ = acknowledged_ = pongs_ = 0;
  asked_ = false;
  stage_.meanwhile([this](SteadyTime now) { return pump(now); });
  const bool done = stage_.until(what, load_.count, [this] { return taken(); });
  stage_.meanwhile({});
  return done;
}

std::uint64_t Sending::taken() const {
  if (load_.qos != mqtt::Qos::at_most_once) return acknowledged_;
  return pongs_ == clients_.size() ? load_.count : std::min(next_, load_.count - 1);
}

bool Sending::pump(SteadyTime now) {
  bool more = false;
  for (const auto& client : clients_) more |= burst(*client, now);
  if (next_ == load_.count && load_.qos == mqtt::Qos::at_most_once) ask_if_read();
  return more;
}

bool Sending::burst(LoadClient& client, SteadyTime now) {
  if (!client.ready() || client.blocked()) return false;
  std::size_t room = options_.batch;
  if (load_.qos != mqtt::Qos::at_most_once) {
    const std::size_t window = options_.window.value_or(kWindow);
    room = std::min({room, window - std::min(window, client.unacknowledged()), client.credit()});
  }
  if (room == 0 || next_ == load_.count) return false;
  for (; room > 0 && next_ < load_.count; --room) send_one(client, now);
  client.flush();
  return next_ < load_.count;
}

void Sending::send_one(LoadClient& client, SteadyTime now) {
  if (!load_.empty) Stamp{run_number_, 0, next_, now}.write(payload_.data());
  client.publish({.qos = load_.qos, .retain = load_.retain}, {load_.topic(next_), {}, payload_});
  ++next_;
}

void Sending::ask_if_read() {
  if (asked_) return;
  asked_ = true;
  for (const auto& client : clients_) client->ping();
}

void Sending::on_acknowledged(LoadClient&, mqtt::PacketId, mqtt::ReasonCode code, SteadyTime) {
  ++acknowledged_;
  if (mqtt::failed(code)) ++refused_;
}

void Sending::on_closed(LoadClient& client) {
  stage_.fail("a publisher's connection ended: " + client.settings().client_id + ": " + client.fault());
}

bool Sending::connected() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client->ready(); });
}

void Sending::disconnect() {
  for (const auto& client : clients_) client->disconnect();
}

Receiving::Receiving(Stage& stage, LoadClient::Settings settings, std::uint64_t count, std::uint16_t run)
    : stage_(stage), client_(std::move(settings), *this), run_(run), seen_(count) {}

bool Receiving::connect(std::string_view what) {
  ready_ = 0;
  stage_.open(client_);
  return stage_.until(what, 1, [this] { return ready_; });
}

bool Receiving::receive(std::string_view what) {
  return stage_.settle(what, seen_.size(), [this] { return unique_; });
}

bool Receiving::leave() {
  leaving_ = true;
  left_ = 0;
  client_.leave();
  const bool gone = stage_.until("disconnect", 1, [this] { return left_; });
  leaving_ = false;
  return gone;
}

void Receiving::on_delivery(LoadClient&, const mqtt::Publish& publish, SteadyTime now) {
  const auto stamp = Stamp::read(publish.payload);
  if (!stamp || stamp->run != run_ || stamp->sequence >= seen_.size()) {
    ++foreign_;
    return;
  }
  last_ = now;
  if (!publish.retain) ++live_;
  if (seen_[stamp->sequence]) {
    ++duplicates_;
    return;
  }
  seen_[stamp->sequence] = true;
  ++unique_;
  if (stamp->sequence < highest_) ++reordered_;
  highest_ = std::max(highest_, stamp->sequence + 1);
}

void Receiving::on_closed(LoadClient& client) {
  ++left_;
  if (!leaving_) stage_.fail("the subscriber's connection ended: " + client.fault());
}

Tally Receiving::tally() const { return {unique_ + duplicates_, seen_.size() - unique_, duplicates_, reordered_}; }

std::optional<double> BrokerUse::cpu_per_million(double messages) const {
  if (!before || !after || messages == 0) return std::nullopt;
  return (after->cpu - before->cpu).count() / messages * 1e6;
}

std::optional<double> BrokerUse::memory_each(double messages) const {
  if (!before || !after || messages == 0) return std::nullopt;
  return (after->resident_bytes - before->resident_bytes) / messages;
}

void describe_stored(Run run, std::string_view scenario, std::uint64_t count) {
  run.report.text("scenario", "scenario", std::string(scenario));
  run.report.number("qos", "QoS", static_cast<double>(run.options.qos));
  run.report.number("size", "payload", run.options.payload_bytes, "bytes");
  run.report.number("count", "messages", static_cast<double>(count));
}

void tell_received(Run run, const Receiving& receiving, SteadyTime start, const BrokerUse& broker) {
  Report& report = run.report;
  const auto received = static_cast<double>(receiving.unique());
  const Tally tally = receiving.tally();
  if (received > 0) {
    const double time = std::chrono::duration<double>(receiving.last() - start).count();
    report.number("receive_s", "received in", time, "s");
    report.number("delivered_per_s", "received", received / time, "/s");
  }
  if (const auto cpu = broker.cpu_per_million(received)) {
    report.number("cpu_per_M", "broker's CPU a million received", *cpu, "s");
    report.number("rss_mb", "broker's memory", broker.after->resident_bytes / (1 << 20), "MiB");
  }
  report.number("received", "messages checked", static_cast<double>(tally.received));
  report.number("lost", "lost", static_cast<double>(tally.lost));
  report.number("dup", "duplicates", static_cast<double>(tally.duplicates));
  if (tally.lost > 0) report.fault(std::to_string(tally.lost) + " messages lost");
  if (tally.duplicates > 0) report.fault(std::to_string(tally.duplicates) + " messages delivered more than once");
  if (receiving.foreign() > 0) {
    report.note(std::to_string(receiving.foreign()) + " deliveries of another run or sender, not checked");
  }
}

}  // namespace bramble::bench
