/* A model in a file, to be shipped: every row of FAMILY_MODEL, as `weft get model` writes it and
 * `weft run --model` begins from it. Calls schemas/ and store.h.
 *
 *     "weft model\n" format(4), then records: key size(4) value size(4) key value
 *
 * with the records of snapshot.h as they are in the topic, the header last and nothing behind it.
 * Integers are little endian. Every row carries its check, the header the rows' number, the sum of
 * their checks and its own; a file that was cut off or changed in any bit is refused. The same
 * model as of the same offset gives the same bytes. */
#ifndef WEFT_STATE_MODEL_FILE_H
#define WEFT_STATE_MODEL_FILE_H

#include "state/snapshot.h"

#define MODEL_FILE_FORMAT 1
#define MODEL_FILE_KEY_MAX 1024
#define MODEL_FILE_VALUE_MAX (1u << 28)

/* Writes the store's model as of `offset` of its log; a file with that name is replaced once all is
 * written. SKIP: the store has no model. FATAL: the file can't be written. */
enum verdict model_file_write(const char *path, struct store *store, int64_t offset,
                              uint64_t *ret_rows, struct error *error);

/* Reads and checks the whole file, and then, if `store` is not NULL, puts its rows into it, whose
 * FAMILY_MODEL is empty. FATAL, with what is wrong: the store has got nothing then unless it can't
 * be written itself. `ret_header` has the offset and the number of rows. */
enum verdict model_file_read(const char *path, struct store *store,
                             struct snapshot_header *ret_header, struct error *error);

#endif
