/* The records that weft writes: lists as JSON and Avro, read back by jansson and avro-c; the other
 * records that it writes itself follow their .avsc files too. */
#include "schemas/codec.h"
#include "schemas/ranking.h"
#include "schemas/output_schemas.h"
#include "schemas/recommendation.h"
#include "state/visitor_table.h"
#include "tests/test_events.h"

#include <avro.h>
#include <jansson.h>

static const char *const reasons[] = {"viewed_next", "popular", "bought_together"};

static struct recommendation random_lists(struct random *random, struct arena *arena)
{
    struct recommendation recommendation = {
        .visitor = random_text(random, arena, true),
        .id = random_next(random),
        .generated_time_ms = (int64_t)(random_next(random) >> 20),
        .source_event_time_ms = (int64_t)(random_next(random) >> 20),
        .list_count = random_below(random, 4),
    };
    if (random_one_in(random, 2))
        recommendation.experiment_variant = random_text(random, arena, true);
    struct list *lists = arena_get(arena, recommendation.list_count * sizeof *lists);
    for (uint32_t i = 0; i < recommendation.list_count; i++) {
        struct list *list = &lists[i];
        *list = (struct list){.placement = i ? "product" : "home",
                              .item_count = random_below(random, 6)};
        if (random_one_in(random, 2))
            list->context_item_id = random_text(random, arena, true);
        if (random_one_in(random, 2))
            list->search_term = random_text(random, arena, true);
        if (random_one_in(random, 3))
            list->context_category = random_text(random, arena, true);
        list->items = arena_get(arena, list->item_count * sizeof *list->items);
        for (uint32_t k = 0; k < list->item_count; k++)
            list->items[k] = (struct list_item){
                .item_id = random_text(random, arena, true),
                .score = (float)random_below(random, 1000000) / 4096 -
                         (random_one_in(random, 4) ? 200 : 0),
                .reason = reasons[random_below(random, 3)],
                .propensity =
                    random_one_in(random, 3) ? (float)(1 + random_below(random, 1000)) / 1000 : 0,
                .because_item_id =
                    random_one_in(random, 2) ? random_text(random, arena, true) : bytes_of(NULL, 0),
            };
    }
    recommendation.lists = lists;
    return recommendation;
}

static struct bytes json_bytes(json_t *object, const char *name)
{
    json_t *text = json_object_get(object, name);
    return text ? bytes_of(json_string_value(text), json_string_length(text)) : bytes_of(NULL, 0);
}

static void check_json_list(json_t *json, const struct list *list)
{
    json_t *items = json_object_get(json, "items");
    CHECK_BYTES(json_bytes(json, "placement"), bytes_text(list->placement));
    CHECK(same_text(json_bytes(json, "context_item_id"), list->context_item_id));
    CHECK(same_text(json_bytes(json, "search_term"), list->search_term));
    CHECK(same_text(json_bytes(json, "context_category"), list->context_category));
    CHECK_INT(json_array_size(items), list->item_count);
    for (uint32_t i = 0; i < list->item_count; i++) {
        json_t *item = json_array_get(items, i);
        CHECK(same_text(json_bytes(item, "item_id"), list->items[i].item_id));
        CHECK_BYTES(json_bytes(item, "reason"), bytes_text(list->items[i].reason));
        CHECK(same_text(json_bytes(item, "because_item_id"), list->items[i].because_item_id));
        CHECK(fabs(json_number_value(json_object_get(item, "propensity")) -
                   (double)list->items[i].propensity) < 1e-6);
        CHECK((json_object_get(item, "propensity") != NULL) == (list->items[i].propensity > 0));
        double score = json_real_value(json_object_get(item, "score"));
        double most = .00005 + 2e-7 * fabs(score); /* four decimals of a float */
        CHECK_SAY(fabs(score - (double)list->items[i].score) <= most, "score %g as %g",
                  (double)list->items[i].score, score);
    }
}

static void check_json(const struct recommendation *recommendation, struct bytes text)
{
    char id[20];
    json_t *json = json_loadb(text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
    json_t *lists = json_object_get(json, "lists");
    CHECK_SAY(json != NULL, "not JSON: %.*s", (int)text.size, text.at);
    CHECK(memchr(text.at, '\n', text.size) == NULL);
    snprintf(id, sizeof id, "%016" PRIx64, recommendation->id);
    CHECK_BYTES(json_bytes(json, "recommendation_id"), bytes_text(id));
    CHECK(same_text(json_bytes(json, "visitor"), recommendation->visitor));
    CHECK(same_text(json_bytes(json, "experiment_variant"), recommendation->experiment_variant));
    CHECK_INT(json_integer_value(json_object_get(json, "generated_time")),
              recommendation->generated_time_ms);
    CHECK_INT(json_integer_value(json_object_get(json, "source_event_time")),
              recommendation->source_event_time_ms);
    CHECK_INT(json_array_size(lists), recommendation->list_count);
    for (uint32_t i = 0; i < recommendation->list_count; i++)
        check_json_list(json_array_get(lists, i), &recommendation->lists[i]);
    json_decref(json);
}

static avro_value_t field_of(const avro_value_t *value, const char *name)
{
    avro_value_t field = {0}, branch = {0};
    CHECK(avro_value_get_by_name(value, name, &field, NULL) == 0);
    if (avro_value_get_type(&field) == AVRO_UNION) {
        avro_value_get_current_branch(&field, &branch);
        return branch;
    }
    return field;
}

static struct bytes text_of(const avro_value_t *value, const char *name)
{
    avro_value_t field = field_of(value, name);
    const char *text = NULL;
    size_t size = 0;
    if (avro_value_get_type(&field) == AVRO_NULL)
        return bytes_of(NULL, 0);
    avro_value_get_string(&field, &text, &size);
    return bytes_of(text, size - 1);
}

static int64_t long_of(const avro_value_t *value, const char *name)
{
    avro_value_t field = field_of(value, name);
    int64_t number = 0;
    avro_value_get_long(&field, &number);
    return number;
}

/* The record behind its header of ten bytes, read by avro-c to its last byte. */
static avro_value_t read_record(const char *schema_name, struct bytes record)
{
    struct bytes text = schema_text(schema_name);
    avro_schema_t schema = NULL;
    avro_value_t value;
    char header[10] = "\xC3\x01";
    uint64_t fingerprint = schema_fingerprint(schema_name);
    for (int i = 0; i < 8; i++)
        header[2 + i] = (char)(fingerprint >> 8 * i);
    CHECK_BYTES(bytes_of(record.at, 10), bytes_of(header, 10));
    avro_schema_from_json_length(text.at, text.size, &schema);
    avro_value_iface_t *iface = avro_generic_class_from_schema(schema);
    avro_generic_value_new(iface, &value);
    avro_reader_t reader = avro_reader_memory(record.at + 10, (int64_t)record.size - 10);
    CHECK_SAY(avro_value_read(reader, &value) == 0, "%s", avro_strerror());
    size_t size = 0;
    avro_value_sizeof(&value, &size);
    CHECK_INT(size, record.size - 10);
    avro_reader_free(reader);
    avro_value_iface_decref(iface);
    avro_schema_decref(schema);
    return value;
}

static void check_avro(const struct recommendation *recommendation, struct bytes record)
{
    avro_value_t value = read_record("recommendation", record), lists, list, items, item, field;
    size_t count = 0;
    float score = 0;
    char id[20];
    snprintf(id, sizeof id, "%016" PRIx64, recommendation->id);
    CHECK_BYTES(text_of(&value, "recommendation_id"), bytes_text(id));
    CHECK(same_text(text_of(&value, "visitor"), recommendation->visitor));
    CHECK(same_text(text_of(&value, "experiment_variant"), recommendation->experiment_variant));
    CHECK_INT(long_of(&value, "generated_time"), recommendation->generated_time_ms);
    CHECK_INT(long_of(&value, "source_event_time"), recommendation->source_event_time_ms);
    lists = field_of(&value, "lists");
    avro_value_get_size(&lists, &count);
    CHECK_INT(count, recommendation->list_count);
    for (size_t i = 0; i < count; i++) {
        const struct list *expected = &recommendation->lists[i];
        size_t item_count = 0;
        avro_value_get_by_index(&lists, i, &list, NULL);
        CHECK_BYTES(text_of(&list, "placement"), bytes_text(expected->placement));
        CHECK(same_text(text_of(&list, "context_item_id"), expected->context_item_id));
        CHECK(same_text(text_of(&list, "search_term"), expected->search_term));
        CHECK(same_text(text_of(&list, "context_category"), expected->context_category));
        items = field_of(&list, "items");
        avro_value_get_size(&items, &item_count);
        CHECK_INT(item_count, expected->item_count);
        for (size_t k = 0; k < item_count; k++) {
            avro_value_get_by_index(&items, k, &item, NULL);
            CHECK_BYTES(text_of(&item, "item_id"), expected->items[k].item_id);
            CHECK_BYTES(text_of(&item, "reason"), bytes_text(expected->items[k].reason));
            CHECK(same_text(text_of(&item, "because_item_id"), expected->items[k].because_item_id));
            field = field_of(&item, "score");
            avro_value_get_float(&field, &score);
            CHECK_REAL(score, expected->items[k].score);
            field = field_of(&item, "propensity");
            score = 0;
            if (avro_value_get_type(&field) != AVRO_NULL)
                avro_value_get_float(&field, &score);
            CHECK_REAL(score, expected->items[k].propensity);
        }
    }
    avro_value_decref(&value);
}

static void check_json_ranking(const struct ranking *ranking, struct bytes text)
{
    json_t *json = json_loadb(text.at, text.size, JSON_REJECT_DUPLICATES, NULL);
    json_t *items = json_object_get(json, "items");
    CHECK_SAY(json != NULL, "not JSON: %.*s", (int)text.size, text.at);
    CHECK_BYTES(json_bytes(json, "ranking"), bytes_text(ranking_kind_names[ranking->kind]));
    CHECK_BYTES(json_bytes(json, "scope"), bytes_text(ranking_scope_names[ranking->scope]));
    CHECK(same_text(json_bytes(json, "name"), ranking->name));
    CHECK_INT(json_integer_value(json_object_get(json, "offset")), ranking->offset);
    CHECK_INT(json_integer_value(json_object_get(json, "event_time")), ranking->event_time_ms);
    CHECK_INT(json_array_size(items), ranking->item_count);
    for (uint32_t i = 0; i < ranking->item_count; i++) {
        json_t *item = json_array_get(items, i);
        CHECK(same_text(json_bytes(item, "item_id"), ranking->items[i].item_id));
        CHECK(fabs(json_real_value(json_object_get(item, "score")) - ranking->items[i].score) <
              .0001);
        CHECK(json_is_true(json_object_get(item, "found")) == ranking->items[i].found);
    }
    json_decref(json);
}

static void check_avro_ranking(const struct ranking *ranking, struct bytes record)
{
    avro_value_t value = read_record("ranking", record), items = field_of(&value, "items"), item;
    size_t count = 0;
    CHECK_BYTES(text_of(&value, "ranking"), bytes_text(ranking_kind_names[ranking->kind]));
    CHECK_BYTES(text_of(&value, "scope"), bytes_text(ranking_scope_names[ranking->scope]));
    CHECK(same_text(text_of(&value, "name"), ranking->name));
    CHECK_INT(long_of(&value, "offset"), ranking->offset);
    CHECK_INT(long_of(&value, "event_time"), ranking->event_time_ms);
    avro_value_get_size(&items, &count);
    CHECK_INT(count, ranking->item_count);
    for (size_t i = 0; i < count; i++) {
        double score = 0;
        int found = 0;
        avro_value_get_by_index(&items, i, &item, NULL);
        CHECK_BYTES(text_of(&item, "item_id"), ranking->items[i].item_id);
        avro_value_t field = field_of(&item, "score");
        avro_value_get_double(&field, &score);
        CHECK_REAL(score, ranking->items[i].score);
        field = field_of(&item, "found");
        avro_value_get_boolean(&field, &found);
        CHECK_INT(found, ranking->items[i].found);
    }
    avro_value_decref(&value);
}

static void test_recommendations(void)
{
    const struct output_frames frames = output_frames_single();
    struct random random = random_from(61);
    struct arena arena = {0};
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++) {
        struct recommendation recommendation = random_lists(&random, &arena);
        buffer_clear(&buffer);
        recommendation_write_json(&recommendation, &buffer);
        check_json(&recommendation, buffer_bytes(&buffer));
        buffer_clear(&buffer);
        recommendation_write_avro(&recommendation, &frames.of[SCHEMA_RECOMMENDATION], &buffer);
        check_avro(&recommendation, buffer_bytes(&buffer));
        arena_clear(&arena);
    }
    buffer_release(&buffer);
    arena_release(&arena);
}

/* Rankings, their key, and that their version is that of their items in their order. */
static void test_rankings(void)
{
    const struct output_frames frames = output_frames_single();
    struct random random = random_from(63);
    struct arena arena = {0};
    struct buffer buffer = {0};
    for (int i = 0; i < 1000; i++) {
        struct ranking_item items[5];
        struct ranking ranking = {
            .kind = (enum ranking_kind)random_below(&random, RANKING_KINDS),
            .scope = (enum ranking_scope)random_below(&random, RANKING_SCOPES),
            .name =
                random_one_in(&random, 3) ? bytes_of(NULL, 0) : random_text(&random, &arena, true),
            .offset = (int64_t)(random_next(&random) >> 2),
            .event_time_ms = (int64_t)(random_next(&random) >> 20),
            .items = items,
            .item_count = random_below(&random, 6),
        };
        for (uint32_t k = 0; k < ranking.item_count; k++)
            items[k] = (struct ranking_item){.item_id = random_text(&random, &arena, true),
                                             .score = (double)random_below(&random, 1 << 30) / 8,
                                             .found = random_one_in(&random, 2)};
        buffer_clear(&buffer);
        ranking_write_json(&ranking, &buffer);
        check_json_ranking(&ranking, buffer_bytes(&buffer));
        buffer_clear(&buffer);
        ranking_write_avro(&ranking, &frames.of[SCHEMA_RANKING], &buffer);
        check_avro_ranking(&ranking, buffer_bytes(&buffer));
        uint64_t version = ranking_version(&ranking);
        if (ranking.item_count > 1) {
            items[0].score += 1;
            CHECK(ranking_version(&ranking) == version);
            items[0].found = !items[0].found;
            CHECK(ranking_version(&ranking) != version);
            items[0].found = !items[0].found;
            struct ranking_item first = items[0];
            items[0] = items[1];
            items[1] = first;
            CHECK(ranking_version(&ranking) != version ||
                  bytes_equal(items[0].item_id, items[1].item_id));
        }
        arena_clear(&arena);
    }
    buffer_clear(&buffer);
    ranking_key(RANKING_TRENDING, SCOPE_CATEGORY, bytes_text("A | B > C"), &buffer);
    CHECK_BYTES(buffer_bytes(&buffer), bytes_text("trending|category|A | B > C"));
    buffer_clear(&buffer);
    ranking_key(RANKING_VIEWED, SCOPE_SHOP, bytes_of(NULL, 0), &buffer);
    CHECK_BYTES(buffer_bytes(&buffer), bytes_text("viewed|shop"));
    buffer_release(&buffer);
    arena_release(&arena);
}

static void test_visitors(void)
{
    struct random random = random_from(62);
    struct arena arena = {0};
    struct store *store = store_memory_new();
    struct visitor_table *table = visitor_table_new(store, 0);
    struct visitor *visitor;
    CHECK(visitor_table_get(table, 1, bytes_text("v"), &visitor, NULL) == VERDICT_OK);
    visitor_table_mark_dirty(table, visitor);
    for (uint32_t i = 0; i < 40; i++) {
        struct activity next = {.time_ms = random_below(&random, 1000000),
                                .event_hash = random_next(&random),
                                .price = NAN,
                                .kind = KIND_VIEW};
        visitor_insert(visitor, visitor_position(visitor, next.time_ms, KIND_VIEW), next,
                       random_text(&random, &arena, false), 30, NULL);
        visitor_count_exposure(visitor, random_below(&random, UINT32_MAX),
                               random_one_in(&random, 2));
        visitor_set_declared(visitor, random_text(&random, &arena, false),
                             random_text(&random, &arena, false));
        avro_value_t value = read_record("visitor", visitor_table_encode(table, visitor));
        avro_value_t activities = field_of(&value, "activities"), activity;
        size_t count = 0;
        int64_t time_ms = 0;
        avro_value_get_size(&activities, &count);
        CHECK_INT(count, visitor->count);
        CHECK_INT(long_of(&value, "accepted"), visitor->accepted);
        CHECK_INT(long_of(&value, "latest_time"), visitor->latest_time_ms);
        for (size_t k = 0; k < count; k++) {
            avro_value_get_by_index(&activities, k, &activity, NULL);
            time_ms += long_of(&activity, "elapsed_ms");
            CHECK_INT(time_ms, visitor->activities[k].time_ms);
            CHECK_INT(long_of(&activity, "event_hash"), (int64_t)visitor->activities[k].event_hash);
            CHECK_BYTES(text_of(&activity, "subject"),
                        activity_subject(visitor, &visitor->activities[k]));
        }
        CHECK_BYTES(text_of(&value, "gender"), visitor_gender(visitor));
        CHECK_BYTES(text_of(&value, "age_group"), visitor_age_group(visitor));
        CHECK_INT(long_of(&value, "impressions"), visitor->exposure->impressions);
        CHECK_INT(long_of(&value, "clicks"), visitor->exposure->clicks);
        avro_value_t marks = field_of(&value, "marks"), mark;
        avro_value_get_size(&marks, &count);
        CHECK_INT(count, visitor->exposure->mark_count);
        for (size_t k = 0; k < count; k++) {
            int32_t found = 0;
            avro_value_get_by_index(&marks, k, &mark, NULL);
            CHECK(avro_value_get_int(&mark, &found) == 0 &&
                  (uint32_t)found == visitor->exposure->marks[k]);
        }
        avro_value_decref(&value);
    }
    visitor_table_free(table);
    store->free(store);
    arena_release(&arena);
}

int main(void)
{
    TEST_RUN(test_recommendations);
    TEST_RUN(test_rankings);
    TEST_RUN(test_visitors);
    return test_done();
}
