/* Owed lists: the visitors whose lists are not made yet, because the worker is behind or the
 * process has just started.
 *
 * A list that the next records overtake serves nobody. So a worker that is behind (catch_up.h)
 * marks the visitor's row instead (visitor->look_again), and the visitor waits here. Once the
 * worker has caught up, the visitors come out, the one with the newest activity first. While it is
 * behind, a visitor comes out after a longest time. The mark in the row survives a crash.
 *
 * Thread: the worker that owns the pipeline. */
#ifndef WEFT_RUNTIME_OWED_LISTS_H
#define WEFT_RUNTIME_OWED_LISTS_H

#include "schemas/hash_index.h"
#include "state/store.h"
#include "state/visitor_codec.h"

#define OWED_MAX 200000 /* visitors that wait; beyond it the oldest come out */
#define OWED_NONE UINT32_MAX

struct owed_list {
    int64_t since_us; /* by the monotonic clock: when the visitor began to wait */
    int64_t touched_us;
    int32_t partition;
    uint32_t key_size;
    char *key; /* owned by whoever has the entry */
    uint32_t newer,
        older; /* entries; OWED_NONE: none. A free entry has the next free one in older */
};

/* Zero-initialised is not valid. Owns its memory. */
struct owed_lists {
    struct owed_list *entries;
    uint32_t capacity, count;
    uint32_t newest, oldest, free;
    struct hash_index index; /* by partition and key */
};

void owed_lists_init(struct owed_lists *owed);
void owed_lists_release(struct owed_lists *owed);

/* Lets the visitor wait, as the newest one. Copies the key. Returns since when it waits. */
int64_t owed_lists_add(struct owed_lists *owed, const struct visitor *visitor, int64_t now_us);
/* Takes the visitor out, if it waits: its lists were made. */
void owed_lists_remove(struct owed_lists *owed, const struct visitor *visitor);

/* Takes the newest out. The caller frees ret_list->key. False: nobody waits. */
bool owed_lists_take(struct owed_lists *owed, struct owed_list *ret_list);
/* Takes the oldest out, if its last activity is older than `before_us` or more than OWED_MAX wait.
 */
bool owed_lists_take_oldest(struct owed_lists *owed, int64_t before_us, struct owed_list *ret_list);
/* When the oldest was touched last; INT64_MAX: nobody waits. */
int64_t owed_lists_oldest_us(const struct owed_lists *owed);

/* Adds the visitors of a partition whose rows are marked, as after a crash. FATAL: the store can't
 * be read. */
enum verdict owed_lists_find(struct owed_lists *owed, struct store *store, int32_t partition,
                             int64_t now_us, struct error *error);
/* Forgets all of them: their partitions may go to another worker. */
void owed_lists_forget(struct owed_lists *owed);

#endif
