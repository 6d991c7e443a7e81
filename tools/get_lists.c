#include "tools/get_lists.h"

#include "processors/recommend/search/text.h"
#include "state/visitor_codec.h"
#include "tools/explain.h"
#include "tools/get_topics.h"
#include "tools/printable.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ACTIVITIES_SHOWN 10

static void show_time(const char *label, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm utc;
    char text[40];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
    print_text("%s %s.%03d UTC\n", label, text, (int)(ms % 1000));
}

static const char *text_of(json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static int64_t number_of(json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static double score_of(json_t *item)
{
    return json_number_value(json_object_get(item, "score"));
}

/* Whether the record is printed as it is: because of --json, or because it is Avro. */
static bool printed_raw(const struct get_request *request, const struct buffer *value)
{
    if (!request->json && value->at[0] == '{')
        return false;
    fwrite(value->at, 1, value->size, stdout);
    putchar('\n');
    return true;
}

/* ---- a visitor ---- */

static void show_visitor(const struct visitor *visitor, const struct titles *titles)
{
    uint32_t from = visitor->count > ACTIVITIES_SHOWN ? visitor->count - ACTIVITIES_SHOWN : 0;
    if (visitor->declared)
        print_text("declared: gender %.*s, age group %.*s\n", (int)visitor->gender_size,
                   visitor->declared, (int)visitor->age_group_size,
                   visitor->declared + visitor->gender_size);
    if (visitor->channel)
        print_text("came by: %.*s\n", (int)visitor->channel_size, visitor->channel);
    if (visitor->exposure)
        print_text("%lld lists shown, %lld clicks on them\n",
                   (long long)visitor->exposure->impressions, (long long)visitor->exposure->clicks);
    print_text("last activities of %u remembered:\n", visitor->count);
    for (uint32_t i = from; i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        char *subject = memory_text(activity_subject(visitor, activity));
        print_text("  %-11s %-12s %s\n", kind_names[activity->kind], subject,
                   titles_find(titles, subject));
        free(subject);
    }
}

static void show_state(const struct get_request *request, struct bytes id,
                       const struct titles *titles)
{
    struct buffer value = {0};
    struct visitor *visitor;
    if (topic_newest(request, request->topology.topics[TOPIC_VISITOR_CHANGELOG], id, &value,
                     NULL) == VERDICT_OK &&
        visitor_decode(0, id, buffer_bytes(&value), &visitor, NULL) == VERDICT_OK) {
        show_visitor(visitor, titles);
        visitor_free(visitor);
    }
    buffer_release(&value);
}

static void show_list(json_t *list, const struct titles *titles, size_t shown_max)
{
    size_t i;
    json_t *item;
    const char *context = text_of(list, "context_item_id");
    const char *category = text_of(list, "context_category");
    print_text("\n%s", text_of(list, "placement"));
    if (*context)
        print_text(" for %s %s", context, titles_find(titles, context));
    if (*category)
        print_text(" for %s", category);
    print_text("\n");
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        const char *id = text_of(item, "item_id"), *because = text_of(item, "because_item_id");
        if (i >= shown_max)
            break;
        print_text("  %2zu. %-12s %-48s %6.3f  %s%s%s\n", i + 1, id, titles_find(titles, id),
                   score_of(item), text_of(item, "reason"), *because ? " because of " : "",
                   because);
    }
}

static void show_record(const struct get_request *request, struct bytes id,
                        const struct buffer *value)
{
    struct titles titles = {0};
    json_t *list, *record = json_loadb(value->at, value->size, 0, NULL);
    size_t i;
    titles_read(request, &titles);
    print_text("visitor %.*s\n", (int)id.size, id.at);
    show_time("lists made", number_of(record, "generated_time"));
    show_time("newest event", number_of(record, "source_event_time"));
    show_state(request, id, &titles);
    json_array_foreach(json_object_get(record, "lists"), i, list)
        show_list(list, &titles, request->shown_max);
    json_decref(record);
    titles_release(&titles);
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
        topic_newest(request, request->topology.topics[TOPIC_RECOMMENDATIONS], id, &value, &error);
    if (verdict != VERDICT_OK)
        code = command_fail(request->command, EXIT_FAILED, "%s",
                            error.message[0] ? error.message : "no lists for this visitor");
    else if (!printed_raw(request, &value))
        show_record(request, id, &value);
    buffer_release(&value);
    return code;
}

/* ---- a ranking ---- */

static void show_ranking(const struct get_request *request, const struct buffer *value)
{
    struct titles titles = {0};
    json_t *item, *record = json_loadb(value->at, value->size, 0, NULL);
    const char *name = text_of(record, "name");
    size_t i;
    titles_read(request, &titles);
    print_text("%s in %s%s%s\n", text_of(record, "ranking"), text_of(record, "scope"),
               *name ? " " : "", name);
    show_time("as of", number_of(record, "event_time"));
    print_text("offset of the log %lld\n\n", (long long)number_of(record, "offset"));
    json_array_foreach(json_object_get(record, "items"), i, item)
    {
        const char *id = text_of(item, "item_id");
        if (i >= request->shown_max)
            break;
        print_text("  %2zu. %-12s %-48s %10.3f%s\n", i + 1, id, titles_find(&titles, id),
                   score_of(item),
                   json_is_true(json_object_get(item, "found")) ? "  found by its text" : "");
    }
    json_decref(record);
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
    if (verdict != VERDICT_OK)
        code = command_fail(request->command, EXIT_FAILED, "%s", error.message);
    else if (!printed_raw(request, &value))
        show_ranking(request, &value);
    buffer_release(&key);
    buffer_release(&value);
    return code;
}
