/* A .properties file. */
#include "processors/runtime/topology.h"
#include "tests/fuzz.h"

#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    struct topology topology;
    struct error error = {0};
    char path[64];
    int fd = memfd_create("properties", 0);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    config_init(&config);
    enum verdict verdict = config_read_file(&config, path, &error);
    if (verdict == VERDICT_OK)
        verdict = config_finish(&config, &error);
    FUZZ_CHECK(verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error.message[0]));
    if (verdict == VERDICT_OK)
        topology_build(&config, &topology, &error);
    close(fd);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    sink->add(sink, bytes_text("# a comment\n! another\n\napplication.id = shop\n"
                               "kafka.security.protocol=SSL\r\ncommit.interval.ms=50\n"
                               "input.key=trust\noutput.format = avro\nlist.items=100\n"
                               "topics.view=views\nkafka.security.protocol=PLAINTEXT"));
    sink->add(sink, bytes_text("commit.intervall.ms=1\n"));
}
