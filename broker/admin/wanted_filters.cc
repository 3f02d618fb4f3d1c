#include "broker/admin/wanted_filters.h"

namespace bramble {

void WantedFilters::find_for_topic(const SubscriptionTable& table, TopicName topic) {
  Matches matches;
  table.match(topic, matches);
  for (const Filter* const filter : matches) {
    wanted_.emplace(filter->id(), Wanted{std::string(filter->text()), {}});
    for (const SharedGroup* const group : filter->groups()) {
      wanted_.emplace(group->id(), Wanted{std::string(filter->text()), std::string(group->name())});
    }
  }
}

void WantedFilters::find_filter(const Sessions& sessions, const TopicFilter& filter) {
  const FilterId id = sessions.id_of(filter);
  if (id != FilterId{}) wanted_.emplace(id, Wanted{std::string(filter.filter()), std::string(filter.share())});
}

}  // namespace bramble
