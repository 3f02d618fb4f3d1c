#pragma once

#include <span>
#include <string_view>

#include "bench/counts/scene.h"

namespace bramble::counts {

struct Scenario {
  std::string_view name;
  std::string_view words;
  Scene::Build build;
  std::string (*acl)() = nullptr;  ///< the text of its acl_file; null: none
};
std::span<const Scenario> scenarios();

}  // namespace bramble::counts
