#include "processors/runtime/model/publish_items.h"

#include "processors/runtime/log.h"
#include "processors/runtime/model/publication.h"
#include "schemas/codec.h"

#include <stdlib.h>

#define STEP_ITEMS 8 /* made under one lock: about a millisecond */

enum phase {
    PHASE_IDLE,
    PHASE_ITEMS,    /* of the model */
    PHASE_PRODUCTS, /* that the model does not know */
    PHASE_GONE,     /* keys of the topic that were not met */
};

/* How far the log and the catalogue were folded when a round began. */
struct inputs_state {
    int64_t offset; /* of the log */
    uint64_t catalogue_rows;
};

/* A record that waits to be sent: places in `bytes`. */
struct made {
    size_t key_at, key_size, value_at, value_size;
    uint64_t version;
    int64_t offset;
    bool deletion;
};

struct items_publisher {
    struct run *run;
    struct lease *lease;
    struct publication *topic;
    struct item_lists_maker *maker;
    struct publication_rules rules;
    uint64_t rules_digest; /* 0: none were read */
    enum phase phase;
    uint32_t next;      /* item or product */
    size_t gone_cursor; /* of topic_contents_next_gone() */
    bool any_round;     /* one was made since the election */
    struct inputs_state from;
    int64_t round_us;                     /* when it began */
    uint64_t written, deleted, same, cut; /* of this round */
    struct made made[STEP_ITEMS];
    uint32_t made_count;
    struct buffer bytes, record;
};

struct items_publisher *items_publisher_new(struct run *run, struct lease *lease)
{
    struct items_publisher *publisher = memory_zero(1, sizeof *publisher);
    publisher->run = run;
    publisher->lease = lease;
    publisher->topic =
        publication_new(run, lease,
                        &(struct publication_options){
                            .topic = TOPIC_ITEMS, .role = "items", .header = ITEM_LISTS_HEADER});
    publisher->maker = item_lists_maker_new();
    return publisher;
}

void items_publisher_forget(struct items_publisher *publisher)
{
    publication_give_up(publisher->topic);
    publisher->phase = PHASE_IDLE;
    publisher->any_round = false;
    atomic_store(&publisher->run->items.round_us, 0);
    atomic_store(&publisher->run->items.first_us, 0);
    atomic_store(&publisher->run->items.left, 0);
}

void items_publisher_free(struct items_publisher *publisher)
{
    if (publisher == NULL)
        return;
    publication_free(publisher->topic);
    item_lists_maker_free(publisher->maker);
    merchandising_rules_release(&publisher->rules.rules);
    buffer_release(&publisher->bytes);
    buffer_release(&publisher->record);
    free(publisher);
}

/* ---- a record ---- */

static void format_lists(struct items_publisher *publisher, const struct item_lists *lists)
{
    const struct settings *settings = &publisher->run->config->settings;
    buffer_clear(&publisher->record);
    if (settings->output_avro)
        item_lists_write_avro(lists, &settings->frames.of[SCHEMA_ITEM_LISTS], &publisher->record);
    else
        item_lists_write_json(lists, &publisher->record);
}

/* Shortens the lists until the record fits its topic. */
static void fit_lists(struct items_publisher *publisher, struct item_lists *lists)
{
    size_t most = size_budget_record(&publisher->run->sizes, TOPIC_ITEMS);
    format_lists(publisher, lists);
    if (publisher->record.size + lists->item_id.size <= most)
        return;
    publisher->cut++;
    for (uint32_t length = ITEM_LIST_ITEMS_MAX / 2; length > 0; length /= 2) {
        for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
            if (lists->lists[kind].count > length)
                lists->lists[kind].count = length;
        format_lists(publisher, lists);
        if (publisher->record.size + lists->item_id.size <= most)
            return;
    }
}

/* Puts a record aside; absent `value`: a deletion. */
static void put_aside(struct items_publisher *publisher, struct bytes key, struct bytes value,
                      uint64_t version, int64_t offset)
{
    struct made *made = &publisher->made[publisher->made_count++];
    *made = (struct made){.key_at = publisher->bytes.size,
                          .key_size = key.size,
                          .value_at = publisher->bytes.size + key.size,
                          .value_size = value.size,
                          .version = version,
                          .offset = offset,
                          .deletion = value.at == NULL};
    buffer_append(&publisher->bytes, key.at, key.size);
    if (value.size > 0)
        buffer_append(&publisher->bytes, value.at, value.size);
}

/* Makes one item's record. Under both read locks. */
static void make_one(struct items_publisher *publisher, const struct item_lists_inputs *inputs,
                     struct bytes item_id)
{
    const struct settings *settings = &publisher->run->config->settings;
    const struct item_lists *made = item_lists_make(publisher->maker, inputs, item_id);
    if (made == NULL) {
        if (publisher->phase == PHASE_GONE) {
            put_aside(publisher, item_id, bytes_of(NULL, 0), 0, inputs->offset);
            publisher->deleted++;
        }
        return;
    }
    uint64_t version =
        item_lists_version(made) ^
        output_form_version(settings->output_avro, &settings->frames.of[SCHEMA_ITEM_LISTS]);
    if (!topic_contents_put(publication_contents(publisher->topic), item_id, version)) {
        publisher->same++;
        return;
    }
    struct item_lists lists = *made;
    fit_lists(publisher, &lists);
    put_aside(publisher, item_id, buffer_bytes(&publisher->record), version, inputs->offset);
    publisher->written++;
}

/* The next key of the round; absent: this number has none. False: the phase is over. Under both
 * read locks. */
static bool next_key(struct items_publisher *publisher, struct bytes *ret_key)
{
    const struct model *model = publisher->run->model;
    const struct catalogue *catalogue = publisher->run->catalogue;
    *ret_key = bytes_of(NULL, 0);
    if (publisher->phase == PHASE_GONE)
        return topic_contents_next_gone(publication_contents(publisher->topic),
                                        &publisher->gone_cursor, ret_key);
    uint32_t at = publisher->next++;
    if (publisher->phase == PHASE_ITEMS) {
        if (at >= model->item_count)
            return false;
        if (model->item_states[at] == ITEM_LIVE)
            *ret_key = model->items[at].id;
        return true;
    }
    if (at >= catalogue->product_count)
        return false;
    struct bytes id = product_id(&catalogue->products[at]);
    if (!catalogue->products[at].gone && id.size > 0 && model_find(model, id) == ITEM_NONE)
        *ret_key = id;
    return true;
}

static uint64_t count_left(const struct items_publisher *publisher)
{
    uint32_t items = publisher->run->model->item_count;
    uint32_t products = publisher->run->catalogue->product_count;
    if (publisher->phase == PHASE_ITEMS)
        return (uint64_t)items - (publisher->next < items ? publisher->next : items) + products;
    if (publisher->phase == PHASE_PRODUCTS)
        return publisher->next < products ? products - publisher->next : 0;
    return 0;
}

/* Makes the next STEP_ITEMS records, or fewer at the end of a phase. */
static void make_step(struct items_publisher *publisher)
{
    struct run *run = publisher->run;
    publisher->made_count = 0;
    buffer_clear(&publisher->bytes);
    model_lock_read(run->model);
    catalogue_lock_read(run->catalogue);
    const struct item_lists_inputs inputs = {
        .model = run->model,
        .catalogue = run->catalogue,
        .rules = &publisher->rules.rules,
        .filters = &run->config->settings.recommend.filters,
        .length = run->config->settings.items.length,
        .offset = atomic_load(&run->folded_offset), /* the fold stands still under the lock */
        .rules_digest = publisher->rules_digest,
    };
    struct bytes key;
    for (int i = 0; i < STEP_ITEMS && publisher->phase != PHASE_IDLE; i++) {
        if (next_key(publisher, &key)) {
            if (key.at)
                make_one(publisher, &inputs, key);
            continue;
        }
        publisher->phase =
            publisher->phase == PHASE_GONE ? PHASE_IDLE : (enum phase)(publisher->phase + 1);
        publisher->next = 0;
    }
    atomic_store(&run->items.left, count_left(publisher));
    catalogue_unlock_read(run->catalogue);
    model_unlock_read(run->model);
}

static enum verdict send_step(struct items_publisher *publisher, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    for (uint32_t i = 0; verdict == VERDICT_OK && i < publisher->made_count; i++) {
        const struct made *made = &publisher->made[i];
        const char *bytes = publisher->bytes.at;
        verdict = publication_send(
            publisher->topic, bytes_of(bytes + made->key_at, made->key_size),
            made->deletion ? bytes_of(NULL, 0) : bytes_of(bytes + made->value_at, made->value_size),
            made->version, made->offset, error);
    }
    return verdict == VERDICT_OK && !publication_poll(publisher->topic) ? VERDICT_SKIP : verdict;
}

/* ---- a round ---- */

static struct inputs_state inputs_now(struct run *run)
{
    return (struct inputs_state){.offset = atomic_load(&run->folded_offset),
                                 .catalogue_rows = atomic_load(&run->catalogue_rows)};
}

/* Rules can change at any time, and their times begin and end, so nothing is known with them. */
static bool may_have_changed(const struct items_publisher *publisher, struct inputs_state now)
{
    return !publisher->any_round || publisher->run->config->rules_path[0] != '\0' ||
           now.offset != publisher->from.offset ||
           now.catalogue_rows != publisher->from.catalogue_rows;
}

/* Begins a round if one is due. */
static bool begin_round(struct items_publisher *publisher)
{
    struct run *run = publisher->run;
    int64_t now_us = clock_monotonic_us();
    struct inputs_state now = inputs_now(run);
    if (publisher->any_round &&
        now_us < publisher->round_us + run->config->items_interval_ms * 1000)
        return false;
    if (!may_have_changed(publisher, now)) {
        atomic_store(&run->items.round_us, now_us); /* the topic has the lists of now */
        return false;
    }
    if (!publisher->any_round)
        atomic_store(&run->items.first_us, now_us);
    publication_read_rules(run->config, &publisher->rules);
    if (publisher->rules.read)
        publisher->rules_digest = merchandising_rules_digest(&publisher->rules.rules);
    topic_contents_begin(publication_contents(publisher->topic));
    publisher->phase = PHASE_ITEMS;
    publisher->next = 0;
    publisher->gone_cursor = 0;
    publisher->from = now;
    publisher->round_us = now_us;
    publisher->written = publisher->deleted = publisher->same = publisher->cut = 0;
    return true;
}

static void end_round(struct items_publisher *publisher)
{
    struct run *run = publisher->run;
    topic_contents_end(publication_contents(publisher->topic));
    publisher->any_round = true;
    atomic_store(&run->items.offset, publisher->from.offset);
    atomic_store(&run->items.round_us, publisher->round_us);
    log_line(publisher->written + publisher->deleted > 0 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
             "items",
             "lists of items as of %lld: %llu written, %llu deleted, %llu the same, %llu cut to "
             "fit the topic, %.3f s",
             (long long)publisher->from.offset, (unsigned long long)publisher->written,
             (unsigned long long)publisher->deleted, (unsigned long long)publisher->same,
             (unsigned long long)publisher->cut,
             (double)(clock_monotonic_us() - publisher->round_us) / 1e6);
}

static enum verdict make_slice(struct items_publisher *publisher, struct error *error)
{
    struct run *run = publisher->run;
    uint64_t written = publisher->written, deleted = publisher->deleted, same = publisher->same;
    uint64_t cut = publisher->cut;
    int64_t left = run->config->items_per_second * ITEMS_SLICE_MS / 1000;
    enum verdict verdict = VERDICT_OK;
    for (; verdict == VERDICT_OK && left > 0 && publisher->phase != PHASE_IDLE;
         left -= STEP_ITEMS) {
        make_step(publisher);
        verdict = send_step(publisher, error);
    }
    if (verdict == VERDICT_OK)
        verdict = publication_commit(publisher->topic, error);
    if (verdict != VERDICT_OK)
        return verdict;
    atomic_fetch_add(&run->items.written, publisher->written - written);
    atomic_fetch_add(&run->items.deleted, publisher->deleted - deleted);
    atomic_fetch_add(&run->items.same, publisher->same - same);
    atomic_fetch_add(&run->items.cut, publisher->cut - cut);
    return VERDICT_OK;
}

enum verdict items_publish(struct items_publisher *publisher, struct error *error)
{
    enum verdict verdict = publication_prepare(publisher->topic, error);
    if (verdict != VERDICT_OK) {
        items_publisher_forget(publisher);
        return verdict;
    }
    if (atomic_load(&publisher->run->folded_offset) < publication_offset_min(publisher->topic) ||
        (publisher->phase == PHASE_IDLE && !begin_round(publisher)))
        return VERDICT_SKIP;
    verdict = make_slice(publisher, error);
    if (verdict != VERDICT_OK) {
        items_publisher_forget(publisher);
        return verdict;
    }
    if (publisher->phase == PHASE_IDLE)
        end_round(publisher);
    return VERDICT_OK;
}
