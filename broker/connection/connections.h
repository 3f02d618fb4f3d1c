#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "broker/connection/connection.h"
#include "broker/connection/door.h"
#include "broker/connection/held_answers.h"
#include "broker/connection/takeovers.h"

namespace bramble {

/// The connections of one shard, and those among them that have something coming: output to flush, packets that were
/// held back, a pause, retained messages still to be sent.  Threads: its reactor.
class Connections {
 public:
  explicit Connections(ShardParts& parts) : parts_(parts) {}
  ~Connections();

  Connection& accept(const OnReactor& here, ConnectionAccepted accepted);
  void adopt(const OnReactor& here, ConnectionMoved moved);

  void flush_this_turn(Connection& connection) { dirty_.push_back(&connection); }
  /// In this turn or one of the next: one of many who got the same message. Writing to 10,000 takes 60 ms.
  void flush_some_turn(Connection& connection) { late_.push_back(&connection); }
  void resume_later(Connection& connection) { held_.push_back(&connection); }
  void read_later(Connection& connection) { unseen_.push_back(&connection); }
  void slice_later(Connection& connection) { sliced_.push_back(&connection); }
  void replay_later(const OnReactor& here, Connection& connection);
  /// Reads it slowly until one of the reactors (a bit each) says that its inbox has eased, and as long as it has not.
  void slow_down(const OnReactor& here, Connection& connection, std::uint64_t reactors);
  void eased(const OnReactor& here);
  /// It goes on when it may publish again.
  void throttled(const OnReactor& here, Connection& connection);

  Door& door() { return door_; }
  Takeovers& takeovers() { return takeovers_; }
  HeldAnswers& held_answers() { return held_answers_; }
  /// Memory is short: one goes that has much of a packet that is not whole, or does not read what waits for it.
  void shed_one(const OnReactor& here);

  void wait_for_password(std::uint64_t number, Connection& connection) { asking_[number] = &connection; }
  void password_checked(const OnReactor& here, std::uint64_t number, bool right);

  /// Goes on with replays and held packets. True: some is left that could go on at once.
  bool work_off(const OnReactor& here);
  /// Flushes, and lets go of what has closed.
  void end_turn(const OnReactor& here);
  /// Tells every client that the broker stops.
  void close_all(const OnReactor& here);

  /// A new configuration holds: who may not stay is disconnected.
  void apply(const OnReactor& here, const AllRules& before);

  std::size_t size() const { return all_.size(); }

 private:
  friend class Connection;
  class Round final : public ReactorTimer {
   public:
    Round(Connections& connections, void (Connections::*work)(const OnReactor&))
        : connections_(connections), work_(work) {}
    void due(const OnReactor& here) override { (connections_.*work_)(here); }

   private:
    Connections& connections_;
    void (Connections::*work_)(const OnReactor&);
  };

  void closed(Connection& connection);
  void sip(const OnReactor& here);
  void begin_round(const OnReactor& here);
  void look_for_gone(const OnReactor& here);
  std::size_t go_on(const OnReactor& here, Connection& throttled);
  void flush_dirty(const OnReactor& here);
  void flush_late(const OnReactor& here);
  void work_off_replays(const OnReactor& here);
  void work_off_slices(const OnReactor& here);
  bool work_off_unseen(const OnReactor& here);
  bool work_off_round(const OnReactor& here);
  /// Until the turn's budget is down to `leave`. True: it could go on at once, so it is asked again.
  bool replay(const OnReactor& here, Connection& connection, std::size_t leave);
  /// False: the client has no room for more now.
  bool replay_step(const OnReactor& here, OwnedSession& session);

  ShardParts& parts_;
  Door door_;
  std::vector<std::unique_ptr<Connection>> all_;
  std::vector<Connection*> dirty_;
  std::vector<Connection*> late_;
  std::size_t late_owned_ = 0;  ///< so many of them, the first, refer to nothing of this turn
  std::vector<Connection*> held_;
  std::vector<Connection*> sliced_;
  std::vector<Connection*> replaying_;
  std::vector<Connection*> paused_;
  std::vector<Connection*> throttled_;
  std::vector<Connection*> round_;  ///< of throttled ones that go on now, if they may
  std::uint32_t turned_away_ = 0;   ///< the mesh's, when it was last looked at
  SteadyTime places_wanted_until_{};
  std::vector<Connection*> unseen_;
  std::vector<Connection*> closed_;
  std::unordered_map<std::uint64_t, Connection*> asking_;  ///< whose password is being checked, by their numbers
  std::vector<MessagePtr> found_;                          ///< by the replay at hand
  Takeovers takeovers_;
  HeldAnswers held_answers_;
  Round sips_{*this, &Connections::sip};
  Round rounds_{*this, &Connections::begin_round};
};

}  // namespace bramble
