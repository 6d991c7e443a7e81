#include "tools/dump.h"

#include "state/visitor_codec.h"

#include <math.h>
#include <stdlib.h>

/* Writes and releases the line. */
static void put(FILE *to, struct buffer *line)
{
    buffer_byte(line, '\n');
    fwrite(line->at, 1, line->size, to);
    buffer_release(line);
}

void dump_visitor(const struct visitor *visitor, FILE *to)
{
    struct buffer line = {0};
    buffer_text(&line, "{\"visitor\":");
    buffer_json(&line, visitor_key(visitor));
    buffer_format(&line,
                  ",\"accepted\":%lld,\"latest_time\":%lld,\"truncated\":%s,\"activities\":[",
                  (long long)visitor->accepted, (long long)visitor->latest_time_ms,
                  visitor->truncated ? "true" : "false");
    for (uint32_t i = 0; i < visitor->count; i++) {
        const struct activity *activity = &visitor->activities[i];
        buffer_format(&line, "%s{\"kind\":\"%s\",\"subject\":", i > 0 ? "," : "",
                      kind_names[activity->kind]);
        buffer_json(&line, activity_subject(visitor, activity));
        buffer_format(&line, ",\"time\":%lld", (long long)activity->time_ms);
        if (!isnan(activity->price))
            buffer_format(&line, ",\"price\":%.9g", (double)activity->price);
        if (activity->counting == COUNTING_TAKEN_BACK)
            buffer_text(&line, ",\"taken_back\":true");
        if (activity->counting == COUNTING_QUARANTINED)
            buffer_text(&line, ",\"quarantined\":true");
        buffer_byte(&line, '}');
    }
    buffer_text(&line, "],\"gender\":");
    buffer_json(&line, visitor_gender(visitor));
    buffer_text(&line, ",\"age_group\":");
    buffer_json(&line, visitor_age_group(visitor));
    buffer_text(&line, ",\"channel\":");
    buffer_json(&line, visitor_channel(visitor));
    const struct exposure *exposure = visitor->exposure;
    buffer_format(
        &line, ",\"impressions\":%lld,\"clicks\":%lld,\"refused\":%s,\"order_lines\":%u,\"cart\":[",
        exposure ? (long long)exposure->impressions : 0LL,
        exposure ? (long long)exposure->clicks : 0LL, visitor->refused ? "true" : "false",
        (unsigned)visitor->orders.count);
    uint32_t at = 0;
    for (struct bytes item_id; (item_id = cart_next(&visitor->cart, &at)).at;) {
        buffer_text(&line, line.at[line.size - 1] == '[' ? "" : ",");
        buffer_json(&line, item_id);
    }
    buffer_format(&line, "],\"suspect\":\"%s\"}", noise_reason_names[visitor->noise.reason]);
    put(to, &line);
}

struct dumper {
    struct store_visitor visitor;
    FILE *to;
};

static enum verdict dump_row(struct store_visitor *self, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct dumper *dumper = (struct dumper *)(void *)self;
    struct visitor *visitor;
    if (key.size < 2)
        return error_set(error, VERDICT_FATAL, "a key of the visitor table is damaged");
    enum verdict verdict =
        visitor_decode(0, bytes_of(key.at + 2, key.size - 2), value, &visitor, error);
    if (verdict != VERDICT_OK)
        return VERDICT_FATAL;
    dump_visitor(visitor, dumper->to);
    visitor_free(visitor);
    return VERDICT_OK;
}

enum verdict dump_visitors(struct store *store, FILE *to, struct error *error)
{
    struct dumper dumper = {.visitor.row = dump_row, .to = to};
    return store->scan(store, FAMILY_VISITOR, bytes_of("", 0), &dumper.visitor, error);
}

/* A row with the id that it is sorted by. */
struct named {
    struct bytes id;
    uint32_t item; /* its number in the table */
};

static int name_order(const void *a, const void *b)
{
    return bytes_compare(((const struct named *)a)->id, ((const struct named *)b)->id);
}

/* All items in the order of their ids; the caller frees the array. */
static struct named *sorted_items(const struct model *model)
{
    struct named *items = memory_get(model->item_count * sizeof *items);
    for (uint32_t i = 0; i < model->item_count; i++)
        items[i] = (struct named){.id = model->items[i].id, .item = i};
    qsort(items, model->item_count, sizeof *items, name_order);
    return items;
}

static void dump_row_of(const struct model *model, uint32_t item, int kind, int direction, FILE *to)
{
    const struct row *row = &model->items[item].rows[kind][direction];
    if (row->count == 0)
        return;
    struct named *entries = memory_get(row->count * sizeof *entries);
    uint32_t last_s = 0;
    for (uint32_t i = 0; i < row->count; i++) {
        entries[i] = (struct named){.id = model->items[row->entries[i].item].id, .item = i};
        last_s = row->entries[i].last_s > last_s ? row->entries[i].last_s : last_s;
    }
    qsort(entries, row->count, sizeof *entries, name_order);
    int64_t last_ms = (int64_t)last_s * 1000, half_life_ms = model->limits.pair_half_life_ms;
    struct buffer line = {0};
    buffer_format(&line, "{\"kind\":\"%s\",\"direction\":\"%s\",\"item\":", pair_kind_names[kind],
                  direction == PAIR_FORWARD ? "forward" : "backward");
    buffer_json(&line, model->items[item].id);
    buffer_format(&line, ",\"total\":%.17g,\"entries\":[",
                  decay_value(row->total, row->base, last_ms, half_life_ms) / PAIR_UNITS);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct row_entry *entry = &row->entries[entries[i].item];
        buffer_text(&line, i > 0 ? ",{\"item\":" : "{\"item\":");
        buffer_json(&line, entries[i].id);
        buffer_format(&line, ",\"weight\":%.17g,\"one\":%.17g,\"last\":%u}",
                      decay_value(entry->weight, row->base, last_ms, half_life_ms) / PAIR_UNITS,
                      decay_value(entry->weight_one, row->base, last_ms, half_life_ms) / PAIR_UNITS,
                      entry->last_s);
    }
    buffer_text(&line, "]}");
    put(to, &line);
    free(entries);
}

void dump_cooccurrence(const struct model *model, FILE *to)
{
    struct named *items = sorted_items(model);
    for (uint32_t i = 0; i < model->item_count; i++)
        for (int row = 0; row < PAIR_ROWS; row++)
            dump_row_of(model, items[i].item, row / PAIR_DIRECTIONS, row % PAIR_DIRECTIONS, to);
    free(items);
}

void dump_popularity(const struct model *model, FILE *to)
{
    struct named *items = sorted_items(model);
    for (uint32_t i = 0; i < model->item_count; i++) {
        const struct item_counts *counts = &model->items[items[i].item].counts;
        struct buffer line = {0};
        if (counts->last_ms == INT64_MIN)
            continue;
        buffer_text(&line, "{\"item\":");
        buffer_json(&line, items[i].id);
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            buffer_format(&line, ",\"%s\":%llu", pair_kind_names[kind],
                          (unsigned long long)counts->count[kind]);
        buffer_format(&line, ",\"recent\":%.17g,\"last\":%lld}",
                      decay_value(counts->recent, counts->base, counts->last_ms,
                                  model->limits.popular_half_life_ms),
                      (long long)counts->last_ms);
        put(to, &line);
    }
    free(items);
}

void dump_trends(const struct model *model, FILE *to)
{
    struct named *items = sorted_items(model);
    for (uint32_t i = 0; i < model->item_count; i++) {
        const struct trend *row = trends_row(model->trends, items[i].item);
        int64_t last_ms = model->items[items[i].item].counts.last_ms;
        struct buffer line = {0};
        if (row == NULL)
            continue;
        buffer_text(&line, "{\"item\":");
        buffer_json(&line, items[i].id);
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            buffer_format(&line, ",\"%s\":%.17g", pair_kind_names[kind],
                          decay_value(row->slow[kind], row->base, last_ms,
                                      model->limits.popular_half_life_ms));
        buffer_format(
            &line, ",\"quick\":%.17g,\"last\":%lld}",
            decay_value(row->quick, row->quick_base, last_ms, model->limits.quick_half_life_ms),
            (long long)last_ms);
        put(to, &line);
    }
    free(items);
}

void dump_vectors(const struct model *model, FILE *to)
{
    const struct vectors *vectors = model->vectors;
    struct named *items = sorted_items(model);
    for (uint32_t i = 0; i < model->item_count; i++) {
        uint32_t place = vectors_find(vectors, items[i].item);
        struct buffer line = {0};
        if (place == PLACE_NONE)
            continue;
        buffer_text(&line, "{\"item\":");
        buffer_json(&line, items[i].id);
        buffer_format(&line, ",\"adagrad\":%.9g,\"vector\":[", (double)vectors->sums[place]);
        for (int k = 0; k < VECTOR_SIZE; k++)
            buffer_format(&line, "%s%.9g", k > 0 ? "," : "",
                          (double)vectors_row(vectors, place)[k]);
        buffer_text(&line, "]}");
        put(to, &line);
    }
    free(items);
}

static void put_doubles(struct buffer *line, const char *name, const double *at)
{
    buffer_format(line, ",\"%s\":[", name);
    for (int i = 0; i < FEATURES_MAX; i++)
        buffer_format(line, "%s%.17g", i > 0 ? "," : "", at[i]);
    buffer_byte(line, ']');
}

static void dump_ranker(const char *ranker, const struct weights *weights, FILE *to)
{
    static const char *const names[WEIGHTS_RUNS] = {"now", "adagrad", "average"};
    struct buffer line = {0};
    buffer_format(&line, "{\"ranker\":\"%s\",\"steps\":%llu,\"merges\":%llu,\"samples\":%.17g",
                  ranker, (unsigned long long)weights->steps, (unsigned long long)weights->merges,
                  weights->samples);
    put_doubles(&line, "sums", weights->sums);
    put_doubles(&line, "squares", weights->squares);
    for (int run = 0; run < WEIGHTS_RUNS; run++) {
        buffer_format(&line, ",\"%s\":[", names[run]);
        for (int i = 0; i < WEIGHTS_COUNT; i++)
            buffer_format(&line, "%s%.9g", i > 0 ? "," : "", (double)weights->runs[run][i]);
        buffer_byte(&line, ']');
    }
    buffer_byte(&line, '}');
    put(to, &line);
}

static void dump_query_row(const struct model *model, const struct query_row *row, const char *name,
                           struct bytes id, FILE *to)
{
    struct named *entries = memory_get((row->count + 1ul) * sizeof *entries);
    struct buffer line = {0};
    for (uint32_t i = 0; i < row->count; i++)
        entries[i] = (struct named){.id = model->items[row->entries[i].item].id, .item = i};
    qsort(entries, row->count, sizeof *entries, name_order);
    buffer_format(&line, "{\"%s\":", name);
    buffer_json(&line, id);
    buffer_format(&line, ",\"base\":%d,\"total\":%.17g,\"entries\":[", row->base,
                  row->total / (1 << DECAY_BITS));
    for (uint32_t i = 0; i < row->count; i++) {
        buffer_text(&line, i > 0 ? ",{\"item\":" : "{\"item\":");
        buffer_json(&line, entries[i].id);
        buffer_format(&line, ",\"weight\":%.17g}",
                      row->entries[entries[i].item].weight / (1 << DECAY_BITS));
    }
    buffer_text(&line, "]}");
    put(to, &line);
    free(entries);
}

/* The rows of queries or channels, in the order of their texts. */
static void dump_query_rows(const struct model *model, const struct queries *queries,
                            const char *name, FILE *to)
{
    struct named *rows = memory_get((queries->count + 1ul) * sizeof *rows);
    for (uint32_t i = 0; i < queries->count; i++)
        rows[i] = (struct named){.id = query_text(&queries->rows[i]), .item = i};
    qsort(rows, queries->count, sizeof *rows, name_order);
    for (uint32_t i = 0; i < queries->count; i++)
        dump_query_row(model, &queries->rows[rows[i].item], name, rows[i].id, to);
    free(rows);
}

void dump_queries(const struct model *model, FILE *to)
{
    dump_query_rows(model, model->queries, "query", to);
}

void dump_channels(const struct model *model, FILE *to)
{
    dump_query_rows(model, model->channels, "channel", to);
}

void dump_weights(const struct model *model, FILE *to)
{
    dump_ranker("clicks", model->weights, to);
    dump_ranker("cart", model->cart_weights, to);
}
