/* The file of experiments (experiments.path), read again when it changes, and the settings that its
 * variants make of the configuration.
 *
 * Thread: the one that owns it, while no list is made; each worker has its own copy. */
#ifndef WEFT_RUNTIME_EXPERIMENTS_FILE_H
#define WEFT_RUNTIME_EXPERIMENTS_FILE_H

#include "processors/recommend/variants.h"
#include "processors/runtime/config.h"
#include "processors/runtime/watched_file.h"

struct experiments_file {
    struct watched_file file; /* with an empty path there are no experiments */
    const struct config *config;
    struct settings_variants variants; /* stay at this address */
};

/* Reads the file, and tries the values of its variants. `config` is borrowed, finished, and
 * outlives it. SKIP, with the line and what to do. It may be released also after an error. */
enum verdict experiments_file_open(struct experiments_file *experiments,
                                   const struct config *config, struct error *error);
void experiments_file_release(struct experiments_file *experiments);

/* The variants, which stay at their address over reloads; NULL: no file is named, or none was
 * opened. */
const struct settings_variants *
experiments_file_variants(const struct experiments_file *experiments);

/* Reads the file again if a check is due and finds a change. If it has a mistake, or is gone, the
 * previous experiments stay. The log tells either, and which running experiment has become a new
 * one. True: there are new experiments. */
bool experiments_file_reload(struct experiments_file *experiments);

/* Appends a line for each experiment, with its identity and its variants. */
void experiments_file_text(const struct experiments_file *experiments, struct buffer *text);

#endif
