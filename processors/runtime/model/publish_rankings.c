#include "processors/runtime/model/publish_rankings.h"

#include "processors/runtime/log.h"
#include "processors/runtime/model/publication.h"
#include "schemas/codec.h"

#include <stdlib.h>
#include <unistd.h>

#define VIEW_POLL_US 2000

struct rankings_publisher {
    struct rankings_sink sink; /* first */
    struct run *run;
    struct lease *lease;
    struct publication *topic;
    struct rankings_view view;
    struct publication_rules rules;
    int64_t offset;          /* of the log, that the last publication is as of; -1: none yet */
    uint64_t catalogue_rows; /* the catalogue's count at the last publication */
    struct buffer key, record;
    uint64_t written, same, gone; /* records of this publication */
    enum verdict verdict;         /* of this publication's records */
    struct error error;
};

struct rankings_publisher *rankings_publisher_new(struct run *run, struct lease *lease)
{
    struct rankings_publisher *publisher = memory_zero(1, sizeof *publisher);
    publisher->run = run;
    publisher->lease = lease;
    publisher->topic =
        publication_new(run, lease,
                        &(struct publication_options){
                            .topic = TOPIC_RANKINGS, .role = "rankings", .header = RANKING_HEADER});
    publisher->offset = -1;
    return publisher;
}

void rankings_publisher_forget(struct rankings_publisher *publisher)
{
    publication_forget(publisher->topic);
    publisher->offset = -1;
}

void rankings_publisher_free(struct rankings_publisher *publisher)
{
    if (publisher == NULL)
        return;
    publication_free(publisher->topic);
    rankings_release(&publisher->view);
    merchandising_rules_release(&publisher->rules.rules);
    buffer_release(&publisher->key);
    buffer_release(&publisher->record);
    free(publisher);
}

/* ---- a publication ---- */

/* Gets the model's numbers from the fold's thread. False: the lease is gone. */
static bool take_view(struct rankings_publisher *publisher)
{
    struct run *run = publisher->run;
    bool waits = true, holds = true;
    pthread_mutex_lock(&run->view_lock);
    run->view_wanted = &publisher->view;
    pthread_mutex_unlock(&run->view_lock);
    while (waits && holds) {
        usleep(VIEW_POLL_US);
        holds = lease_holds(publisher->lease);
        pthread_mutex_lock(&run->view_lock);
        waits = run->view_wanted != NULL;
        if (!holds)
            run->view_wanted = NULL;
        pthread_mutex_unlock(&run->view_lock);
    }
    return !waits && holds;
}

static void format_ranking(struct rankings_publisher *publisher, const struct ranking *ranking)
{
    const struct settings *settings = &publisher->run->config->settings;
    buffer_clear(&publisher->record);
    if (settings->output_avro)
        ranking_write_avro(ranking, &settings->frames.of[SCHEMA_RANKING], &publisher->record);
    else
        ranking_write_json(ranking, &publisher->record);
}

static bool write_ranking(struct rankings_sink *self, const struct ranking *ranking)
{
    struct rankings_publisher *publisher = (struct rankings_publisher *)(void *)self;
    const struct settings *settings = &publisher->run->config->settings;
    uint64_t version =
        ranking_version(ranking) ^
        output_form_version(settings->output_avro, &settings->frames.of[SCHEMA_RANKING]);
    buffer_clear(&publisher->key);
    ranking_key(ranking->kind, ranking->scope, ranking->name, &publisher->key);
    if (!lease_holds(publisher->lease)) {
        publisher->verdict = VERDICT_SKIP;
        return false;
    }
    if (!topic_contents_offer(publication_contents(publisher->topic), buffer_bytes(&publisher->key),
                              version)) {
        publisher->same++;
        return true;
    }
    format_ranking(publisher, ranking);
    publisher->verdict = publication_send(publisher->topic, buffer_bytes(&publisher->key),
                                          buffer_bytes(&publisher->record), version,
                                          publisher->view.offset, &publisher->error);
    publisher->written++;
    publication_poll(publisher->topic);
    return publisher->verdict == VERDICT_OK;
}

/* Deletes the rankings that the topic has and this publication does not. */
static enum verdict delete_gone(struct rankings_publisher *publisher, struct error *error)
{
    struct bytes key;
    const struct topic_contents *contents = publication_contents(publisher->topic);
    for (size_t cursor = 0; topic_contents_next_gone(contents, &cursor, &key); publisher->gone++) {
        enum verdict verdict = publication_send(publisher->topic, key, bytes_of(NULL, 0), 0,
                                                publisher->view.offset, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

static enum verdict write_all(struct rankings_publisher *publisher, uint32_t *ret_scopes_out,
                              struct error *error)
{
    struct run *run = publisher->run;
    const struct rankings_inputs inputs = {
        .catalogue = run->catalogue,
        .search = run->search,
        .rules = &publisher->rules.rules,
        .filters = &run->config->settings.recommend.filters,
        .settings = &run->config->settings.rankings,
    };
    publisher->written = publisher->same = publisher->gone = 0;
    publisher->verdict = VERDICT_OK;
    publisher->sink.ranking = write_ranking;
    error_clear(&publisher->error);
    topic_contents_begin(publication_contents(publisher->topic));
    *ret_scopes_out = rankings_build(&publisher->view, &inputs, &publisher->sink);
    if (publisher->verdict != VERDICT_OK)
        return error_set(error, publisher->verdict, "%s", publisher->error.message);
    enum verdict verdict = delete_gone(publisher, error);
    if (verdict == VERDICT_OK)
        verdict = publication_commit(publisher->topic, error);
    if (verdict == VERDICT_OK)
        topic_contents_end(publication_contents(publisher->topic));
    return verdict;
}

/* No reader sees what was begun. The next publication opens a new producer and reads the topic. */
static void give_up(struct rankings_publisher *publisher)
{
    publication_give_up(publisher->topic);
    rankings_publisher_forget(publisher);
}

static void count(struct rankings_publisher *publisher, uint32_t scopes_out, int64_t from_us)
{
    struct run *run = publisher->run;
    atomic_store(&run->rankings.offset, publisher->view.offset);
    atomic_fetch_add(&run->rankings.written, publisher->written);
    atomic_fetch_add(&run->rankings.same, publisher->same);
    atomic_fetch_add(&run->rankings.deleted, publisher->gone);
    atomic_store(&run->rankings.scopes_out, scopes_out);
    atomic_store(&run->rankings.terms_out, publisher->view.terms_out);
    log_line(LOG_LEVEL_INFO, "rankings",
             "as of %lld: %llu written, %llu deleted, %llu the same, %.3f s",
             (long long)publisher->view.offset, (unsigned long long)publisher->written,
             (unsigned long long)publisher->gone, (unsigned long long)publisher->same,
             (double)(clock_monotonic_us() - from_us) / 1e6);
}

/* A file of merchandising rules can change at any time, so nothing is known with one. */
static bool nothing_changed(const struct rankings_publisher *publisher, uint64_t catalogue_rows)
{
    struct run *run = publisher->run;
    return run->config->rules_path[0] == '\0' && publication_is_known(publisher->topic) &&
           publisher->offset == atomic_load(&run->folded_offset) &&
           publisher->catalogue_rows == catalogue_rows;
}

enum verdict rankings_publish(struct rankings_publisher *publisher, struct error *error)
{
    uint64_t catalogue_rows = atomic_load(&publisher->run->catalogue_rows);
    int64_t from_us = clock_monotonic_us();
    uint32_t scopes_out = 0;
    if (nothing_changed(publisher, catalogue_rows))
        return VERDICT_SKIP;
    enum verdict verdict = publication_prepare(publisher->topic, error);
    if (verdict != VERDICT_OK) {
        give_up(publisher);
        return verdict;
    }
    if (!take_view(publisher))
        return VERDICT_SKIP;
    bool empty = publisher->view.time_ms == INT64_MIN;
    if (empty || publisher->view.offset < publication_offset_min(publisher->topic))
        return VERDICT_SKIP;
    publication_read_rules(publisher->run->config, &publisher->rules);
    verdict = write_all(publisher, &scopes_out, error);
    if (verdict != VERDICT_OK) {
        give_up(publisher);
        return verdict;
    }
    publisher->offset = publisher->view.offset;
    publisher->catalogue_rows = catalogue_rows;
    count(publisher, scopes_out, from_us);
    return VERDICT_OK;
}
