#include "processors/runtime/upgrade.h"

#include "processors/runtime/command.h"
#include "processors/runtime/kafka/versions.h"
#include "processors/runtime/log.h"
#include "state/visitor_codec.h"

#include <stdlib.h>
#include <unistd.h>

#define PAUSE_US 1000000
#define STEP_US 50000
#define SAY_AGAIN_US 30000000
/* The group remembers a member for session.timeout.ms, which is longer by default. */
#define LOOK_US 2000000

static bool interrupted(const struct run *run)
{
    return atomic_load(&run->stop) || atomic_load(&command_interrupted);
}

static void pause_for(const struct run *run, int64_t us)
{
    for (int64_t slept_us = 0; slept_us < us && !interrupted(run); slept_us += STEP_US)
        usleep(STEP_US);
}

static enum verdict refuse(const struct versions *versions, struct error *error)
{
    return error_set(error, VERDICT_FATAL,
                     "a newer weft runs on %s: its rows of visitors have format %d, and this weft "
                     "knows formats up to %d; start the newer weft instead",
                     versions->newer_at, versions->newer_format, VISITOR_FORMAT);
}

enum verdict upgrade_await(const struct run *run, struct error *error)
{
    int64_t said_us = 0;
    while (!interrupted(run)) {
        struct versions versions = {0};
        struct error why = {0};
        enum verdict verdict =
            versions_ask(run->config, run->topology.publisher, VISITOR_FORMAT, &versions, &why);
        if (verdict == VERDICT_FATAL)
            return error_set(error, verdict, "%s", why.message);
        if (verdict == VERDICT_OK && versions.newer > 0)
            return refuse(&versions, error);
        if (verdict == VERDICT_OK && versions.older == 0)
            return VERDICT_OK;
        int64_t now_us = clock_monotonic_us();
        if (said_us == 0 || now_us - said_us > SAY_AGAIN_US) {
            said_us = now_us;
            if (verdict == VERDICT_OK)
                log_line(LOG_LEVEL_WARN, "run",
                         "waiting: %zu processes of an older weft run, one on %s; they cannot read "
                         "the rows that this weft writes; stop all older processes "
                         "(session.timeout.ms after a kill the group forgets them)",
                         versions.older, versions.older_at);
            else
                log_line(LOG_LEVEL_WARN, "run", "%s; asking again", why.message);
        }
        pause_for(run, PAUSE_US);
    }
    return VERDICT_OK;
}

/* ---- older processes that are started later ---- */

struct upgrade_watch {
    struct version_watch *versions;
    int64_t look_us;
};

struct upgrade_watch *upgrade_watch_new(const struct run *run, struct error *error)
{
    struct version_watch *versions = version_watch_new(run->config, error);
    if (versions == NULL)
        return NULL;
    struct upgrade_watch *watch = memory_zero(1, sizeof *watch);
    watch->versions = versions;
    return watch;
}

void upgrade_watch_free(struct upgrade_watch *watch)
{
    if (watch == NULL)
        return;
    version_watch_free(watch->versions);
    free(watch);
}

void upgrade_look(struct upgrade_watch *watch)
{
    char member[CONFIG_TEXT_MAX], host[VERSION_HOST_SIZE];
    struct error why = {0};
    int64_t now_us = clock_monotonic_us();
    if (now_us < watch->look_us)
        return;
    watch->look_us = now_us + LOOK_US;
    enum verdict verdict = version_watch_look(watch->versions, member, host, &why);
    if (verdict == VERDICT_RETRY)
        log_line(LOG_LEVEL_DEBUG, "publisher", "%s", why.message);
    else if (verdict == VERDICT_OK)
        log_line(LOG_LEVEL_ERROR, "publisher",
                 "an older weft was started on %s (%s): it cannot read the rows that this weft "
                 "writes, and calls them damaged, which they are not; stop it and start this "
                 "version there",
                 host, member);
}
