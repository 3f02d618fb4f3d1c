#pragma once

#include <span>
#include <string_view>

#include "bench/counts/scene.h"

namespace bramble::counts {

struct Scenario {
  std::string_view name;
  std::string_view words;
  Scene::Build build;
};
std::span<const Scenario> scenarios();

}  // namespace bramble::counts
