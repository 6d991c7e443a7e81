#include "processors/runtime/model/publish_rankings.h"

#include "processors/recommend/rankings/topic_contents.h"
#include "processors/runtime/kafka/kafka.h"
#include "processors/runtime/log.h"
#include "schemas/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SILENCE_US 30000000 /* no record for so long: the broker is gone */
#define VIEW_POLL_US 2000
#define TRANSACTION_TIMEOUT_MS "60000"
#define HEADER_MAX 48

struct rankings_publisher {
    struct rankings_sink sink; /* first */
    struct run *run;
    struct lease *lease;
    struct sender *sender; /* NULL: closed */
    struct topic_contents *published;
    struct rankings_view view;
    struct merchandising_rules rules;
    bool rules_read;
    bool looked;             /* `published` is what the topic has */
    int64_t least;           /* offset that the topic names already */
    int64_t offset;          /* that the last publication stands for; -1: there was none */
    uint64_t catalogue_rows; /* the same */
    uint64_t fingerprint;
    struct buffer key, record;
    uint64_t written, same, gone; /* of this publication */
    enum verdict verdict;
    struct error error;
};

struct rankings_publisher *rankings_publisher_new(struct run *run, struct lease *lease)
{
    struct rankings_publisher *publisher = memory_zero(1, sizeof *publisher);
    publisher->run = run;
    publisher->lease = lease;
    publisher->published = topic_contents_new();
    publisher->offset = -1;
    publisher->fingerprint = schema_fingerprint("ranking");
    return publisher;
}

void rankings_publisher_forget(struct rankings_publisher *publisher)
{
    publisher->looked = false;
    publisher->offset = -1;
}

void rankings_publisher_free(struct rankings_publisher *publisher)
{
    if (publisher == NULL)
        return;
    sender_close(publisher->sender);
    topic_contents_free(publisher->published);
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

static void note_record(struct rankings_publisher *publisher, const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    const void *at;
    size_t size;
    uint64_t version;
    int64_t offset;
    struct bytes key = bytes_of(message->key, message->key_len);
    if (key.at == NULL || rd_kafka_message_headers(message, &headers) != 0 ||
        rd_kafka_header_get_last(headers, RANKING_HEADER, &at, &size) != 0 ||
        !ranking_header_read(bytes_of(at, size), &version, &offset))
        return; /* not one of ours */
    if (message->payload)
        topic_contents_found(publisher->published, key, version);
    else
        topic_contents_found_gone(publisher->published, key);
    if (offset > publisher->least)
        publisher->least = offset;
}

/* Reads the topic up to its end, and where the log ends. RETRY: nobody answers, or the run stops.
 */
static enum verdict read_topic(struct rankings_publisher *publisher, int64_t *ret_log_end,
                               struct error *error)
{
    int64_t low;
    struct run *run = publisher->run;
    const char *topic = run->topology.topics[TOPIC_RANKINGS];
    rd_kafka_t *reader = kafka_open(run->config, KAFKA_READER, NULL, error);
    if (reader == NULL)
        return VERDICT_RETRY;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(reader, list);
    rd_kafka_topic_partition_list_destroy(list);
    topic_contents_clear(publisher->published);
    publisher->least = 0;
    bool ended = false;
    int64_t until_us = clock_monotonic_us() + SILENCE_US;
    while (!ended && clock_monotonic_us() < until_us && publisher->lease->holds(publisher->lease)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 100);
        if (message == NULL)
            continue;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            note_record(publisher, message);
            until_us = clock_monotonic_us() + SILENCE_US;
        } else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            ended = true;
        } else {
            log_line(LOG_LEVEL_WARN, "rankings", "reading: %s", rd_kafka_message_errstr(message));
        }
        rd_kafka_message_destroy(message);
    }
    enum verdict verdict = ended ? kafka_ends(reader, run->topology.topics[TOPIC_INTERACTIONS], 0,
                                              &low, ret_log_end, error)
                                 : error_set(error, VERDICT_RETRY, "%s can't be read", topic);
    rd_kafka_consumer_close(reader);
    rd_kafka_destroy(reader);
    return verdict;
}

static enum verdict look_back(struct rankings_publisher *publisher, struct error *error)
{
    struct run *run = publisher->run;
    int64_t log_end;
    if (read_topic(publisher, &log_end, error) != VERDICT_OK)
        return VERDICT_RETRY;
    if (publisher->least > log_end) { /* the log was made anew: all is to be said again */
        publisher->least = 0;
        topic_contents_renew(publisher->published);
    }
    publisher->looked = true;
    log_line(LOG_LEVEL_INFO, "rankings", "%s has %zu, as of %lld",
             run->topology.topics[TOPIC_RANKINGS], topic_contents_count(publisher->published),
             (long long)publisher->least);
    return VERDICT_OK;
}

/* ---- a publication ---- */

/* The numbers, from the thread that folds them. */
static bool take_view(struct rankings_publisher *publisher)
{
    struct run *run = publisher->run;
    bool waits = true, goes_on = true;
    pthread_mutex_lock(&run->view_lock);
    run->view_wanted = &publisher->view;
    pthread_mutex_unlock(&run->view_lock);
    while (waits && goes_on) {
        usleep(VIEW_POLL_US);
        goes_on = publisher->lease->holds(publisher->lease);
        pthread_mutex_lock(&run->view_lock);
        waits = run->view_wanted != NULL;
        if (!goes_on)
            run->view_wanted = NULL;
        pthread_mutex_unlock(&run->view_lock);
    }
    return !waits && goes_on;
}

/* With a mistake in the file the rules from before stay; whoever makes lists logs it. */
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

static bool write_ranking(struct rankings_sink *self, const struct ranking *ranking)
{
    struct rankings_publisher *publisher = (struct rankings_publisher *)(void *)self;
    bool avro = publisher->run->config->settings.output_avro;
    uint64_t version = ranking_version(ranking) ^ avro; /* the format is changed by writing anew */
    buffer_clear(&publisher->key);
    ranking_key(ranking->kind, ranking->scope, ranking->name, &publisher->key);
    if (!publisher->lease->holds(publisher->lease)) {
        publisher->verdict = VERDICT_SKIP;
        return false;
    }
    if (!topic_contents_offer(publisher->published, buffer_bytes(&publisher->key), version)) {
        publisher->same++;
        return true;
    }
    buffer_clear(&publisher->record);
    if (avro)
        ranking_write_avro(ranking, publisher->fingerprint, &publisher->record);
    else
        ranking_write_json(ranking, &publisher->record);
    publisher->verdict = send_record(publisher, buffer_bytes(&publisher->key),
                                     buffer_bytes(&publisher->record), version, &publisher->error);
    publisher->written++;
    sender_poll(publisher->sender);
    return publisher->verdict == VERDICT_OK;
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
    error_clear(&publisher->error);
    topic_contents_begin(publisher->published);
    *ret_scopes_out = rankings_build(&publisher->view, &inputs, &publisher->sink);
    enum verdict verdict = publisher->verdict;
    if (verdict != VERDICT_OK)
        error_set(error, verdict, "%s", publisher->error.message);
    struct bytes key;
    for (size_t cursor = 0;
         verdict == VERDICT_OK && topic_contents_next_gone(publisher->published, &cursor, &key);
         publisher->gone++)
        verdict = send_record(publisher, key, bytes_of(NULL, 0), 0, error);
    if (verdict == VERDICT_OK)
        verdict = sender_commit(publisher->sender, error);
    if (verdict == VERDICT_OK)
        topic_contents_end(publisher->published);
    return verdict;
}

/* What was begun is not seen; the next time begins with a new producer and a look at the topic. */
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

enum verdict rankings_publish(struct rankings_publisher *publisher, struct error *error)
{
    struct run *run = publisher->run;
    uint64_t catalogue_rows = atomic_load(&run->catalogue_rows);
    int64_t from_us = clock_monotonic_us();
    uint32_t scopes_out = 0;
    if (run->config->rules_path[0] == '\0' && publisher->looked &&
        publisher->offset == atomic_load(&run->folded_offset) &&
        publisher->catalogue_rows == catalogue_rows)
        return VERDICT_SKIP;
    enum verdict verdict = VERDICT_OK;
    if (publisher->sender == NULL)
        verdict = sender_open(run->config, run->topology.topics[TOPIC_RANKINGS], "rankings",
                              TRANSACTION_TIMEOUT_MS, publisher->lease, &publisher->sender, error);
    if (verdict == VERDICT_OK && !publisher->looked)
        verdict = look_back(publisher, error);
    if (verdict == VERDICT_OK && !take_view(publisher))
        return VERDICT_SKIP;
    if (verdict == VERDICT_OK &&
        (publisher->view.time_ms == INT64_MIN || publisher->view.offset < publisher->least))
        return VERDICT_SKIP; /* nothing yet, or behind what others wrote */
    if (verdict == VERDICT_OK) {
        read_rules(publisher);
        publisher->sink.ranking = write_ranking;
        verdict = write_all(publisher, &scopes_out, error);
    }
    if (verdict != VERDICT_OK) {
        give_up(publisher);
        return verdict;
    }
    publisher->offset = publisher->view.offset;
    publisher->catalogue_rows = catalogue_rows;
    count(publisher, scopes_out, from_us);
    return VERDICT_OK;
}
