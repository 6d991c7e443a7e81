/* Bounds the memory of records that librdkafka fetched ahead: one bound for the whole process
 * (memory.queue.bytes), shared by all consumers and all their partitions.
 *
 *     inputs of all workers         half: each partition of each input belongs to one worker
 *     log, catalogue, standby,      a tenth each
 *     restore, snapshots
 *
 * Half of a share is for queues, half for the answer that is on its way: librdkafka fetches when a
 * queue is below its bound. librdkafka counts a record's value alone; with its own part and the key
 * a record takes about QUEUE_RECORD_SHARE times as much. An answer is compressed, too.
 *
 * A worker has a queue for each partition, and librdkafka's bound is that of one queue. A reader
 * has one queue for all its partitions.
 *
 * librdkafka takes no bound of an answer below a megabyte. So the sum holds from 160 MB on, with up
 * to five workers. With less memory or more workers, each consumer may take 8 MB more.
 *
 * Names no librdkafka. Thread: any. */
#ifndef WEFT_KAFKA_QUEUE_BUDGET_H
#define WEFT_KAFKA_QUEUE_BUDGET_H

#include <stdint.h>

#define QUEUE_RECORD_SHARE 4 /* memory of a record, by the bytes of its value */
#define QUEUE_ANSWER_SHARE 8 /* memory of the records of an answer, by its bytes */
#define QUEUE_READERS 5      /* shares of the other half */

/* Settings of one consumer. */
struct queue_bounds {
    int64_t queued_kbytes; /* queued.max.messages.kbytes: of each queue */
    int64_t answer_bytes;  /* fetch.max.bytes: of an answer; librdkafka wants a megabyte at least */
    int64_t partition_bytes; /* fetch.message.max.bytes: of one partition in an answer */
};

/* The bounds of a worker's consumer, in a process with `workers` of them, when each of `inputs`
 * topics has `partitions`. All partitions may come to this process. */
struct queue_bounds queue_bounds_inputs(int64_t bytes, int64_t inputs, int64_t partitions,
                                        int64_t workers);
/* The bounds of a partition reader. */
struct queue_bounds queue_bounds_reader(int64_t bytes);

#endif
