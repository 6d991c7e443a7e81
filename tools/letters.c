#include "tools/letters.h"

#include "processors/runtime/command.h"
#include "schemas/array.h"
#include "schemas/draw.h"
#include "schemas/json_tree.h"
#include "tools/progress.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_MS 30000
#define VALUE_SHOWN 120 /* bytes of an example's value */
#define GROUPS_MAX 1000 /* letters of further reasons count with the last one */

const char *const letter_state_names[LETTER_STATES] = {
    [LETTER_READY] = "open",           [LETTER_SENT] = "sent again",
    [LETTER_RETURNED] = "came back",   [LETTER_CUT] = "cut",
    [LETTER_TABLE] = "rows of tables", [LETTER_FOREIGN] = "of other topics",
};

/* A letter that has a receipt. */
struct receipt {
    int32_t partition;
    int64_t offset;
};

struct reading {
    struct letters *letters;
    const struct topology *topology;
    const struct letter_filter *filter;
    struct receipt *receipts;
    uint32_t receipt_count, receipt_capacity;
    struct arena arena;
};

static struct bytes header(struct partition_reader *reader, const char *name)
{
    struct bytes value = {NULL, 0};
    partition_reader_header(reader, name, &value);
    return value;
}

enum verdict letters_next(struct partition_reader *reader, struct letter_record *ret_letter,
                          struct error *error)
{
    enum verdict verdict = partition_reader_next(reader, READ_MS, &ret_letter->record);
    if (verdict == VERDICT_RETRY)
        return error_set(error, verdict, "the broker has not answered for %d s", READ_MS / 1000);
    if (verdict != VERDICT_OK)
        return verdict;
    ret_letter->topic = header(reader, "__weft.errors.topic");
    ret_letter->partition = header(reader, "__weft.errors.partition");
    ret_letter->step = header(reader, "__weft.errors.step");
    ret_letter->message = header(reader, "__weft.errors.message");
    ret_letter->cut = header(reader, "__weft.errors.truncated").at != NULL;
    ret_letter->receipt = header(reader, LETTERS_RECEIPT).at != NULL;
    return VERDICT_OK;
}

/* ---- one record ---- */

/* A receipt that somebody else wrote by hand may be anything: what is no offset is passed over. */
static void take_receipt(struct reading *reading, const struct kafka_record *record)
{
    struct json_tree tree;
    arena_clear(&reading->arena);
    if (json_tree_read(record->value, NULL, &reading->arena, &tree, NULL, NULL) != VERDICT_OK)
        return;
    uint32_t offsets = json_field(&tree, 0, bytes_text("offsets"));
    if (offsets == JSON_NONE || tree.nodes[offsets].kind != NODE_ARRAY)
        return;
    for (uint32_t at = json_first(&tree, offsets); at != JSON_NONE;
         at = json_next(&tree, offsets, at)) {
        char digits[24];
        snprintf(digits, sizeof digits, "%.*s", (int)tree.nodes[at].text.size,
                 tree.nodes[at].text.at);
        ARRAY_RESERVE(reading->receipts, reading->receipt_capacity, reading->receipt_count + 1);
        reading->receipts[reading->receipt_count++] =
            (struct receipt){record->partition, strtoll(digits, NULL, 10)};
    }
}

static uint32_t find_group(struct letters *letters, const char *reason)
{
    uint32_t i = 0;
    while (i < letters->group_count && strcmp(letters->groups[i].reason, reason) != 0)
        i++;
    if (i == GROUPS_MAX)
        return i - 1;
    if (i < letters->group_count)
        return i;
    ARRAY_RESERVE(letters->groups, letters->group_capacity, i + 1);
    letters->groups[i] = (struct letter_group){0};
    snprintf(letters->groups[i].reason, LETTER_REASON_BYTES, "%s", reason);
    letters->group_count++;
    return i;
}

static char *make_example(const struct letter_record *letter)
{
    struct buffer text = {0};
    struct bytes value = letter->record.value;
    size_t shown = value.size < VALUE_SHOWN ? value.size : VALUE_SHOWN;
    buffer_format(&text, "letter [%d] %lld, of %.*s [%.*s]: %.*s: %.*s%s",
                  (int)letter->record.partition, (long long)letter->record.offset,
                  (int)letter->topic.size, letter->topic.at, (int)letter->partition.size,
                  letter->partition.at, (int)letter->message.size, letter->message.at, (int)shown,
                  value.at ? value.at : "", shown < value.size ? "..." : "");
    char *example = memory_text(buffer_bytes(&text));
    buffer_release(&text);
    return example;
}

static enum letter_state state_of(const struct topology *topology,
                                  const struct letter_record *letter)
{
    for (int i = 0; i <= TOPIC_PRODUCT; i++) {
        if (!bytes_equal(bytes_text(topology->topics[i]), letter->topic))
            continue;
        if (i == TOPIC_USER || i == TOPIC_PRODUCT)
            return LETTER_TABLE;
        return letter->cut ? LETTER_CUT : LETTER_READY;
    }
    return LETTER_FOREIGN;
}

static bool is_wanted(const struct letter_filter *filter, const struct letter_record *letter,
                      const char *reason)
{
    int64_t time_ms = letter->record.time_ms;
    return (filter->reason == NULL || strstr(reason, filter->reason) != NULL) &&
           (filter->topic == NULL || bytes_equal(bytes_text(filter->topic), letter->topic)) &&
           time_ms >= filter->since_ms && (filter->until_ms == 0 || time_ms < filter->until_ms);
}

static void take_letter(struct reading *reading, const struct letter_record *letter)
{
    struct letters *letters = reading->letters;
    char reason[LETTER_REASON_BYTES];
    letter_reason(letter->step, letter->message, reason);
    uint32_t at = find_group(letters, reason);
    struct letter_group *group = &letters->groups[at];
    int64_t time_ms = letter->record.time_ms;
    group->first_ms =
        group->example == NULL || time_ms < group->first_ms ? time_ms : group->first_ms;
    group->last_ms = time_ms > group->last_ms ? time_ms : group->last_ms;
    if (group->example == NULL)
        group->example = make_example(letter);
    ARRAY_RESERVE(letters->rows, letters->capacity, letters->count + 1);
    letters->rows[letters->count++] = (struct letter_row){
        .partition = letter->record.partition,
        .offset = letter->record.offset,
        .hash = hash_join(hash_join(bytes_hash(letter->topic), bytes_hash(letter->record.key)),
                          bytes_hash(letter->record.value)),
        .reason = at,
        .state = state_of(reading->topology, letter),
        .wanted = is_wanted(reading->filter, letter, reason),
    };
}

/* ---- all of them ---- */

static int by_place(const void *a, const void *b)
{
    const struct letter_row *x = a, *y = b;
    if (x->partition != y->partition)
        return x->partition < y->partition ? -1 : 1;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

const struct letter_row *letters_find(const struct letters *letters, int32_t partition,
                                      int64_t offset)
{
    const struct letter_row wanted = {.partition = partition, .offset = offset};
    return letters->count == 0
               ? NULL
               : bsearch(&wanted, letters->rows, letters->count, sizeof *letters->rows, by_place);
}

/* Marks what has a receipt, and the records that came back after that. */
static void mark_sent(struct reading *reading)
{
    struct letters *letters = reading->letters;
    uint64_t *sent = memory_zero(reading->receipt_count + 1, sizeof *sent);
    uint32_t sent_count = 0;
    qsort(letters->rows, letters->count, sizeof *letters->rows, by_place);
    for (uint32_t i = 0; i < reading->receipt_count; i++) {
        const struct receipt *receipt = &reading->receipts[i];
        const struct letter_row *found = letters_find(letters, receipt->partition, receipt->offset);
        if (found == NULL)
            continue; /* retention took the letter */
        letters->rows[found - letters->rows].state = LETTER_SENT;
        sent[sent_count++] = found->hash;
    }
    qsort(sent, sent_count, sizeof *sent, by_number);
    for (uint32_t i = 0; i < letters->count && sent_count > 0; i++) {
        struct letter_row *row = &letters->rows[i];
        if (row->state == LETTER_READY && !reading->filter->again &&
            bsearch(&row->hash, sent, sent_count, sizeof *sent, by_number))
            row->state = LETTER_RETURNED;
    }
    free(sent);
    for (uint32_t i = 0; i < letters->count; i++)
        if (letters->rows[i].wanted)
            letters->groups[letters->rows[i].reason].counts[letters->rows[i].state]++;
}

enum verdict letters_read(const struct config *config, const struct topology *topology,
                          const struct letter_filter *filter, struct letters *ret_letters,
                          struct error *error)
{
    struct partition_reader *reader = NULL;
    struct letter_record letter;
    struct progress progress;
    *ret_letters = (struct letters){0};
    struct reading reading = {.letters = ret_letters, .topology = topology, .filter = filter};
    enum verdict verdict = client_open_reader(config, topology->topics[TOPIC_DEAD_LETTERS],
                                              CLIENT_ALL_PARTITIONS, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    progress_start(&progress);
    while ((verdict = letters_next(reader, &letter, error)) == VERDICT_OK) {
        if (atomic_load(&command_interrupted)) {
            verdict = error_set(error, VERDICT_RETRY, "interrupted");
            break;
        }
        progress_show(&progress, -1, ret_letters->count, "letters read");
        if (letter.receipt)
            take_receipt(&reading, &letter.record);
        else
            take_letter(&reading, &letter);
    }
    progress_end(&progress);
    if (verdict == VERDICT_SKIP) {
        mark_sent(&reading);
        verdict = VERDICT_OK;
    }
    partition_reader_free(reader);
    free(reading.receipts);
    arena_release(&reading.arena);
    return verdict;
}

void letters_release(struct letters *letters)
{
    for (uint32_t i = 0; i < letters->group_count; i++)
        free(letters->groups[i].example);
    free(letters->groups);
    free(letters->rows);
}
