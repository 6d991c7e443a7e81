/* Feeds event files to the in-process driver, as the bytes that Kafka would deliver. */
#ifndef WEFT_TOOLS_FEED_H
#define WEFT_TOOLS_FEED_H

#include "processors/runtime/driver.h"
#include "tools/wire.h"

struct feed {
    uint64_t lines, published, rejected;
};

/* Feeds every event, in the order of the files. `format` NULL: guessed (events.h). SKIP: a file
 * can't be read. RETRY: interrupted. Thread: the driver's. */
enum verdict feed_files(struct driver *driver, const struct wire_format *wire, const char *format,
                        int count, char **paths, struct feed *ret_feed, struct error *error);

#endif
