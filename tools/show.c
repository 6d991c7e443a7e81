#include "tools/show.h"

#include "tools/printable.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

#define ACTIVITIES_SHOWN 10

/* Any number, as a record may hold it. */
static void show_time(const char *label, int64_t ms)
{
    int64_t rest = (ms % 1000 + 1000) % 1000;
    time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm utc;
    char text[40];
    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc) == 0)
        print_text("%s %lld ms after 1970\n", label, (long long)ms);
    else
        print_text("%s %s.%03d UTC\n", label, text, (int)rest);
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

static void show_list(json_t *list, const struct titles *titles, size_t items_max)
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
        if (i >= items_max)
            break;
        print_text("  %2zu. %-12s %-48s %6.3f  %s%s%s\n", i + 1, id, titles_find(titles, id),
                   score_of(item), text_of(item, "reason"), *because ? " because of " : "",
                   because);
    }
}

void read_list_version(struct bytes record, struct list_version *ret_version)
{
    json_t *object = json_loadb(record.at, record.size, 0, NULL);
    ret_version->generated_time_ms = number_of(object, "generated_time");
    ret_version->source_event_time_ms = number_of(object, "source_event_time");
    ret_version->recommendation_id = strtoull(text_of(object, "recommendation_id"), NULL, 16);
    json_decref(object);
}

void show_lists(const struct shown_lists *shown, size_t items_max)
{
    size_t i;
    json_t *list, *record = json_loadb(shown->record.at, shown->record.size, 0, NULL);
    print_text("visitor %.*s\n", (int)shown->visitor.size, shown->visitor.at);
    show_time("lists made", number_of(record, "generated_time"));
    show_time("newest event", number_of(record, "source_event_time"));
    if (shown->state)
        show_visitor(shown->state, shown->titles);
    json_array_foreach(json_object_get(record, "lists"), i, list)
        show_list(list, shown->titles, items_max);
    json_decref(record);
}

/* ---- a ranking ---- */

void show_ranking(struct bytes ranking, const struct titles *titles, size_t items_max)
{
    json_t *item, *record = json_loadb(ranking.at, ranking.size, 0, NULL);
    const char *name = text_of(record, "name");
    size_t i;
    print_text("%s in %s%s%s\n", text_of(record, "ranking"), text_of(record, "scope"),
               *name ? " " : "", name);
    show_time("as of", number_of(record, "event_time"));
    print_text("offset of the log %lld\n\n", (long long)number_of(record, "offset"));
    json_array_foreach(json_object_get(record, "items"), i, item)
    {
        const char *id = text_of(item, "item_id");
        if (i >= items_max)
            break;
        print_text("  %2zu. %-12s %-48s %10.3f%s\n", i + 1, id, titles_find(titles, id),
                   score_of(item),
                   json_is_true(json_object_get(item, "found")) ? "  found by its text" : "");
    }
    json_decref(record);
}

/* ---- the lists of an item ---- */

void show_item_lists(struct bytes record, const struct titles *titles, size_t items_max)
{
    json_t *list, *item, *object = json_loadb(record.at, record.size, 0, NULL);
    const char *id = text_of(object, "item_id");
    size_t i, k;
    print_text("item %s %s\n", id, titles_find(titles, id));
    show_time("as of", number_of(object, "event_time"));
    print_text("offset of the log %lld, catalogue %s, rules %s\n",
               (long long)number_of(object, "offset"), text_of(object, "catalogue"),
               text_of(object, "rules"));
    json_array_foreach(json_object_get(object, "lists"), i, list)
    {
        print_text("\n%s\n", text_of(list, "list"));
        json_array_foreach(json_object_get(list, "items"), k, item)
        {
            id = text_of(item, "item_id");
            if (k >= items_max)
                break;
            print_text("  %2zu. %-12s %-48s %8.4f  %s\n", k + 1, id, titles_find(titles, id),
                       score_of(item), text_of(item, "reason"));
        }
    }
    json_decref(object);
}
