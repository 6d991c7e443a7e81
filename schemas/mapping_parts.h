/* The inside of a mapping, which mapping.c makes and mapping_decode.c reads. */
#ifndef WEFT_SCHEMAS_MAPPING_PARTS_H
#define WEFT_SCHEMAS_MAPPING_PARTS_H

#include "schemas/event.h"
#include "schemas/mapping_layout.h"
#include "schemas/mapping_path.h"
#include "schemas/mapping_value.h"

#define MAPPING_FIELDS_MAX 32 /* of an event, and of an item */
#define MAPPING_KINDS_MAX 256
#define MAPPING_PATHS_MAX 8       /* places where a field may stand */
#define MAPPING_SUMMANDS_MAX 4    /* times that are added to a time */
#define MAPPING_NAME_BYTES_MAX 64 /* of a mapping */

struct map_paths {
    struct map_path at[MAPPING_PATHS_MAX]; /* the first one that is there counts */
    uint32_t count;
};

/* A time that is added to a field's own, such as the hour to a date. */
struct map_summand {
    struct map_path path;
    struct map_form form;
};

/* Where a field stands, and how it is written. */
struct map_place {
    struct bytes name; /* of weft's field */
    struct map_paths paths;
    struct bytes constant; /* the value of every event; absent: it stands at the paths */
    struct map_form form;
    struct map_summand plus[MAPPING_SUMMANDS_MAX];
    uint32_t plus_count;
};

/* A field of one type of event, with its place. */
struct map_binding {
    const struct field *field;
    const struct map_place *place;
};

struct map_bindings {
    struct map_binding at[MAPPING_FIELDS_MAX];
    uint32_t count;
};

struct map_kind {
    struct bytes name;
    bool is_start;        /* of kinds that start with `name` */
    enum event_type type; /* EVENT_TYPES: events of this kind are dropped */
    int64_t action, status;
};

struct mapping {
    char name[MAPPING_NAME_BYTES_MAX + 1];
    struct arena arena; /* of the text, the paths and the places */
    struct map_paths kind_paths;
    struct map_kind kinds[MAPPING_KINDS_MAX];
    uint32_t kind_count;
    const struct map_kind *other_kind; /* of the name "*"; NULL: other kinds are refused */
    bool has_layout;
    struct mapping_layout layout;
    bool has_ids;            /* some place has the event_id of records */
    struct map_words absent; /* texts that stand for no value */
    struct map_place fields[MAPPING_FIELDS_MAX];
    uint32_t field_count;
    struct map_place items; /* the array of items, or the one item */
    struct map_place item_fields[MAPPING_FIELDS_MAX];
    uint32_t item_field_count;
    struct map_place product_fields[MAPPING_FIELDS_MAX];
    uint32_t product_field_count;
    const struct map_place *categories;        /* of a product; NULL: not mapped */
    struct map_bindings bindings[EVENT_TYPES]; /* by type; of products but the categories */
    struct map_bindings item_bindings;
    struct json_names names; /* all that the paths name */
};

#endif
