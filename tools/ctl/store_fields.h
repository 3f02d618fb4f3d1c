#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/time.h"
#include "core/mqtt/types.h"
#include "tools/bench/output/json.h"

namespace bramble::ctl {

/// The fields of one record. What is not there, or not of its kind, is noted: the first of them is what is wrong.
/// Threads: a value of one thread.  Lifetime: within the record's.
class StoreFields {
 public:
  explicit StoreFields(const bench::Json& record) : record_(record) {}

  const std::string& wrong() const { return wrong_; }  ///< empty: nothing
  void refuse(std::string_view name, std::string_view what);

  bool has(std::string_view name) const;    ///< and it is not null
  std::string text(std::string_view name);  ///< UTF-8
  std::uint64_t number(std::string_view name, std::uint64_t least, std::uint64_t most);
  bool flag(std::string_view name);
  std::string bytes(std::string_view name);  ///< as NAME or NAME_base64
  mqtt::Qos qos(std::string_view name);
  WallTime instant(std::string_view name);
  /// Of a PUBLISH or a Will, encoded, without their length.
  std::string properties(bool of_will);
  const bench::Json* object(std::string_view name);

 private:
  const bench::Json& record_;
  std::string wrong_;
};

}  // namespace bramble::ctl
