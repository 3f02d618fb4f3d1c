#include <doctest/doctest.h>

#include "tests/broker/config/read_config.h"
using namespace bramble::testing;
using bramble::Config;

TEST_CASE("what an acknowledgement promises is one option, which says nothing while nothing is kept") {
  CHECK(must_read("persistence true\ndurability commit\n").store.promise() == bramble::Promise::commit);
  CHECK(must_read("persistence true\ndurability none\n").store.promise() == bramble::Promise::nothing);
  CHECK(error_of("durability always\n") == "b.conf:1: durability: always is not one of commit, interval, none");
  const Config config = must_read("durability commit\npersistence_location /x/\n");
  CHECK(config.store.promise() == bramble::Promise::nothing);
  CHECK(warns(config, "b.conf:1: durability: has no effect without `persistence true`: nothing is kept"));
  CHECK(warns(config, "b.conf:2: persistence_location: has no effect without `persistence true`"));
}
