#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include "core/base/result.h"
namespace bramble {
enum class Access { read, write };
struct AccessRule { int line = 0; };
struct Decision { bool allowed = true; const AccessRule* rule = nullptr; };
class Rights {
 public:
  Decision decide(Access, std::string_view) const { return {}; }
  bool all_readable(std::string_view) const { return true; }
  std::string where(const AccessRule&) const { return {}; }
};
class AccessList {
 public:
  static OrMessage<std::shared_ptr<const AccessList>> parse(std::string_view, std::string_view) { return std::shared_ptr<const AccessList>(); }
  std::shared_ptr<const Rights> rights_of(std::optional<std::string_view>, std::string_view) const { return nullptr; }
};
}  // namespace bramble
