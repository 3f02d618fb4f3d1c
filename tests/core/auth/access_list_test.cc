#include "core/auth/access_list.h"

#include <doctest/doctest.h>
#include <string>

namespace bramble {
namespace {

std::shared_ptr<const AccessList> list_of(std::string_view text) {
  auto list = AccessList::parse(text, "acl");
  REQUIRE_MESSAGE(list.has_value(), (list ? std::string() : list.error()));
  return *list;
}

/// "rw", "r-", "-w" or "--": what a client may do with a topic.
std::string may(std::string_view text, std::optional<std::string_view> user, std::string_view client_id,
                std::string_view topic) {
  const auto rights = list_of(text)->rights_of(user, client_id);
  const bool read = rights->decide(Access::read, topic).allowed;
  const bool write = rights->decide(Access::write, topic).allowed;
  return std::string(read ? "r" : "-") + (write ? "w" : "-");
}

std::string error_of(std::string_view text) {
  const auto list = AccessList::parse(text, "acl");
  return list ? "it is taken" : list.error();
}

constexpr auto kNobody = std::nullopt;

TEST_CASE("topic lines before any user line are for clients without a user name, and only for them") {
  constexpr auto kText = "topic a\nuser u\ntopic b\n";
  CHECK(may(kText, kNobody, "c", "a") == "rw");
  CHECK(may(kText, kNobody, "c", "b") == "--");
  CHECK(may(kText, "u", "c", "a") == "--");
  CHECK(may(kText, "u", "c", "b") == "rw");
}

TEST_CASE("a user of whom the file says nothing, or has no topics for, gets what patterns give") {
  CHECK(may("topic a\nuser u\n", "u", "c", "a") == "--");
  CHECK(may("topic a\nuser u\n", "v", "c", "a") == "--");
  CHECK(may("topic a\npattern read b\n", "v", "c", "b") == "r-");
}

TEST_CASE("an empty list denies everything") {
  CHECK(may("", kNobody, "c", "a") == "--");
  CHECK(may("# topic a\n", "u", "c", "a") == "--");
}

TEST_CASE("patterns are for everyone, wherever they stand") {
  constexpr auto kText = "user u\npattern q/%u\ntopic a\n";
  CHECK(may(kText, "v", "c", "q/v") == "rw");
  CHECK(may(kText, "u", "c", "q/u") == "rw");
  CHECK(may(kText, "u", "c", "a") == "rw");
}

TEST_CASE("a deny goes before an allow, in whatever order they stand") {
  for (const auto* text : {"topic a/#\ntopic deny a/x\n", "topic deny a/x\ntopic a/#\n",
                           "pattern a/#\npattern deny a/x\n", "pattern deny a/x\npattern a/#\n"}) {
    CHECK(may(text, kNobody, "c", "a/x") == "--");
    CHECK(may(text, kNobody, "c", "a/y") == "rw");
  }
}

TEST_CASE("a user's own rules go before all patterns") {
  CHECK(may("topic a/#\npattern deny a/x\n", kNobody, "c", "a/x") == "rw");
  CHECK(may("topic deny a/x\npattern a/#\n", kNobody, "c", "a/x") == "--");
  CHECK(may("topic read a\npattern deny a\npattern a\n", kNobody, "c", "a") == "r-");
  CHECK(may("user u\ntopic write a\npattern read a\n", "u", "c", "a") == "rw");
}

TEST_CASE("a user may come twice, and the rules add up") {
  constexpr auto kText = "user u\ntopic a/#\nuser v\ntopic b\nuser u\ntopic c\ntopic deny a/x\n";
  CHECK(may(kText, "u", "c", "a/y") == "rw");
  CHECK(may(kText, "u", "c", "a/x") == "--");
  CHECK(may(kText, "u", "c", "c") == "rw");
  CHECK(may(kText, "u", "c", "b") == "--");
}

TEST_CASE("access words: none is readwrite, two rules add up, and a lone word is a filter") {
  CHECK(may("topic a\n", kNobody, "c", "a") == "rw");
  CHECK(may("topic  read  a\n", kNobody, "c", "a") == "r-");
  CHECK(may("topic write a\n", kNobody, "c", "a") == "-w");
  CHECK(may("topic read a\ntopic write a\n", kNobody, "c", "a") == "rw");
  CHECK(may("topic read\n", kNobody, "c", "read") == "rw");
  CHECK(may("topic read \n", kNobody, "c", "read") == "rw");
  CHECK(may("topic read write\n", kNobody, "c", "write") == "r-");
}

TEST_CASE("'#' begins a comment only as the first character of a line") {
  CHECK(may("#topic x\n# topic y\ntopic #\n", kNobody, "c", "a/b") == "rw");
  CHECK(may("user #x\ntopic a\n", "#x", "c", "a") == "rw");
  CHECK(error_of("topic a\n # topic b\n").starts_with("acl:2: has a blank before the '#'"));
  CHECK(error_of("topic a # no\n").starts_with("acl:1: \"a\" is not read, write, readwrite or deny"));
  CHECK(error_of("topic read a # no\n").starts_with("acl:1: \"a # no\" is not a filter"));
}

TEST_CASE("blanks around lines, line ends of Windows, empty lines and a byte order mark do not count") {
  CHECK(may("  topic a  \n", kNobody, "c", "a") == "rw");
  CHECK(may("topic a \t\r\n\r\n \t\r\nuser u\r\ntopic read b\r\n", "u", "c", "b") == "r-");
  CHECK(may("topic a\r\ntopic b", kNobody, "c", "a") == "rw");
  CHECK(may("topic a\r\ntopic b", kNobody, "c", "b") == "rw");
  CHECK(may("\xEF\xBB\xBFtopic a\n", kNobody, "c", "a") == "rw");
  CHECK(may("topic read \ta\n", kNobody, "c", "a") == "r-");
}

TEST_CASE("names and topics may hold blanks; such a topic needs its access word") {
  CHECK(may("user   c  d  \ntopic a\n", "c  d", "c", "a") == "rw");
  CHECK(may("user \tu\t\ntopic a\n", "u", "c", "a") == "rw");
  CHECK(may("topic readwrite p  q\n", kNobody, "c", "p  q") == "rw");
  CHECK(
      error_of("topic p q\n") ==
      "acl:1: \"p\" is not read, write, readwrite or deny. If \"p q\" is the filter, blanks and all, write `readwrite` "
      "before it");
}

TEST_CASE("names are told apart by case, and an empty one is none") {
  CHECK(may("user Ann\ntopic a\n", "ann", "c", "a") == "--");
  CHECK(may("user Ann\ntopic a\n", "Ann", "c", "a") == "rw");
  CHECK(may("topic a\npattern p/%u/#\n", "", "c", "a") == "rw");
  CHECK(may("topic a\npattern p/%u/#\n", "", "c", "p//x") == "--");
}

TEST_CASE("[MQTT-4.7.1-1] filters match as those of subscriptions do") {
  for (const auto* topic : {"a", "a/", "a/b/c"}) CHECK(may("topic a/#\n", kNobody, "c", topic) == "rw");
  CHECK(may("topic a/#\n", kNobody, "c", "ab") == "--");
  CHECK(may("topic a//#\n", kNobody, "c", "a") == "--");
  CHECK(may("topic a/+/#\n", kNobody, "c", "a") == "--");
  CHECK(may("topic +/+\n", kNobody, "c", "/") == "rw");
  CHECK(may("topic /a//b/\n", kNobody, "c", "/a//b/") == "rw");
  CHECK(may("topic $share/g/a\n", kNobody, "c", "a") == "--");
}

TEST_CASE("[MQTT-4.7.2-1] a leading wildcard does not match topics with '$', in a deny neither") {
  for (const auto* kind : {"topic ", "pattern "}) {
    const std::string all = kind;
    CHECK(may(all + "readwrite #\n", kNobody, "c", "$SYS/a") == "--");
    CHECK(may(all + "readwrite +/a\n", kNobody, "c", "$SYS/a") == "--");
    CHECK(may(all + "read $SYS/+\n", kNobody, "c", "$SYS/a") == "r-");
    CHECK(may(all + "$SYS/#\n" + all + "deny #\n", kNobody, "c", "$SYS/a") == "rw");
  }
}

TEST_CASE("%c is the client id and %u the user name, also within a level and more than once") {
  CHECK(may("pattern read p/%c/#\n", kNobody, "c1", "p/c1") == "r-");
  CHECK(may("pattern read p/%c/#\n", "u", "c1", "p/c2") == "--");
  CHECK(may("pattern %u/%c/x\n", "u", "c", "u/c/x") == "rw");
  CHECK(may("pattern %u/%c/x\n", "c", "u", "u/c/x") == "--");
  CHECK(may("pattern p/a%ub%c%c\n", "u", "c", "p/aubcc") == "rw");
  CHECK(may("pattern p/%%c/%x/%\n", "u", "c", "p/%c/%x/%") == "rw");
  CHECK(may("pattern p/%C\n", "u", "c", "p/c") == "--");
  CHECK(may("pattern p/%c\n", "u", "%u", "p/%u") == "rw");
  CHECK(may("pattern p/%c\n", "u", "%u", "p/u") == "--");
  CHECK(may("topic p/%c\n", kNobody, "c", "p/c") == "--");
  CHECK(may("topic p/%c\n", kNobody, "c", "p/%c") == "rw");
}

TEST_CASE("a pattern with %u says nothing of clients without a user name, a deny neither") {
  for (const auto* topic : {"p/%u", "p/", "p", "p/c"}) CHECK(may("pattern p/%u/#\n", kNobody, "c", topic) == "--");
  CHECK(may("pattern p/#\npattern deny p/%u/#\n", kNobody, "c", "p/%u") == "rw");
}

TEST_CASE("a name with '+' or '#' gets nothing from any pattern") {
  for (const auto* name : {"+", "#", "a+b", "a#"}) {
    CHECK(may("pattern p/%c\n", "u", name, "p/a") == "--");
    CHECK(may("pattern p/%u\n", name, "c", "p/a") == "--");
    CHECK(may("pattern p/%c\n", name, "c", "p/c") == "--");
    CHECK(may("pattern q/#\n", "u", name, "q/a") == "--");
    CHECK(may("topic q/#\n", kNobody, name, "q/a") == "rw");
    CHECK(list_of("pattern q/#\n")->rights_of(name, "c")->patterns_withheld());
    CHECK_FALSE(list_of("topic q/#\n")->rights_of(name, "c")->patterns_withheld());
  }
}

TEST_CASE("a name with '/' reaches nobody else's levels, where in Mosquitto it does") {
  CHECK(may("pattern p/%c/#\n", kNobody, "x/y", "p/x/y") == "--");
  CHECK(may("pattern p/%u/#\n", "x/y", "c", "p/x/y") == "--");
  CHECK(may("pattern p/%c/#\n", "x/y", "c", "p/c") == "rw");  // not the name it is about
  CHECK(may("pattern q/#\n", "x/y", "x/y", "q/a") == "rw");
  CHECK(may("pattern p/#\npattern deny p/%u/s\n", "x/y", "c", "p/x/y/s") == "--");  // a deny stays one
  CHECK(may("pattern p/#\npattern deny p/%u/s\n", "x/y", "c", "p/x/y/t") == "rw");
  const auto list = list_of("pattern read q\npattern read p/%c/#\n");
  const auto rights = list->rights_of(kNobody, "x/y");
  const Rule* rule = rights->withheld(Access::read, "p/x/y/z");
  REQUIRE(rule);
  CHECK(list->where(*rule) == "acl:2");
  CHECK(rule->text() == "pattern read p/%c/#");
  CHECK_FALSE(rights->withheld(Access::write, "p/x/y/z"));
}

TEST_CASE("a name that begins with '$' opens no topics of the broker, where in Mosquitto it does") {
  CHECK(may("pattern %c/#\n", kNobody, "$SYS", "$SYS/a") == "--");
  CHECK(may("pattern %u/#\n", "$x", "c", "$x/a") == "--");
  CHECK(may("pattern $%u/#\n", "x", "c", "$x/a") == "rw");
  CHECK(may("pattern p/%u\n", "$x", "c", "p/$x") == "rw");
  CHECK(may("pattern $x/#\npattern deny %u/a\n", "$x", "c", "$x/a") == "--");
  CHECK(may("pattern $x/#\npattern deny %u/a\n", "$x", "c", "$x/b") == "rw");
  CHECK(list_of("pattern %c/#\n")->rights_of(kNobody, "$SYS")->withheld(Access::read, "$SYS/a"));
}

TEST_CASE("what Mosquitto refuses is refused, and each line says what to do") {
  CHECK(error_of("hello\n") == "acl:1: \"hello\" is not known here: a line begins with user, topic, pattern or #");
  CHECK(error_of("topic a\nTopic b\n").starts_with("acl:2: \"Topic\" is not known"));
  CHECK(error_of("topic READ a\n").starts_with("acl:1: \"READ\" is not read, write"));
  CHECK(error_of("pattern foo a\n").starts_with("acl:1: \"foo\" is not read, write"));
  for (const auto* text : {"topic\n", "topic \n", "pattern\n"})
    CHECK(error_of(text) == "acl:1: needs a topic filter at its end");
  for (const auto* text : {"user\n", "user  \n"})
    CHECK(error_of(text) == "acl:1: needs the name of a user behind `user`");
  for (const auto* filter : {"a#", "#/a", "a+/b", "a/#b", "%c#", "%c+", "a/#/b"}) {
    CHECK(error_of(std::string("topic ") + filter).find("is not a filter: '+' and '#' stand alone") !=
          std::string::npos);
    CHECK(error_of(std::string("pattern read ") + filter).starts_with("acl:1: "));
  }
  CHECK(error_of("topic a" + std::string(500, '/')).starts_with("acl:1: a filter of more than 199 levels"));
  CHECK(error_of("topic " + std::string(70'000, 'a')).starts_with("acl:1: a filter of more than"));
  for (const auto* text : {"\ttopic a\n", "topic\ta\n", "user\tu\n"}) {
    CHECK(error_of(text) == "acl:1: has a tab between its words: write a space");
  }
}

TEST_CASE("what Mosquitto takes for something else than it says, or can never match, is refused too") {
  for (const auto* text : {"topic deny\ta\n", "topic read\ta\n", "topic \tdeny a\n"}) {
    CHECK(error_of(text) == "acl:1: has a tab between its words: write a space");
  }
  CHECK(error_of("topic deny read a\n").starts_with("acl:1: has two access words"));
  CHECK(error_of("topic caf\xE9\n").starts_with("acl:1: the filter is not UTF-8"));
  CHECK(error_of("user caf\xE9\n").starts_with("acl:1: the name is not UTF-8"));
  CHECK(error_of(std::string_view("topic a\0b\n", 10)).starts_with("acl:1: holds a zero byte"));
}

TEST_CASE("all that is wrong is told at once, up to ten lines") {
  CHECK(error_of("x\ntopic a\ny\n") ==
        "acl:1: \"x\" is not known here: a line begins with user, topic, pattern or #\n"
        "acl:3: \"y\" is not known here: a line begins with user, topic, pattern or #");
  std::string many;
  for (int i = 0; i < 12; ++i) many += "topic\n";
  CHECK(error_of(many).ends_with("... and 2 more"));
}

TEST_CASE("a decision names the first rule of the file that made it") {
  const auto list = list_of("topic read a/#\ntopic a/b\n\ntopic deny a/s\ntopic deny +/s\n");
  const auto rights = list->rights_of(kNobody, "c");
  CHECK(rights->decide(Access::read, "a/b").rule->line == 1);
  CHECK(rights->decide(Access::write, "a/b").rule->line == 2);
  CHECK(rights->decide(Access::read, "a/s").rule->line == 4);
  CHECK_FALSE(rights->decide(Access::read, "z").rule);
  CHECK(list->where(*rights->decide(Access::read, "b/s").rule) == "acl:5");
}

TEST_CASE("clients that no pattern tells apart share their rights") {
  const auto list = list_of("topic a\nuser u\ntopic b\npattern deny s\n");
  CHECK(list->rights_of("u", "c1") == list->rights_of("u", "c2"));
  CHECK(list->rights_of("v", "c1") == list->rights_of("w", "c2"));
  CHECK(list->rights_of(kNobody, "c1") == list->rights_of("", "c2"));
  CHECK(list->rights_of("u", "c1") != list->rights_of("v", "c1"));
}

TEST_CASE("with patterns rights are equal if the names in them are") {
  const auto by_user = list_of("pattern read %u/#\n");
  CHECK(*by_user->rights_of("u", "c1") == *by_user->rights_of("u", "c2"));
  CHECK(by_user->rights_of("u", "c1")->hash() == by_user->rights_of("u", "c2")->hash());
  CHECK_FALSE(*by_user->rights_of("u", "c1") == *by_user->rights_of("v", "c1"));
  CHECK(by_user->rights_of(kNobody, "c1") == by_user->rights_of(kNobody, "c2"));
  const auto by_both = list_of("pattern read %u/%c/#\n");
  CHECK_FALSE(*by_both->rights_of("ab", "c") == *by_both->rights_of("a", "bc"));
}

TEST_CASE("rights stay good when their list is let go") {
  auto list = list_of("pattern read %c/#\nuser u\ntopic b\n");
  const auto own = list->rights_of("u", "c");
  auto shared_list = list_of("topic a\n");
  const auto shared = shared_list->rights_of(kNobody, "c");
  list.reset();
  shared_list.reset();
  CHECK(own->decide(Access::read, "c/x").rule->filter == "%c/#");
  CHECK(own->decide(Access::write, "b").allowed);
  CHECK(shared->decide(Access::write, "a").allowed);
}

TEST_CASE("all_readable: the filter lies inside one allow, and no deny touches it") {
  const auto rights = list_of(
                          "topic read a/#\ntopic write b\ntopic deny a/s/#\npattern read %c/+\npattern deny c/x\n"
                          "pattern read d\n")
                          ->rights_of(kNobody, "c");
  CHECK(rights->all_readable("a/b/+"));
  CHECK(rights->all_readable("a"));
  CHECK(rights->all_readable("d"));
  CHECK(rights->all_readable("c/y"));
  CHECK_FALSE(rights->all_readable("a/#"));
  CHECK_FALSE(rights->all_readable("a/+"));
  CHECK_FALSE(rights->all_readable("#"));
  CHECK_FALSE(rights->all_readable("b"));
  CHECK_FALSE(rights->all_readable("c/+"));
  CHECK(list_of("topic read #\n")->rights_of(kNobody, "c")->all_readable("#"));
  CHECK_FALSE(list_of("topic read #\n")->rights_of(kNobody, "c")->all_readable("$SYS/#"));
}

TEST_CASE("reading: the rules that have a say in what a filter delivers") {
  const auto rights =
      list_of("topic read a/b\ntopic read a/s\ntopic read z\ntopic deny a/s\npattern read +/%c\npattern write a/w\n")
          ->rights_of(kNobody, "c");
  const auto lines = [](const std::vector<const Rule*>& rules) {
    std::vector<unsigned> found;
    for (const Rule* rule : rules) found.push_back(rule->line);
    return found;
  };
  const auto reading = rights->reading("a/+");
  CHECK_FALSE(reading.all);
  CHECK(lines(reading.allows) == std::vector<unsigned>{1, 5});  // what line 2 gives, line 4 takes
  CHECK(lines(reading.denies) == std::vector<unsigned>{4});
  CHECK(rights->reading("a/b").all);
  CHECK(rights->reading("a/s").allows.empty());
  CHECK(rights->reading("q").allows.empty());
}

}  // namespace
}  // namespace bramble
