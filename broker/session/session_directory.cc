#include "broker/session/session_directory.h"

#include "core/base/check.h"

namespace bramble {

SessionDirectory::SessionDirectory(std::uint64_t seed) : hash_(seed), publishers_(seed) {
  for (std::size_t i = 0; i < kSlices; ++i) slices_.emplace_back(hash_);
}

// By bits that do not choose the bucket inside the slice too.
SessionDirectory::Slice& SessionDirectory::slice(std::string_view client_id) {
  return slices_[(hash_(client_id) >> 48) % kSlices];
}

const SessionDirectory::Slice& SessionDirectory::slice(std::string_view client_id) const {
  return slices_[(hash_(client_id) >> 48) % kSlices];
}

ReactorId SessionDirectory::claim(std::string_view client_id, ReactorId here) {
  Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  auto found = slice.entries.find(client_id);
  if (found == slice.entries.end()) found = slice.entries.try_emplace(std::string(client_id), Entry{here}).first;
  Entry& entry = found->second;
  if (entry.owner != here) ++entry.in_transit;
  return entry.owner;
}

void SessionDirectory::arrived(std::string_view client_id) {
  Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  check(found != slice.entries.end() && found->second.in_transit > 0,
        "an entry stays while a connection is in transit");
  --found->second.in_transit;
  tidy(slice, found);
}

bool SessionDirectory::knows(std::string_view client_id) const {
  const Slice& in = slice(client_id);
  const std::lock_guard lock(in.mutex);
  return in.entries.find(client_id) != in.entries.end();
}

OwnedSession* SessionDirectory::session(std::string_view client_id) const {
  const Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  return found == slice.entries.end() ? nullptr : found->second.session;
}

OwnedSession* SessionDirectory::session(std::string_view client_id, ReactorId owner) const {
  const Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  return found == slice.entries.end() || found->second.owner != owner ? nullptr : found->second.session;
}

std::vector<std::pair<std::string, ReactorId>> SessionDirectory::clients(std::size_t slice) const {
  const Slice& in = slices_[slice];
  std::vector<std::pair<std::string, ReactorId>> found;
  const std::lock_guard lock(in.mutex);
  for (const auto& [client_id, entry] : in.entries) {
    if (entry.session) found.emplace_back(client_id, entry.owner);
  }
  return found;
}

void SessionDirectory::set_session(std::string_view client_id, OwnedSession& session) {
  Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  check(found != slice.entries.end(), "a session is made after its client id was claimed");
  found->second.session = &session;
}

void SessionDirectory::release(std::string_view client_id, bool will_due) {
  Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  check(found != slice.entries.end(), "released once");
  found->second.session = nullptr;
  found->second.will_due |= will_due;
  tidy(slice, found);
}

void SessionDirectory::will_is_out(std::string_view client_id) {
  Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  check(found != slice.entries.end(), "an entry stays while a Will is due");
  found->second.will_due = false;
  tidy(slice, found);
}

void SessionDirectory::end_is_told(std::string_view client_id) {
  Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  check(found != slice.entries.end(), "a session is in the directory until it has ended");
  ++found->second.ends_unstored;
}

void SessionDirectory::end_is_stored(std::string_view client_id) {
  Slice& slice = this->slice(client_id);
  const std::lock_guard lock(slice.mutex);
  const auto found = slice.entries.find(client_id);
  check(found != slice.entries.end() && found->second.ends_unstored > 0, "an entry stays while an end is not stored");
  --found->second.ends_unstored;
  tidy(slice, found);
}

bool SessionDirectory::ends_unstored(std::string_view client_id) const {
  const Slice& in = slice(client_id);
  const std::lock_guard lock(in.mutex);
  const auto found = in.entries.find(client_id);
  return found != in.entries.end() && found->second.ends_unstored > 0;
}

void SessionDirectory::tidy(Slice& slice, decltype(Slice::entries)::iterator found) {
  const Entry& entry = found->second;
  if (!entry.session && entry.in_transit == 0 && !entry.will_due && entry.ends_unstored == 0)
    slice.entries.erase(found);
}

std::size_t SessionDirectory::size() const {
  std::size_t size = 0;
  for (const Slice& slice : slices_) {
    const std::lock_guard lock(slice.mutex);
    size += slice.entries.size();
  }
  return size;
}

}  // namespace bramble
