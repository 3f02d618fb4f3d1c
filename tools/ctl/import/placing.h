#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "broker/account.h"
#include "broker/config/option_row.h"

namespace bramble::ctl {

/// Files that are to be at their places all together, or none of them: they are written beside, and get their names
/// last. Errors: a line: the disk, no permission. Lifetime: what is not kept (keep()) is undone with this object.
/// A process that is killed, or a power cut, leaves each file as it was or as it is to be, the first file last; and a
/// folder of those that wait, which the next one removes.  Threads: one.
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

  /// `folder`: into it go most of them.
  Placing(std::string folder, std::optional<Account> account)
      : folder_(std::move(folder)), account_(std::move(account)) {}
  ~Placing();
  Placing(const Placing&) = delete;

  /// Nothing is written yet. Whoever may read `like`, of which it is a copy, may read it, but for a secret.
  OrMessage<void> add(std::string bytes, const std::string& to, const std::string& like, bool secret);
  /// A folder that is to be there, whatever is in it.
  void add_folder(std::string folder) { folders_.push_back(std::move(folder)); }
  const std::vector<File>& files() const { return files_; }
  /// One before was ended in its midst.
  bool was_interrupted() const;

  /// No other import of what this file configures goes on, from now on.
  OrMessage<void> lock(const std::string& source);
  /// Makes the folders, and writes the files beside.
  OrMessage<void> prepare();
  /// The files get their names, and what differs under these another.
  OrMessage<void> give_names();
  void keep();

  /// The folder, and those that it lies in, if it is not there: root's, and the account may look into it; or the
  /// account's.
  OrMessage<void> make_folder(const std::string& folder, bool of_account);
  /// Gives a file that was made its name. What is there, and what SQLite has beside it, is not lost: its name is given,
  /// one that nobody reads; empty: nothing was.
  OrMessage<std::string> put(const std::string& from, const std::string& to);
  /// Somebody else has made this: to be removed again.
  void made(const std::string& path) { steps_.push_back({path, {}}); }

 private:
  /// A name that was given.
  struct Step {
    std::string now;
    std::string before;  ///< empty: it is new
  };
  static void undo(const Step& step);
  OrMessage<void> take_folder();
  void keep_no_waiting();
  OrMessage<void> write(const File& file, const std::string& waiting) const;
  OrMessage<void> rename(const std::string& from, const std::string& to);
  OrMessage<std::string> set_aside(const std::string& path);
  std::string waits_at(std::size_t file) const;

  const std::string folder_;
  const std::optional<Account> account_;
  std::vector<std::string> folders_;
  std::vector<File> files_;
  int lock_ = -1;
  std::string waiting_;  // the folder in which files wait for their names
  std::vector<Step> steps_;
  bool kept_ = false;
};

/// All of a file, whatever is in it. Errors: a line.
OrMessage<std::string> read_bytes(const std::string& path);

}  // namespace bramble::ctl
