#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/broker/store/kept_things.h"

namespace bramble::testing {

inline constexpr std::uint64_t kDeliveries = 3'000;
inline constexpr std::size_t kPage = 4'096;

/// Some hundred pages of everything, closed.
void fill(const std::filesystem::path& file);
/// The pages of a table, from the root on. Not while there is a FaultyDisk.
std::vector<std::size_t> pages_of(const std::filesystem::path& file, const std::string& table);
void overwrite_page(const std::filesystem::path& file, std::size_t page, char with);
/// The first row of a table's page says that it is longer than SQLite takes.
void make_row_huge(const std::filesystem::path& file, std::size_t page);
/// Whatever was left out: what is there is right, belongs together, and the file is sound and takes more.
void check_sound(const std::filesystem::path& file, const Kept& kept);

bool has(const std::string& text, const std::string& part);

}  // namespace bramble::testing
