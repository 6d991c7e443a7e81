/* The settings that `weft tune` may turn, and draws of them. A space is a text:
 *
 *     # comment
 *     price.band = 50 | 100 | 200                                  one of these values
 *     generators.off = | popular | two_hop                         the first one is empty
 *     popularity.half.life.ms = 21600000 .. 2592000000 log         a range, even in its logarithm
 *     ranker.candidates = 48 .. 192                                a range of whole numbers
 *
 * Thread: one. */
#ifndef WEFT_TOOLS_TUNE_SPACE_H
#define WEFT_TOOLS_TUNE_SPACE_H

#include "processors/runtime/config.h"

#define SPACE_KEYS_MAX 64
#define SPACE_VALUES_MAX 32

struct space_key {
    const struct config_key *key;
    const char *values[SPACE_VALUES_MAX]; /* of a list; owned by the space */
    uint32_t value_count;                 /* 0: a range */
    double low, high;
    bool logarithmic, whole;
};

/* Zero-initialised is empty and valid. */
struct space {
    struct arena memory; /* of all values, also of those that are drawn */
    struct space_key keys[SPACE_KEYS_MAX];
    uint32_t count;
};

/* One setting of the keys of a space. */
struct choice {
    const char *values[SPACE_KEYS_MAX]; /* by key; NULL: as configured */
};

/* SKIP, with the line and what to do: an unknown key, a value that the key does not take, an empty
 * or too large space. */
enum verdict space_read(struct space *space, struct bytes text, struct error *error);
void space_release(struct space *space);

/* The shipped defaults of all keys that `base` sets otherwise. False: `base` sets none otherwise.
 */
bool space_defaults(const struct space *space, const struct config *base,
                    struct choice *ret_choice);

/* Draws values of a few keys; the others stay as configured. `state` is that of draw_next(). */
void space_draw(struct space *space, uint64_t *state, struct choice *ret_choice);

/* A copy of `parent` with one or two keys drawn again, or as configured. */
void space_mutate(struct space *space, uint64_t *state, const struct choice *parent,
                  struct choice *ret_choice);

/* Sets the keys over `config`, and finishes it. SKIP: they do not fit together. */
enum verdict choice_apply(const struct space *space, const struct choice *choice,
                          struct config *config, struct error *error);

/* Appends "key=value, key=value"; nothing for a choice without keys. */
void choice_text(const struct space *space, const struct choice *choice, struct buffer *buffer);

/* Appends "key=value" lines, as in a .properties file. */
void choice_lines(const struct space *space, const struct choice *choice, struct buffer *buffer);

#endif
