#include "schemas/item_lists.h"

#include "schemas/avro_binary.h"
#include "schemas/draw.h"

#include <inttypes.h>
#include <stdio.h>

const char *const item_list_names[ITEM_LIST_KINDS] = {"similar", "nearest", "viewed_next",
                                                      "goes_with", "bought_together"};

static void write_items(const struct item_list *list, struct buffer *buffer)
{
    for (uint32_t i = 0; i < list->count; i++) {
        buffer_text(buffer, i > 0 ? ",{\"item_id\":" : "{\"item_id\":");
        buffer_json(buffer, list->items[i].item_id);
        buffer_format(buffer, ",\"score\":%.6f,\"reason\":\"%s\"}", list->items[i].score,
                      list->items[i].reason);
    }
}

void item_lists_write_json(const struct item_lists *lists, struct buffer *buffer)
{
    const char *separator = "";
    buffer_text(buffer, "{\"item_id\":");
    buffer_json(buffer, lists->item_id);
    buffer_text(buffer, ",\"offset\":");
    buffer_decimal(buffer, lists->offset);
    buffer_text(buffer, ",\"event_time\":");
    buffer_decimal(buffer, lists->event_time_ms);
    buffer_format(buffer, ",\"catalogue\":\"%016" PRIx64 "\",\"rules\":\"%016" PRIx64 "\"",
                  lists->catalogue, lists->rules);
    buffer_text(buffer, ",\"lists\":[");
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++) {
        if (lists->lists[kind].count == 0)
            continue;
        buffer_format(buffer, "%s{\"list\":\"%s\",\"items\":[", separator, item_list_names[kind]);
        write_items(&lists->lists[kind], buffer);
        buffer_text(buffer, "]}");
        separator = ",";
    }
    buffer_text(buffer, "]}");
}

static void put_digest(uint64_t digest, struct buffer *buffer)
{
    char text[17];
    snprintf(text, sizeof text, "%016" PRIx64, digest);
    avro_put_string(buffer, bytes_text(text));
}

static void put_list(const char *name, const struct item_list *list, struct buffer *buffer)
{
    avro_put_string(buffer, bytes_text(name));
    avro_put_long(buffer, list->count);
    for (uint32_t i = 0; i < list->count; i++) {
        avro_put_string(buffer, list->items[i].item_id);
        avro_put_double(buffer, list->items[i].score);
        avro_put_string(buffer, bytes_text(list->items[i].reason));
    }
    avro_put_long(buffer, 0);
}

void item_lists_write_avro(const struct item_lists *lists, const struct avro_frame *frame,
                           struct buffer *buffer)
{
    int64_t count = 0;
    avro_put_frame(buffer, frame);
    avro_put_string(buffer, lists->item_id);
    avro_put_long(buffer, lists->offset);
    avro_put_long(buffer, lists->event_time_ms);
    put_digest(lists->catalogue, buffer);
    put_digest(lists->rules, buffer);
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
        count += lists->lists[kind].count > 0;
    if (count > 0)
        avro_put_long(buffer, count);
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++)
        if (lists->lists[kind].count > 0)
            put_list(item_list_names[kind], &lists->lists[kind], buffer);
    avro_put_long(buffer, 0);
}

uint64_t item_lists_version(const struct item_lists *lists)
{
    uint64_t version = 0;
    for (int kind = 0; kind < ITEM_LIST_KINDS; kind++) {
        const struct item_list *list = &lists->lists[kind];
        version = draw_mix(version) + list->count;
        for (uint32_t i = 0; i < list->count; i++) {
            version = draw_mix(version) + bytes_hash(list->items[i].item_id);
            version = draw_mix(version) + bytes_hash(bytes_text(list->items[i].reason));
        }
    }
    return version;
}
