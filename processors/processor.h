/* The contract of a step.
 *
 * A step is one file in processors/. At its end stands its row, made with WEFT_STEP, which names
 * the step's functions, inputs, outputs and tables. The linker adds the row to the topology, which
 * is checked before anything runs. A step includes this file, schemas/, recommend/ and math/, and
 * never another step. It calls no Kafka and starts no threads, so the same row runs in the worker
 * and in the in-process driver.
 *
 * There are two stages:
 *   visitors   partitioned by visitor. event() sees each record once, in the order of time within
 *              a partition. At the end of a batch batch() runs once, then close() runs for each
 *              visitor that the batch touched. Thread: the worker that has the visitor.
 *   model      replicated. interaction() sees each record of the interactions log once, in the
 *              order of the log, the same in every process. Thread: the fold, which is the model's
 *              only writer, under its write lock.
 *
 * A step keeps no memory of its own: state is in tables, and memory from the arena holds until the
 * batch ends. */
#ifndef WEFT_PROCESSORS_PROCESSOR_H
#define WEFT_PROCESSORS_PROCESSOR_H

#include "processors/recommend/rankings/item_lists.h"
#include "processors/recommend/rankings/rankings.h"
#include "processors/recommend/recommend.h"
#include "schemas/event_judge.h"
#include "schemas/interaction.h"
#include "schemas/output_schemas.h"
#include "schemas/recommendation.h"
#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitor_history.h"
#include "state/visitor_table.h"

/* The part of the configuration that steps see. The keys stand in runtime/config_keys.c. */
struct settings {
    int64_t session_gap_ms;      /* a longer pause starts a new session */
    int64_t double_click_ms;     /* a second view of an item within this time is dropped */
    uint32_t activities_max;     /* remembered of a visitor */
    uint32_t order_lines_max;    /* items of orders that are remembered of a visitor */
    uint32_t cart_items_max;     /* items of a cart that are remembered, likewise */
    int64_t tastes_half_life_ms; /* of preferences; 0: no preferences are learned */
    int64_t shown_ms;            /* how long the lists that showed an item are counted */
    bool shown_from_impressions; /* items count as shown by impressions; else by written lists */
    bool clicks_are_views;       /* the shop sends no view after a click */
    struct event_bounds times;   /* of events */
    uint32_t list_items;         /* in a list */
    uint32_t search_terms_max;   /* in the search index */
    bool output_avro;            /* else JSON */
    struct output_frames frames; /* of Avro: what stands before each record */
    bool hygiene;                /* events of suspects reach nothing that is shared */
    struct noise_limits noise;
    bool lists_early; /* lists also go ahead of their commit (runtime/early_lists.h) */
    struct model_limits model;
    struct catalogue_limits catalogue;
    struct recommend_settings recommend;
    struct rankings_settings rankings;
    struct item_lists_settings items;
};

static inline struct activity_bounds activity_bounds_of(const struct settings *settings)
{
    return (struct activity_bounds){
        .cart.items_max = settings->cart_items_max,
        .retractable = {.carts_max = settings->cart_items_max,
                        .purchases_max = settings->order_lines_max},
        .session_gap_ms = settings->session_gap_ms,
    };
}

/* The outcome of a record. Each record that is read has exactly one. */
enum fate {
    FATE_PROCESSED,
    FATE_DUPLICATE,    /* an event_id, or an order, that the visitor already has */
    FATE_DOUBLE_CLICK, /* the same item again within double.click.ms */
    FATE_LATE,         /* older than all remembered activities: written to the late topic */
    FATE_NO_CONSENT,   /* its visitor refuses that it is used: dropped */
    FATE_DROPPED,      /* the mapping of its topic drops records of its kind */
    FATE_DEAD_LETTER,  /* written to the dead-letter topic */
    FATES,
};

extern const char *const fate_names[FATES]; /* keys of the metrics, as are counter_names */

enum counter {
    COUNT_INTERACTIONS,    /* records written to the log */
    COUNT_REORDERED,       /* activities that came late and went before later ones */
    COUNT_LISTS,           /* recommendation records written */
    COUNT_LISTS_SAME,      /* recommendation records not written, since nothing changed */
    COUNT_ACTIVITIES_OUT,  /* activities that fell out of a visitor's memory at its bound */
    COUNT_MEASURED,        /* clicks that were compared with the visitor's last list */
    COUNT_HITS,            /* of these, clicks on one of the list's first HIT_LENGTH items */
    COUNT_RECIPROCAL,      /* the sum of 1/rank of these hits, in millionths */
    COUNT_WEIGHTS,         /* differences of the ranker's weights written to the log */
    COUNT_ERASED,          /* visitors that were erased with some state */
    COUNT_ORDER_LINES_OUT, /* items of orders that fell out of a visitor's memory at its bound */
    COUNT_TIMES_AHEAD, /* events that took the time of their record, since they lay ahead of it */
    COUNT_ACTIVITIES_CUT, /* of ACTIVITIES_OUT, those that left to fit the changelog */
    COUNT_LISTS_CUT,      /* recommendation records that lost items, to fit their topic */
    COUNT_LETTERS_CUT,    /* dead letters and late records that were cut, to fit their topic */
    COUNT_CLICKS,         /* clicks of visitors who were here before: there was a list to measure */
    COUNT_LEARNED,        /* of COUNT_MEASURED, clicks that the ranker learned from */
    COUNT_LISTS_DEFERRED, /* times that a visitor's lists waited, since the worker was behind */
    COUNT_LISTS_EARLY,    /* recommendation records sent ahead of their commit */
    COUNT_CART_ITEMS_OUT, /* items that fell out of a visitor's cart at its bound */
    COUNT_QUARANTINED,    /* events of suspects, which reach nothing that is shared */
    COUNT_SUSPECTS,       /* times that a visitor became suspect */
    COUNT_RELEASED,       /* times that a visitor stopped to be suspect */
    COUNT_TAKEN_BACK,     /* cart additions and purchases that no longer count */
    COUNT_RETURNS_UNKNOWN, /* returned or cancelled items that were never bought, or are forgotten
                            */
    COUNT_RETRACTABLE_OUT, /* carts and purchases that can no longer be taken back, at a bound */
    COUNTERS,
};

extern const char *const counter_names[COUNTERS];

#define HIT_LENGTH 20

struct counts {
    uint64_t fates[FATES];
    uint64_t counters[COUNTERS];
    struct online_metrics online;
};

void counts_add(struct counts *to, const struct counts *from);

/* An earlier cart addition or purchase that a record takes back, or that counts again. */
struct record_change {
    struct bytes item_id;
    bool purchase;   /* else a cart addition */
    bool taken_back; /* else it counts again */
    float price;     /* NaN: not known */
    int64_t time_ms;
};

/* One record of an event topic. Bytes and strings are borrowed from whoever runs the pipeline, and
 * hold until the record has gone through the steps. */
struct record {
    enum event_type type;
    int32_t partition;
    int64_t offset;
    struct bytes key;
    struct bytes value;
    int64_t written_ms; /* Kafka's timestamp; 0: there is none, or it can't be true */
    int64_t ahead_ms;   /* how far the event's time lay ahead of it; 0: within event.ahead.max.ms */
    struct event event; /* decoded and checked, with its corrected time */
    enum fate fate;
    bool quarantined;              /* set by noise: the event must reach nothing that is shared */
    bool exposed;                  /* likewise: with this event the visitor became suspect */
    struct record_change *changes; /* set by sessions, in the arena */
    uint32_t change_count, change_capacity;
};

/* The topics that steps emit to. */
enum output {
    OUTPUT_INTERACTIONS,
    OUTPUT_RECOMMENDATIONS,
    OUTPUT_EARLY, /* of the pipeline alone: a list ahead of its commit */
    OUTPUTS,
};

/* Takes the steps' outputs; the worker and the driver each have one. Key and value are borrowed
 * during the call. An absent value deletes the key. RETRY: the batch has to be aborted. */
struct outlet {
    enum verdict (*emit)(struct outlet *outlet, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error);
};

/* The things that a step of the visitors stage works with; all are borrowed. Thread: the worker
 * that owns the context. */
struct context {
    const struct settings *settings;
    struct counts *counts;
    struct arena *arena; /* until the batch ends */
    struct outlet *outlet;
    struct visitor_table *visitors;
    struct visitor *visitor;           /* the record's visitor, in event() */
    struct model *model;               /* read under its read lock */
    const struct catalogue *catalogue; /* the same; locked after the model (state/catalogue.h) */
    struct recommender *recommender;
    const struct settings_variants *variants; /* recommend/variants.h; NULL: no experiments */
    struct bytes agents;                      /* patterns of user agents (state/noise.h) */
    struct buffer *scratch;                   /* for one record; each user clears it first */
    uint64_t interaction_fingerprint;
    uint64_t weights_fingerprint;
    size_t visitor_row_bytes_max; /* of a stored visitor, with its key: what its topic takes */
    size_t lists_bytes_max;       /* of a record of lists, with its key: likewise */
    int64_t generated_ms; /* the wall clock: a record of lists carries it as its generated_time. It
                           * enters no state and no log */
    int64_t steady_ms;    /* for intervals: it never goes back; in the driver the event's time */
};

enum stage {
    STAGE_VISITORS,
    STAGE_MODEL,
    STAGE_RUNTIME, /* rows of runtime/topology.c, for parts that are no steps */
};

struct step {
    const char *name;
    const char *summary; /* one line for `weft describe` */
    enum stage stage;
    const char *after;         /* the step of the same stage that runs before; NULL: the first */
    const char *const *inputs; /* topics (topology.c) or streams of other steps, NULL at the end */
    const char *const
        *outputs;             /* the same. Only these may be emitted: another one is FATAL. A step
                               * that ends records as late or as dead letters has the topic here */
    const char *table;        /* the table that it owns; NULL: none */
    const char *const *reads; /* tables with other owners, NULL at the end; NULL: none. Each step
                               * of the visitors stage may also change the visitor at hand */

    /* SKIP: the record ends here, with the fate that the step gave it and, for dead letters, the
     * reason. RETRY does not occur. FATAL ends the process. */
    enum verdict (*event)(struct context *context, struct record *record, struct error *error);
    /* Once at the end of each batch, before all close() calls. OK or FATAL. */
    enum verdict (*batch)(struct context *context, struct error *error);
    /* OK or FATAL. */
    enum verdict (*close)(struct context *context, struct visitor *visitor, struct error *error);
    /* Never fails: each record in the log can be folded. */
    void (*interaction)(struct model *model, const struct interaction *interaction);
};

/* A step's row. The linker collects the rows: the files of processors/ are the steps. */
#define WEFT_STEP(name)                                                                            \
    extern const struct step weft_step_##name;                                                     \
    static const struct step *const weft_step_at_##name                                            \
        __attribute__((section("weft_steps"), used)) = &weft_step_##name;                          \
    const struct step weft_step_##name

/* Ends a record with this fate: a step returns the result. */
static inline enum verdict record_end(struct record *record, enum fate fate)
{
    record->fate = fate;
    return VERDICT_SKIP;
}

#endif
