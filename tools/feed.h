/* Feeds event files to the in-process driver, as bytes of the wire, the way Kafka would. */
#ifndef WEFT_TOOLS_FEED_H
#define WEFT_TOOLS_FEED_H

#include "processors/runtime/driver.h"
#include "tools/wire.h"

struct feed {
    uint64_t lines, published, rejected;
};

/* Every event of the files, in the files' order. RETRY: interrupted. */
enum verdict feed_files(struct driver *driver, const struct wire_format *wire, const char *format,
                        int count, char **paths, struct feed *ret_feed, struct error *error);

#endif
