/* The header of a published record as it is read back from its topic: any bytes; what is taken is
 * written as it was read. */
#include "processors/runtime/model/publication.h"
#include "tests/fuzz.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t version;
    int64_t offset;
    char written[48];
    if (!publication_header_read(bytes_of(data, size), &version, &offset))
        return 0;
    FUZZ_CHECK(offset >= 0);
    int written_size = snprintf(written, sizeof written, "%016llx:%lld",
                                (unsigned long long)version, (long long)offset);
    FUZZ_CHECK((size_t)written_size <= size); /* leading zeros of the offset may be there */
    FUZZ_CHECK(memcmp(written, data, 17) == 0);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    sink->add(sink, bytes_text("0123456789abcdef:0"));
    sink->add(sink, bytes_text("ffffffffffffffff:123456789012345678"));
    sink->add(sink, bytes_text("0000000000000000:007"));
}
