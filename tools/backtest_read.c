/* Reads recorded events whole: how many there are has to be known before the first is asked. */
#include "processors/runtime/command.h"
#include "processors/runtime/topology.h"
#include "schemas/json.h"
#include "tools/backtest.h"
#include "tools/events.h"
#include "tools/product_index.h"

#include <stdlib.h>

struct reading {
    struct recorded *recorded;
    const char *format;
    struct catalogue *said; /* of products by the lines so far */
};

static void add_line(struct recorded *recorded, const struct line *line)
{
    if (recorded->count == recorded->capacity) {
        recorded->capacity = recorded->capacity ? 2 * recorded->capacity : 65536;
        recorded->lines =
            memory_resize(recorded->lines, recorded->capacity * sizeof *recorded->lines);
    }
    recorded->lines[recorded->count++] = *line;
}

/* What the last line says of its item, if that is new. */
static struct event *keep_product(struct reading *reading, const struct event_file *file,
                                  struct arena *arena)
{
    struct event product;
    struct arena *memory = &reading->recorded->memory;
    if (!event_file_product(file, &product) ||
        product_index_put(reading->said, &product, arena) == CATALOGUE_SAME)
        return NULL;
    product.item_id = arena_copy(memory, product.item_id);
    product.title = arena_copy(memory, product.title);
    product.item_brand = arena_copy(memory, product.item_brand);
    struct bytes *category = arena_get(memory, sizeof *category);
    if (product.categories.count)
        *category = arena_copy(memory, product.categories.at[0]);
    product.categories.at = category;
    struct event *kept = arena_get(memory, sizeof *kept);
    *kept = product;
    return kept;
}

/* A line of weft's own format that is about a product. */
static void keep_product_line(struct reading *reading, const struct event_file *file)
{
    struct arena *memory = &reading->recorded->memory;
    struct event *product = arena_get(memory, sizeof *product);
    event_init(product, EVENT_PRODUCT);
    if (json_decode(arena_copy(memory, event_file_text(file)), memory, product, NULL) == VERDICT_OK)
        add_line(reading->recorded,
                 &(struct line){.event.type = EVENT_PRODUCT, .product = product});
}

static enum verdict read_all(struct reading *reading, int count, char **paths, struct error *error)
{
    for (int i = 0; i < count; i++) {
        struct event_file *file;
        struct event event;
        struct arena arena = {0};
        enum read read = READ_EVENT;
        if (event_file_open(paths[i], reading->format, &file, error) != VERDICT_OK)
            return VERDICT_SKIP;
        while (read != READ_END && read != READ_FAILED && !atomic_load(&command_interrupted)) {
            struct error why = {0};
            arena_clear(&arena);
            read = event_file_next(file, &arena, &event, &why);
            if (read == READ_EVENT && event.type == EVENT_PRODUCT) {
                keep_product_line(reading, file);
                continue;
            }
            if (read == READ_REJECTED)
                reading->recorded->rejected++;
            if (read == READ_FAILED)
                error_set(error, VERDICT_SKIP, "%s", why.message);
            if (read != READ_EVENT || event.type > EVENT_PURCHASE)
                continue; /* impressions, clicks and users ask for nothing */
            struct arena *memory = &reading->recorded->memory;
            struct event kept = event_copy(&event, memory);
            add_line(reading->recorded,
                     &(struct line){.event = kept, .product = keep_product(reading, file, &arena)});
        }
        event_file_close(file);
        arena_release(&arena);
        if (read == READ_FAILED)
            return VERDICT_SKIP;
    }
    return VERDICT_OK;
}

/* ---- sessions ---- */

/* The last line of each visitor so far, by hash. */
struct last_lines {
    uint32_t *slots; /* line + 1; 0: free */
    uint32_t capacity, count;
};

static uint32_t *slot_of(const struct last_lines *last, const struct recorded *recorded,
                         struct bytes visitor)
{
    uint32_t at = (uint32_t)bytes_hash(visitor) & (last->capacity - 1);
    while (last->slots[at] &&
           !bytes_equal(event_visitor(&recorded->lines[last->slots[at] - 1].event), visitor))
        at = (at + 1) & (last->capacity - 1);
    return &last->slots[at];
}

static void grow(struct last_lines *last, const struct recorded *recorded)
{
    struct last_lines larger = {.capacity = last->capacity ? 2 * last->capacity : 1024};
    larger.slots = memory_zero(larger.capacity, sizeof *larger.slots);
    for (uint32_t i = 0; i < last->capacity; i++)
        if (last->slots[i])
            *slot_of(&larger, recorded, event_visitor(&recorded->lines[last->slots[i] - 1].event)) =
                last->slots[i];
    larger.count = last->count;
    free(last->slots);
    *last = larger;
}

static void number_sessions(struct recorded *recorded, int64_t gap_ms)
{
    struct last_lines last = {0};
    for (uint32_t i = 0; i < recorded->count; i++) {
        struct line *line = &recorded->lines[i];
        if (line->event.type == EVENT_PRODUCT)
            continue;
        if (2 * last.count >= last.capacity)
            grow(&last, recorded);
        uint32_t *slot = slot_of(&last, recorded, event_visitor(&line->event));
        const struct line *before = *slot ? &recorded->lines[*slot - 1] : NULL;
        last.count += before == NULL;
        line->session = before && line->event.event_time_ms - before->event.event_time_ms <= gap_ms
                            ? before->session
                            : recorded->sessions++;
        *slot = i + 1;
    }
    free(last.slots);
}

enum verdict recorded_read(struct recorded *recorded, const struct config *config,
                           const char *format, int count, char **paths, struct error *error)
{
    struct reading reading = {
        .recorded = recorded, .format = format, .said = catalogue_new(&config->settings.catalogue)};
    enum verdict verdict = read_all(&reading, count, paths, error);
    catalogue_free(reading.said);
    if (verdict == VERDICT_OK && recorded->count == 0)
        verdict = error_set(error, VERDICT_SKIP, "the files hold no events");
    if (verdict == VERDICT_OK && recorded->count >= UINT32_MAX)
        verdict = error_set(error, VERDICT_SKIP, "the files hold too many events");
    if (verdict == VERDICT_OK)
        number_sessions(recorded, config->session_gap_ms);
    return verdict;
}

void recorded_release(struct recorded *recorded)
{
    arena_release(&recorded->memory);
    free(recorded->lines);
}
