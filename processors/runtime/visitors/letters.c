/* A worker's dead letters and late records: it sends them, counts them by reason, and warns when
 * there are many (letter_reasons.h). */
#include "processors/runtime/kafka/letter.h"
#include "processors/runtime/log.h"
#include "processors/runtime/visitors/worker_parts.h"

/* Records of the committed batches and of the open one. */
static uint64_t count_read(struct worker *worker, uint64_t *ret_good)
{
    const struct counts *committed = pipeline_counts(worker->pipeline);
    const struct counts *batch = pipeline_context(worker->pipeline)->counts;
    uint64_t read = 0;
    for (int fate = 0; fate < FATES; fate++)
        read += committed->fates[fate] + batch->fates[fate];
    *ret_good = read - committed->fates[FATE_DEAD_LETTER] - batch->fates[FATE_DEAD_LETTER];
    return read;
}

static void watch(struct worker *worker, const struct letter_source *source)
{
    char reason[LETTER_REASON_BYTES];
    uint64_t good, read = count_read(worker, &good);
    const struct letter_place place = {
        .topic = source->topic,
        .partition = source->partition,
        .offset = source->offset,
        .step = source->step,
        .message = source->message,
    };
    letter_watch_add(&worker->letter_watch, &place, read - 1, worker->edge->now_us(worker->edge),
                     reason);
    letter_reasons_add(&worker->batch_reasons, reason, 1);
}

void worker_warn_of_letters(struct worker *worker, int64_t at_us)
{
    struct buffer warning = {0};
    uint64_t good, read = count_read(worker, &good);
    if (letter_watch_look(&worker->letter_watch, read, good, at_us, &warning))
        log_line(LOG_LEVEL_WARN, worker->name, "%.*s", (int)warning.size, warning.at);
    buffer_release(&warning);
}

void worker_keep_reasons(struct worker *worker)
{
    letter_reasons_merge(&worker->reasons, &worker->batch_reasons);
    worker->batch_reasons = (struct letter_reasons){0};
}

void worker_drop_reasons(struct worker *worker)
{
    worker->batch_reasons = (struct letter_reasons){0};
    letter_watch_drop(&worker->letter_watch);
}

enum verdict worker_send_letter(struct worker *worker, enum topic topic, const struct input *input,
                                const char *step, const char *message)
{
    struct letter letter;
    const struct letter_source source = {
        .key = input->head.key,
        .value = input->head.value,
        .topic = input->topic,
        .partition = input->partition,
        .offset = input->record.offset,
        .step = step,
        .message = message,
    };
    letter_make(&source, size_budget_record(&worker->run->sizes, topic), &letter);
    pipeline_context(worker->pipeline)->counts->counters[COUNT_LETTERS_CUT] += letter.cut;
    if (topic == TOPIC_DEAD_LETTERS)
        watch(worker, &source);
    const struct edge_record record = {
        .topic = topic,
        .partition = input->partition,
        .key = letter.key,
        .value = letter.value,
        .headers = letter.headers,
        .header_count = letter.header_count,
    };
    return transaction_send(worker->transactions, &record, &worker->error);
}
