/* A model in a file: every row of FAMILY_MODEL. `weft get model` writes it; `weft run --model`
 * starts from it as its seed model. Calls schemas/ and store.h.
 *
 *     "weft model\n" format(4), then records: key size(4) value size(4) key value
 *
 * The records are those of snapshot.h; the header is the last one, and nothing follows it. Integers
 * are little endian. The checks of rows and header detect a file that was cut off or changed in any
 * bit. The same model as of the same offset gives the same bytes.
 *
 * Thread: any; nobody may write to the store meanwhile. */
#ifndef WEFT_STATE_MODEL_FILE_H
#define WEFT_STATE_MODEL_FILE_H

#include "state/snapshot.h"

#define MODEL_FILE_FORMAT 1
#define MODEL_FILE_KEY_MAX 1024
#define MODEL_FILE_VALUE_MAX (1u << 28)

/* Writes the store's model, which is as of `offset` of its log. Replaces the file of that name
 * after all is written. SKIP: the store has no model. FATAL: the file can't be written. */
enum verdict model_file_write(const char *path, struct store *store, int64_t offset,
                              uint64_t *ret_rows, struct error *error);

/* Reads and checks the whole file. Then writes its rows to `store`, whose FAMILY_MODEL is empty;
 * NULL: only checks. `ret_header` gets the offset and the number of rows. FATAL: the file is
 * damaged, and nothing was written; or the store can't be written. */
enum verdict model_file_read(const char *path, struct store *store,
                             struct snapshot_header *ret_header, struct error *error);

#endif
