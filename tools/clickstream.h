/* The clickstream of the mall: which of weft's lists its visitors see, and which items they click.
 * It reads the lists from their topic and makes the shop's impressions and clicks. */
#ifndef WEFT_TOOLS_CLICKSTREAM_H
#define WEFT_TOOLS_CLICKSTREAM_H

#include "processors/runtime/kafka/client.h"
#include "schemas/event.h"

#define PAGE_ITEMS 6 /* items of a list that a page shows */

struct clickstream;

/* Starts a thread that reads the topic of the lists, as JSON, from its present end (listener.h).
 * SKIP: there is no such topic. */
enum verdict clickstream_new(const struct config *config, const char *topic,
                             struct clickstream **ret_clickstream, struct error *error);
void clickstream_free(struct clickstream *clickstream);

/* The impression of the list that the visitor saw just before the event: on the front page at the
 * beginning of a session, then on the page of their last event. False: the page had no list.
 * `ret_click` has the type EVENT_CLICK if the event is a view of an item of that list, otherwise
 * EVENT_TYPES. Slices hold until the next call, and as long as the event. Thread: one. */
bool clickstream_before(struct clickstream *clickstream, const struct event *event,
                        struct event *ret_impression, struct event *ret_click);

#endif
