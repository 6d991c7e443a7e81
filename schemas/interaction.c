#include "schemas/interaction.h"

#include "schemas/avro_binary.h"

#include <math.h>

const char *const kind_names[KINDS] = {
    "view", "search", "cart", "purchase", "cart_remove", "cart_update", "cart_clear", "refund",
};

void interaction_write(const struct interaction *interaction, uint64_t fingerprint,
                       struct buffer *buffer)
{
    avro_put_header(buffer, fingerprint);
    avro_put_string(buffer, interaction->event_id);
    avro_put_long(buffer, interaction->position);
    avro_put_long(buffer, interaction->kind);
    avro_put_string(buffer, interaction->subject);
    avro_put_long(buffer, interaction->event_time_ms);
    avro_put_long(buffer, isnan(interaction->price) ? 0 : 1);
    if (!isnan(interaction->price))
        avro_put_float(buffer, interaction->price);
    avro_put_long(buffer, (int64_t)interaction->visitor);
    buffer_byte(buffer, interaction->joined ? 1 : 0);
    if (interaction->before_count > 0) {
        avro_put_long(buffer, interaction->before_count);
        for (uint32_t i = 0; i < interaction->before_count; i++)
            avro_put_string(buffer, interaction->before[i].item_id);
    }
    avro_put_long(buffer, 0);
    if (interaction->after_count > 0) {
        avro_put_long(buffer, interaction->after_count);
        for (uint32_t i = 0; i < interaction->after_count; i++) {
            avro_put_string(buffer, interaction->after[i].item_id);
            avro_put_long(buffer, interaction->after[i].event_time_ms);
        }
    }
    avro_put_long(buffer, 0);
    avro_put_optional(buffer, interaction->search_term);
    avro_put_optional(buffer, interaction->channel);
    avro_put_long(buffer, interaction->change);
}

static uint32_t read_neighbours(struct avro_reader *reader, struct neighbour *neighbours,
                                bool with_time)
{
    uint32_t count = 0;
    for (uint64_t block; (block = avro_get_block(reader)) > 0;) {
        for (; block > 0 && !reader->failed; block--) {
            if (count == NEIGHBOURS_MAX) {
                reader->failed = true;
                return 0;
            }
            neighbours[count].item_id = avro_get_string(reader);
            neighbours[count].event_time_ms = with_time ? avro_get_long(reader) : 0;
            count++;
        }
    }
    return count;
}

enum verdict interaction_read(struct bytes record, uint64_t fingerprint,
                              struct interaction *ret_interaction, struct error *error)
{
    static const uint64_t older[] = {INTERACTION_WITHOUT_CHANGE, INTERACTION_WITHOUT_CHANNEL,
                                     INTERACTION_WITHOUT_TERM, INTERACTION_WITHOUT_VISITOR};
    struct avro_reader reader = avro_open(record, fingerprint);
    struct interaction in = {.price = NAN};
    uint32_t age = 0;
    while (reader.failed && age < sizeof older / sizeof older[0])
        reader = avro_open(record, older[age++]);
    bool with_change = age < 1, with_channel = age < 2, with_term = age < 3, with_visitor = age < 4;
    in.event_id = avro_get_string(&reader);
    int64_t position = avro_get_long(&reader), kind = avro_get_long(&reader);
    in.subject = avro_get_string(&reader);
    in.event_time_ms = avro_get_long(&reader);
    int64_t has_price = avro_get_long(&reader);
    if (has_price == 1)
        in.price = avro_get_float(&reader);
    if (with_visitor)
        in.visitor = (uint64_t)avro_get_long(&reader);
    in.joined = avro_get_bool(&reader);
    in.before_count = read_neighbours(&reader, in.before, false);
    in.after_count = read_neighbours(&reader, in.after, true);
    int64_t has_term = with_term ? avro_get_long(&reader) : 0;
    if (has_term == 1)
        in.search_term = avro_get_string(&reader);
    int64_t has_channel = with_channel ? avro_get_long(&reader) : 0;
    if (has_channel == 1)
        in.channel = avro_get_string(&reader);
    int64_t change = with_change ? avro_get_long(&reader) : CHANGE_ACTIVITY;
    if (reader.failed || reader.at != reader.end || kind < 0 || kind >= KINDS || position < 0 ||
        position > INT32_MAX || has_price < 0 || has_price > 1 || has_term < 0 || has_term > 1 ||
        has_channel < 0 || has_channel > 1 || in.channel.size > CHANNEL_BYTES_MAX || change < 0 ||
        change >= CHANGES)
        return error_set(error, VERDICT_SKIP, "not an interaction record of this version");
    in.position = (uint32_t)position;
    in.kind = (enum kind)kind;
    in.change = (enum interaction_change)change;
    *ret_interaction = in;
    return VERDICT_OK;
}
