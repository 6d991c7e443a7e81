/* Standby: follows the changelog of visitors that other processes have, so that taking them over
 * means reading a second's worth of it, not all. Which: those that this process would get if
 * num.standby of the others ended. */
#ifndef WEFT_VISITORS_STANDBY_H
#define WEFT_VISITORS_STANDBY_H

#include "processors/runtime/process.h"

struct standby;

/* NULL when num.standby is 0; all calls take it. `run` is borrowed. */
struct standby *standby_new(struct run *run);
void standby_free(struct standby *standby);

/* Body of its thread; `argument` is the struct standby. Returns NULL when the run stops. */
void *standby_thread(void *argument);

/* A worker of this process takes the partition: returns once it is no longer followed and what was
 * read of it is in the store. Thread: any worker. */
void standby_own(struct standby *standby, int32_t partition);
void standby_disown(struct standby *standby, int32_t partition);

#endif
