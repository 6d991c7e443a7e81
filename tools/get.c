/* `weft get`: what weft knows: a visitor's lists, a ranking, an item's neighbours, a whole table.
 */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/model/snapshots.h"
#include "processors/runtime/pipeline.h"
#include "schemas/codec.h"
#include "schemas/ranking.h"
#include "state/model_file.h"
#include "state/visitor_codec.h"
#include "tools/dump.h"
#include "tools/explain.h"
#include "tools/feed.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define READ_MS 5000
#define SCOPE_OPTION 1000 /* and the scope: an option of getopt_long() */

struct get {
    const struct command *command;
    struct config config;
    struct topology topology;
    const char *from, *format, *wire;
    bool json, explain;
    uint32_t neighbours;
    size_t shown; /* items of a list */
    enum ranking_scope scope;
    const char *scope_name; /* NULL: the whole shop */
};

/* ---- titles, from the catalogue's topic ---- */

struct title {
    struct bytes item_id; /* owned */
    char *text;
};

struct titles {
    struct title *at;
    size_t count, capacity;
};

static void add_title(struct titles *titles, const struct event *product)
{
    struct buffer text = {0};
    buffer_append(&text, product->title.at, product->title.size);
    if (!isnan(product->price))
        buffer_format(&text, ", %.2f %.*s", product->price, (int)product->currency.size,
                      product->currency.at ? product->currency.at : "");
    if (product->original_price > product->price)
        buffer_format(&text, " (was %.2f)", product->original_price);
    if (titles->count == titles->capacity) {
        titles->capacity = titles->capacity ? 2 * titles->capacity : 1024;
        titles->at = memory_resize(titles->at, titles->capacity * sizeof *titles->at);
    }
    titles->at[titles->count++] = (struct title){
        .item_id = bytes_of(memory_text(product->item_id), product->item_id.size),
        .text = memory_text(buffer_bytes(&text)),
    };
    buffer_release(&text);
}

static int title_order(const void *a, const void *b)
{
    return bytes_compare(((const struct title *)a)->item_id, ((const struct title *)b)->item_id);
}

/* A catalogue that is not there is no error: the lists are shown without titles. */
static void read_titles(struct get *get, struct titles *titles)
{
    struct client_reader *reader;
    struct client_message message;
    struct arena arena = {0};
    struct event product;
    if (client_reader_new(&get->config, get->topology.topics[TOPIC_PRODUCT], CLIENT_ALL_PARTITIONS,
                          false, &reader, NULL) != VERDICT_OK)
        return;
    struct codec *codec = codec_new(NULL);
    while (client_reader_next(reader, READ_MS, &message) == VERDICT_OK) {
        arena_clear(&arena);
        if (codec_decode(codec, EVENT_PRODUCT, message.value, &arena, &product, NULL) == VERDICT_OK)
            add_title(titles, &product);
    }
    codec_free(codec);
    client_reader_free(reader);
    arena_release(&arena);
    qsort(titles->at, titles->count, sizeof *titles->at, title_order);
}

static const char *title_of(const struct titles *titles, const char *item_id)
{
    struct title wanted = {.item_id = bytes_text(item_id)};
    const struct title *found =
        titles->count ? bsearch(&wanted, titles->at, titles->count, sizeof wanted, title_order)
                      : NULL;
    return found ? found->text : "";
}

static void free_titles(struct titles *titles)
{
    for (size_t i = 0; i < titles->count; i++) {
        free((void *)(uintptr_t)titles->at[i].item_id.at);
        free(titles->at[i].text);
    }
    free(titles->at);
}

/* ---- one visitor ---- */

/* The next record; SKIP: the end. RETRY: the broker fell silent, so what was read is not all. */
static enum verdict next_record(struct client_reader *reader, struct client_message *ret_message,
                                struct error *error)
{
    enum verdict read = client_reader_next(reader, READ_MS, ret_message);
    if (read == VERDICT_SKIP)
        return error_set(error, VERDICT_RETRY, "the broker has not answered for %d s",
                         READ_MS / 1000);
    return read == VERDICT_RETRY ? VERDICT_SKIP : read;
}

/* The newest record with that key; SKIP: none. */
static enum verdict newest_record(struct get *get, const char *topic, struct bytes key,
                                  struct buffer *value, struct error *error)
{
    struct client_message message;
    struct client_reader *reader = NULL;
    int32_t partitions = 0;
    bool found = false;
    enum verdict verdict = client_partitions(&get->config, topic, &partitions, error);
    if (verdict == VERDICT_OK && partitions == 0)
        return error_set(error, VERDICT_SKIP, "there is no topic %s", topic);
    if (verdict != VERDICT_OK)
        return verdict;
    /* First where Java's partitioner puts the key, then everywhere: producers may differ. */
    for (int pass = 0; pass < 2 && !found && verdict == VERDICT_OK; pass++) {
        verdict =
            client_reader_new(&get->config, topic,
                              pass == 0 ? client_partition(key, partitions) : CLIENT_ALL_PARTITIONS,
                              false, &reader, error);
        while (verdict == VERDICT_OK &&
               (verdict = next_record(reader, &message, error)) == VERDICT_OK) {
            if (!bytes_equal(message.key, key))
                continue;
            buffer_clear(value);
            buffer_append(value, message.value.at, message.value.size);
            found = message.value.at != NULL;
        }
        if (verdict == VERDICT_SKIP && reader)
            verdict = VERDICT_OK; /* the end */
        client_reader_free(reader);
        reader = NULL;
    }
    return verdict == VERDICT_OK && !found ? VERDICT_SKIP : verdict;
}

static void show_time(const char *label, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[40];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    printf("%s %s.%03d UTC\n", label, text, (int)(ms % 1000));
}

static void show_activities(struct get *get, struct bytes id, const struct titles *titles)
{
    struct buffer value = {0};
    struct visitor *visitor;
    if (newest_record(get, get->topology.topics[TOPIC_VISITOR_CHANGELOG], id, &value, NULL) ==
            VERDICT_OK &&
        visitor_decode(0, id, buffer_bytes(&value), &visitor, NULL) == VERDICT_OK) {
        uint32_t from = visitor->count > 10 ? visitor->count - 10 : 0;
        if (visitor->declared)
            printf("declared: gender %.*s, age group %.*s\n", (int)visitor->gender_size,
                   visitor->declared, (int)visitor->age_group_size,
                   visitor->declared + visitor->gender_size);
        if (visitor->channel)
            printf("came by: %.*s\n", (int)visitor->channel_size, visitor->channel);
        if (visitor->exposure)
            printf("%lld lists shown, %lld clicks on them\n",
                   (long long)visitor->exposure->impressions, (long long)visitor->exposure->clicks);
        printf("last activities of %u remembered:\n", visitor->count);
        for (uint32_t i = from; i < visitor->count; i++) {
            const struct activity *activity = &visitor->activities[i];
            char *subject = memory_text(activity_subject(visitor, activity));
            printf("  %-11s %-12s %s\n", kind_names[activity->kind], subject,
                   title_of(titles, subject));
            free(subject);
        }
        visitor_free(visitor);
    }
    buffer_release(&value);
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static void show_lists(json_t *record, const struct titles *titles, size_t shown)
{
    size_t i, k;
    json_t *list, *item;
    json_array_foreach(json_object_get(record, "lists"), i, list)
    {
        const char *context = text_of(list, "context_item_id");
        printf("\n%s", text_of(list, "placement"));
        if (*context)
            printf(" for %s %s", context, title_of(titles, context));
        if (*text_of(list, "context_category"))
            printf(" for %s", text_of(list, "context_category"));
        printf("\n");
        json_array_foreach(json_object_get(list, "items"), k, item)
        {
            const char *id = text_of(item, "item_id"), *because = text_of(item, "because_item_id");
            if (k >= shown)
                break;
            printf("  %2zu. %-12s %-48s %6.3f  %s%s%s\n", k + 1, id, title_of(titles, id),
                   json_number_value(json_object_get(item, "score")), text_of(item, "reason"),
                   *because ? " because of " : "", because);
        }
    }
}

/* Whether the record is printed as it is: as it was asked for, or because it is not JSON. */
static bool printed_raw(const struct get *get, const struct buffer *value)
{
    if (!get->json && value->at[0] == '{')
        return false;
    fwrite(value->at, 1, value->size, stdout);
    putchar('\n');
    return true;
}

static int get_visitor(struct get *get, struct bytes id)
{
    struct buffer value = {0};
    struct error error = {0};
    enum verdict verdict =
        newest_record(get, get->topology.topics[TOPIC_RECOMMENDATIONS], id, &value, &error);
    int code = EXIT_DONE;
    if (verdict != VERDICT_OK) {
        code = command_fail(get->command, EXIT_FAILED, "%s",
                            error.message[0] ? error.message : "no lists for this visitor");
    } else if (!printed_raw(get, &value)) {
        struct titles titles = {0};
        json_t *record = json_loadb(value.at, value.size, 0, NULL);
        read_titles(get, &titles);
        printf("visitor %.*s\n", (int)id.size, id.at);
        show_time("lists made", json_integer_value(json_object_get(record, "generated_time")));
        show_time("newest event", json_integer_value(json_object_get(record, "source_event_time")));
        show_activities(get, id, &titles);
        show_lists(record, &titles, get->shown);
        json_decref(record);
        free_titles(&titles);
    }
    buffer_release(&value);
    return code;
}

/* ---- one ranking ---- */

static void show_ranking(json_t *record, const struct titles *titles, size_t shown)
{
    size_t i;
    json_t *item;
    const char *name = text_of(record, "name");
    printf("%s in %s%s%s\n", text_of(record, "ranking"), text_of(record, "scope"), *name ? " " : "",
           name);
    show_time("as of", json_integer_value(json_object_get(record, "event_time")));
    printf("offset of the log %lld\n\n",
           (long long)json_integer_value(json_object_get(record, "offset")));
    json_array_foreach(json_object_get(record, "items"), i, item)
    {
        const char *id = text_of(item, "item_id");
        if (i >= shown)
            break;
        printf("  %2zu. %-12s %-48s %10.3f%s\n", i + 1, id, title_of(titles, id),
               json_number_value(json_object_get(item, "score")),
               json_is_true(json_object_get(item, "found")) ? "  found by its text" : "");
    }
}

/* `name`: NULL: that of searches. */
static enum verdict find_ranking(struct get *get, const char *name, struct buffer *key,
                                 struct error *error)
{
    char written[TEXT_QUERY_BYTES_MAX];
    struct bytes scope_name = bytes_text(get->scope_name);
    int kind = name || get->scope != SCOPE_TERM ? 0 : RANKING_TAKEN;
    while (name && kind < RANKING_KINDS && strcmp(ranking_kind_names[kind], name) != 0)
        kind++;
    if (kind == RANKING_KINDS || (name == NULL && kind != RANKING_TAKEN))
        return error_set(error, VERDICT_SKIP,
                         "say which ranking: viewed, carted, bought, trending, or taken --term T");
    if ((kind == RANKING_TAKEN) != (get->scope == SCOPE_TERM))
        return error_set(error, VERDICT_SKIP, "'taken' goes with --term, and only with it");
    if (get->scope == SCOPE_TERM)
        scope_name = text_query(scope_name, written);
    ranking_key((enum ranking_kind)kind, get->scope, scope_name, key);
    return VERDICT_OK;
}

static int get_ranking(struct get *get, const char *name)
{
    struct buffer key = {0}, value = {0};
    struct error error = {0};
    int code = EXIT_DONE;
    if (find_ranking(get, name, &key, &error) != VERDICT_OK)
        return command_fail(get->command, EXIT_USAGE, "%s", error.message);
    enum verdict verdict = newest_record(get, get->topology.topics[TOPIC_RANKINGS],
                                         buffer_bytes(&key), &value, &error);
    if (verdict != VERDICT_OK) {
        code = error.message[0] ? command_fail(get->command, EXIT_FAILED, "%s", error.message)
                                : command_fail(get->command, EXIT_FAILED,
                                               "there is no ranking %.*s", (int)key.size, key.at);
    } else if (!printed_raw(get, &value)) {
        struct titles titles = {0};
        json_t *record = json_loadb(value.at, value.size, 0, NULL);
        read_titles(get, &titles);
        show_ranking(record, &titles, get->shown);
        json_decref(record);
        free_titles(&titles);
    }
    buffer_release(&key);
    buffer_release(&value);
    return code;
}

/* ---- the model ---- */

/* `part`: visitors or model. */
static enum verdict open_store(struct get *get, const char *part, struct store **ret_store,
                               struct error *error)
{
    char path[2 * CONFIG_TEXT_MAX];
    snprintf(path, sizeof path, "%s/%s", get->config.state_dir, part);
    return store_rocksdb_open(path, true, ret_store, error);
}

/* The model as the state folder has it, or folded anew from the log. */
static enum verdict load_model(struct get *get, struct model *model, struct error *error)
{
    if (strcmp(get->from, "state") == 0) {
        struct store *store;
        enum verdict verdict = open_store(get, "model", &store, error);
        if (verdict != VERDICT_OK)
            return verdict;
        verdict = model_load(model, store, error);
        store->free(store);
        return verdict;
    }
    struct client_reader *reader;
    struct client_message message;
    struct log_reader log;
    enum verdict verdict = client_reader_new(&get->config, get->topology.topics[TOPIC_INTERACTIONS],
                                             0, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    log_reader_init(&log);
    while ((verdict = next_record(reader, &message, error)) == VERDICT_OK) {
        struct log_record record;
        if (log_read(&log, message.value, &record, NULL) == VERDICT_OK)
            pipeline_fold(&get->topology, model, &record);
    }
    log_reader_release(&log);
    client_reader_free(reader);
    return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
}

/* The newest snapshot's rows, into a store of memory. */
static enum verdict read_snapshot(struct get *get, struct store *store,
                                  struct snapshot_header *ret_header, struct error *error)
{
    struct run *run = memory_zero(1, sizeof *run);
    int64_t time_ms;
    run->config = &get->config;
    run->topology = get->topology;
    run->model_store = store;
    enum verdict verdict = snapshots_find(run, ret_header, &time_ms, error);
    if (verdict == VERDICT_SKIP)
        error_set(error, verdict, "there is no snapshot of the model yet");
    if (verdict == VERDICT_OK)
        verdict = snapshots_load(run, ret_header, error);
    if (verdict == VERDICT_SKIP)
        error_set(error, verdict, "the newest snapshot is not whole; try again");
    free(run);
    return verdict;
}

/* The whole model as a file. */
static int get_model(struct get *get, const char *path)
{
    struct error error = {0};
    struct snapshot_header header = {0};
    struct store *store = NULL;
    uint64_t rows = 0;
    enum verdict verdict;
    if (strcmp(get->from, "topics") == 0) {
        store = store_memory_new();
        verdict = read_snapshot(get, store, &header, &error);
    } else {
        verdict = open_store(get, "model", &store, &error);
        if (verdict == VERDICT_OK &&
            store_get_offset(store, 'm', get->topology.topics[TOPIC_INTERACTIONS], 0,
                             &header.offset, &error) == VERDICT_SKIP)
            verdict = error_set(&error, VERDICT_SKIP, "%s has no model of application.id=%s yet",
                                get->config.state_dir, get->config.application_id);
    }
    if (verdict == VERDICT_OK)
        verdict = model_file_write(path, store, header.offset, &rows, &error);
    if (store)
        store->free(store);
    if (verdict != VERDICT_OK)
        return command_fail(get->command, EXIT_FAILED, "%s", error.message);
    printf("the model as of %lld: %llu rows in %s\n", (long long)header.offset,
           (unsigned long long)rows, path);
    return EXIT_DONE;
}

static void show_rules(const struct model *model, uint32_t item, int kind, int direction,
                       uint32_t max)
{
    const struct row *row = &model->items[item].rows[kind][direction];
    if (row->count == 0)
        return;
    printf("%s %s:\n", pair_kind_names[kind], direction == PAIR_FORWARD ? "next" : "before");
    for (uint32_t i = 0; i < row->count && i < max; i++)
        printf("  %-16s %5.1f %%\n", model->items[row->entries[i].item].id.at,
               100 * row->entries[i].weight / row->total);
}

static int get_item(struct get *get, struct bytes id)
{
    struct error error = {0};
    struct model *model = model_new(&get->config.settings.model);
    int code = EXIT_DONE;
    if (load_model(get, model, &error) != VERDICT_OK) {
        code = command_fail(get->command, EXIT_FAILED, "%s", error.message);
    } else {
        uint32_t item = model_find(model, id);
        if (item == ITEM_NONE) {
            code = command_fail(get->command, EXIT_FAILED, "the model does not know this item");
        } else {
            const struct item_counts *counts = &model->items[item].counts;
            printf("item %.*s: %llu views, %llu carts, %llu purchases\n", (int)id.size, id.at,
                   (unsigned long long)counts->count[PAIR_VIEW],
                   (unsigned long long)counts->count[PAIR_CART],
                   (unsigned long long)counts->count[PAIR_PURCHASE]);
            for (int row = 0; row < PAIR_ROWS; row++)
                show_rules(model, item, row / PAIR_DIRECTIONS, row % PAIR_DIRECTIONS,
                           get->neighbours);
        }
    }
    model_free(model);
    return code;
}

/* ---- tables ---- */

struct model_table {
    const char *name;
    void (*dump)(const struct model *model, FILE *to);
};

static const struct model_table model_tables[] = {
    {"cooccurrence", dump_cooccurrence},
    {"popularity", dump_popularity},
    {"queries", dump_queries},
    {"channels", dump_channels},
    {"trends", dump_trends},
    {"vectors", dump_vectors},
    {"weights", dump_weights},
    {NULL, NULL},
};

/* The model's table of that name; NULL: none. */
static const struct model_table *find_table(const char *name)
{
    const struct model_table *table = model_tables;
    while (table->name && strcmp(table->name, name) != 0)
        table++;
    return table->name ? table : NULL;
}

/* The changelog read into a memory store: the newest value of each key. */
static enum verdict dump_changelog(struct get *get, struct error *error)
{
    struct client_reader *reader;
    struct client_message message;
    struct store_batch batch = {0};
    char key[VISITOR_KEY_BYTES_MAX];
    enum verdict verdict =
        client_reader_new(&get->config, get->topology.topics[TOPIC_VISITOR_CHANGELOG],
                          CLIENT_ALL_PARTITIONS, false, &reader, error);
    if (verdict != VERDICT_OK)
        return verdict;
    struct store *store = store_memory_new();
    while ((verdict = next_record(reader, &message, error)) == VERDICT_OK) {
        batch_clear(&batch);
        struct bytes store_key = visitor_store_key(key, message.partition, message.key);
        if (message.value.at)
            batch_put(&batch, FAMILY_VISITOR, store_key, message.value);
        else
            batch_delete(&batch, FAMILY_VISITOR, store_key);
        store->write(store, &batch, NULL);
    }
    client_reader_free(reader);
    if (verdict == VERDICT_SKIP)
        verdict = dump_visitors(store, stdout, error);
    batch_release(&batch);
    store->free(store);
    return verdict;
}

struct printer {
    struct driver_sink sink;
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

static int dump_driver(struct get *get, const char *table, int count, char **files)
{
    struct printer printer = {.sink.written = print_list, .to = stdout};
    bool lists = strcmp(table, "lists") == 0;
    struct driver *driver = NULL;
    struct wire_format wire;
    struct feed feed;
    struct error error = {0};
    struct schema_source own_schemas = wire_own_schemas();
    enum verdict verdict = wire_init_local(&wire, get->wire, &error);
    if (verdict == VERDICT_OK)
        verdict = driver_new(&get->config, lists, lists ? &printer.sink : NULL, &own_schemas,
                             &driver, &error);
    if (verdict == VERDICT_OK)
        verdict = feed_files(driver, &wire, get->format, count, files, &feed, &error);
    if (verdict == VERDICT_OK && strcmp(table, "visitor") == 0)
        verdict = dump_visitors(driver_store(driver), stdout, &error);
    else if (verdict == VERDICT_OK && !lists)
        find_table(table)->dump(driver_model(driver), stdout);
    driver_free(driver);
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(get->command, EXIT_FAILED, "%s", error.message);
}

static int get_table(struct get *get, const char *table, int count, char **files)
{
    struct error error = {0};
    enum verdict verdict = VERDICT_OK;
    bool files_only = strcmp(table, "lists") == 0;
    if (!files_only && strcmp(table, "visitor") != 0 && find_table(table) == NULL)
        return command_fail(get->command, EXIT_USAGE,
                            "there is no table '%s': visitor, cooccurrence, popularity, queries, "
                            "channels, trends, vectors, weights, lists",
                            table);
    if (files_only && strcmp(get->from, "files") != 0)
        return command_fail(get->command, EXIT_USAGE, "lists can be had --from files only");
    if (strcmp(get->from, "files") == 0)
        return dump_driver(get, table, count, files);
    if (strcmp(table, "visitor") != 0) {
        struct model *model = model_new(&get->config.settings.model);
        verdict = load_model(get, model, &error);
        if (verdict == VERDICT_OK)
            find_table(table)->dump(model, stdout);
        model_free(model);
    } else if (strcmp(get->from, "topics") == 0) {
        verdict = dump_changelog(get, &error);
    } else {
        struct store *store;
        verdict = open_store(get, "visitors", &store, &error);
        if (verdict == VERDICT_OK) {
            verdict = dump_visitors(store, stdout, &error);
            store->free(store);
        }
    }
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(get->command, EXIT_FAILED, "%s", error.message);
}

/* What the first words ask for. */
static int get_what(struct get *get, int count, char **words)
{
    struct error error = {0};
    const char *what = words[0];
    if (strcmp(what, "ranking") == 0)
        return get_ranking(get, count > 1 ? words[1] : NULL);
    struct bytes id = bytes_text(words[1]);
    if (strcmp(what, "visitor") == 0 && get->explain)
        return explain_visitor(&get->config, &get->topology, id, &error) == VERDICT_OK
                   ? EXIT_DONE
                   : command_fail(get->command, EXIT_FAILED, "%s", error.message);
    if (strcmp(what, "visitor") == 0)
        return get_visitor(get, id);
    if (strcmp(what, "item") == 0)
        return get_item(get, id);
    if (strcmp(what, "model") == 0 && strcmp(get->from, "files") == 0)
        return command_fail(get->command, EXIT_USAGE, "a model can be had --from state or topics");
    if (strcmp(what, "model") == 0)
        return get_model(get, words[1]);
    if (strcmp(what, "table") == 0)
        return get_table(get, words[1], count - 2, words + 2);
    return command_fail(get->command, EXIT_USAGE,
                        "'%s' can't be got: visitor, ranking, item, table or model", what);
}

static int get_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"from", required_argument, NULL, 'F'},
        {"format", required_argument, NULL, 'f'},
        {"wire", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'j'},
        {"shown", required_argument, NULL, 'n'},
        {"explain", no_argument, NULL, 'e'},
        {"category", required_argument, NULL, SCOPE_OPTION + SCOPE_CATEGORY},
        {"brand", required_argument, NULL, SCOPE_OPTION + SCOPE_BRAND},
        {"gender", required_argument, NULL, SCOPE_OPTION + SCOPE_GENDER},
        {"age-group", required_argument, NULL, SCOPE_OPTION + SCOPE_AGE_GROUP},
        {"term", required_argument, NULL, SCOPE_OPTION + SCOPE_TERM},
        {NULL, 0, NULL, 0},
    };
    struct get get = {
        .command = command, .from = "state", .wire = "json", .neighbours = 10, .shown = SIZE_MAX};
    struct error error = {0};
    int code;
    config_init(&get.config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'F')
            get.from = optarg;
        else if (option == 'f')
            get.format = optarg;
        else if (option == 'w')
            get.wire = optarg;
        else if (option == 'e')
            get.explain = true;
        else if (option == 'j')
            get.json = true;
        else if (option == 'n')
            get.shown = strtoul(optarg, NULL, 10);
        else if (option > SCOPE_OPTION && option < SCOPE_OPTION + RANKING_SCOPES) {
            get.scope = (enum ranking_scope)(option - SCOPE_OPTION);
            get.scope_name = optarg;
        } else if ((code = command_option(command, option, &get.config)) >= 0)
            return code;
    }
    if (strcmp(get.from, "state") != 0 && strcmp(get.from, "topics") != 0 &&
        strcmp(get.from, "files") != 0)
        return command_fail(command, EXIT_USAGE, "--from takes state, topics or files");
    bool ranking = argc > optind && strcmp(argv[optind], "ranking") == 0;
    if (argc - optind < 2 && !ranking)
        return command_fail(command, EXIT_USAGE,
                            "say what to get: visitor ID, ranking NAME, item ID, table NAME, "
                            "model FILE");
    if ((code = command_config(&get.config)) != EXIT_DONE)
        return code;
    if (topology_build(&get.config, &get.topology, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    command_catch_signals();
    return get_what(&get, argc - optind, argv + optind);
}

WEFT_COMMAND(get) = {
    .name = "get",
    .summary =
        "shows a visitor's lists, a ranking, an item's neighbours, or a table; saves the model",
    .usage =
        "visitor ID [OPTION]...\n"
        "       weft get ranking viewed|carted|bought|trending [OPTION]...\n"
        "       weft get ranking --term TERM [OPTION]...\n"
        "       weft get item ID [OPTION]...\n"
        "       weft get table visitor|cooccurrence|popularity|queries|channels|trends|\n"
        "                      vectors|weights|lists [OPTION]... [FILE]...\n"
        "       weft get model FILE [OPTION]...\n\n" COMMAND_OPTIONS_HELP
        "  --json             visitor, ranking: the record as it is in the topic\n"
        "  --shown N          visitor, ranking: only the first N items of each list\n"
        "  --category C       ranking: of a category (\"Women > Coats\"), instead of the whole "
        "shop;\n"
        "                     also --brand B, --gender G, --age-group A\n"
        "  --explain          visitor: the lists made anew from state.dir, and why each other\n"
        "                     candidate was taken out\n"
        "  --from state       item, table, model: from state.dir (default; may run beside weft "
        "run)\n"
        "  --from topics      from the changelog and the interactions log; model: the newest "
        "snapshot\n"
        "  --from files       table: from FILEs, through the in-process driver\n"
        "  --format F         of FILEs; else guessed\n"
        "  --wire W           how the driver gets them: json (default), avro or\n"
        "                     confluent, which needs no registry here\n",
    .order = 5,
    .run = get_command,
};
