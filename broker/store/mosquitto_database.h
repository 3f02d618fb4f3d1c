#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "broker/store/database.h"

namespace bramble {

/// Who published a message, as Mosquitto has kept it.
struct MosquittoPublisher {
  std::string_view client_id;
  std::optional<std::string_view> user;
  std::uint16_t port = 0;  ///< of the listener by which it came; 0: not known
};

/// What the broker writes into messages about who published them. What is null leaves that out.
struct PublisherNames {
  std::function<PublisherId(std::string_view client_id)> id;  ///< SessionDirectory::publisher_id
  std::function<std::string(const MosquittoPublisher& publisher)>
      source;  ///< RetainSource::encode, of what is retained
};

/// Reads mosquitto.db, which is what `persistence true` of Mosquitto 1.6, 2.0 and 2.1 writes, and tells `reader` what
/// is in it as Database::load() would. The file is opened for reading only; it is not locked and not changed.
///
/// - All clients are away; a client's user name is what Mosquitto itself reads. (2.0 writes for a client without one
///   now and then that of another; it counts until the client is back.)
/// - A message that was sent keeps its Packet Identifier and its place before those that were not.
/// - Messages count as if they had come when the file was saved; what was left of their expiry then is left.
/// - What has ended or expired meanwhile is left out, and what is retained below $SYS. So is a session whose Session
///   Expiry Interval is 0: it ended with its connection.
/// - Mosquitto does not write subscriptions to $share: clients that had some subscribe again when they come. What waits
///   for them is there, as if they had got it without a group.
/// - A QoS 2 message that its client has not released yet: Mosquitto gives it to subscribers when it is released, we
///   when it comes. So it is a receipt of its client (when that sends it again, or releases it, nothing more is
///   delivered), it is queued for all whose subscriptions in the file match, and it is retained if it is to be.
///
/// Errors: a line that names the file: it cannot be read, is no database of Mosquitto, or of another format than 5 and
/// 6. What is damaged in it is left out and counted.
/// Memory: its messages, once.  Threads: any.
OrMessage<Database::Loaded> read_mosquitto_database(const std::filesystem::path& file, const Clocks& clocks,
                                                    Database::Reader& reader, const PublisherNames& names = {});

}  // namespace bramble
