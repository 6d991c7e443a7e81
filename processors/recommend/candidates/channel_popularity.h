/* Items popular in a channel (web, app, ...), for the channel's visitors without known items. A
 * channel has a row of its own (state/queries.h). Views, carts and purchases are weighed as after
 * searches (query_history.h) and decay with the half-life of popularity.
 *
 * A full row takes new items in by chance (state/queries.h), so it must be some times longer than a
 * list. After 500,000 events of a mall with 3,000 products, the first 20 of a row of 300 entries
 * lack one of the true first 20; those of a row of 100 lack eight. */
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
