/* The folder of further writer schemas (schemas.path): files such as view.1.avsc, named after the
 * record that they describe. */
#ifndef WEFT_RUNTIME_SCHEMAS_FOLDER_H
#define WEFT_RUNTIME_SCHEMAS_FOLDER_H

#include "schemas/codec.h"

/* Teaches the codec each schema of the folder; files of other kinds are passed over. An empty
 * `folder` is none. SKIP, with the file, if one can't be used. Thread: the codec's. */
enum verdict schemas_folder_read(struct codec *codec, const char *folder, struct error *error);

#endif
