#include "tools/ctl/import/packaged.h"

#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <openssl/evp.h>
#include <sstream>

namespace bramble::ctl {

namespace {

/// Lines of " FILE SUM", and " FILE SUM obsolete".
constexpr const char* kAskDpkg = "/usr/bin/dpkg-query -W -f '${Conffiles}\\n' bramble 2>/dev/null";

std::string said_by_dpkg() {
  const auto close = [](std::FILE* pipe) { ::pclose(pipe); };
  const std::unique_ptr<std::FILE, decltype(close)> pipe(::popen(kAskDpkg, "re"), close);
  std::string said;
  char part[512];
  while (pipe && std::fgets(part, sizeof part, pipe.get()) != nullptr) said += part;
  return said;
}

std::string md5(std::string_view bytes) {
  unsigned char sum[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), sum, &size, EVP_md5(), nullptr) != 1) return {};
  std::string text;
  for (unsigned i = 0; i < size; ++i) text += fmt::format("{:02x}", sum[i]);
  return text;
}

}  // namespace

bool is_as_packaged(const std::string& path, std::string_view bytes) {
  if (bytes.empty()) return true;
  std::istringstream lines(said_by_dpkg());
  std::string file, sum, rest;
  while (lines >> file >> sum && std::getline(lines, rest)) {
    if (file == path) return sum == md5(bytes);
  }
  return false;
}

}  // namespace bramble::ctl
