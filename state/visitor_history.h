/* What a visitor did last, as lists ask for it. Thread: the visitor's. */
#ifndef WEFT_STATE_VISITOR_HISTORY_H
#define WEFT_STATE_VISITOR_HISTORY_H

#include "state/visitors.h"

/* The newest activity of one of these kinds (bits) among the last `within` + 1 of the session;
 * NULL: none. */
const struct activity *visitor_history_newest(const struct visitor *visitor, uint32_t kinds,
                                              uint32_t within, int64_t gap_ms);

/* The item viewed last; absent: none. Holds until the visitor changes. */
struct bytes visitor_history_last_viewed(const struct visitor *visitor);

#endif
