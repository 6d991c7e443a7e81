#include "schemas/recommendation.h"

#include "schemas/avro_binary.h"

#include <math.h>

static void put_hex(struct buffer *buffer, uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    for (int shift = 60; shift >= 0; shift -= 4)
        buffer_byte(buffer, digits[value >> shift & 15]);
}

static void put_field(struct buffer *buffer, const char *name, struct bytes text)
{
    if (text.at == NULL)
        return;
    buffer_text(buffer, name);
    buffer_json(buffer, text);
}

/* Scores are written with four decimals: enough to order a list, and short. */
static void put_score(struct buffer *buffer, float score)
{
    int64_t scaled = llrintf(score * 10000);
    if (scaled < 0) {
        buffer_byte(buffer, '-');
        scaled = -scaled;
    }
    buffer_decimal(buffer, scaled / 10000);
    char decimals[5] = {'.', (char)('0' + scaled / 1000 % 10), (char)('0' + scaled / 100 % 10),
                        (char)('0' + scaled / 10 % 10), (char)('0' + scaled % 10)};
    buffer_append(buffer, decimals, sizeof decimals);
}

static void put_list(struct buffer *buffer, const struct list *list)
{
    buffer_text(buffer, "{\"placement\":\"");
    buffer_text(buffer, list->placement);
    buffer_byte(buffer, '"');
    put_field(buffer, ",\"context_item_id\":", list->context_item_id);
    put_field(buffer, ",\"search_term\":", list->search_term);
    put_field(buffer, ",\"context_category\":", list->context_category);
    buffer_text(buffer, ",\"items\":[");
    for (uint32_t i = 0; i < list->item_count; i++) {
        const struct list_item *item = &list->items[i];
        buffer_text(buffer, i > 0 ? ",{\"item_id\":" : "{\"item_id\":");
        buffer_json(buffer, item->item_id);
        buffer_text(buffer, ",\"score\":");
        put_score(buffer, item->score);
        buffer_text(buffer, ",\"reason\":\"");
        buffer_text(buffer, item->reason);
        buffer_byte(buffer, '"');
        put_field(buffer, ",\"because_item_id\":", item->because_item_id);
        if (item->propensity > 0)
            buffer_format(buffer, ",\"propensity\":%.6g", (double)item->propensity);
        buffer_byte(buffer, '}');
    }
    buffer_text(buffer, "]}");
}

void recommendation_write_json(const struct recommendation *recommendation, struct buffer *buffer)
{
    buffer_text(buffer, "{\"visitor\":");
    buffer_json(buffer, recommendation->visitor);
    buffer_text(buffer, ",\"recommendation_id\":\"");
    put_hex(buffer, recommendation->id);
    buffer_text(buffer, "\",\"generated_time\":");
    buffer_decimal(buffer, recommendation->generated_time_ms);
    buffer_text(buffer, ",\"source_event_time\":");
    buffer_decimal(buffer, recommendation->source_event_time_ms);
    put_field(buffer, ",\"experiment_variant\":", recommendation->experiment_variant);
    buffer_text(buffer, ",\"lists\":[");
    for (uint32_t i = 0; i < recommendation->list_count; i++) {
        if (i > 0)
            buffer_byte(buffer, ',');
        put_list(buffer, &recommendation->lists[i]);
    }
    buffer_text(buffer, "]}");
}

void recommendation_write_avro(const struct recommendation *recommendation,
                               const struct avro_frame *frame, struct buffer *buffer)
{
    avro_put_frame(buffer, frame);
    avro_put_string(buffer, recommendation->visitor);
    avro_put_long(buffer, 16);
    put_hex(buffer, recommendation->id);
    avro_put_long(buffer, recommendation->generated_time_ms);
    avro_put_long(buffer, recommendation->source_event_time_ms);
    avro_put_optional(buffer, recommendation->experiment_variant);
    if (recommendation->list_count > 0)
        avro_put_long(buffer, recommendation->list_count);
    for (uint32_t i = 0; i < recommendation->list_count; i++) {
        const struct list *list = &recommendation->lists[i];
        avro_put_string(buffer, bytes_text(list->placement));
        avro_put_optional(buffer, list->context_item_id);
        avro_put_optional(buffer, list->search_term);
        avro_put_optional(buffer, list->context_category);
        if (list->item_count > 0)
            avro_put_long(buffer, list->item_count);
        for (uint32_t k = 0; k < list->item_count; k++) {
            avro_put_string(buffer, list->items[k].item_id);
            avro_put_float(buffer, list->items[k].score);
            avro_put_string(buffer, bytes_text(list->items[k].reason));
            avro_put_optional(buffer, list->items[k].because_item_id);
            buffer_byte(buffer, list->items[k].propensity > 0 ? 2 : 0); /* [null, float] */
            if (list->items[k].propensity > 0)
                avro_put_float(buffer, list->items[k].propensity);
        }
        avro_put_long(buffer, 0);
    }
    avro_put_long(buffer, 0);
}
