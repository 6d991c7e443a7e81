#include "schemas/ranking.h"

#include "schemas/avro_binary.h"
#include "schemas/draw.h"

const char *const ranking_kind_names[RANKING_KINDS] = {"viewed", "carted", "bought", "trending",
                                                       "taken"};
const char *const ranking_scope_names[RANKING_SCOPES] = {"shop",   "category",  "brand",
                                                         "gender", "age_group", "term"};

void ranking_key(enum ranking_kind kind, enum ranking_scope scope, struct bytes name,
                 struct buffer *buffer)
{
    buffer_text(buffer, ranking_kind_names[kind]);
    buffer_byte(buffer, '|');
    buffer_text(buffer, ranking_scope_names[scope]);
    if (name.at == NULL)
        return;
    buffer_byte(buffer, '|');
    buffer_append(buffer, name.at, name.size);
}

void ranking_write_json(const struct ranking *ranking, struct buffer *buffer)
{
    buffer_format(buffer, "{\"ranking\":\"%s\",\"scope\":\"%s\"", ranking_kind_names[ranking->kind],
                  ranking_scope_names[ranking->scope]);
    if (ranking->name.at) {
        buffer_text(buffer, ",\"name\":");
        buffer_json(buffer, ranking->name);
    }
    buffer_text(buffer, ",\"offset\":");
    buffer_decimal(buffer, ranking->offset);
    buffer_text(buffer, ",\"event_time\":");
    buffer_decimal(buffer, ranking->event_time_ms);
    buffer_text(buffer, ",\"items\":[");
    for (uint32_t i = 0; i < ranking->item_count; i++) {
        buffer_text(buffer, i > 0 ? ",{\"item_id\":" : "{\"item_id\":");
        buffer_json(buffer, ranking->items[i].item_id);
        buffer_format(buffer, ",\"score\":%.4f", ranking->items[i].score);
        buffer_text(buffer, ranking->items[i].found ? ",\"found\":true}" : "}");
    }
    buffer_text(buffer, "]}");
}

void ranking_write_avro(const struct ranking *ranking, const struct avro_frame *frame,
                        struct buffer *buffer)
{
    avro_put_frame(buffer, frame);
    avro_put_string(buffer, bytes_text(ranking_kind_names[ranking->kind]));
    avro_put_string(buffer, bytes_text(ranking_scope_names[ranking->scope]));
    avro_put_optional(buffer, ranking->name);
    avro_put_long(buffer, ranking->offset);
    avro_put_long(buffer, ranking->event_time_ms);
    if (ranking->item_count > 0)
        avro_put_long(buffer, ranking->item_count);
    for (uint32_t i = 0; i < ranking->item_count; i++) {
        avro_put_string(buffer, ranking->items[i].item_id);
        avro_put_double(buffer, ranking->items[i].score);
        buffer_byte(buffer, ranking->items[i].found);
    }
    avro_put_long(buffer, 0);
}

uint64_t ranking_version(const struct ranking *ranking)
{
    uint64_t version = ranking->item_count;
    for (uint32_t i = 0; i < ranking->item_count; i++) {
        version = version * DRAW_STEP + bytes_hash(ranking->items[i].item_id);
        version = version * 31 + ranking->items[i].found;
    }
    return version;
}
