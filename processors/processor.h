/* The contract of a step.
 *
 * A step is one file in processors/: a declaration row at its end, made with WEFT_STEP, and the
 * functions that it names. The row joins the topology by itself; the topology is checked before
 * anything runs. A step includes this file, schemas/, recommend/ and math/, never another step,
 * and knows nothing of Kafka or threads: the same row runs in the worker and in the in-process
 * driver.
 *
 * Two stages:
 *   visitors   partitioned by visitor. event() sees each record once, in the order of time within
 *              a partition; close() is called at the end of a batch for each visitor that the
 *              batch touched.
 *   model      replicated. interaction() sees each record of the interactions log once, in the
 *              order of the log, the same in every process.
 *
 * What a step allocates from the arena holds until the batch ends; it keeps nothing else. */
#ifndef WEFT_PROCESSORS_PROCESSOR_H
#define WEFT_PROCESSORS_PROCESSOR_H

#include "processors/recommend/rankings/rankings.h"
#include "processors/recommend/recommend.h"
#include "schemas/event.h"
#include "schemas/interaction.h"
#include "schemas/recommendation.h"
#include "state/catalogue.h"
#include "state/model.h"
#include "state/visitor_history.h"
#include "state/visitor_table.h"

/* What the steps are told by the configuration; the keys stand in runtime/config.c. */
struct settings {
    int64_t session_gap_ms;      /* a longer pause starts a new session */
    int64_t double_click_ms;     /* the same item viewed again within this is dropped */
    uint32_t activities_max;     /* remembered of a visitor */
    int64_t tastes_half_life_ms; /* 0: none are kept */
    int64_t shown_ms;            /* for so long lists are counted that an item was in */
    bool shown_from_impressions; /* only what the shop says was shown counts as such */
    bool clicks_are_views;       /* the shop sends no view after a click */
    int64_t event_time_min_ms;   /* older events are refused: their clock was wrong */
    int64_t event_future_max_ms; /* how far ahead of now an event may be */
    uint32_t list_items;         /* length of a list */
    bool output_avro;
    struct model_limits model;
    struct catalogue_limits catalogue;
    struct recommend_settings recommend;
    struct rankings_settings rankings;
};

/* What became of a record. Each record that is read has exactly one fate. */
enum fate {
    FATE_PROCESSED,
    FATE_DUPLICATE,    /* an event_id that the visitor already has */
    FATE_DOUBLE_CLICK, /* the same item again within double.click.ms */
    FATE_LATE,         /* older than all that is remembered: written to the late topic */
    FATE_NO_CONSENT,   /* its visitor does not want it to be used: dropped */
    FATE_DEAD_LETTER,  /* written to the dead-letter topic */
    FATES,
};

extern const char *const fate_names[FATES];

enum counter {
    COUNT_INTERACTIONS,   /* records written to the log */
    COUNT_REORDERED,      /* activities put at their place before later ones */
    COUNT_LISTS,          /* recommendation records written */
    COUNT_LISTS_SAME,     /* not written, since nothing changed */
    COUNT_ACTIVITIES_OUT, /* fell out of a visitor's memory at its bound */
    COUNT_MEASURED,       /* clicks whose visitor's last list is known */
    COUNT_HITS,           /* whose item was among its first HIT_LENGTH */
    COUNT_RECIPROCAL,     /* sum of 1/rank of those, in millionths */
    COUNT_WEIGHTS,        /* differences of the ranker written to the log */
    COUNT_ERASED,         /* visitors of whom something was known until they were erased */
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

/* One record of an event topic. */
struct record {
    enum event_type type;
    int32_t partition;
    int64_t offset;
    struct bytes key;
    struct bytes value;
    struct event event; /* decoded and checked */
    enum fate fate;
};

/* Where the steps' outputs go; the worker and the driver each have one. */
enum output {
    OUTPUT_INTERACTIONS,
    OUTPUT_RECOMMENDATIONS,
    OUTPUTS,
};

struct outlet {
    enum verdict (*emit)(struct outlet *outlet, enum output output, int32_t partition,
                         struct bytes key, struct bytes value, struct error *error);
};

/* What a step of the visitors stage works with. Thread: the worker whose context it is. */
struct context {
    const struct settings *settings;
    struct counts *counts;
    struct arena *arena; /* until the batch ends */
    struct outlet *outlet;
    struct visitor_table *visitors;
    struct visitor *visitor;           /* whom the record is about */
    struct model *model;               /* read under its lock */
    const struct catalogue *catalogue; /* the same; locked after the model (state/catalogue.h) */
    struct recommender *recommender;
    struct buffer *scratch; /* for one record; cleared by whoever uses it */
    uint64_t interaction_fingerprint;
    uint64_t recommendation_fingerprint;
    uint64_t weights_fingerprint;
    int64_t now_ms;       /* the wall clock, which events must not be far ahead of */
    int64_t generated_ms; /* the time that lists carry: the wall clock; in the driver the event's */
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
    const char *const *inputs; /* topics or streams, NULL at the end; names as in topology.c */
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
    /* Never fails: what was written to the log can be folded. */
    void (*interaction)(struct model *model, const struct interaction *interaction);
};

/* A step's row, found by the linker: `ls processors/X.c` is the whole list. */
#define WEFT_STEP(name)                                                                            \
    extern const struct step weft_step_##name;                                                     \
    static const struct step *const weft_step_at_##name                                            \
        __attribute__((section("weft_steps"), used)) = &weft_step_##name;                          \
    const struct step weft_step_##name

/* Gives the record its fate and ends its way. */
static inline enum verdict record_end(struct record *record, enum fate fate)
{
    record->fate = fate;
    return VERDICT_SKIP;
}

#endif
