#include "tools/get_table.h"

#include "state/visitor_codec.h"
#include "tools/dump.h"
#include "tools/feed.h"
#include "tools/get_model.h"
#include "tools/get_topics.h"
#include "tools/local_store.h"

/* The tables of the model. The visitor table and the lists have functions of their own. */
struct dumped_table {
    const char *name;
    void (*dump)(const struct model *model, FILE *to);
};

static const struct dumped_table model_tables[] = {
    {"cooccurrence", dump_cooccurrence}, {"popularity", dump_popularity}, {"queries", dump_queries},
    {"channels", dump_channels},         {"trends", dump_trends},         {"vectors", dump_vectors},
    {"weights", dump_weights},
};

/* NULL: the model has no table of that name. */
static const struct dumped_table *find_table(const char *name)
{
    for (size_t i = 0; i < sizeof model_tables / sizeof model_tables[0]; i++)
        if (strcmp(model_tables[i].name, name) == 0)
            return &model_tables[i];
    return NULL;
}

/* ---- the visitor table ---- */

/* Reads the changelog into a store in memory, which so has the newest value of each key. */
static enum verdict read_changelog(const struct get_request *request, struct store *store,
                                   struct error *error)
{
    struct partition_reader *reader;
    struct kafka_record message;
    struct store_batch batch = {0};
    char key[VISITOR_KEY_BYTES_MAX];
    enum verdict verdict =
        client_open_reader(&request->config, request->topology.topics[TOPIC_VISITOR_CHANGELOG],
                           CLIENT_ALL_PARTITIONS, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    while ((verdict = topic_next(reader, &message, error)) == VERDICT_OK) {
        batch_clear(&batch);
        struct bytes store_key = visitor_store_key(key, message.partition, message.key);
        if (message.value.at)
            batch_put(&batch, FAMILY_VISITOR, store_key, message.value);
        else
            batch_delete(&batch, FAMILY_VISITOR, store_key);
        store->write(store, &batch, NULL);
    }
    partition_reader_free(reader);
    batch_release(&batch);
    return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
}

static enum verdict dump_visitor_table(const struct get_request *request, struct error *error)
{
    struct store *store = NULL;
    enum verdict verdict;
    if (request->source == GET_FROM_TOPICS) {
        store = store_memory_new();
        verdict = read_changelog(request, store, error);
    } else {
        verdict = local_store_open(&request->config, "visitors", &store, error);
    }
    if (verdict == VERDICT_OK)
        verdict = dump_visitors(store, stdout, error);
    if (store)
        store->free(store);
    return verdict;
}

/* ---- from event files ---- */

struct printer {
    struct driver_sink sink; /* first */
    FILE *to;
};

static void print_list(struct driver_sink *sink, enum output output, struct bytes key,
                       struct bytes value)
{
    FILE *to = ((struct printer *)(void *)sink)->to;
    (void)key;
    if (output != OUTPUT_RECOMMENDATIONS)
        return;
    fwrite(value.at, 1, value.size, to);
    fputc('\n', to);
}

/* `table` NULL: the visitor table, or the lists as they are made. */
static enum verdict dump_driver(struct get_request *request, const struct dumped_table *table,
                                bool lists, int count, char **files, struct error *error)
{
    struct printer printer = {.sink.written = print_list, .to = stdout};
    struct driver *driver = NULL;
    struct wire_format wire;
    struct feed feed;
    struct schema_source own_schemas = wire_own_schemas();
    enum verdict verdict = wire_init_local(&wire, request->wire, error);
    if (verdict == VERDICT_OK)
        verdict = driver_new(&request->config, lists, lists ? &printer.sink : NULL, &own_schemas,
                             &driver, error);
    if (verdict == VERDICT_OK)
        verdict = feed_files(driver, &wire, request->format, count, files, &feed, error);
    if (verdict == VERDICT_OK && table)
        table->dump(driver_model(driver), stdout);
    else if (verdict == VERDICT_OK && !lists)
        verdict = dump_visitors(driver_store(driver), stdout, error);
    driver_free(driver);
    return verdict;
}

static enum verdict dump_model_table(const struct get_request *request,
                                     const struct dumped_table *table, struct error *error)
{
    struct model *model = model_new(&request->config.settings.model);
    enum verdict verdict = get_load_model(request, model, error);
    if (verdict == VERDICT_OK)
        table->dump(model, stdout);
    model_free(model);
    return verdict;
}

int get_table(struct get_request *request, int count, char **words)
{
    struct error error = {0};
    enum verdict verdict;
    const struct dumped_table *table = find_table(words[0]);
    bool lists = strcmp(words[0], "lists") == 0;
    if (table == NULL && !lists && strcmp(words[0], "visitor") != 0)
        return command_fail(request->command, EXIT_USAGE,
                            "there is no table '%s': visitor, cooccurrence, popularity, queries, "
                            "channels, trends, vectors, weights, lists",
                            words[0]);
    if (lists && request->source != GET_FROM_FILES)
        return command_fail(request->command, EXIT_USAGE, "lists can be had --from files only");
    if (request->source == GET_FROM_FILES)
        verdict = dump_driver(request, table, lists, count - 1, words + 1, &error);
    else if (table)
        verdict = dump_model_table(request, table, &error);
    else
        verdict = dump_visitor_table(request, &error);
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(request->command, EXIT_FAILED, "%s", error.message);
}
