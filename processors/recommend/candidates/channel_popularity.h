/* Channel popularity: the items that visitors of a channel (web, app, ...) take, for new visitors
 * of the channel. processors/channels.c counts them in rows of state/queries.h, with the units of
 * taken_items.h and the half-life of popularity.
 *
 * A full row takes new items in by chance. So a row has to be some times longer than a list: for
 * 500,000 events of a mall with 3,000 products, the first 20 of a row of 300 miss one of the true
 * first 20, those of a row of 100 miss eight. */
#ifndef WEFT_CANDIDATES_CHANNEL_POPULARITY_H
#define WEFT_CANDIDATES_CHANNEL_POPULARITY_H

#include "schemas/top_k.h"
#include "state/model.h"

/* A channel's normalised name (text.h), without spaces around it. It is written to `to`, which has
 * room for CHANNEL_BYTES_MAX. Absent: the name is missing, empty, too long or not UTF-8. Overwrites
 * `scratch`. Thread: any. */
struct bytes channel_name(struct bytes written, struct buffer *scratch, char *to);

/* The `length` items of the channel that count most, in order. Scores are relative to the first
 * one's; causes are ITEM_NONE. Returns how many; 0: the channel is not known. Thread: holds the
 * model's read lock. */
uint32_t channel_popularity_top(const struct model *model, struct bytes channel, uint32_t length,
                                struct top_item *ret_items);

#endif
