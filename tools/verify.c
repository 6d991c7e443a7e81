/* `weft verify`: compares the visitors in state.dir with the changelog's newest records. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/topics.h"
#include "processors/runtime/log.h"
#include "schemas/array.h"
#include "schemas/byte_order.h"
#include "schemas/hash_index.h"
#include "state/visitor_codec.h"
#include "tools/local_store.h"
#include "tools/printable.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_MS 30000
#define SHOWN_MAX 10 /* differences that are printed; the rest are counted */

/* The newest record of a visitor in the changelog. Keys and values are compared by their hashes. */
struct entry {
    uint64_t key;
    uint64_t value;
    bool newer; /* the local state has not seen it yet */
    bool deleted;
    bool met; /* the local state has a row of this key */
};

struct verify {
    struct store_visitor visitor; /* first */
    const struct config *config;
    const char *changelog;
    struct store *store;
    int64_t *next; /* by partition: the changelog's offset that the state stands at; -1: none */
    int32_t partitions;
    struct entry *entries;
    uint32_t count, capacity;
    struct hash_index by_key;
    uint64_t rows, same, newer, differences, shown;
};

/* NULL: the changelog has no record of this key. */
static struct entry *find(const struct verify *verify, uint64_t key)
{
    struct hash_probe probe = hash_index_probe(&verify->by_key, key);
    while (hash_index_next(&verify->by_key, &probe))
        if (verify->entries[probe.entry].key == key)
            return &verify->entries[probe.entry];
    return NULL;
}

static struct entry *find_or_add(struct verify *verify, uint64_t key)
{
    struct entry *entry = find(verify, key);
    if (entry)
        return entry;
    ARRAY_RESERVE(verify->entries, verify->capacity, verify->count + 1);
    hash_index_add(&verify->by_key, key, verify->count);
    return &verify->entries[verify->count++];
}

static void differ(struct verify *verify, struct bytes store_key, const char *what)
{
    verify->differences++;
    if (verify->shown++ < SHOWN_MAX)
        print_text("partition %d, visitor %.*s: %s\n", (int)get_be(store_key.at, 2),
                   (int)(store_key.size - 2), store_key.at + 2, what);
}

static void take(struct verify *verify, const struct kafka_record *message)
{
    char to[VISITOR_KEY_BYTES_MAX];
    if (message->key.at == NULL || message->key.size + 2 > sizeof to)
        return; /* weft writes no such record */
    struct bytes store_key = visitor_store_key(to, message->partition, message->key);
    uint64_t key = hash_index_hash(store_key);
    *find_or_add(verify, key) = (struct entry){
        .key = key,
        .value = bytes_hash(message->value),
        .newer = message->offset >= verify->next[message->partition],
        .deleted = message->value.at == NULL,
    };
    if (message->value.at && !visitor_intact(message->key, message->value))
        differ(verify, store_key, "its record in the changelog is damaged");
}

static enum verdict read_changelog(struct verify *verify, struct error *error)
{
    struct partition_reader *reader;
    struct kafka_record message;
    enum verdict verdict = client_open_reader(verify->config, verify->changelog,
                                              CLIENT_ALL_PARTITIONS, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    while ((verdict = partition_reader_next(reader, READ_MS, &message)) == VERDICT_OK)
        if (message.partition < verify->partitions && verify->next[message.partition] >= 0)
            take(verify, &message);
    partition_reader_free(reader);
    if (verdict != VERDICT_SKIP)
        return error_set(error, VERDICT_FATAL, "%s can't be read to its end", verify->changelog);
    return VERDICT_OK;
}

static enum verdict compare_row(struct store_visitor *self, struct bytes key, struct bytes value,
                                struct error *error)
{
    struct verify *verify = (struct verify *)(void *)self;
    (void)error;
    verify->rows++;
    if (key.size < 2) {
        verify->differences++;
        print_text("the key of a row names no visitor\n");
        return VERDICT_OK;
    }
    struct entry *entry = find(verify, hash_index_hash(key));
    if (entry)
        entry->met = true;
    if (!visitor_intact(bytes_of(key.at + 2, key.size - 2), value))
        differ(verify, key, "its local row is damaged");
    else if (entry == NULL)
        differ(verify, key, "is here but not in the changelog");
    else if (entry->newer)
        verify->newer++;
    else if (entry->deleted)
        differ(verify, key, "is here but deleted in the changelog");
    else if (entry->value != bytes_hash(value))
        differ(verify, key, "is not the same in the changelog");
    else
        verify->same++;
    return VERDICT_OK;
}

static enum verdict open_state(struct verify *verify, struct error *error)
{
    enum verdict verdict =
        topics_partitions(verify->config, verify->changelog, &verify->partitions, error);
    if (verdict != VERDICT_OK)
        return verdict;
    if (verify->partitions == 0)
        return error_set(error, VERDICT_FATAL, "there is no topic %s", verify->changelog);
    verdict = local_store_open(verify->config, "visitors", &verify->store, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verify->next = memory_get((size_t)verify->partitions * sizeof *verify->next);
    for (int32_t i = 0; i < verify->partitions; i++) {
        verify->next[i] = -1;
        verdict = store_get_offset(verify->store, OFFSETS_CHANGELOG, verify->changelog, i,
                                   &verify->next[i], error);
        if (verdict != VERDICT_OK && verdict != VERDICT_SKIP)
            return verdict;
    }
    return VERDICT_OK;
}

static enum verdict verify_all(struct verify *verify, struct error *error)
{
    enum verdict verdict = open_state(verify, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = read_changelog(verify, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = verify->store->scan(verify->store, FAMILY_VISITOR, bytes_of("", 0), &verify->visitor,
                                  error);
    if (verdict != VERDICT_OK)
        return verdict;
    uint64_t missing = 0;
    for (uint32_t i = 0; i < verify->count; i++) {
        const struct entry *entry = &verify->entries[i];
        missing += !entry->met && !entry->newer && !entry->deleted;
    }
    if (missing > 0)
        print_text("%llu visitors of the changelog are not here\n", (unsigned long long)missing);
    verify->differences += missing;
    return VERDICT_OK;
}

static int verify_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {COMMAND_OPTIONS, {NULL, 0, NULL, 0}};
    struct config config;
    struct topology topology;
    struct error error = {0};
    int code;
    config_init(&config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if ((code = command_option(command, option, &config)) >= 0)
            return code;
    if (optind < argc)
        return command_fail(command, EXIT_USAGE, "'%s' is not an option", argv[optind]);
    if ((code = command_config(&config)) != EXIT_DONE)
        return code;
    enum verdict verdict = topology_build(&config, &topology, &error);
    struct verify verify = {.visitor.row = compare_row,
                            .config = &config,
                            .changelog = topology.topics[TOPIC_VISITOR_CHANGELOG]};
    if (verdict == VERDICT_OK)
        verdict = verify_all(&verify, &error);
    if (verdict == VERDICT_OK)
        print_text(
            "%llu visitors here: %llu as in the changelog, %llu newer there, %llu differences\n",
            (unsigned long long)verify.rows, (unsigned long long)verify.same,
            (unsigned long long)verify.newer, (unsigned long long)verify.differences);
    free(verify.next);
    free(verify.entries);
    hash_index_release(&verify.by_key);
    if (verify.store)
        verify.store->free(verify.store);
    if (verdict != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    return verify.differences ? EXIT_FAILED : EXIT_DONE;
}

WEFT_COMMAND(verify) = {
    .name = "verify",
    .summary = "compares the local state with the changelog",
    .usage = "[OPTION]...\n\n" COMMAND_OPTIONS_HELP
             "\nReads the changelog once and every visitor in state.dir; it may run beside\n"
             "'weft run'. Reports each visitor whose row differs from the changelog at the offset\n"
             "of the local state. Exit code 1: there are differences; delete state.dir/visitors\n"
             "to repair them. Takes 40 to 80 bytes of memory a visitor.\n",
    .order = 10,
    .run = verify_command,
};
