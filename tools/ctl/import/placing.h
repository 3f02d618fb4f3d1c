#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "broker/config/option_row.h"
#include "tools/ctl/import/account.h"

namespace bramble::ctl {

/// Files that are to be at their places all together, or none of them: they are written beside, and get their names
/// last. Errors: a line: the disk, no permission. Lifetime: what is not kept (keep()) is undone with this object.
/// Threads: one.
class Placing {
 public:
  /// What there is where a file is to be.
  enum class There : std::uint8_t {
    nothing,
    same,
    of_package,  ///< what the package has brought, and nobody has changed
    other,
  };
  struct File {
    std::string bytes;
    std::string to;
    ::mode_t mode = 0;
    There there = There::nothing;
    std::string old_is{};  ///< the name that what was there has now
  };

  explicit Placing(std::optional<ServiceAccount> account) : account_(std::move(account)) {}
  ~Placing();
  Placing(const Placing&) = delete;

  /// Nothing is written yet. Whoever may read `like`, of which it is a copy, may read it, but for a secret.
  OrMessage<void> add(std::string bytes, const std::string& to, const std::string& like, bool secret);
  const std::vector<File>& files() const { return files_; }

  /// The folder, and those that it lies in, if it is not there: root's, and the account may look into it; or the
  /// account's.
  OrMessage<void> make_folder(const std::string& folder, bool of_account);
  /// Gives it, and what SQLite has beside it, another name. Nobody reads files of such names.
  OrMessage<std::string> move_aside(const std::string& path);
  /// Somebody else has made this: to be removed again.
  void made(const std::string& path) { steps_.push_back({path, {}}); }
  /// What is there under the names of files that differ is moved aside. `folder`: into it go most of them.
  OrMessage<void> commit(const std::string& folder);
  void keep() { kept_ = true; }

 private:
  /// A name that was given.
  struct Step {
    std::string now;
    std::string before;  ///< empty: it is new
  };
  OrMessage<void> write(const File& file, const std::string& waiting) const;
  OrMessage<void> rename(const std::string& from, const std::string& to);

  const std::optional<ServiceAccount> account_;
  std::vector<File> files_;
  std::string waiting_;  // the folder in which files wait for their names
  std::vector<Step> steps_;
  bool kept_ = false;
};

/// All of a file, whatever is in it. Errors: a line.
OrMessage<std::string> read_bytes(const std::string& path);

}  // namespace bramble::ctl
