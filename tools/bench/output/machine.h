#pragma once

#include <string>

#include "tools/bench/output/json.h"

namespace bramble::bench {

/// What a result has to say of the machine it was measured on: cpu, cores, kernel, memory_mb. From /proc and uname.
Json::Object describe_machine();

/// The model of the CPU as the text of /proc/cpuinfo tells it: "model name" on x86, "Model" of the board on a Pi.
std::string cpu_model(const std::string& cpuinfo);

/// Now, as 2026-11-22T18:04:05Z.
std::string time_of_day();

}  // namespace bramble::bench
