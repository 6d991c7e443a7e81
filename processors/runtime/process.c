#include "processors/runtime/process.h"

#include "processors/runtime/log.h"

void run_fail(struct run *run, const char *who, const struct error *error)
{
    log_line(LOG_LEVEL_ERROR, who, "%s", error->message);
    atomic_store(&run->failed, true);
    atomic_store(&run->stop, true);
}
