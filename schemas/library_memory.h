/* Lets jansson and avro-c allocate as weft does: where memory is short, the process ends with the
 * reason (bytes.h). Otherwise a record whose JSON finds no memory would look like a damaged one. */
#ifndef WEFT_SCHEMAS_LIBRARY_MEMORY_H
#define WEFT_SCHEMAS_LIBRARY_MEMORY_H

/* Thread: main, before either library is used. */
void library_memory_prepare(void);

#endif
