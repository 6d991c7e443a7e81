/* Tells the log of merchandising rules that can match nothing: once when the catalogue has been
 * read, and once after each change of the file. One watch serves the process; the workers have
 * copies of the rules of their own (rules_file.h).
 *
 * Thread: the catalogue's fold. */
#ifndef WEFT_MODEL_RULES_WATCH_H
#define WEFT_MODEL_RULES_WATCH_H

#include "processors/runtime/rules_file.h"

#define RULES_STILL_US 1000000 /* the catalogue stands still for so long: it has been read */
/* a catalogue that never stands still is taken as it is then */
#define RULES_PATIENCE_US 30000000

struct rules_watch {
    struct rules_file file;
    const struct placements *placements;
    bool told;        /* nothing is left to tell of these rules */
    uint64_t rows;    /* of the catalogue, at the last look */
    int64_t still_us; /* the catalogue stands still since then */
    int64_t first_us; /* it has products since then; 0: none yet */
};

/* Reads the file. A mistake is not told here: the workers do. `config` is borrowed. */
void rules_watch_open(struct rules_watch *watch, const struct config *config);
void rules_watch_release(struct rules_watch *watch);

/* Reads the file again if it has changed, and tells what there is to tell. `rows`: the records
 * folded so far. `whole`: the catalogue was folded up to the end that the topic had at the start.
 * True: it told of the catalogue now. */
bool rules_watch_look(struct rules_watch *watch, const struct catalogue *catalogue, uint64_t rows,
                      bool whole, int64_t now_us);

#endif
