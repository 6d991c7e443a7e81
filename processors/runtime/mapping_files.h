/* The mappings that the configuration names (input.map, topics.NAME.map): ready-made ones, and
 * files of the shop. They are read once, at the start. */
#ifndef WEFT_RUNTIME_MAPPING_FILES_H
#define WEFT_RUNTIME_MAPPING_FILES_H

#include "processors/runtime/config.h"
#include "schemas/codec.h"

/* Zero-initialised is empty and valid. */
struct mapping_files {
    struct mapping *at[EVENT_USER]; /* by event type; NULL: weft's own records */
};

/* Makes the mappings, and gives them to the codec, which must be freed first. SKIP, with the key
 * and what to do; the files may be released then too. Thread: the codec's. */
enum verdict mapping_files_open(struct mapping_files *files, const struct config *config,
                                struct codec *codec, struct error *error);
void mapping_files_release(struct mapping_files *files);

/* The mapping of the topic that takes events of `type`, as the configuration names it. Borrowed
 * from the configuration. */
const char *mapping_chosen(const struct config *config, enum event_type type);
/* Whether all mappings can be made; as mapping_files_open(). For the tools. */
enum verdict mapping_files_check(const struct config *config, struct error *error);

/* Makes one mapping, by the name of a ready-made one or by the path of a file. NULL for "weft": no
 * mapping. The caller frees it. SKIP, with what to do. Thread: any. */
enum verdict mapping_open(const char *name, struct mapping **ret_mapping, struct error *error);

#endif
