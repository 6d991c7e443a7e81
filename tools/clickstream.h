/* The pages that the mall's visitors see: the lists that weft wrote for them, read back from
 * their topic, and what the shop says of it: that a list was shown, and that something on it was
 * clicked on. */
#ifndef WEFT_TOOLS_CLICKSTREAM_H
#define WEFT_TOOLS_CLICKSTREAM_H

#include "processors/runtime/kafka/client.h"
#include "schemas/event.h"

#define PAGE_ITEMS 6 /* of a list that a page has room for */

struct clickstream;

/* Reads the topic from its end as of now, as JSON, on a thread of its own. */
enum verdict clickstream_new(const struct config *config, const char *topic,
                             struct clickstream **ret_pages, struct error *error);
void clickstream_free(struct clickstream *pages);

/* What the visitor of the event saw just before: at the beginning of a session the front page, then
 * the page of what they did last. False: it had no list. `ret_click` is of type EVENT_CLICK if the
 * event is a view of what was on it; else of another. Slices hold until the next call, and as
 * long as the event. Thread: one. */
bool clickstream_before(struct clickstream *pages, const struct event *event,
                        struct event *ret_impression, struct event *ret_click);

#endif
