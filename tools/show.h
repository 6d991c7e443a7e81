/* Prints records as text: lists, a ranking, a visitor's state. A record comes from a topic, where
 * others may write too, so any bytes are fine. A missing field counts as empty, or as 0.
 * Thread: one. */
#ifndef WEFT_TOOLS_SHOW_H
#define WEFT_TOOLS_SHOW_H

#include "schemas/early_choice.h"
#include "state/visitor.h"
#include "tools/get_topics.h"

struct shown_lists {
    struct bytes visitor;        /* the key */
    struct bytes record;         /* JSON */
    const struct visitor *state; /* NULL: not known */
    const struct titles *titles;
};

/* The times and the id of a record of lists in JSON; 0 in Avro. */
void read_list_version(struct bytes record, struct list_version *ret_version);

/* `items_max`: of each list. */
void show_lists(const struct shown_lists *shown, size_t items_max);
void show_item_lists(struct bytes record, const struct titles *titles, size_t items_max);
void show_ranking(struct bytes ranking, const struct titles *titles, size_t items_max);

#endif
