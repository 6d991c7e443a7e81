/* The input records in memory: events of visitors, users and products. The .avsc files define the
 * field names, types and defaults of the wire; event_fields() binds them to these structures.
 * Thread: any. */
#ifndef WEFT_SCHEMAS_EVENT_H
#define WEFT_SCHEMAS_EVENT_H

#include "schemas/bytes.h"
#include "schemas/error.h"

#define EVENT_ID_BYTES_MAX 256           /* any identifier */
#define EVENT_TEXT_BYTES_MAX 4096        /* a search term */
#define EVENT_ITEMS_MAX 500              /* items of one event */
#define EVENT_STRINGS_MAX 64             /* texts of a list; the rest is only counted */
#define EVENT_PAIRS_MAX 512              /* a record's attributes; the rest is only counted */
#define EVENT_BYTES_MAX (1u << 20)       /* one record on the wire */
#define EVENT_TIME_MAX_MS 10000000000000 /* year 2286: differences of times never overflow */

enum event_type {
    EVENT_VIEW,
    EVENT_SEARCH,
    EVENT_CART,
    EVENT_PURCHASE,
    EVENT_IMPRESSION,
    EVENT_CLICK,
    EVENT_USER,
    EVENT_PRODUCT,
    EVENT_TYPES,
};

/* "view", "search", ...: also the base name of the schema's file. */
extern const char *const event_type_names[EVENT_TYPES];

enum cart_action { CART_ADD, CART_REMOVE, CART_UPDATE, CART_CLEAR };
enum purchase_status { PURCHASE_COMPLETED, PURCHASE_REFUNDED, PURCHASE_CANCELLED };
enum availability { IN_STOCK, OUT_OF_STOCK, PREORDER, BACKORDER };

struct event_item {
    struct bytes item_id;
    struct bytes item_variant;
    struct bytes currency;
    struct bytes item_list_id;
    double price;    /* NaN: absent */
    double discount; /* NaN: absent */
    int64_t quantity;
    int64_t index; /* -1: absent */
};

/* A list of texts, without its nulls. */
struct event_strings {
    struct bytes *at;
    uint32_t count;    /* at most EVENT_STRINGS_MAX */
    uint32_t left_out; /* further texts of the record */
};

/* A map of texts: name i is at[2i], its value at[2i + 1]. */
struct event_pairs {
    struct bytes *at;
    uint32_t count;    /* number of pairs, at most EVENT_PAIRS_MAX */
    uint32_t left_out; /* further pairs, and pairs whose value is neither a text nor null */
};

/* One record of any type. Fields that its type does not have are absent. Slices point into the
 * record's bytes or into the arena of the decoder, and hold as long as both do. */
struct event {
    enum event_type type;
    /* envelope */
    struct bytes event_id;
    struct bytes visitor_id;
    struct bytes user_id;
    struct bytes session_id;
    int64_t event_time_ms; /* since 1970, UTC */
    struct bytes channel;
    struct bytes user_agent;
    struct bytes uri;
    bool consent;
    struct bytes recommendation_id;
    struct bytes placement;
    /* view, click: one item; other types: item_count */
    struct event_item *items;
    uint32_t item_count;
    int64_t dwell_ms; /* -1: absent */
    /* search */
    struct bytes search_term;
    int64_t result_count; /* -1: absent */
    /* cart, purchase */
    int64_t action; /* enum cart_action */
    int64_t status; /* enum purchase_status */
    struct bytes transaction_id;
    struct bytes currency;
    double value; /* NaN: absent */
    /* product */
    struct bytes item_id;
    struct bytes title;
    struct bytes item_brand;
    struct bytes image_uri;
    struct event_strings categories;
    struct event_strings colors;
    struct event_strings genders;
    struct event_strings age_groups;
    struct event_strings tags;
    struct event_pairs attributes;
    double price;          /* NaN: absent */
    double original_price; /* NaN: absent */
    double rating;         /* NaN: absent */
    int64_t rating_count;
    int64_t like_count;
    int64_t availability; /* enum availability */
    /* user; user_id and consent are the envelope's */
    struct bytes gender;
    struct bytes age_group;
    struct bytes segment;
    bool erased; /* a record without a value: the shop deletes the user */
    /* of mappings (schemas/mapping.h) */
    bool dropped; /* the mapping drops this kind: nothing else of the event counts */
};

/* A user's record without a value, which erases the user. The event borrows `user_id`. */
void event_init_erased(struct event *event, struct bytes user_id);

/* The key of the visitor, and of the Kafka record: user_id if known, otherwise visitor_id. */
static inline struct bytes event_visitor(const struct event *event)
{
    return event->user_id.size ? event->user_id : event->visitor_id;
}

enum field_type {
    FIELD_STRING,  /* struct bytes */
    FIELD_LONG,    /* int64_t; any number without a fraction on the wire */
    FIELD_COUNT,   /* int64_t with a default, so never null on the wire */
    FIELD_DOUBLE,  /* double; any number on the wire */
    FIELD_BOOL,    /* bool */
    FIELD_ENUM,    /* int64_t, the index into `symbols` */
    FIELD_ITEM,    /* one struct event_item, as items[0] */
    FIELD_ITEMS,   /* items and item_count */
    FIELD_STRINGS, /* struct event_strings */
    FIELD_PAIRS,   /* struct event_pairs; a map of strings on the wire */
    FIELD_SKIP,    /* checked for syntax only */
};

struct field {
    const char *name;
    enum field_type type;
    size_t offset; /* into struct event, or struct event_item */
    bool required;
    const char *const *symbols; /* FIELD_ENUM: ends with NULL */
};

struct field_table {
    const struct field *fields; /* at most 64: a bit mask marks the fields that were read */
    size_t count;
};

/* Sets the error of an enum's value that is none of its symbols, and lists these. `value` is how
 * the message shows it. For the decoders. */
void event_refuse_symbol(const struct field *field, const char *value, struct error *error);

/* The double as a whole number. False: it has a fraction, or lies at 2^53 or beyond, where a double
 * may stand for a neighbour. For the decoders. */
bool event_whole_number(double value, int64_t *ret_number);

/* The fields of a type, and of an item; they hold for ever. */
struct field_table event_fields(enum event_type type);
struct field_table event_item_fields(void);

/* Every field absent or at its schema's default. */
void event_init(struct event *event, enum event_type type);
void event_item_init(struct event_item *item);

/* Adds an item with its defaults. The items are in the arena, with room for `capacity`; they move
 * when they grow. NULL, with the error set: there are EVENT_ITEMS_MAX. */
struct event_item *event_add_item(struct event *event, uint32_t *capacity, struct arena *arena,
                                  struct error *error);

/* Whether every text is UTF-8. JSON and Avro are checked when they are decoded; events from other
 * sources are checked by this. SKIP with the field's name. */
enum verdict event_check_text(const struct event *event, struct error *error);

/* A deep copy: strings, lists, pairs and items are copied into the arena and hold until it is
 * cleared. */
struct event event_copy(const struct event *event, struct arena *arena);

/* Checks the rules that a schema can't express: identifiers have 1 to 256 bytes and no control
 * characters; amounts are finite and not negative; a type that needs items has some. SKIP, with the
 * field's name. */
enum verdict event_check(const struct event *event, struct error *error);

#endif
