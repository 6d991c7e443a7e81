/* The file of merchandising rules (rules.path), read again when it changes.
 *
 * Thread: the one that owns it; each worker has its own copy of the rules. */
#ifndef WEFT_RUNTIME_RULES_FILE_H
#define WEFT_RUNTIME_RULES_FILE_H

#include "processors/runtime/config.h"
#include "processors/runtime/watched_file.h"

struct rules_file {
    struct watched_file file;         /* with an empty path there are no rules */
    struct merchandising_rules rules; /* stay at this address */
    bool silent;                      /* another copy of the file tells the log of its changes */
};

/* Reads the file. `config` is borrowed and outlives it. SKIP, with the line and what to do. It may
 * be released also after an error. */
enum verdict rules_file_open(struct rules_file *file, const struct config *config,
                             struct error *error);
void rules_file_release(struct rules_file *file);

/* Reads the file again if a check is due and finds a change. If it has a mistake, or is gone, the
 * previous rules stay. The log tells either. True: there are new rules. */
bool rules_file_reload(struct rules_file *file);

/* Appends a line for each rule that names a placement which the configuration does not have, with
 * the nearest one. */
void rules_placements_text(const struct merchandising_rules *rules,
                           const struct placements *placements, struct buffer *text);
/* Appends a line for each rule that matches no product, with the nearest word of the catalogue; at
 * most RULES_TOLD_MAX lines, and one with the number of the others. */
#define RULES_TOLD_MAX 20
void rules_unmatched_text(const struct merchandising_rules *rules,
                          const struct catalogue *catalogue, struct buffer *text);

#endif
