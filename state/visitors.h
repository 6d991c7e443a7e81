/* The visitor table: what each visitor did, in the order of its time.
 *
 * Decoded objects live in memory; RocksDB behind them is written once a commit. A changed object is
 * dirty until it is committed; an abort forgets the dirty ones, so that the next look reads what
 * was committed last. Nothing here is shared: a table and its objects belong to one worker. */
#ifndef WEFT_STATE_VISITORS_H
#define WEFT_STATE_VISITORS_H

#include "schemas/interaction.h"
#include "state/preferences.h"
#include "state/store.h"

struct activity {
    int64_t time_ms;
    uint64_t event_hash; /* bytes_hash(event_id) */
    float price;         /* NaN: not known */
    uint32_t text_at;    /* the subject's place in the visitor's text */
    uint16_t text_size;
    uint8_t kind; /* enum kind */
};

/* How often an item was in a list since visitor.displays_since_s. */
#define SHOWN_ITEMS_MAX 48 /* items of a visitor; a new one takes the place of the least shown */
#define SHOWN_TIMES_MAX 255
struct display {
    uint32_t item; /* shown_tag() */
    uint8_t times;
};

/* What a visitor was shown and clicked on: each counted once, told from a repeat by its mark. */
#define MARKS_MAX 32 /* remembered; a repeat that comes later counts again */
struct exposure {
    int64_t impressions, clicks;
    uint32_t mark_count;
    uint32_t marks[MARKS_MAX]; /* the oldest first */
};

struct visitor {
    struct visitor *newer, *older; /* by last use */
    uint64_t hash;
    int32_t partition;
    bool dirty;      /* differs from what was committed */
    bool touched;    /* lists are due at the end of the batch */
    bool look_again; /* the model knew too little for good lists: worth another try */
    bool truncated;  /* older activities fell out at the bound */
    bool refused;    /* does not want to be known: nothing else is kept */
    uint32_t count, capacity;
    struct activity *activities; /* by time, then kind, then arrival */
    char *text;
    uint32_t text_size, text_capacity;
    char *tastes; /* preferences as stored; NULL: none yet */
    uint16_t tastes_size, tastes_capacity;
    uint8_t display_count, display_capacity;
    struct display *displays; /* NULL: none yet */
    int64_t displays_since_s;
    struct exposure *exposure; /* NULL: none yet */
    char *declared;            /* gender and age group, as the shop says; NULL: it said nothing */
    uint16_t gender_size, age_group_size;
    uint8_t channel_size;
    char *channel;            /* of the newest activity that has one; NULL: none has */
    int64_t channel_time_ms;  /* of that activity */
    int64_t accepted;         /* activities so far */
    int64_t latest_time_ms;   /* of all activities */
    uint64_t list_hash;       /* of the lists that were written last */
    uint64_t training_serial; /* the last list as it is kept for learning; 0: none. Not stored */
    uint64_t shown_serial;    /* the same as it was shown, for live quality */
    struct bytes encoded;     /* set by visitors_encode() until the batch ends */
    uint32_t key_size;
    char key[];
};

static inline struct bytes visitor_key(const struct visitor *visitor)
{
    return bytes_of(visitor->key, visitor->key_size);
}

/* The item_id or the search term; holds until the visitor changes. */
static inline struct bytes activity_subject(const struct visitor *visitor,
                                            const struct activity *activity)
{
    return bytes_of(visitor->text + activity->text_at, activity->text_size);
}

/* Where an activity of that time and kind belongs: behind all that are not later. */
uint32_t visitor_position(const struct visitor *visitor, int64_t time_ms, enum kind kind);

/* Puts an activity at `position` and lets the oldest fall out when there are more than `max`.
 * Returns how many fell out (0 or 1). A visitor of a table must have been marked dirty before. */
uint32_t visitor_insert(struct visitor *visitor, uint32_t position, struct activity activity,
                        struct bytes subject, uint32_t max);

/* What the visitor likes. It lies packed in the object: to change it, read it and put it back,
 * marked dirty before. `scratch` is overwritten. */
void visitor_preferences(const struct visitor *visitor, struct preferences *ret_preferences);
void visitor_prefer(struct visitor *visitor, const struct preferences *preferences,
                    struct buffer *scratch);

static inline uint32_t shown_tag(struct bytes item_id)
{
    return (uint32_t)bytes_hash(item_id);
}

/* The item is in a list at `time_ms`; after `period_ms` the counting begins anew. A visitor of a
 * table must have been marked dirty before. */
void visitor_show(struct visitor *visitor, struct bytes item_id, int64_t time_ms,
                  int64_t period_ms);
/* The visitor did something with it: it counts as not shown. */
void visitor_notice(struct visitor *visitor, struct bytes item_id);
uint32_t visitor_shown(const struct visitor *visitor, uint32_t tag);

/* Counts an impression, or a click, unless the mark is among the last MARKS_MAX. Returns whether it
 * was counted. A visitor of a table must have been marked dirty before. */
bool visitor_expose(struct visitor *visitor, uint32_t mark, bool click);

/* What the shop says of its user; empty: nothing. */
static inline struct bytes visitor_gender(const struct visitor *visitor)
{
    return bytes_of(visitor->declared, visitor->gender_size);
}
static inline struct bytes visitor_age_group(const struct visitor *visitor)
{
    return bytes_of(visitor->declared ? visitor->declared + visitor->gender_size : NULL,
                    visitor->age_group_size);
}
/* The same from now on; at most EVENT_ID_BYTES_MAX bytes each. Marked dirty before. */
void visitor_declare(struct visitor *visitor, struct bytes gender, struct bytes age_group);

/* The channel that the visitor came by last; empty: not known. */
static inline struct bytes visitor_channel(const struct visitor *visitor)
{
    return bytes_of(visitor->channel, visitor->channel_size);
}
/* An activity came by this channel, of 1 to CHANNEL_BYTES_MAX bytes: the newest counts, of two at
 * one time the one whose name is greater, so that their order does not matter. Marked dirty before.
 */
void visitor_come_by(struct visitor *visitor, struct bytes channel, int64_t time_ms);

/* Forgets all of the visitor but whether they refused. Marked dirty before. */
void visitor_erase(struct visitor *visitor, bool refused);
/* Nothing is known: as one who was never seen. Such a one has no row. */
bool visitor_is_blank(const struct visitor *visitor);

/* Whether an event is older than all that is remembered of at most `max` activities. */
bool visitor_is_late(const struct visitor *visitor, int64_t time_ms, uint32_t max);
struct visitor_table;

/* `cache_bytes` bounds the memory of clean objects. The store outlives the table. */
struct visitor_table *visitors_new(struct store *store, size_t cache_bytes);
void visitors_free(struct visitor_table *table);

/* The visitor, new and empty if never seen. The pointer holds until visitors_commit(),
 * visitors_abort() or visitors_forget(). FATAL: the store can't be read, or the row is damaged. */
enum verdict visitors_get(struct visitor_table *table, int32_t partition, struct bytes key,
                          struct visitor **ret_visitor, struct error *error);

void visitors_mark_dirty(struct visitor_table *table, struct visitor *visitor);

/* The dirty ones in the order in which they became so. */
size_t visitors_dirty_count(const struct visitor_table *table);
struct visitor *visitors_dirty_at(const struct visitor_table *table, size_t index);

/* The new value of a dirty visitor for changelog and store (visitor.avsc), absent for a blank one,
 * whose row goes; holds until the batch ends. */
struct bytes visitors_encode(struct visitor_table *table, struct visitor *visitor);

/* Puts every dirty visitor, encoded before, into the batch. */
void visitors_batch(struct visitor_table *table, struct store_batch *batch);
/* The batch was written: dirty objects are clean, and the cache is brought under its bound. */
void visitors_commit(struct visitor_table *table);
/* The transaction was aborted: dirty objects are dropped. */
void visitors_abort(struct visitor_table *table);
/* The partition went to another worker. Its objects must be clean. */
void visitors_forget(struct visitor_table *table, int32_t partition);

size_t visitors_cached(const struct visitor_table *table);
size_t visitors_bytes(const struct visitor_table *table);

/* The key of FAMILY_VISITOR. `to` has room for VISITOR_KEY_BYTES_MAX. */
#define VISITOR_KEY_BYTES_MAX 300
struct bytes visitor_store_key(char *to, int32_t partition, struct bytes key);

/* Fingerprints of visitor.avsc as it is, as it was before it had a channel (4), before it had what
 * was shown and declared (3), before it had preferences (2), and before it had a checksum (1):
 * values of all are read, also from a changelog that an older weft wrote. */
#define VISITOR_FINGERPRINT 0x68886677f663d4dcu
#define VISITOR_FINGERPRINT_4 0x3cf2b13ce9fd3863u
#define VISITOR_FINGERPRINT_3 0x881539fdb5ee58f9u
#define VISITOR_FINGERPRINT_2 0xe488f2fd0033ecdcu
#define VISITOR_FINGERPRINT_1 0x533e6bc3f2dfdddcu

/* Reads a stored value into a new object, which the caller frees with visitor_free(). SKIP: the
 * bytes are no visitor, or another's. Also what `get` and the tests read with. */
enum verdict visitor_decode(int32_t partition, struct bytes key, struct bytes value,
                            struct visitor **ret_visitor, struct error *error);
void visitor_free(struct visitor *visitor);

/* Whether a value is what was written for the key: by its checksum, or, where an older weft wrote
 * it, by decoding it. */
bool visitor_intact(struct bytes key, struct bytes value);

#endif
