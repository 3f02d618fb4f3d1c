#include "broker/net/verification.h"

#include <doctest/doctest.h>

namespace bramble {

TEST_CASE("a certificate with a new name each time is no new reason each time for the log") {
  CHECK(without_subject("certificate verify failed: certificate revoked (CN=a (b))") ==
        "certificate verify failed: certificate revoked");
  CHECK(without_subject("certificate verify failed: self-signed certificate") ==
        "certificate verify failed: self-signed certificate");
  CHECK(without_subject("anonymous clients are not allowed (allow_anonymous false)") ==
        "anonymous clients are not allowed (allow_anonymous false)");
}

}  // namespace bramble
