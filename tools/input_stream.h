/* Bytes of a file as they were before compression: plain, gzip (also several members one after the
 * other) and zstd (also several frames). The first bytes tell which. Thread: one for each stream.
 */
#ifndef WEFT_TOOLS_INPUT_STREAM_H
#define WEFT_TOOLS_INPUT_STREAM_H

#include "schemas/bytes.h"
#include "schemas/error.h"

struct input_stream;

/* `path` "-": standard input. SKIP, with the reason: it can't be opened or read. The caller closes
 * the stream. */
enum verdict input_stream_open(const char *path, struct input_stream **ret_stream,
                               struct error *error);
void input_stream_close(struct input_stream *stream);

/* Reads up to `size` bytes. OK with 0 bytes: the end. SKIP: the rest can't be read, because the
 * compressed data is cut off or damaged, or the disk fails; what came before is good. */
enum verdict input_stream_read(struct input_stream *stream, char *to, size_t size, size_t *ret_size,
                               struct error *error);

double input_stream_share(const struct input_stream *stream); /* of the file's bytes, 0 to 1 */

#endif
