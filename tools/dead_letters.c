/* `weft dead-letters`: lists the dead letters by reason, and sends them to their topics again. */
#define _XOPEN_SOURCE 700
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/sender.h"
#include "processors/runtime/kafka/topics.h"
#include "processors/runtime/log.h"
#include "tools/letters.h"
#include "tools/printable.h"
#include "tools/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH_LETTERS 1000
#define BATCH_BYTES (4 << 20)
#define COMMIT_US 60000000 /* a commit without an answer is tried again for so long */

struct redrive {
    const struct config *config;
    const struct topology *topology;
    const struct letters *letters;
    struct stop_lease lease;
    struct sender *sender;
    int32_t partitions[TOPICS]; /* of the inputs */
    struct {
        int32_t partition;
        int64_t offset;
    } batch[BATCH_LETTERS];
    uint32_t batch_count;
    size_t batch_bytes;
    uint64_t sent, wanted;
    struct progress progress;
};

/* ---- the list ---- */

static int most_first(const void *a, const void *b)
{
    const struct letter_group *x = *(const struct letter_group *const *)a;
    const struct letter_group *y = *(const struct letter_group *const *)b;
    uint64_t more = x->counts[LETTER_READY], less = y->counts[LETTER_READY];
    return more == less ? strcmp(x->reason, y->reason) : (more < less) - (more > less);
}

static void print_time(const char *before, int64_t ms)
{
    char text[32];
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
    print_text("%s%s", before, text);
}

static void print_counts(const uint64_t *counts)
{
    const char *separator = " ";
    for (int state = 0; state < LETTER_STATES; state++) {
        if (counts[state] == 0)
            continue;
        print_text("%s%llu %s", separator, (unsigned long long)counts[state],
                   letter_state_names[state]);
        separator = ", ";
    }
}

static void list(const struct letters *letters)
{
    uint64_t totals[LETTER_STATES] = {0}, all = 0;
    const struct letter_group **order = memory_zero(letters->group_count + 1, sizeof *order);
    for (uint32_t i = 0; i < letters->group_count; i++)
        order[i] = &letters->groups[i];
    qsort(order, letters->group_count, sizeof *order, most_first);
    for (uint32_t i = 0; i < letters->group_count; i++) {
        uint64_t any = 0;
        for (int state = 0; state < LETTER_STATES; state++) {
            totals[state] += order[i]->counts[state];
            any += order[i]->counts[state];
        }
        all += any;
        if (any == 0)
            continue;
        print_text("%s\n", order[i]->reason);
        print_text("   ");
        print_counts(order[i]->counts);
        print_time("; from ", order[i]->first_ms);
        print_time(" to ", order[i]->last_ms);
        print_text("\n");
        print_text("    %s\n", order[i]->example);
    }
    free(order);
    print_text("%llu dead letters:", (unsigned long long)all);
    print_counts(totals);
    print_text("\n");
}

/* ---- sending again ---- */

/* One receipt for the batch's letters of a partition. */
static enum verdict send_receipt(struct redrive *redrive, int32_t partition, struct error *error)
{
    struct buffer value = {0};
    const char *separator = "{\"offsets\":[";
    for (uint32_t i = 0; i < redrive->batch_count; i++) {
        if (redrive->batch[i].partition != partition)
            continue;
        buffer_format(&value, "%s%lld", separator, (long long)redrive->batch[i].offset);
        separator = ",";
    }
    buffer_text(&value, "]}");
    const struct sender_record receipt = {
        .topic = redrive->topology->topics[TOPIC_DEAD_LETTERS],
        .partition = partition,
        .value = buffer_bytes(&value),
        .header_name = LETTERS_RECEIPT,
        .header = "1",
    };
    enum verdict verdict = *separator == ',' ? sender_send_to(redrive->sender, &receipt, error)
                                             : VERDICT_OK; /* the batch has none of it */
    buffer_release(&value);
    return verdict;
}

static enum verdict commit(struct redrive *redrive, int32_t partitions, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (int32_t p = 0; p < partitions && verdict == VERDICT_OK; p++)
        verdict = send_receipt(redrive, p, error);
    int64_t until_us = clock_monotonic_us() + COMMIT_US;
    while (verdict == VERDICT_OK) {
        struct error why = {0};
        verdict = sender_commit(redrive->sender, &why);
        if (verdict == VERDICT_OK)
            break;
        if (verdict != VERDICT_RETRY || clock_monotonic_us() > until_us)
            return error_set(error, verdict,
                             "%s; run the same command again: it knows what was committed",
                             why.message);
        verdict = VERDICT_OK;
    }
    if (verdict == VERDICT_OK)
        redrive->sent += redrive->batch_count;
    redrive->batch_count = 0;
    redrive->batch_bytes = 0;
    return verdict;
}

static int32_t partition_of(const struct redrive *redrive, const struct letter_record *letter,
                            const char **ret_topic)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%.*s", (int)letter->partition.size,
             letter->partition.at ? letter->partition.at : "");
    for (int i = 0; i < TOPIC_USER; i++) {
        if (!bytes_equal(bytes_text(redrive->topology->topics[i]), letter->topic))
            continue;
        *ret_topic = redrive->topology->topics[i];
        int64_t partition = strtoll(digits, NULL, 10);
        return partition < redrive->partitions[i] ? (int32_t)partition : -1;
    }
    return -1;
}

static enum verdict send_letter(struct redrive *redrive, const struct letter_record *letter,
                                struct error *error)
{
    const char *topic = NULL;
    int32_t partition = partition_of(redrive, letter, &topic);
    const struct sender_record record = {
        .topic = topic,
        .partition = partition,
        .key = letter->record.key,
        .value = letter->record.value,
    };
    redrive->batch[redrive->batch_count].partition = letter->record.partition;
    redrive->batch[redrive->batch_count++].offset = letter->record.offset;
    redrive->batch_bytes += record.key.size + record.value.size;
    return sender_send_to(redrive->sender, &record, error);
}

static bool is_chosen(const struct redrive *redrive, const struct letter_record *letter)
{
    const struct letter_row *row =
        letters_find(redrive->letters, letter->record.partition, letter->record.offset);
    return !letter->receipt && row && row->wanted && row->state == LETTER_READY;
}

static enum verdict send_all(struct redrive *redrive, struct partition_reader *reader,
                             int32_t partitions, struct error *error)
{
    struct letter_record letter;
    enum verdict verdict = VERDICT_OK;
    while (verdict == VERDICT_OK && !atomic_load(&command_interrupted) &&
           redrive->sent + redrive->batch_count < redrive->wanted) {
        verdict = letters_next(reader, &letter, error);
        if (verdict == VERDICT_OK && is_chosen(redrive, &letter))
            verdict = send_letter(redrive, &letter, error);
        if (verdict == VERDICT_OK &&
            (redrive->batch_count == BATCH_LETTERS || redrive->batch_bytes > BATCH_BYTES)) {
            verdict = commit(redrive, partitions, error);
            progress_show(&redrive->progress, (double)redrive->sent / (double)redrive->wanted,
                          redrive->sent, "letters");
        }
    }
    if (verdict == VERDICT_SKIP && error->message[0] == '\0')
        verdict = VERDICT_OK; /* the end; retention may have taken some */
    return verdict == VERDICT_OK ? commit(redrive, partitions, error) : verdict;
}

static enum verdict open_redrive(struct redrive *redrive, struct partition_reader **ret_reader,
                                 int32_t *ret_partitions, struct error *error)
{
    const char *letters = redrive->topology->topics[TOPIC_DEAD_LETTERS];
    enum verdict verdict = topics_partitions(redrive->config, letters, ret_partitions, error);
    for (int i = 0; i < TOPIC_USER && verdict == VERDICT_OK; i++)
        verdict = topics_partitions(redrive->config, redrive->topology->topics[i],
                                    &redrive->partitions[i], error);
    redrive->lease = stop_lease_of(&command_interrupted);
    const struct sender_options options = {
        .topic = letters,
        .role = "redrive",
        .timeout_ms = "60000",
        .batch_bytes = 1 << 20,
        .lease = &redrive->lease.lease,
    };
    struct config config = *redrive->config;
    config.guarantee = GUARANTEE_EXACTLY_ONCE; /* letters and receipts, or neither */
    if (verdict == VERDICT_OK)
        verdict = sender_open(&config, &options, &redrive->sender, error);
    if (verdict == VERDICT_OK)
        verdict = client_open_reader(redrive->config, letters, CLIENT_ALL_PARTITIONS, false,
                                     ret_reader, error);
    return verdict;
}

static enum verdict redrive_letters(struct redrive *redrive, struct error *error)
{
    struct partition_reader *reader = NULL;
    int32_t partitions = 0;
    for (uint32_t i = 0; i < redrive->letters->group_count; i++)
        redrive->wanted += redrive->letters->groups[i].counts[LETTER_READY];
    if (redrive->wanted == 0)
        return VERDICT_OK;
    progress_start(&redrive->progress);
    enum verdict verdict = open_redrive(redrive, &reader, &partitions, error);
    if (verdict == VERDICT_OK)
        verdict = send_all(redrive, reader, partitions, error);
    progress_end(&redrive->progress);
    partition_reader_free(reader);
    sender_close(redrive->sender);
    return verdict;
}

/* ---- the command ---- */

struct request {
    struct config config;
    struct letter_filter filter;
    bool redrive, dry_run;
};

static int run(const struct command *command, const struct request *request)
{
    struct topology topology;
    struct letters letters = {0};
    struct error error = {0};
    struct redrive redrive = {
        .config = &request->config, .topology = &topology, .letters = &letters};
    enum verdict verdict = topology_build(&request->config, &topology, &error);
    if (verdict == VERDICT_OK)
        verdict = letters_read(&request->config, &topology, &request->filter, &letters, &error);
    if (verdict == VERDICT_OK)
        list(&letters);
    if (verdict == VERDICT_OK && request->redrive && !request->dry_run) {
        verdict = redrive_letters(&redrive, &error);
        print_text("sent %llu of %llu again%s\n", (unsigned long long)redrive.sent,
                   (unsigned long long)redrive.wanted,
                   atomic_load(&command_interrupted) ? "; the same command sends the rest" : "");
    } else if (verdict == VERDICT_OK && request->dry_run) {
        print_text("%s\n", "--redrive would send those that are open");
    }
    letters_release(&letters);
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(command, EXIT_FAILED, "%s", error.message);
}

/* -1: go on; otherwise the exit code. */
static int read_time(const struct command *command, const char *text, int64_t *ret_ms)
{
    struct tm tm = {0};
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == NULL || *end != '\0')
        return command_fail(command, EXIT_USAGE, "'%s' is no time such as 2026-11-30T12:00:00Z",
                            text);
    *ret_ms = (int64_t)timegm(&tm) * 1000;
    return -1;
}

static int read_option(const struct command *command, int option, struct request *request)
{
    switch (option) {
    case 'r':
        request->redrive = true;
        return -1;
    case 'd':
        request->dry_run = true;
        return -1;
    case 'a':
        request->filter.again = true;
        return -1;
    case 'w':
        request->filter.reason = optarg;
        return -1;
    case 't':
        request->filter.topic = optarg;
        return -1;
    case 'f':
        return read_time(command, optarg, &request->filter.since_ms);
    case 'u':
        return read_time(command, optarg, &request->filter.until_ms);
    default:
        return command_option(command, option, &request->config);
    }
}

static int dead_letters_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"redrive", no_argument, NULL, 'r'},
        {"dry-run", no_argument, NULL, 'd'},
        {"again", no_argument, NULL, 'a'},
        {"reason", required_argument, NULL, 'w'},
        {"topic", required_argument, NULL, 't'},
        {"since", required_argument, NULL, 'f'},
        {"until", required_argument, NULL, 'u'},
        {NULL, 0, NULL, 0},
    };
    struct request request = {0};
    int code;
    config_init(&request.config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if ((code = read_option(command, option, &request)) >= 0)
            return code;
    if (optind < argc)
        return command_fail(command, EXIT_USAGE, "'%s' is not an option", argv[optind]);
    if ((code = command_config(&request.config)) != EXIT_DONE)
        return code;
    command_catch_signals();
    return run(command, &request);
}

WEFT_COMMAND(dead_letters) = {
    .name = "dead-letters",
    .summary = "lists the dead letters by reason, and sends them to their topics again",
    .usage =
        "[--redrive] [OPTION]...\n\n" COMMAND_OPTIONS_HELP
        "  --redrive          send those that are open to the topics they came from\n"
        "  --dry-run          only list them\n"
        "  --reason TEXT      only reasons with this text\n"
        "  --topic NAME       only letters of this input\n"
        "  --since TIME       only letters written at this time or later, such as\n"
        "                     2026-11-30T12:00:00Z\n"
        "  --until TIME       only letters written before\n"
        "  --again            also send what was sent before and came back\n\n"
        "Mend first what the reason names: the sender, a mapping (input.map) or a setting. What\n"
        "was sent is noted in the dead-letter topic, in the same transaction, so each letter is\n"
        "sent once, also if this command is killed and starts again. Letters that are cut, and\n"
        "rows of products and users, are not sent: send their present state instead.\n",
    .order = 11,
    .run = dead_letters_command,
};
