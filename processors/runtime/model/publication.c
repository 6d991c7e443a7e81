#include "processors/runtime/model/publication.h"

#include "processors/runtime/kafka/partition_reader.h"
#include "processors/runtime/kafka/sender.h"
#include "processors/runtime/log.h"

#include <stdio.h>
#include <stdlib.h>

#define TRANSACTION_TIMEOUT_MS "60000"
#define HEADER_MAX 48

struct publication {
    struct run *run;
    struct lease *lease;
    struct publication_options options;
    struct sender *sender; /* NULL: closed */
    struct topic_contents *contents;
    bool known;         /* `contents` is what the topic has */
    int64_t offset_min; /* the highest offset of the log that the topic's records name */
};

void publication_read_rules(const struct config *config, struct publication_rules *rules)
{
    struct merchandising_rules newer;
    if (config->rules_path[0] == '\0' || (rules->read && config->rules_reload_ms == 0) ||
        merchandising_rules_read(config->rules_path, &newer, NULL) != VERDICT_OK)
        return;
    merchandising_rules_release(&rules->rules);
    rules->rules = newer;
    rules->read = true;
}

struct publication *publication_new(struct run *run, struct lease *lease,
                                    const struct publication_options *options)
{
    struct publication *publication = memory_zero(1, sizeof *publication);
    publication->run = run;
    publication->lease = lease;
    publication->options = *options;
    publication->contents = topic_contents_new();
    return publication;
}

void publication_free(struct publication *publication)
{
    if (publication == NULL)
        return;
    sender_close(publication->sender);
    topic_contents_free(publication->contents);
    free(publication);
}

void publication_forget(struct publication *publication)
{
    publication->known = false;
}

void publication_give_up(struct publication *publication)
{
    sender_close(publication->sender);
    publication->sender = NULL;
    publication_forget(publication);
}

struct topic_contents *publication_contents(const struct publication *publication)
{
    return publication->contents;
}

bool publication_is_known(const struct publication *publication)
{
    return publication->known;
}

int64_t publication_offset_min(const struct publication *publication)
{
    return publication->offset_min;
}

/* ---- what the topic has ---- */

bool publication_header_read(struct bytes header, uint64_t *ret_version, int64_t *ret_offset)
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

static const char *topic_name(const struct publication *publication)
{
    return publication->run->topology.topics[publication->options.topic];
}

static void note_record(struct publication *publication, const struct partition_reader *reader,
                        const struct kafka_record *record)
{
    struct bytes header;
    uint64_t version;
    int64_t offset;
    if (record->key.at == NULL ||
        !partition_reader_header(reader, publication->options.header, &header) ||
        !publication_header_read(header, &version, &offset))
        return; /* weft did not write it */
    if (record->value.at)
        topic_contents_found(publication->contents, record->key, version);
    else
        topic_contents_found_gone(publication->contents, record->key);
    if (offset > publication->offset_min)
        publication->offset_min = offset;
}

/* Reads the topic to its end. RETRY: the broker does not answer, or the lease is gone. */
static enum verdict read_topic(struct publication *publication, struct error *error)
{
    const struct reader_options options = {.topic = topic_name(publication),
                                           .log_name = publication->options.role};
    struct partition_reader *reader =
        partition_reader_open(publication->run->config, &options, error);
    if (reader == NULL)
        return VERDICT_RETRY;
    const struct reader_start start = {.partition = 0, .offset = READER_BEGINNING};
    partition_reader_assign(reader, &start, 1);
    topic_contents_clear(publication->contents);
    publication->offset_min = 0;
    struct kafka_record record;
    enum verdict verdict;
    while ((verdict = partition_reader_await(reader, publication->lease, &record, error)) ==
           VERDICT_OK)
        note_record(publication, reader, &record);
    partition_reader_free(reader);
    return verdict == VERDICT_SKIP ? VERDICT_OK : VERDICT_RETRY;
}

static enum verdict ask_log_end(struct publication *publication, int64_t *ret_end,
                                struct error *error)
{
    struct run *run = publication->run;
    int64_t low;
    const struct reader_options options = {.topic = run->topology.topics[TOPIC_INTERACTIONS],
                                           .log_name = publication->options.role};
    struct partition_reader *reader = partition_reader_open(run->config, &options, error);
    if (reader == NULL)
        return VERDICT_RETRY;
    enum verdict verdict = partition_reader_ends(reader, 0, &low, ret_end, error);
    partition_reader_free(reader);
    return verdict;
}

static enum verdict learn_contents(struct publication *publication, struct error *error)
{
    int64_t log_end;
    if (read_topic(publication, error) != VERDICT_OK ||
        ask_log_end(publication, &log_end, error) != VERDICT_OK)
        return VERDICT_RETRY;
    if (publication->offset_min > log_end) { /* the log was created again: write every record */
        publication->offset_min = 0;
        topic_contents_renew(publication->contents);
    }
    publication->known = true;
    log_line(LOG_LEVEL_INFO, publication->options.role, "%s has %zu records, as of %lld",
             topic_name(publication), topic_contents_count(publication->contents),
             (long long)publication->offset_min);
    return VERDICT_OK;
}

/* ---- writing ---- */

enum verdict publication_prepare(struct publication *publication, struct error *error)
{
    struct run *run = publication->run;
    if (publication->sender == NULL) {
        const struct sender_options options = {
            .topic = topic_name(publication),
            .role = publication->options.role,
            .timeout_ms = TRANSACTION_TIMEOUT_MS,
            .batch_bytes = size_budget_batch(&run->sizes, publication->options.topic),
            .lease = publication->lease,
        };
        enum verdict verdict = sender_open(run->config, &options, &publication->sender, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return publication->known ? VERDICT_OK : learn_contents(publication, error);
}

enum verdict publication_send(struct publication *publication, struct bytes key, struct bytes value,
                              uint64_t version, int64_t offset, struct error *error)
{
    char header[HEADER_MAX];
    snprintf(header, sizeof header, "%016llx:%lld", (unsigned long long)version, (long long)offset);
    return sender_send(publication->sender, key, value, publication->options.header, header, error);
}

bool publication_poll(struct publication *publication)
{
    return sender_poll(publication->sender);
}

enum verdict publication_commit(struct publication *publication, struct error *error)
{
    return sender_commit(publication->sender, error);
}
