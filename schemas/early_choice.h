/* The reader's rule for lists ahead of their commit (lists.early): which of a visitor's two newest
 * records to show, the one on `recommendations` or the one on `recommendations.early`.
 *
 *     1. An early record that was written more than the retention ago does not count.
 *     2. A committed tombstone ends all early records that were written before it, or with it.
 *     3. Otherwise the record that was generated later counts; on a tie the committed one.
 *     4. An early record never replaces lists that know a newer activity: a process that stood
 *        still may have written it.
 *
 * Pure: no clock, no memory, no Kafka. Thread: any. */
#ifndef WEFT_SCHEMAS_EARLY_CHOICE_H
#define WEFT_SCHEMAS_EARLY_CHOICE_H

#include <stdbool.h>
#include <stdint.h>

/* The newest record of a visitor in one of the topics. All times are ms since 1970. */
struct list_version {
    bool there;         /* false: the topic has none; nothing else is read */
    bool tombstone;     /* it has no value; the fields after written_ms are not read */
    int64_t written_ms; /* its Kafka timestamp */
    int64_t generated_time_ms;
    int64_t source_event_time_ms;
    uint64_t recommendation_id;
};

enum early_choice {
    SHOW_NOTHING, /* there are no lists, or they were erased */
    SHOW_COMMITTED,
    SHOW_EARLY,
};

/* `now_ms`: the reader's time; `retention_ms`: lists.early.retention.ms. If both records are the
 * same list, the committed one is shown. */
enum early_choice early_choose(const struct list_version *committed,
                               const struct list_version *early, int64_t now_ms,
                               int64_t retention_ms);

#endif
