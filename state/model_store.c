#include "state/model_store.h"

#include "state/model_tables.h"

#include <assert.h>
#include <math.h>

#define COUNTS_BYTES 44
#define ROW_HEADER_BYTES 24
#define ENTRY_BYTES 24
#define ROOM_BYTES 48
#define STATE_BYTES 17
#define SERIAL_MAX (UINT64_MAX / 2) /* no log is as long */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are written as they lie");

/* ---- saving ---- */

static struct bytes pair_key(char *to, int row, uint32_t item)
{
    to[0] = MODEL_TABLE_PAIRS;
    to[1] = (char)row;
    put_be(to + 2, item, 4);
    return bytes_of(to, 6);
}

static void write_counts(const struct item_counts *counts, struct buffer *buffer)
{
    for (int kind = 0; kind < PAIR_KINDS; kind++)
        buffer_append(buffer, &counts->count[kind], 8);
    buffer_append(buffer, &counts->recent, 8);
    buffer_append(buffer, &counts->base, 4);
    buffer_append(buffer, &counts->last_ms, 8);
}

static void write_row(const struct row *row, struct buffer *buffer)
{
    buffer_append(buffer, &row->total, 8);
    buffer_append(buffer, &row->total_one, 8);
    buffer_append(buffer, &row->base, 4);
    buffer_append(buffer, &row->count, 4);
    for (uint32_t i = 0; i < row->count; i++) {
        buffer_append(buffer, &row->entries[i].item, 4);
        buffer_append(buffer, &row->entries[i].last_s, 4);
        buffer_append(buffer, &row->entries[i].weight, 8);
        buffer_append(buffer, &row->entries[i].weight_one, 8);
    }
}

static void save_counts(struct model *model, uint32_t number, struct buffer *value,
                        struct store_batch *batch)
{
    char key[MODEL_KEY_BYTES_MAX];
    enum item_state state = (enum item_state)model->item_states[number];
    struct bytes items = model_numbered_key(key, MODEL_TABLE_ITEMS, number);
    if (state == ITEM_UNUSED)
        batch_delete(batch, FAMILY_MODEL, items);
    else
        batch_put(batch, FAMILY_MODEL, items, model->items[number].id);
    struct bytes counts = model_numbered_key(key, MODEL_TABLE_COUNTS, number);
    if (state != ITEM_LIVE) {
        batch_delete(batch, FAMILY_MODEL, counts);
        return;
    }
    buffer_clear(value);
    write_counts(&model->items[number].counts, value);
    batch_put(batch, FAMILY_MODEL, counts, buffer_bytes(value));
}

static void save_state(const struct model *model, uint32_t number, struct buffer *value,
                       struct store_batch *batch)
{
    char key[MODEL_KEY_BYTES_MAX];
    struct bytes states = model_numbered_key(key, MODEL_TABLE_STATES, number);
    const struct number_queue *queue =
        model->item_states[number] == ITEM_EVICTED ? &model->evicted : &model->probation;
    if (!number_queue_has(queue, number)) {
        batch_delete(batch, FAMILY_MODEL, states);
        return;
    }
    buffer_clear(value);
    buffer_append(value, &model->item_states[number], 1);
    buffer_append(value, &queue->at[number].visitor, 8);
    buffer_append(value, &queue->at[number].serial, 8);
    batch_put(batch, FAMILY_MODEL, states, buffer_bytes(value));
}

/* A row that never had a pair, whose pairs were all taken back, or whose item was evicted. */
static bool is_blank(const struct row *row)
{
    return row->count == 0 && !(row->total > 0);
}

static void save_item(struct model *model, uint32_t number, struct buffer *value,
                      struct store_batch *batch)
{
    char key[MODEL_KEY_BYTES_MAX];
    struct model_item *item = &model->items[number];
    if (item->dirty & ITEM_DIRTY_COUNTS)
        save_counts(model, number, value, batch);
    if (item->dirty & ITEM_DIRTY_STATE)
        save_state(model, number, value, batch);
    for (int i = 0; i < PAIR_ROWS; i++) {
        const struct row *row = &item->rows[i / PAIR_DIRECTIONS][i % PAIR_DIRECTIONS];
        if (!(item->dirty >> i & 1))
            continue;
        if (is_blank(row)) {
            batch_delete(batch, FAMILY_MODEL, pair_key(key, i, number));
            continue;
        }
        buffer_clear(value);
        write_row(row, value);
        batch_put(batch, FAMILY_MODEL, pair_key(key, i, number), buffer_bytes(value));
    }
    item->dirty = 0;
}

static void save_room(const struct model *model, struct buffer *value, struct store_batch *batch)
{
    char key[MODEL_KEY_BYTES_MAX];
    uint64_t sweep_key = model_sweep_key(model);
    buffer_clear(value);
    buffer_append(value, &sweep_key, 8);
    buffer_append(value, &model->serial, 8);
    buffer_append(value, &model->sweep_from, 8);
    buffer_append(value, &model->sweep_step, 4);
    buffer_append(value, &model->item_count, 4);
    buffer_append(value, &model->queries->serial, 8);
    buffer_append(value, &model->channels->serial, 8);
    batch_put(batch, FAMILY_MODEL, model_key(key, MODEL_TABLE_ROOM), buffer_bytes(value));
}

void model_save(struct model *model, struct store_batch *batch)
{
    struct buffer value = {0};
    char key[MODEL_KEY_BYTES_MAX];
    uint32_t format = MODEL_FORMAT;
    batch_put(batch, FAMILY_MODEL, model_key(key, MODEL_TABLE_FORMAT), bytes_of(&format, 4));
    save_room(model, &value, batch);
    for (uint32_t i = 0; i < model->dirty_count; i++)
        save_item(model, model->dirty[i], &value, batch);
    model->dirty_count = 0;
    vectors_save(model->vectors, batch);
    session_memory_save(model->sessions, batch);
    queries_save(model->queries, batch);
    queries_save(model->channels, batch);
    trends_save(model->trends, batch);
    if (model->weights_dirty)
        weights_save(model->weights, MODEL_TABLE_WEIGHTS, batch);
    if (model->cart_weights_dirty)
        weights_save(model->cart_weights, MODEL_TABLE_CART_WEIGHTS, batch);
    model->weights_dirty = model->cart_weights_dirty = false;
    buffer_release(&value);
}

/* ---- loading: one function a table; SKIP: the row is damaged ---- */

static bool is_used(const struct model *model, uint32_t item)
{
    return item < model->item_count && model->item_states[item] != ITEM_UNUSED;
}

static enum verdict load_format(struct model *model, struct bytes key, struct bytes value,
                                struct error *error)
{
    uint32_t format = 0;
    (void)model;
    (void)key;
    memcpy(&format, value.at, value.size < 4 ? value.size : 4);
    if (format >= MODEL_FORMAT_OLDEST && format <= MODEL_FORMAT)
        return VERDICT_OK;
    return error_set(error, VERDICT_FATAL,
                     "the stored model has format %u, this weft knows %d: use the newer weft, or "
                     "delete the state folder",
                     format, MODEL_FORMAT);
}

static enum verdict load_room(struct model *model, struct bytes key, struct bytes value,
                              struct error *error)
{
    uint64_t sweep_key;
    (void)error;
    if (key.size != 1 || value.size != ROOM_BYTES)
        return VERDICT_SKIP;
    memcpy(&sweep_key, value.at, 8);
    memcpy(&model->serial, value.at + 8, 8);
    memcpy(&model->sweep_from, value.at + 16, 8);
    memcpy(&model->sweep_step, value.at + 24, 4);
    memcpy(&model->stored_count, value.at + 28, 4);
    memcpy(&model->queries->serial, value.at + 32, 8);
    memcpy(&model->channels->serial, value.at + 40, 8);
    if (model->serial > SERIAL_MAX || model->queries->serial > SERIAL_MAX ||
        model->channels->serial > SERIAL_MAX)
        return VERDICT_SKIP;
    if (sweep_key != model_sweep_key(model)) { /* other limits: it begins again */
        model->sweep_step = 0;
        model->sweep_from = model->serial + 1;
    }
    return VERDICT_OK;
}

static enum verdict load_item(struct model *model, struct bytes key, struct bytes value,
                              struct error *error)
{
    (void)error;
    if (key.size != 5 || model_find(model, value) != ITEM_NONE)
        return VERDICT_SKIP;
    return model_add_stored(model, model_key_number(key), value) ? VERDICT_OK : VERDICT_SKIP;
}

static enum verdict load_state(struct model *model, struct bytes key, struct bytes value,
                               struct error *error)
{
    uint64_t visitor, serial;
    (void)error;
    if (key.size != 5 || value.size != STATE_BYTES || !is_used(model, model_key_number(key)) ||
        (value.at[0] != ITEM_LIVE && value.at[0] != ITEM_EVICTED))
        return VERDICT_SKIP;
    memcpy(&visitor, value.at + 1, 8);
    memcpy(&serial, value.at + 9, 8);
    model_stored_state(model, model_key_number(key), (enum item_state)value.at[0], visitor, serial);
    return VERDICT_OK;
}

static bool read_counts(struct bytes value, struct item_counts *counts)
{
    if (value.size != COUNTS_BYTES)
        return false;
    memcpy(counts->count, value.at, 24);
    memcpy(&counts->recent, value.at + 24, 8);
    memcpy(&counts->base, value.at + 32, 4);
    memcpy(&counts->last_ms, value.at + 36, 8);
    return isfinite(counts->recent) && counts->recent >= 0;
}

static enum verdict load_counts(struct model *model, struct bytes key, struct bytes value,
                                struct error *error)
{
    (void)error;
    if (key.size != 5 || !is_used(model, model_key_number(key)) ||
        !read_counts(value, &model->items[model_key_number(key)].counts))
        return VERDICT_SKIP;
    model_stored_counts(model, model_key_number(key));
    return VERDICT_OK;
}

/* The model frees the entries, also of a damaged row. */
static bool read_row(struct bytes value, uint32_t item_count, struct row *row)
{
    if (value.size < ROW_HEADER_BYTES)
        return false;
    memcpy(&row->total, value.at, 8);
    memcpy(&row->total_one, value.at + 8, 8);
    memcpy(&row->base, value.at + 16, 4);
    uint32_t count;
    memcpy(&count, value.at + 20, 4);
    if (value.size != ROW_HEADER_BYTES + (uint64_t)count * ENTRY_BYTES || !isfinite(row->total) ||
        !isfinite(row->total_one))
        return false;
    row->count = row->capacity = count;
    row->entries = memory_get(count * sizeof *row->entries);
    const char *at = value.at + ROW_HEADER_BYTES;
    for (uint32_t i = 0; i < count; i++, at += ENTRY_BYTES) {
        struct row_entry *entry = &row->entries[i];
        memcpy(&entry->item, at, 4);
        memcpy(&entry->last_s, at + 4, 4);
        memcpy(&entry->weight, at + 8, 8);
        memcpy(&entry->weight_one, at + 16, 8);
        if (entry->item >= item_count || !(isfinite(entry->weight) && entry->weight > 0) ||
            !isfinite(entry->weight_one))
            return false;
    }
    return true;
}

static enum verdict load_pairs(struct model *model, struct bytes key, struct bytes value,
                               struct error *error)
{
    (void)error;
    if (key.size != 6 || !is_used(model, model_key_number(key)))
        return VERDICT_SKIP;
    unsigned row = (unsigned char)key.at[1];
    if (row >= PAIR_ROWS)
        return VERDICT_SKIP;
    struct model_item *item = &model->items[model_key_number(key)];
    return read_row(value, model->item_count,
                    &item->rows[row / PAIR_DIRECTIONS][row % PAIR_DIRECTIONS])
               ? VERDICT_OK
               : VERDICT_SKIP;
}

static enum verdict load_vectors(struct model *model, struct bytes key, struct bytes value,
                                 struct error *error)
{
    (void)error;
    return vectors_load_row(model->vectors, model->item_count, key, value);
}

static enum verdict load_sessions(struct model *model, struct bytes key, struct bytes value,
                                  struct error *error)
{
    (void)error;
    return session_memory_load_row(model->sessions, model->item_count, key, value);
}

static enum verdict load_queries(struct model *model, struct bytes key, struct bytes value,
                                 struct error *error)
{
    (void)error;
    return queries_load_row(model->queries, model->item_count, key, value);
}

static enum verdict load_channels(struct model *model, struct bytes key, struct bytes value,
                                  struct error *error)
{
    (void)error;
    return queries_load_row(model->channels, model->item_count, key, value);
}

static enum verdict load_trends(struct model *model, struct bytes key, struct bytes value,
                                struct error *error)
{
    (void)error;
    return trends_load_row(model->trends, model->item_count, key, value);
}

static enum verdict load_weights(struct model *model, struct bytes key, struct bytes value,
                                 struct error *error)
{
    bool dropped, cart = key.at[0] == MODEL_TABLE_CART_WEIGHTS;
    (void)error;
    if (weights_load(cart ? model->cart_weights : model->weights, value, &dropped) != VERDICT_OK)
        return VERDICT_SKIP;
    model->weights_dropped += dropped;
    return VERDICT_OK;
}

/* The second pass loads what refers to items, so all items come in the first. */
static const struct table {
    enum model_table table;
    int pass;
    enum verdict (*load)(struct model *model, struct bytes key, struct bytes value,
                         struct error *error);
} tables[] = {
    {MODEL_TABLE_FORMAT, 0, load_format},     {MODEL_TABLE_ROOM, 0, load_room},
    {MODEL_TABLE_ITEMS, 0, load_item},        {MODEL_TABLE_STATES, 1, load_state},
    {MODEL_TABLE_COUNTS, 1, load_counts},     {MODEL_TABLE_PAIRS, 1, load_pairs},
    {MODEL_TABLE_ENCODER, 1, load_vectors},   {MODEL_TABLE_VECTORS, 1, load_vectors},
    {MODEL_TABLE_SAMPLES, 1, load_vectors},   {MODEL_TABLE_SESSION_COUNT, 1, load_sessions},
    {MODEL_TABLE_SESSIONS, 1, load_sessions}, {MODEL_TABLE_QUERIES, 1, load_queries},
    {MODEL_TABLE_CHANNELS, 1, load_channels}, {MODEL_TABLE_TRENDS, 1, load_trends},
    {MODEL_TABLE_WEIGHTS, 1, load_weights},   {MODEL_TABLE_CART_WEIGHTS, 1, load_weights},
};

struct loader {
    struct store_visitor visitor;
    struct model *model;
    int pass;
    bool has_room; /* there is a row MODEL_TABLE_ROOM: the rows are not of MODEL_FORMAT 1 */
};

static enum verdict damaged(struct error *error, char table)
{
    return error_set(error, VERDICT_SKIP,
                     "a row of the stored model is damaged (table '%c'); delete the state folder: "
                     "it is rebuilt from Kafka",
                     table);
}

static enum verdict load_row(struct store_visitor *visitor, struct bytes key, struct bytes value,
                             struct error *error)
{
    struct loader *loader = (struct loader *)(void *)visitor;
    char letter = key.size > 0 ? key.at[0] : '?';
    const struct table *table = tables, *end = tables + sizeof tables / sizeof tables[0];
    while (table < end && (char)table->table != letter)
        table++;
    if (table == end) /* the first pass may yet say that the format is newer */
        return loader->pass == 0 ? VERDICT_OK : damaged(error, letter);
    if (table->pass != loader->pass)
        return VERDICT_OK;
    enum verdict verdict = table->load(loader->model, key, value, error);
    if (table->table == MODEL_TABLE_ROOM)
        loader->has_room = true;
    return verdict == VERDICT_SKIP ? damaged(error, letter) : verdict;
}

enum verdict model_load(struct model *model, struct store *store, struct error *error)
{
    struct loader loader = {.visitor.row = load_row, .model = model};
    assert(model->item_count == 0);
    for (loader.pass = 0; loader.pass < 2; loader.pass++) {
        enum verdict verdict =
            store->scan(store, FAMILY_MODEL, bytes_of("", 0), &loader.visitor, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    if (!model_stored_items(model, !loader.has_room))
        return damaged(error, MODEL_TABLE_STATES);
    if (vectors_loaded(model->vectors) != VERDICT_OK)
        return damaged(error, MODEL_TABLE_VECTORS);
    if (queries_loaded(model->queries, !loader.has_room) != VERDICT_OK)
        return damaged(error, MODEL_TABLE_QUERIES);
    if (queries_loaded(model->channels, !loader.has_room) != VERDICT_OK)
        return damaged(error, MODEL_TABLE_CHANNELS);
    session_memory_loaded(model->sessions);
    return VERDICT_OK;
}

enum verdict model_stored_format(struct store *store, uint32_t *ret_format, struct error *error)
{
    struct buffer value = {0};
    char key[MODEL_KEY_BYTES_MAX];
    enum verdict verdict =
        store->get(store, FAMILY_MODEL, model_key(key, MODEL_TABLE_FORMAT), &value, error);
    *ret_format = 0;
    if (verdict == VERDICT_OK)
        memcpy(ret_format, value.at, value.size < 4 ? value.size : 4);
    buffer_release(&value);
    return verdict;
}
