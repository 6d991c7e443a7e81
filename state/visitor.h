/* A visitor: the activities in the order of their time, and what else is remembered of them.
 *
 *     struct visitor
 *       activities --> [ oldest ][ ... ][ newest ]    by time, then kind, then arrival
 *                          |  text_at, text_size      32 bytes each
 *       text       --> [ "sku-1" "red shoes" ... ]    item ids and search terms, without a NUL
 *       tastes     --> [ packed struct preferences ]  NULL: none yet
 *       displays   --> [ tag, times ][ ... ]          how often an item was in a list; NULL: none
 *       exposure   --> [ counts, newest marks ]       impressions and clicks; NULL: none
 *       declared   --> [ gender | age group ]         as the shop says; NULL: it said nothing
 *       orders     --> [ order, item, time ][ ... ]   what was ordered
 *       cart       --> [ "sku-7" ][ "sku-2" ]         what was in the cart when activities fell out
 *       retractable -> [ "sku-7", time ][ ... ]       what fell out and can be taken back; NULL:
 * none channel    --> [ "newsletter" ]               NULL: not known key[] the visitor's key,
 * behind the struct
 *
 * The object owns all of these. Questions about the sequence: state/visitor_history.h. Bytes of an
 * object: state/visitor_codec.h. Objects by key: state/visitor_table.h; an object of a table must
 * be marked dirty (visitor_table_mark_dirty()) before any function here changes it.
 *
 * Thread: one at a time; in a table, the worker that owns it. Out of memory ends the process. */
#ifndef WEFT_STATE_VISITOR_H
#define WEFT_STATE_VISITOR_H

#include "schemas/interaction.h"
#include "state/cart.h"
#include "state/noise.h"
#include "state/orders.h"
#include "state/preferences.h"
#include "state/retractable.h"

/* Whether the model counts an activity. Only carts and purchases can be taken back. Activities that
 * do not count are no neighbours of others. */
enum counting {
    COUNTING_ACTIVE,
    COUNTING_TAKEN_BACK,  /* its item was taken out of the cart, or sent back */
    COUNTING_NEVER,       /* not written to the log yet; it may fall out before */
    COUNTING_QUARANTINED, /* of a suspect: not written to the log */
};

struct activity {
    int64_t time_ms;
    uint64_t event_hash; /* bytes_hash(event_id) */
    float price;         /* NaN: not known */
    uint32_t text_at;    /* where the subject begins in the visitor's text */
    uint16_t text_size;
    uint8_t kind;     /* enum kind */
    uint8_t counting; /* enum counting; COUNTING_NEVER is not stored */
};

/* How often an item was in a list since visitor.displays_since_s. */
#define SHOWN_ITEMS_MAX 48 /* items of a visitor; a new one replaces the item shown least often */
#define SHOWN_TIMES_MAX 255
struct display {
    uint32_t item; /* shown_tag() */
    uint8_t times;
};

/* Impressions and clicks. Each has a mark; an event whose mark is remembered counts only once. */
#define MARKS_MAX 32 /* remembered marks; a repeat that comes later counts again */
struct exposure {
    int64_t impressions, clicks;
    uint32_t mark_count;
    uint32_t marks[MARKS_MAX]; /* the oldest first */
};

struct visitor {
    struct visitor *newer, *older; /* of the table, by last use */
    uint64_t hash;                 /* of partition and key */
    uint32_t entry;                /* the table's number of this object */
    int32_t partition;
    bool dirty;      /* differs from the state committed last */
    bool touched;    /* lists are due at the end of the batch */
    bool look_again; /* a second look is due: the model did not know the items yet */
    bool truncated;  /* older activities fell out at the bound */
    bool refused;    /* refused consent: nothing else is stored */
    uint32_t count, capacity;
    struct activity *activities;
    char *text;
    uint32_t text_size, text_capacity;
    char *tastes;
    uint16_t tastes_size, tastes_capacity;
    uint8_t display_count, display_capacity;
    struct display *displays;
    int64_t displays_since_s;
    struct exposure *exposure;
    char *declared;
    uint16_t gender_size, age_group_size;
    struct orders orders;
    struct cart cart; /* as of the activities that fell out */
    struct retractable *retractable;
    struct noise noise;
    uint8_t channel_size;
    char *channel;           /* of the newest activity that has one */
    int64_t channel_time_ms; /* of that activity */
    int64_t accepted;        /* number of activities so far, also of those that fell out */
    int64_t latest_time_ms;  /* of all activities */
    uint64_t list_hash;      /* of the lists that were written last */
    uint64_t training_list;  /* handle of the last list in the training log; 0: none. Not stored */
    uint64_t shown_lists; /* of the last lists in the shown log of the online metrics; likewise */
    struct bytes encoded; /* set by visitor_table_encode() until the batch ends */
    uint32_t key_size;
    char key[];
};

/* An empty visitor; the key is copied. The caller frees it, or passes it to a table. */
struct visitor *visitor_new(int32_t partition, struct bytes key);
void visitor_free(struct visitor *visitor);

static inline struct bytes visitor_key(const struct visitor *visitor)
{
    return bytes_of(visitor->key, visitor->key_size);
}

/* Bytes of memory. */
size_t visitor_bytes(const struct visitor *visitor);

/* ---- activities ---- */

/* The item_id or the search term; holds until the visitor changes. */
static inline struct bytes activity_subject(const struct visitor *visitor,
                                            const struct activity *activity)
{
    return bytes_of(visitor->text + activity->text_at, activity->text_size);
}

/* The position of an activity of that time and kind: behind all that are not later. */
uint32_t visitor_position(const struct visitor *visitor, int64_t time_ms, enum kind kind);

/* The bounds of the memories for activities that fell out; they count what is lost there. NULL:
 * the largest bounds, not counted, and sessions that never end. */
struct activity_bounds {
    struct cart_bound cart;
    struct retractable_bound retractable;
    int64_t session_gap_ms;
};

/* Inserts an activity at `position` and copies its subject. With more than `max` activities, max >
 * 0, the oldest falls out. The cart takes it over within the bound, and so do the retractable lines
 * if the model counted it. Returns how many fell out: 0 or 1. */
uint32_t visitor_insert(struct visitor *visitor, uint32_t position, struct activity activity,
                        struct bytes subject, uint32_t max, struct activity_bounds *bounds);

/* The oldest activities fall out into the cart, but never the last one, until the stored row and
 * its key surely have at most `bytes_max` bytes: VISITOR_ROW_REST_BYTES, and ACTIVITY_ROW_BYTES and
 * the subject for each activity. Depends on the activities and `bytes_max` alone. Returns how many
 * fell out. */
#define ACTIVITY_ROW_BYTES 32        /* in a stored row, without the subject, at most */
#define VISITOR_ROW_REST_BYTES 65536 /* everything else in the row, and the key */
uint32_t visitor_fit(struct visitor *visitor, size_t bytes_max, struct activity_bounds *bounds);

/* Appends an activity that was counted before: for the decoder. */
void visitor_append(struct visitor *visitor, struct activity activity, struct bytes subject);

/* Whether an event is older than all remembered activities, of at most `max`, and some older ones
 * fell out: its neighbours are not known any more. */
bool visitor_is_late(const struct visitor *visitor, int64_t time_ms, uint32_t max);

/* ---- preferences ---- */

/* Unpacks the preferences; all zero: none yet. */
void visitor_preferences(const struct visitor *visitor, struct preferences *ret_preferences);
/* Packs and stores them. `scratch` is overwritten. */
void visitor_set_preferences(struct visitor *visitor, const struct preferences *preferences,
                             struct buffer *scratch);
/* The same from bytes that preferences_read() accepted: for the decoder. */
void visitor_set_packed_preferences(struct visitor *visitor, struct bytes packed);

/* ---- lists that were shown ---- */

static inline uint32_t shown_tag(struct bytes item_id)
{
    return (uint32_t)bytes_hash(item_id);
}

/* Counts that the item is in a list at `time_ms`. After `period_ms` all counts start again at 0. */
void visitor_show(struct visitor *visitor, struct bytes item_id, int64_t time_ms,
                  int64_t period_ms);
/* The visitor used the item: its count goes back to 0. */
void visitor_reset_shown(struct visitor *visitor, struct bytes item_id);
/* How often the item was shown; `tag` is its shown_tag(). */
uint32_t visitor_shown(const struct visitor *visitor, uint32_t tag);
/* Adds a count: for the decoder. False: the item has one already, or there is no room. */
bool visitor_restore_shown(struct visitor *visitor, uint32_t tag, uint8_t times);

/* Counts an impression, or a click, unless its mark is among the last MARKS_MAX. Returns whether it
 * was counted. */
bool visitor_count_exposure(struct visitor *visitor, uint32_t mark, bool click);

/* ---- what the shop says ---- */

/* Gender and age group as the shop declares them; empty: it said nothing. */
static inline struct bytes visitor_gender(const struct visitor *visitor)
{
    return bytes_of(visitor->declared, visitor->gender_size);
}
static inline struct bytes visitor_age_group(const struct visitor *visitor)
{
    return bytes_of(visitor->declared ? visitor->declared + visitor->gender_size : NULL,
                    visitor->age_group_size);
}
/* Sets both, at most EVENT_ID_BYTES_MAX bytes each; they are copied. */
void visitor_set_declared(struct visitor *visitor, struct bytes gender, struct bytes age_group);

/* The channel of the newest activity that has one; empty: not known. */
static inline struct bytes visitor_channel(const struct visitor *visitor)
{
    return bytes_of(visitor->channel, visitor->channel_size);
}
/* An activity came by this channel, a name of 1 to CHANNEL_BYTES_MAX bytes. The newest activity
 * counts; at equal times the greater name does, so that the order of arrival does not matter. */
void visitor_update_channel(struct visitor *visitor, struct bytes channel, int64_t time_ms);

/* ---- consent ---- */

/* Forgets everything but the key; `refused`: the visitor refused consent. */
void visitor_erase(struct visitor *visitor, bool refused);
/* Nothing is known, as of a visitor that was never seen: such a visitor has no row in the store. */
bool visitor_is_blank(const struct visitor *visitor);

#endif
