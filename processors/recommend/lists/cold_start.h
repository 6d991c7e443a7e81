/* Cold start: ranked lists for visitors without known items. Such a list begins with the items for
 * the visitor's last search, or else with the items popular in the visitor's channel. The ranked
 * candidates, which are popular items then, come behind. */
#ifndef WEFT_LISTS_COLD_START_H
#define WEFT_LISTS_COLD_START_H

#include "processors/recommend/lists/sources.h"

#define COLD_START_MAX 40 /* items before the ranked ones */

struct cold_start_settings {
    bool search;  /* begin with the items for the last search */
    bool channel; /* if these are none, with the items popular in the channel */
};

/* Whether the ranking is for a visitor without known items. */
bool cold_start_applies(const struct ranked_candidates *ranked);

/* Fills the array as the other sources do (sources.h), each item once. */
uint32_t source_cold_start(struct sources *sources, const struct cold_start_settings *settings,
                           const struct ranked_candidates *ranked,
                           const struct placement *placement, const struct visitor *visitor,
                           struct filter_item *ret_items);

#endif
