/* avro-c leaks what it had parsed of a schema that it then refuses. A test that gives it such
 * schemas includes this header, in one of its files. */
#ifndef WEFT_TESTS_AVRO_LEAKS_H
#define WEFT_TESTS_AVRO_LEAKS_H

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libavro.so";
}

#endif
