#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace bramble::bench {

/// A JSON value, as results are written and read again, and as worker and manager talk. Objects keep their order, so
/// that what people read stays sorted as it was told.
/// Threads: a value of one thread.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;  ///< null
  Json(bool value) : value_(value) {}
  Json(double value) : value_(value) {}  ///< null if it is not finite
  Json(std::string value) : value_(std::move(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  // Defined out of line: inlined, g++ 12 warns under sanitizers of members of the variant that it cannot see set.
  Json(const Json&);
  Json(Json&&) noexcept;
  Json& operator=(const Json&);
  Json& operator=(Json&&) noexcept;
  ~Json();

  /// Nothing if `text` is not one JSON value, or if it is nested more than 32 deep.
  static std::optional<Json> parse(std::string_view text);
  /// On one line.
  std::string dump() const;

  const double* number() const { return std::get_if<double>(&value_); }
  const std::string* text() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }

  /// The member of that name; null if there is none, or if this is no object.
  const Json* find(std::string_view name) const;
  double number_or(std::string_view name, double otherwise) const;
  std::string text_or(std::string_view name, std::string otherwise) const;

 private:
  void dump_to(std::string& out) const;

  std::variant<std::monostate, bool, double, std::string, Array, Object> value_;
};

}  // namespace bramble::bench
