#include "processors/runtime/model/publish_rankings.h"

#include "processors/recommend/rankings/topic_contents.h"
#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/kafka/sender.h"
#include "processors/runtime/log.h"
#include "schemas/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define VIEW_POLL_US 2000
#define TRANSACTION_TIMEOUT_MS "60000"
#define HEADER_MAX 48

struct rankings_publisher {
    struct rankings_sink sink; /* first */
    struct run *run;
    struct lease *lease;
    struct sender *sender; /* NULL: closed */
    struct topic_contents *contents;
    bool contents_known; /* `contents` is what the topic has */
    int64_t offset_min;  /* the highest offset of the log that the topic's records name */
    struct rankings_view view;
    struct merchandising_rules rules;
    bool rules_read;
    int64_t offset;          /* of the log, that the last publication is as of; -1: none yet */
    uint64_t catalogue_rows; /* the catalogue's count at the last publication */
    uint64_t fingerprint;    /* of the Avro schema */
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
    publisher->contents = topic_contents_new();
    publisher->offset = -1;
    publisher->fingerprint = schema_fingerprint("ranking");
    return publisher;
}

void rankings_publisher_forget(struct rankings_publisher *publisher)
{
    publisher->contents_known = false;
    publisher->offset = -1;
}

void rankings_publisher_free(struct rankings_publisher *publisher)
{
    if (publisher == NULL)
        return;
    sender_close(publisher->sender);
    topic_contents_free(publisher->contents);
    rankings_release(&publisher->view);
    merchandising_rules_release(&publisher->rules);
    buffer_release(&publisher->key);
    buffer_release(&publisher->record);
    free(publisher);
}

/* `value` absent: a deletion. */
static enum verdict send_record(struct rankings_publisher *publisher, struct bytes key,
                                struct bytes value, uint64_t version, struct error *error)
{
    char header[HEADER_MAX];
    snprintf(header, sizeof header, "%016llx:%lld", (unsigned long long)version,
             (long long)publisher->view.offset);
    return sender_send(publisher->sender, key, value, RANKING_HEADER, header, error);
}

/* ---- what the topic has ---- */

bool ranking_header_read(struct bytes header, uint64_t *ret_version, int64_t *ret_offset)
{
    uint64_t version = 0, offset = 0;
    if (header.size < 18 || header.size > 16 + 1 + 18 || header.at[16] != ':')
        return false;
    for (size_t i = 0; i < header.size; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = memchr(digits, header.at[i], i < 16 ? 16 : 10);
        if (i == 16)
            continue;
        if (digit == NULL)
            return false;
        if (i < 16)
            version = version << 4 | (uint64_t)(digit - digits);
        else
            offset = offset * 10 + (uint64_t)(digit - digits);
    }
    *ret_version = version;
    *ret_offset = (int64_t)offset;
    return true;
}

static void note_record(struct rankings_publisher *publisher, const struct partition_reader *reader,
                        const struct kafka_record *record)
{
    struct bytes header;
    uint64_t version;
    int64_t offset;
    if (record->key.at == NULL || !partition_reader_header(reader, RANKING_HEADER, &header) ||
        !ranking_header_read(header, &version, &offset))
        return; /* weft did not write it */
    if (record->value.at)
        topic_contents_found(publisher->contents, record->key, version);
    else
        topic_contents_found_gone(publisher->contents, record->key);
    if (offset > publisher->offset_min)
        publisher->offset_min = offset;
}

/* Reads the topic to its end. RETRY: the broker does not answer, or the lease is gone. */
static enum verdict read_topic(struct rankings_publisher *publisher, struct error *error)
{
    struct run *run = publisher->run;
    const struct reader_options options = {.topic = run->topology.topics[TOPIC_RANKINGS],
                                           .log_name = "rankings"};
    struct partition_reader *reader = partition_reader_open(run->config, &options, error);
    if (reader == NULL)
        return VERDICT_RETRY;
    const struct reader_start start = {.partition = 0, .offset = READER_BEGINNING};
    partition_reader_assign(reader, &start, 1);
    topic_contents_clear(publisher->contents);
    publisher->offset_min = 0;
    struct kafka_record record;
    enum verdict verdict;
    while ((verdict = partition_reader_await(reader, publisher->lease, &record, error)) ==
           VERDICT_OK)
        note_record(publisher, reader, &record);
    partition_reader_free(reader);
    return verdict == VERDICT_SKIP ? VERDICT_OK : VERDICT_RETRY;
}

static enum verdict ask_log_end(struct rankings_publisher *publisher, int64_t *ret_end,
                                struct error *error)
{
    struct run *run = publisher->run;
    int64_t low;
    const struct reader_options options = {.topic = run->topology.topics[TOPIC_INTERACTIONS],
                                           .log_name = "rankings"};
    struct partition_reader *reader = partition_reader_open(run->config, &options, error);
    if (reader == NULL)
        return VERDICT_RETRY;
    enum verdict verdict = partition_reader_ends(reader, 0, &low, ret_end, error);
    partition_reader_free(reader);
    return verdict;
}

static enum verdict learn_contents(struct rankings_publisher *publisher, struct error *error)
{
    int64_t log_end;
    if (read_topic(publisher, error) != VERDICT_OK ||
        ask_log_end(publisher, &log_end, error) != VERDICT_OK)
        return VERDICT_RETRY;
    if (publisher->offset_min > log_end) { /* the log was created again: write every record */
        publisher->offset_min = 0;
        topic_contents_renew(publisher->contents);
    }
    publisher->contents_known = true;
    log_line(LOG_LEVEL_INFO, "rankings", "%s has %zu rankings, as of %lld",
             publisher->run->topology.topics[TOPIC_RANKINGS],
             topic_contents_count(publisher->contents), (long long)publisher->offset_min);
    return VERDICT_OK;
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

/* After a mistake in the file the earlier rules stay; the workers log the mistake. */
static void read_rules(struct rankings_publisher *publisher)
{
    const struct config *config = publisher->run->config;
    struct merchandising_rules rules;
    if (config->rules_path[0] == '\0' || (publisher->rules_read && config->rules_reload_ms == 0) ||
        merchandising_rules_read(config->rules_path, &rules, NULL) != VERDICT_OK)
        return;
    merchandising_rules_release(&publisher->rules);
    publisher->rules = rules;
    publisher->rules_read = true;
}

static void format_ranking(struct rankings_publisher *publisher, const struct ranking *ranking,
                           bool avro)
{
    buffer_clear(&publisher->record);
    if (avro)
        ranking_write_avro(ranking, publisher->fingerprint, &publisher->record);
    else
        ranking_write_json(ranking, &publisher->record);
}

static bool write_ranking(struct rankings_sink *self, const struct ranking *ranking)
{
    struct rankings_publisher *publisher = (struct rankings_publisher *)(void *)self;
    bool avro = publisher->run->config->settings.output_avro;
    uint64_t version = ranking_version(ranking) ^ avro; /* another format is another version */
    buffer_clear(&publisher->key);
    ranking_key(ranking->kind, ranking->scope, ranking->name, &publisher->key);
    if (!lease_holds(publisher->lease)) {
        publisher->verdict = VERDICT_SKIP;
        return false;
    }
    if (!topic_contents_offer(publisher->contents, buffer_bytes(&publisher->key), version)) {
        publisher->same++;
        return true;
    }
    format_ranking(publisher, ranking, avro);
    publisher->verdict = send_record(publisher, buffer_bytes(&publisher->key),
                                     buffer_bytes(&publisher->record), version, &publisher->error);
    publisher->written++;
    sender_poll(publisher->sender);
    return publisher->verdict == VERDICT_OK;
}

/* Deletes the rankings that the topic has and this publication does not. */
static enum verdict delete_gone(struct rankings_publisher *publisher, struct error *error)
{
    struct bytes key;
    for (size_t cursor = 0; topic_contents_next_gone(publisher->contents, &cursor, &key);
         publisher->gone++) {
        enum verdict verdict = send_record(publisher, key, bytes_of(NULL, 0), 0, error);
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
        .rules = &publisher->rules,
        .filters = &run->config->settings.recommend.filters,
        .settings = &run->config->settings.rankings,
    };
    publisher->written = publisher->same = publisher->gone = 0;
    publisher->verdict = VERDICT_OK;
    publisher->sink.ranking = write_ranking;
    error_clear(&publisher->error);
    topic_contents_begin(publisher->contents);
    *ret_scopes_out = rankings_build(&publisher->view, &inputs, &publisher->sink);
    if (publisher->verdict != VERDICT_OK)
        return error_set(error, publisher->verdict, "%s", publisher->error.message);
    enum verdict verdict = delete_gone(publisher, error);
    if (verdict == VERDICT_OK)
        verdict = sender_commit(publisher->sender, error);
    if (verdict == VERDICT_OK)
        topic_contents_end(publisher->contents);
    return verdict;
}

/* No reader sees what was begun. The next publication opens a new producer and reads the topic. */
static void give_up(struct rankings_publisher *publisher)
{
    sender_close(publisher->sender);
    publisher->sender = NULL;
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
    return run->config->rules_path[0] == '\0' && publisher->contents_known &&
           publisher->offset == atomic_load(&run->folded_offset) &&
           publisher->catalogue_rows == catalogue_rows;
}

static enum verdict prepare(struct rankings_publisher *publisher, struct error *error)
{
    struct run *run = publisher->run;
    if (publisher->sender == NULL) {
        const struct sender_options options = {
            .topic = run->topology.topics[TOPIC_RANKINGS],
            .role = "rankings",
            .timeout_ms = TRANSACTION_TIMEOUT_MS,
            .batch_bytes = size_budget_batch(&run->sizes, TOPIC_RANKINGS),
            .lease = publisher->lease,
        };
        enum verdict verdict = sender_open(run->config, &options, &publisher->sender, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return publisher->contents_known ? VERDICT_OK : learn_contents(publisher, error);
}

enum verdict rankings_publish(struct rankings_publisher *publisher, struct error *error)
{
    uint64_t catalogue_rows = atomic_load(&publisher->run->catalogue_rows);
    int64_t from_us = clock_monotonic_us();
    uint32_t scopes_out = 0;
    if (nothing_changed(publisher, catalogue_rows))
        return VERDICT_SKIP;
    enum verdict verdict = prepare(publisher, error);
    if (verdict != VERDICT_OK) {
        give_up(publisher);
        return verdict;
    }
    if (!take_view(publisher))
        return VERDICT_SKIP;
    bool empty = publisher->view.time_ms == INT64_MIN;
    if (empty || publisher->view.offset < publisher->offset_min)
        return VERDICT_SKIP;
    read_rules(publisher);
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
