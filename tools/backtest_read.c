#include "tools/backtest_read.h"

#include "processors/runtime/command.h"
#include "processors/runtime/log.h"
#include "processors/runtime/topology.h"
#include "schemas/array.h"
#include "schemas/hash_index.h"
#include "schemas/json.h"
#include "tools/events.h"
#include "tools/product_index.h"

#include <stdlib.h>

#define LINES_MAX (UINT32_MAX / 4) /* that the index of visitors can count */

struct reading {
    struct recorded *recorded;
    const char *format;
    const struct event_bounds *times;
    int64_t newest_ms;           /* of the lines so far */
    struct catalogue *catalogue; /* the products as the lines so far describe them */
};

static void add_line(struct recorded *recorded, struct line line)
{
    ARRAY_RESERVE(recorded->lines, recorded->capacity, recorded->count + 1);
    recorded->lines[recorded->count++] = line;
}

/* A copy of the product that the last line describes; NULL: the line says nothing new. */
static struct event *copy_product(struct reading *reading, const struct event_file *file,
                                  struct arena *arena)
{
    struct event product;
    struct arena *memory = &reading->recorded->memory;
    if (!event_file_product(file, &product) ||
        product_index_put(reading->catalogue, &product, arena) == CATALOGUE_SAME)
        return NULL;
    struct event *copy = arena_get(memory, sizeof *copy);
    *copy = event_copy(&product, memory);
    return copy;
}

/* A line of weft's own format that is about a product. It is decoded again from a copy, whose text
 * lives as long as the recorded events. */
static void add_product_line(struct reading *reading, const struct event_file *file)
{
    struct arena *memory = &reading->recorded->memory;
    struct event *product = arena_get(memory, sizeof *product);
    event_init(product, EVENT_PRODUCT);
    if (json_decode(arena_copy(memory, event_file_text(file)), memory, product, NULL) == VERDICT_OK)
        add_line(reading->recorded, (struct line){.event.type = EVENT_PRODUCT, .product = product});
}

/* The measures take the order of lines for the order of time. */
static void note_order(struct recorded *recorded, int64_t newest_ms, int64_t time_ms)
{
    if (time_ms >= newest_ms)
        return;
    recorded->older++;
    if (newest_ms - time_ms > recorded->older_ms_most)
        recorded->older_ms_most = newest_ms - time_ms;
}

static void add_event(struct reading *reading, const struct event_file *file,
                      const struct event *event, struct arena *arena)
{
    if (event->type == EVENT_PRODUCT)
        add_product_line(reading, file);
    if (event->type > EVENT_PURCHASE) /* impressions, clicks and users are not tested */
        return;
    note_order(reading->recorded, reading->newest_ms, event->event_time_ms);
    if (event->event_time_ms > reading->newest_ms)
        reading->newest_ms = event->event_time_ms;
    add_line(reading->recorded,
             (struct line){.event = event_copy(event, &reading->recorded->memory),
                           .product = copy_product(reading, file, arena)});
}

static enum verdict read_file(struct reading *reading, const char *path, struct error *error)
{
    struct event_file *file;
    struct event event;
    struct arena arena = {0};
    enum read read = READ_EVENT;
    if (event_file_open(path, reading->format, &file, error) != VERDICT_OK)
        return VERDICT_SKIP;
    event_file_judge(file, reading->times, clock_now_ms());
    while (read != READ_END && read != READ_FAILED && !atomic_load(&command_interrupted)) {
        struct error why = {0};
        arena_clear(&arena);
        read = event_file_next(file, &arena, &event, &why);
        if (read == READ_EVENT)
            add_event(reading, file, &event, &arena);
        else if (read == READ_REJECTED)
            reading->recorded->rejected++;
        else if (read == READ_FAILED)
            error_set(error, VERDICT_SKIP, "%s", why.message);
    }
    event_file_close(file);
    arena_release(&arena);
    return read == READ_FAILED ? VERDICT_SKIP : VERDICT_OK;
}

/* ---- sessions ---- */

/* The visitor's last line so far. False: this is the first one. */
static bool find_last_line(const struct hash_index *last_lines, const struct recorded *recorded,
                           struct bytes visitor, uint64_t hash, uint32_t *ret_line)
{
    struct hash_probe probe = hash_index_probe(last_lines, hash);
    while (hash_index_next(last_lines, &probe)) {
        if (bytes_equal(event_visitor(&recorded->lines[probe.entry].event), visitor)) {
            *ret_line = probe.entry;
            return true;
        }
    }
    return false;
}

void recorded_number_sessions(struct recorded *recorded, int64_t gap_ms)
{
    struct hash_index last_lines = {0}; /* by visitor */
    recorded->sessions = 0;
    for (uint32_t i = 0; i < recorded->count; i++) {
        struct line *line = &recorded->lines[i];
        if (line->event.type == EVENT_PRODUCT)
            continue;
        struct bytes visitor = event_visitor(&line->event);
        uint64_t hash = hash_index_hash(visitor);
        uint32_t last = 0;
        bool same_session = false;
        if (find_last_line(&last_lines, recorded, visitor, hash, &last)) {
            const struct line *before = &recorded->lines[last];
            same_session = line->event.event_time_ms - before->event.event_time_ms <= gap_ms;
            hash_index_renumber(&last_lines, hash, last, i);
        } else {
            hash_index_add(&last_lines, hash, i);
        }
        line->session = same_session ? recorded->lines[last].session : recorded->sessions++;
    }
    hash_index_release(&last_lines);
}

enum verdict recorded_read(struct recorded *recorded, const struct config *config,
                           const char *format, int count, char **paths, struct error *error)
{
    struct reading reading = {.recorded = recorded,
                              .format = format,
                              .times = &config->settings.times,
                              .newest_ms = INT64_MIN,
                              .catalogue = catalogue_new(&config->settings.catalogue)};
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; i < count && verdict == VERDICT_OK; i++)
        verdict = read_file(&reading, paths[i], error);
    catalogue_free(reading.catalogue);
    if (verdict != VERDICT_OK)
        return verdict;
    if (recorded->count == 0)
        return error_set(error, VERDICT_SKIP, "the files hold no events");
    if (recorded->count > LINES_MAX)
        return error_set(error, VERDICT_SKIP, "the files hold too many events");
    recorded_number_sessions(recorded, config->settings.session_gap_ms);
    return VERDICT_OK;
}

void recorded_release(struct recorded *recorded)
{
    arena_release(&recorded->memory);
    free(recorded->lines);
    *recorded = (struct recorded){0};
}
