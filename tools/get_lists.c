#include "tools/get_lists.h"

#include "processors/recommend/search/text.h"
#include "processors/runtime/log.h"
#include "schemas/early_choice.h"
#include "schemas/output_schemas.h"
#include "state/visitor_codec.h"
#include "tools/explain.h"
#include "tools/get_topics.h"
#include "tools/show.h"

#include <stdio.h>
#include <stdlib.h>

/* Makes JSON of a record of Avro. One that weft did not write stays as it is. */
static void make_json(enum output_schema schema, struct buffer *value)
{
    struct buffer json = {0};
    struct output_reader *reader = output_reader_new();
    if (value->size > 0 &&
        output_reader_json(reader, schema, buffer_bytes(value), &json, NULL) == VERDICT_OK) {
        buffer_clear(value);
        buffer_append(value, json.at, json.size);
    }
    buffer_release(&json);
    output_reader_free(reader);
}

/* Whether the record is printed as it is: because of --json, or because weft did not write it. */
static bool printed_raw(const struct get_request *request, const struct buffer *value)
{
    if (!request->json && value->size > 0 && value->at[0] == '{')
        return false;
    fwrite(value->at, 1, value->size, stdout);
    putchar('\n');
    return true;
}

/* ---- a visitor ---- */

/* The visitor's state, which the caller frees; NULL: there is none, or it can't be read. */
static struct visitor *read_state(const struct get_request *request, struct bytes id)
{
    struct buffer value = {0};
    struct visitor *visitor = NULL;
    if (topic_newest(request, request->topology.topics[TOPIC_VISITOR_CHANGELOG], id, &value,
                     NULL) == VERDICT_OK)
        visitor_decode(0, id, buffer_bytes(&value), &visitor, NULL); /* untouched on failure */
    buffer_release(&value);
    return visitor;
}

static void show_record(const struct get_request *request, struct bytes id,
                        const struct buffer *value)
{
    struct titles titles = {0};
    titles_read(request, &titles);
    struct visitor *state = read_state(request, id);
    const struct shown_lists shown = {
        .visitor = id, .record = buffer_bytes(value), .state = state, .titles = &titles};
    show_lists(&shown, request->shown_max);
    visitor_free(state);
    titles_release(&titles);
}

/* Reads the newest record of a topic, whose times are those of its JSON text. SKIP: none is there.
 */
static enum verdict read_version(const struct get_request *request, const char *topic,
                                 struct bytes id, struct buffer *value,
                                 struct list_version *ret_version, struct error *error)
{
    struct list_version version = {.there = true};
    enum verdict verdict = topic_newest_any(request, topic, id, value, &version.written_ms, error);
    if (verdict != VERDICT_OK)
        return verdict;
    version.tombstone = value->size == 0;
    make_json(SCHEMA_RECOMMENDATION, value);
    read_list_version(buffer_bytes(value), &version);
    *ret_version = version;
    return VERDICT_OK;
}

/* The record that a reader of both topics shows (schemas/early_choice.h), and which one it is. */
static enum verdict read_either(const struct get_request *request, struct bytes id,
                                struct buffer *ret_value, struct error *error)
{
    const char(*topics)[sizeof request->topology.topics[0]] = request->topology.topics;
    struct list_version committed = {0}, early = {0};
    struct buffer ahead = {0};
    enum verdict verdict =
        read_version(request, topics[TOPIC_RECOMMENDATIONS], id, ret_value, &committed, error);
    if (verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error->message[0] == '\0'))
        verdict = read_version(request, topics[TOPIC_EARLY], id, &ahead, &early, error);
    enum early_choice choice = SHOW_NOTHING;
    if (verdict == VERDICT_OK || (verdict == VERDICT_SKIP && error->message[0] == '\0')) {
        choice =
            early_choose(&committed, &early, clock_now_ms(), request->config.early_retention_ms);
        verdict = choice == SHOW_NOTHING ? VERDICT_SKIP : VERDICT_OK;
    }
    if (choice == SHOW_EARLY) {
        buffer_clear(ret_value);
        buffer_append(ret_value, ahead.at, ahead.size);
    }
    if (choice != SHOW_NOTHING && !request->json)
        printf("from %s\n", topics[choice == SHOW_EARLY ? TOPIC_EARLY : TOPIC_RECOMMENDATIONS]);
    buffer_release(&ahead);
    return verdict;
}

int get_visitor(struct get_request *request, int count, char **words)
{
    struct bytes id = bytes_text(words[0]);
    struct buffer value = {0};
    struct error error = {0};
    int code = EXIT_DONE;
    (void)count;
    if (request->explain)
        return explain_visitor(&request->config, &request->topology, id, &error) == VERDICT_OK
                   ? EXIT_DONE
                   : command_fail(request->command, EXIT_FAILED, "%s", error.message);
    enum verdict verdict =
        request->topology.early
            ? read_either(request, id, &value, &error)
            : topic_newest(request, request->topology.topics[TOPIC_RECOMMENDATIONS], id, &value,
                           &error);
    make_json(SCHEMA_RECOMMENDATION, &value);
    if (verdict != VERDICT_OK)
        code = command_fail(request->command, EXIT_FAILED, "%s",
                            error.message[0] ? error.message : "no lists for this visitor");
    else if (!printed_raw(request, &value))
        show_record(request, id, &value);
    buffer_release(&value);
    return code;
}

/* ---- a ranking ---- */

static void show_newest(const struct get_request *request, const struct buffer *value)
{
    struct titles titles = {0};
    titles_read(request, &titles);
    show_ranking(buffer_bytes(value), &titles, request->shown_max);
    titles_release(&titles);
}

/* Appends the key of the ranking. `name` NULL: the ranking of a search term. SKIP: the words fit
 * no ranking. */
static enum verdict ranking_key_of(const struct get_request *request, const char *name,
                                   struct buffer *key, struct error *error)
{
    char written[TEXT_QUERY_BYTES_MAX];
    struct bytes scope_name = bytes_text(request->scope_name);
    bool of_term = request->scope == SCOPE_TERM;
    int kind = name || !of_term ? 0 : RANKING_TAKEN;
    while (name && kind < RANKING_KINDS && strcmp(ranking_kind_names[kind], name) != 0)
        kind++;
    if (kind == RANKING_KINDS || (name == NULL && !of_term))
        return error_set(error, VERDICT_SKIP,
                         "say which ranking: viewed, carted, bought, trending, or taken --term T");
    if ((kind == RANKING_TAKEN) != of_term)
        return error_set(error, VERDICT_SKIP, "'taken' goes with --term, and only with it");
    if (of_term)
        scope_name = text_query(scope_name, written);
    ranking_key((enum ranking_kind)kind, request->scope, scope_name, key);
    return VERDICT_OK;
}

int get_ranking(struct get_request *request, int count, char **words)
{
    struct buffer key = {0}, value = {0};
    struct error error = {0};
    int code = EXIT_DONE;
    if (ranking_key_of(request, count > 0 ? words[0] : NULL, &key, &error) != VERDICT_OK)
        return command_fail(request->command, EXIT_USAGE, "%s", error.message);
    enum verdict verdict = topic_newest(request, request->topology.topics[TOPIC_RANKINGS],
                                        buffer_bytes(&key), &value, &error);
    if (verdict != VERDICT_OK)
        error_set(&error, verdict, "there is no ranking %.*s", (int)key.size, key.at);
    make_json(SCHEMA_RANKING, &value);
    if (verdict != VERDICT_OK)
        code = command_fail(request->command, EXIT_FAILED, "%s", error.message);
    else if (!printed_raw(request, &value))
        show_newest(request, &value);
    buffer_release(&key);
    buffer_release(&value);
    return code;
}

/* ---- the lists of an item ---- */

int get_item_lists(struct get_request *request, int count, char **words)
{
    struct buffer value = {0};
    struct error error = {0};
    struct titles titles = {0};
    int code = EXIT_DONE;
    (void)count;
    enum verdict verdict = topic_newest(request, request->topology.topics[TOPIC_ITEMS],
                                        bytes_text(words[0]), &value, &error);
    make_json(SCHEMA_ITEM_LISTS, &value);
    if (verdict != VERDICT_OK) {
        code = command_fail(request->command, EXIT_FAILED, "%s",
                            error.message[0] ? error.message : "no lists of this item");
    } else if (!printed_raw(request, &value)) {
        titles_read(request, &titles);
        show_item_lists(buffer_bytes(&value), &titles, request->shown_max);
        titles_release(&titles);
    }
    buffer_release(&value);
    return code;
}
