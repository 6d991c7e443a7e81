/* What those take who come by a channel (web, app, ...: state/queries.h, with rows of its own), for
 * newcomers who come by it: views, and what is put in the cart and bought weighed as after searches
 * (query_history.h), decayed as what is popular.
 *
 * A row that is full takes new items in by chance (state/queries.h), so that it has to be some
 * times longer than a list: of 500,000 events of a simulated mall with 3,000 products the first 20
 * of 300 are those of the whole but for one, of 100 but for eight. */
#ifndef WEFT_CANDIDATES_CHANNEL_POPULARITY_H
#define WEFT_CANDIDATES_CHANNEL_POPULARITY_H

#include "schemas/top_k.h"
#include "state/model.h"

/* A channel's name in one writing: normalised (text.h), without spaces around it, in `to`, which
 * has room for CHANNEL_BYTES_MAX. Absent: not known, since it is missing, empty, too long or not
 * UTF-8. `scratch` is overwritten. */
struct bytes channel_name(struct bytes written, struct buffer *scratch, char *to);

/* The best `length` items of the channel, the best first; scores are shares of the best one's,
 * causes ITEM_NONE. Returns how many; 0 where nothing is known of the channel. Thread: holds the
 * model's read lock. */
uint32_t channel_popularity_top(const struct model *model, struct bytes channel, uint32_t length,
                                struct top_item *ret_items);

#endif
