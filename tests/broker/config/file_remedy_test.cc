#include "broker/config/file_remedy.h"

#include <cerrno>
#include <doctest/doctest.h>

namespace bramble::testing {

TEST_CASE("who may not write to a read-only place is told how a service may, and who reads there is not") {
  for (const std::string& remedy : {write_remedy("/srv/log", EROFS), folder_remedy("/srv/data", EROFS)}) {
    CAPTURE(remedy);
    CHECK(remedy.ends_with("or let a service write there: ReadWritePaths= of its unit"));
  }
  CHECK(read_remedy(EROFS) == "name another path");
}

}  // namespace bramble::testing
