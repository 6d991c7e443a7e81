/* The list of user agents by which programs name themselves (state/noise.h): the file of
 * hygiene.agents.path, or deploy/user_agents.txt, which is in the program. */
#ifndef WEFT_RUNTIME_AGENTS_FILE_H
#define WEFT_RUNTIME_AGENTS_FILE_H

#include "schemas/bytes.h"
#include "schemas/error.h"

#define AGENTS_BYTES_MAX (1u << 20)

/* `path` empty: the ready-made list. The caller releases `ret_patterns`. SKIP, with the reason: the
 * file can't be read, or it is too large. */
enum verdict agents_file_read(const char *path, struct buffer *ret_patterns, struct error *error);

#endif
