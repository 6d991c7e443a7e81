/* Experiments: the shop compares variants of its lists, from a file. A line begins an experiment or
 * is one of its variants; '#' begins a comment.
 *
 *     experiment fresh placement home share 20% layer home from 2026-12-01 to 2026-12-15
 *       variant today 45%
 *       variant fresh 45% placements.home.generators=forward,popular:.2 list.brand.max=2
 *       holdout 10%                   popular items only
 *
 *   placement  where the experiment plays; several times; without it everywhere
 *   share      the part of the visitors that takes part; 100% without it
 *   layer      experiments of one layer are exclusive: no visitor is in two of them at a time.
 *              Others are independent of each other
 *   channel    only visitors who came by this channel last
 *   gender     only users with this gender, as the shop says
 *   from, to   UTC, `to` not included
 *
 * Variants' shares are parts of the experiment's visitors. A variant sets keys of the configuration
 * that shape lists (experiment_keys.h), for the experiment's placements; all others are as
 * everywhere. The other variants are compared with the first one.
 *
 * Draws. A visitor's place in a layer, and in an experiment, is a number below EXPERIMENT_PARTS. It
 * follows from the name and the visitor's key alone, so each process and version draws the same:
 *
 *     place(seed, key) = draw_below(draw_mix(seed ^ bytes_hash(key)), EXPERIMENT_PARTS)
 *     seed             = draw_mix(bytes_hash(name) + use)    use: enum experiment_draw
 *
 * An experiment has the places [begin, begin + parts) of its layer's: the first ones that no
 * earlier line has at the same time. A variant has a range of its experiment's places, one behind
 * the other.
 *
 * Identity. The digest is a hash of all that decides who gets which list: each word of the lines
 * but `to`, and `begin`. So an experiment that is changed is a new one, in the record and in
 * reports. Its end may be moved. */
#ifndef WEFT_LISTS_EXPERIMENTS_H
#define WEFT_LISTS_EXPERIMENTS_H

#include "processors/recommend/lists/placements.h"

#define EXPERIMENTS_MAX 16
#define VARIANTS_MAX 8
#define EXPERIMENT_NAME_BYTES_MAX 32 /* with a NUL: of experiments, variants and layers */
#define EXPERIMENT_PLACEMENTS_MAX PLACEMENTS_MAX
#define EXPERIMENT_PARTS 1000000 /* of all visitors; 1 % is 10,000 of them */
#define EXPERIMENT_NONE (-1)     /* the visitor is in no variant */
#define EXPERIMENT_ID_BYTES_MAX (EXPERIMENT_NAME_BYTES_MAX + 9) /* "NAME@12ab34cd" with a NUL */

/* "placements.home.length" and "8"; both owned. */
struct variant_setting {
    char *key, *value;
};

struct variant {
    char name[EXPERIMENT_NAME_BYTES_MAX]; /* a hold-out's is "holdout" */
    uint32_t parts;
    bool holdout; /* popular items only */
    struct variant_setting *settings;
    uint32_t setting_count;
    uint32_t line;
};

struct experiment {
    char name[EXPERIMENT_NAME_BYTES_MAX];
    char id[EXPERIMENT_ID_BYTES_MAX];
    char layer[EXPERIMENT_NAME_BYTES_MAX]; /* empty: a layer of its own */
    char placements[EXPERIMENT_PLACEMENTS_MAX][PLACEMENT_NAME_BYTES_MAX];
    uint32_t placement_count; /* 0: all */
    char *channel, *gender;   /* owned; NULL: any */
    uint32_t begin, parts;    /* its places in the layer */
    int64_t from_ms, to_ms;   /* INT64_MIN, INT64_MAX: always */
    struct variant variants[VARIANTS_MAX];
    uint32_t variant_count;
    uint32_t line;
    uint64_t layer_seed, seed;
};

/* Owns its experiments, in the order of their lines. Zero-initialised is empty and valid. */
struct experiments {
    struct experiment *at;
    uint32_t count;
};

/* Reads experiments from text. `placements`: their names are known; NULL: any name is taken. SKIP
 * with "line 7: ..." and what to do; `ret_experiments` is untouched then. Settings' values are not
 * looked at (runtime/experiments_file.h does). The caller releases the experiments. */
enum verdict experiments_parse(struct bytes text, const struct placements *placements,
                               struct experiments *ret_experiments, struct error *error);
/* The same from a file; the error has its name, too. RETRY: the file is there, but can't be read
 * now. */
enum verdict experiments_read(const char *path, const struct placements *placements,
                              struct experiments *ret_experiments, struct error *error);
/* Reads the file in the same way, but goes on behind a mistake: appends a line to `mistakes` for
 * each. OK: there is none; `mistakes` is untouched. */
enum verdict experiments_check(const char *path, const struct placements *placements,
                               struct buffer *mistakes);
void experiments_release(struct experiments *experiments);

/* ---- who gets which variant (experiment_draw.c) ---- */

enum experiment_draw {
    DRAW_LAYER = 1,   /* by the layer's name */
    DRAW_SHARE = 2,   /* by the name of an experiment without a layer */
    DRAW_VARIANT = 3, /* by the experiment's name */
};

uint64_t experiment_seed(struct bytes name, enum experiment_draw use);
/* `key_hash`: bytes_hash() of the visitor's key. */
uint32_t experiment_place(uint64_t seed, uint64_t key_hash);

/* The variant of a visitor, by the key alone; EXPERIMENT_NONE: the visitor takes no part. */
int experiment_variant(const struct experiment *experiment, uint64_t key_hash);

/* Who asks, and when. */
struct experiment_visitor {
    struct bytes key;     /* user_id where known, else visitor_id */
    struct bytes channel; /* absent: not known */
    struct bytes gender;  /* as the shop says; absent: not known */
    int64_t time_ms;
};

/* Whether the experiment runs at this time, and is for visitors such as this one. */
bool experiment_admits(const struct experiment *experiment,
                       const struct experiment_visitor *visitor);
/* Whether the experiment plays at the placement. */
bool experiment_plays_at(const struct experiment *experiment, const char *placement);
/* Whether there is a placement at which both play. */
bool experiments_meet(const struct experiment *a, const struct experiment *b);

/* The visitor's variant of each experiment, or EXPERIMENT_NONE; `ret_variants` has room for
 * EXPERIMENTS_MAX. A visitor in a hold-out takes no part in experiments that share a placement with
 * it; if two hold-outs share one, the earlier line counts. Returns in how many experiments the
 * visitor is. */
uint32_t experiments_assign(const struct experiments *experiments,
                            const struct experiment_visitor *visitor,
                            int8_t ret_variants[EXPERIMENTS_MAX]);

/* "NAME@DIGEST:VARIANT,...", as the record of lists has it. Writes to `to`; absent: the visitor is
 * in no experiment. */
#define EXPERIMENTS_TEXT_MAX                                                                       \
    (EXPERIMENTS_MAX * (EXPERIMENT_ID_BYTES_MAX + EXPERIMENT_NAME_BYTES_MAX))
struct bytes experiments_text(const struct experiments *experiments,
                              const int8_t variants[EXPERIMENTS_MAX],
                              char to[EXPERIMENTS_TEXT_MAX]);

/* For the parser: finds the last experiment's places in its layer. False: there is no room left. */
bool experiments_place_last(struct experiments *experiments);
/* Sets seeds and id of an experiment that has its places and its variants. */
void experiment_identify(struct experiment *experiment);

#endif
