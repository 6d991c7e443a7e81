#include "processors/runtime/kafka/queue_budget.h"

#define ANSWER_BYTES_MIN 1000000   /* librdkafka's own minimum */
#define ANSWER_BYTES_MAX 52428800  /* librdkafka's default */
#define PARTITION_BYTES_MAX 524288 /* so that an answer has records of many partitions */
#define QUEUED_KBYTES_MAX 4096     /* a second of a fast partition */

static int64_t within(int64_t number, int64_t min, int64_t max)
{
    if (number < min)
        return min;
    return number > max ? max : number;
}

/* `bytes` of memory for the queues of `consumers` consumers. */
static struct queue_bounds share_out(int64_t bytes, int64_t queues, int64_t consumers)
{
    int64_t half = bytes / 2;
    struct queue_bounds bounds = {
        .queued_kbytes = within(half / queues / QUEUE_RECORD_SHARE / 1024, 1, QUEUED_KBYTES_MAX),
        .answer_bytes =
            within(half / consumers / QUEUE_ANSWER_SHARE, ANSWER_BYTES_MIN, ANSWER_BYTES_MAX),
    };
    bounds.partition_bytes = within(bounds.answer_bytes, 1, PARTITION_BYTES_MAX);
    return bounds;
}

struct queue_bounds queue_bounds_inputs(int64_t bytes, int64_t inputs, int64_t partitions,
                                        int64_t workers)
{
    return share_out(bytes / 2, inputs * partitions, workers);
}

struct queue_bounds queue_bounds_reader(int64_t bytes)
{
    return share_out(bytes / 2 / QUEUE_READERS, 1, 1);
}
