#include "schemas/library_memory.h"

#include "schemas/bytes.h"

#include <avro.h>
#include <jansson.h>
#include <stdlib.h>

/* avro-c has one function for all: a new size of 0 frees. */
static void *avro_memory(void *nothing, void *at, size_t old_size, size_t size)
{
    (void)nothing;
    (void)old_size;
    if (size > 0)
        return memory_resize(at, size);
    free(at);
    return NULL;
}

void library_memory_prepare(void)
{
    json_set_alloc_funcs(memory_get, free);
    avro_set_allocator(avro_memory, NULL);
}
