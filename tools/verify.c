/* `weft verify`: is the local state what the changelog says? */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/log.h"
#include "state/visitor_codec.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_MS 30000
#define SHOWN_MAX 10 /* differences that are printed; the rest are counted */

/* The newest record of a visitor in the changelog. Keys and values are told apart by their hashes.
 */
struct entry {
    uint64_t key; /* 0: the place is free */
    uint64_t value;
    bool newer; /* behind what the local state has seen */
    bool deleted;
    bool met; /* in the local state */
};

struct verify {
    struct store_visitor visitor; /* first */
    const struct config *config;
    const char *changelog;
    struct store *store;
    int64_t *next; /* by partition: the changelog's offset that the state stands at; -1: none */
    int32_t partitions;
    struct entry *entries;
    size_t count, capacity; /* a power of two */
    uint64_t rows, same, newer, differences, shown;
};

static uint64_t hash_of(struct bytes store_key)
{
    uint64_t hash = bytes_hash(store_key);
    return hash ? hash : 1;
}

static struct entry *find(struct verify *verify, uint64_t key)
{
    for (size_t i = key & (verify->capacity - 1);; i = (i + 1) & (verify->capacity - 1))
        if (verify->entries[i].key == key || verify->entries[i].key == 0)
            return &verify->entries[i];
}

static void grow(struct verify *verify)
{
    struct entry *entries = verify->entries;
    size_t capacity = verify->capacity;
    verify->capacity = capacity ? 2 * capacity : 1024;
    verify->entries = memory_zero(verify->capacity, sizeof *entries);
    for (size_t i = 0; i < capacity; i++)
        if (entries[i].key)
            *find(verify, entries[i].key) = entries[i];
    free(entries);
}

static void differ(struct verify *verify, struct bytes store_key, const char *what)
{
    verify->differences++;
    if (verify->shown++ < SHOWN_MAX)
        printf("partition %d, visitor %.*s: %s\n",
               (unsigned char)store_key.at[0] << 8 | (unsigned char)store_key.at[1],
               (int)(store_key.size - 2), store_key.at + 2, what);
}

static void take(struct verify *verify, const struct client_message *message)
{
    char to[VISITOR_KEY_BYTES_MAX];
    if (message->key.at == NULL || message->key.size + 2 > sizeof to)
        return; /* no row of weft's */
    struct bytes store_key = visitor_store_key(to, message->partition, message->key);
    if (2 * verify->count >= verify->capacity)
        grow(verify);
    struct entry *entry = find(verify, hash_of(store_key));
    verify->count += entry->key == 0;
    *entry = (struct entry){
        .key = hash_of(store_key),
        .value = bytes_hash(message->value),
        .newer = message->offset >= verify->next[message->partition],
        .deleted = message->value.at == NULL,
    };
    if (message->value.at && !visitor_intact(message->key, message->value))
        differ(verify, store_key, "its record in the changelog is damaged");
}

static enum verdict read_changelog(struct verify *verify, struct error *error)
{
    struct client_reader *reader;
    struct client_message message;
    enum verdict verdict = client_reader_new(verify->config, verify->changelog,
                                             CLIENT_ALL_PARTITIONS, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    while ((verdict = client_reader_next(reader, READ_MS, &message)) == VERDICT_OK)
        if (message.partition < verify->partitions && verify->next[message.partition] >= 0)
            take(verify, &message);
    client_reader_free(reader);
    if (verdict == VERDICT_SKIP)
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
        printf("a row whose key is no visitor's\n");
        return VERDICT_OK;
    }
    if (verify->capacity == 0)
        grow(verify);
    struct entry *entry = find(verify, hash_of(key));
    entry->met = entry->key != 0;
    if (!visitor_intact(bytes_of(key.at + 2, key.size - 2), value))
        differ(verify, key, "its local row is damaged");
    else if (entry->key == 0)
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
    char path[2 * CONFIG_TEXT_MAX];
    enum verdict verdict =
        client_partitions(verify->config, verify->changelog, &verify->partitions, error);
    if (verdict == VERDICT_OK && verify->partitions == 0)
        verdict = error_set(error, VERDICT_FATAL, "there is no topic %s", verify->changelog);
    snprintf(path, sizeof path, "%s/visitors", verify->config->state_dir);
    if (verdict == VERDICT_OK)
        verdict = store_rocksdb_open(path, true, &verify->store, error);
    verify->next = memory_get((size_t)verify->partitions * sizeof *verify->next);
    for (int32_t i = 0; verdict == VERDICT_OK && i < verify->partitions; i++) {
        verify->next[i] = -1;
        verdict =
            store_get_offset(verify->store, 'c', verify->changelog, i, &verify->next[i], error);
        verdict = verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
    }
    return verdict;
}

static enum verdict verify_all(struct verify *verify, struct error *error)
{
    enum verdict verdict = open_state(verify, error);
    if (verdict == VERDICT_OK)
        verdict = read_changelog(verify, error);
    if (verdict == VERDICT_OK)
        verdict = verify->store->scan(verify->store, FAMILY_VISITOR, bytes_of("", 0),
                                      &verify->visitor, error);
    uint64_t missing = 0;
    for (size_t i = 0; verdict == VERDICT_OK && i < verify->capacity; i++) {
        const struct entry *entry = &verify->entries[i];
        if (entry->key && !entry->met && !entry->newer && !entry->deleted)
            missing++;
    }
    if (missing > 0)
        printf("%llu visitors of the changelog are not here\n", (unsigned long long)missing);
    verify->differences += missing;
    return verdict;
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
        printf("%llu visitors here: %llu as in the changelog, %llu newer there, %llu differences\n",
               (unsigned long long)verify.rows, (unsigned long long)verify.same,
               (unsigned long long)verify.newer, (unsigned long long)verify.differences);
    free(verify.next);
    free(verify.entries);
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
             "\nReads the changelog once and every visitor in state.dir, also beside a running\n"
             "process, and reports visitors that are not what the changelog says as of where the\n"
             "state stands. Exit code 1: there are differences, which deleting state.dir/visitors\n"
             "mends. Takes 50 to 100 bytes of memory a visitor.\n",
    .order = 10,
    .run = verify_command,
};
