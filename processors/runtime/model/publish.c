#include "processors/runtime/model/publish.h"

#include "processors/runtime/kafka/election.h"
#include "processors/runtime/log.h"
#include "processors/runtime/model/publish_items.h"
#include "processors/runtime/model/publish_rankings.h"
#include "processors/runtime/model/snapshots.h"
#include "processors/runtime/upgrade.h"

#include <unistd.h>

#define POLL_MS 100
#define FIRST_MS_MAX 60000 /* until an application's first snapshot */
#define AGAIN_US 5000000   /* after a failure */

struct publisher {
    struct run *run;
    struct election *election;
    uint64_t decisions;    /* of the election, as seen last */
    bool knows_newest;     /* `newest_offset` is what the topic has */
    int64_t newest_offset; /* of the log: that the newest snapshot is as of; -1: there is none */
    int64_t snapshot_due_us;
    struct rankings_publisher *rankings;
    struct upgrade_watch *watch;
    int64_t rankings_due_us;
    struct items_publisher *items; /* NULL: items.lists=off */
    int64_t items_due_us;
};

/* ---- snapshots ---- */

/* How long until the next snapshot, by the newest one. Negative: it is overdue. */
static int64_t wait_after(const struct publisher *publisher, bool found, int64_t written_ms)
{
    int64_t interval_ms = publisher->run->config->snapshot_interval_ms;
    if (found)
        return interval_ms - (clock_now_ms() - written_ms);
    return interval_ms < FIRST_MS_MAX ? interval_ms : FIRST_MS_MAX;
}

/* Finds the newest snapshot, which another process may have written, and plans the next one. */
static void find_newest(struct publisher *publisher)
{
    struct snapshot_header header;
    struct error error = {0};
    int64_t written_ms = 0;
    enum verdict verdict = snapshots_find(publisher->run, &header, &written_ms, &error);
    int64_t now_us = clock_monotonic_us();
    publisher->newest_offset = verdict == VERDICT_OK ? header.offset : -1;
    publisher->knows_newest = verdict == VERDICT_OK || verdict == VERDICT_SKIP;
    if (!publisher->knows_newest) {
        log_line(LOG_LEVEL_WARN, "publisher", "%s", error.message);
        publisher->snapshot_due_us = now_us + AGAIN_US;
        return;
    }
    int64_t wait_ms = wait_after(publisher, verdict == VERDICT_OK, written_ms);
    publisher->snapshot_due_us = now_us + (wait_ms > 0 ? wait_ms : 0) * 1000;
}

static void write_snapshot(struct publisher *publisher)
{
    struct run *run = publisher->run;
    struct snapshot_header header;
    struct error error = {0};
    int64_t interval_us = run->config->snapshot_interval_ms * 1000;
    int64_t from_us = clock_monotonic_us(), saved = -1;
    store_get_offset(run->model_store, OFFSETS_MODEL, run->topology.topics[TOPIC_INTERACTIONS], 0,
                     &saved, NULL);
    publisher->snapshot_due_us = from_us + interval_us;
    if (saved <= publisher->newest_offset)
        return; /* nothing new */
    enum verdict verdict =
        snapshots_write(run, election_lease(publisher->election), &header, &error);
    int64_t now_us = clock_monotonic_us();
    if (verdict == VERDICT_SKIP)
        return;
    if (verdict != VERDICT_OK) {
        publisher->snapshot_due_us = now_us + AGAIN_US;
        log_line(LOG_LEVEL_WARN, "publisher", "no snapshot now: %s", error.message);
        return;
    }
    publisher->newest_offset = header.offset;
    atomic_store(&run->snapshot_offset, header.offset);
    publisher->snapshot_due_us = now_us + interval_us;
    log_line(LOG_LEVEL_INFO, "publisher", "snapshot of the model as of %lld: %llu rows, %.2f s",
             (long long)header.offset, (unsigned long long)header.rows,
             (double)(now_us - from_us) / 1e6);
}

static void snapshot_if_due(struct publisher *publisher)
{
    if (publisher->run->config->snapshot_interval_ms == 0 ||
        clock_monotonic_us() < publisher->snapshot_due_us)
        return;
    if (publisher->knows_newest)
        write_snapshot(publisher);
    else
        find_newest(publisher);
}

/* ---- rankings ---- */

static void rankings_if_due(struct publisher *publisher)
{
    struct run *run = publisher->run;
    struct error error = {0};
    int64_t interval_us = run->config->rankings_interval_ms * 1000;
    if (interval_us == 0 || !atomic_load(&run->catalogue_whole) ||
        clock_monotonic_us() < publisher->rankings_due_us)
        return;
    enum verdict verdict = rankings_publish(publisher->rankings, &error);
    int64_t now_us = clock_monotonic_us();
    publisher->rankings_due_us = now_us + interval_us;
    if (verdict == VERDICT_OK || verdict == VERDICT_SKIP)
        return;
    publisher->rankings_due_us = now_us + AGAIN_US;
    log_line(LOG_LEVEL_WARN, "publisher", "no rankings now: %s", error.message);
}

/* ---- lists of items ---- */

static void items_if_due(struct publisher *publisher)
{
    struct error error = {0};
    int64_t from_us = clock_monotonic_us();
    if (publisher->items == NULL || !atomic_load(&publisher->run->catalogue_whole) ||
        from_us < publisher->items_due_us)
        return;
    enum verdict verdict = items_publish(publisher->items, &error);
    publisher->items_due_us = from_us + ITEMS_SLICE_MS * 1000;
    if (verdict == VERDICT_OK || verdict == VERDICT_SKIP)
        return;
    publisher->items_due_us = clock_monotonic_us() + AGAIN_US;
    log_line(LOG_LEVEL_WARN, "publisher", "no lists of items now: %s", error.message);
}

/* ---- the thread ---- */

/* Another process may have written since: both topics are to be read again. */
static void forget(struct publisher *publisher)
{
    publisher->decisions = election_decisions(publisher->election);
    publisher->knows_newest = false;
    publisher->snapshot_due_us = publisher->rankings_due_us = publisher->items_due_us = 0;
    rankings_publisher_forget(publisher->rankings);
    if (publisher->items)
        items_publisher_forget(publisher->items);
}

/* False: this process is not the publisher now. */
static bool is_elected(struct publisher *publisher)
{
    if (publisher->decisions != election_decisions(publisher->election))
        forget(publisher);
    return election_won(publisher->election);
}

static enum verdict run_publisher(struct publisher *publisher, struct error *error)
{
    struct run *run = publisher->run;
    const struct election_options options = {
        .group = run->topology.publisher,
        .topic = run->topology.topics[TOPIC_MODEL],
        .log_name = "publisher",
        .stop = &run->stop,
    };
    publisher->watch = upgrade_watch_new(run, error);
    if (publisher->watch)
        publisher->election = election_join(run->config, &options, error);
    if (publisher->election == NULL) {
        upgrade_watch_free(publisher->watch);
        return VERDICT_FATAL;
    }
    publisher->rankings = rankings_publisher_new(run, election_lease(publisher->election));
    if (run->topology.items)
        publisher->items = items_publisher_new(run, election_lease(publisher->election));
    while (!run_stops(run)) {
        election_poll(publisher->election, POLL_MS);
        upgrade_look(publisher->watch);
        if (is_elected(publisher))
            rankings_if_due(publisher);
        if (is_elected(publisher))
            items_if_due(publisher);
        if (is_elected(publisher))
            snapshot_if_due(publisher);
    }
    rankings_publisher_free(publisher->rankings);
    items_publisher_free(publisher->items);
    election_leave(publisher->election);
    upgrade_watch_free(publisher->watch);
    return VERDICT_OK;
}

void *publish_thread(void *argument)
{
    struct run *run = argument;
    struct publisher publisher = {.run = run, .newest_offset = -1};
    struct error error = {0};
    pthread_setname_np(pthread_self(), "publisher");
    if (run->config->snapshot_interval_ms == 0 && run->config->rankings_interval_ms == 0 &&
        !run->topology.items)
        return NULL;
    while (!run_stops(run) && !atomic_load(&run->fold_ready))
        usleep(POLL_MS * 1000);
    if (!run_stops(run) && run_publisher(&publisher, &error) != VERDICT_OK)
        run_fail(run, "publisher", &error);
    return NULL;
}
