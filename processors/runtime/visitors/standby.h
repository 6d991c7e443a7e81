/* Standby: takes care of the copies of visitors that no worker of this process has.
 *
 * With num.standby it follows the changelog of partitions that other processes own. When one of
 * them ends, this process reads the last second of the changelog, not all of it. It follows the
 * partitions that it would get if num.standby of the other processes ended.
 *
 * It drops copies that nobody here has or follows, once they are stale (copy_age.h): their
 * partitions moved to other processes, and erased visitors would stay in them. */
#ifndef WEFT_VISITORS_STANDBY_H
#define WEFT_VISITORS_STANDBY_H

#include "processors/runtime/process.h"

struct standby;

/* `run` is borrowed until standby_free(). All other calls take NULL. Thread: the main thread,
 * before and after all others. */
struct standby *standby_new(struct run *run);
void standby_free(struct standby *standby);

/* Body of its thread; `argument` is the struct standby. Returns NULL when the process stops, or
 * after a fatal error, which it reports with run_fail(). */
void *standby_thread(void *argument);

/* A worker of this process takes the partition. Returns once the standby no longer follows it and
 * has written the rows that it read. Thread: any worker. */
void standby_own(struct standby *standby, int32_t partition);
/* The worker has lost the partition: the standby may follow it again. Thread: any worker. */
void standby_disown(struct standby *standby, int32_t partition);

#endif
