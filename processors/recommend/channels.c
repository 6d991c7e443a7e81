#include "processors/recommend/channels.h"

#include "processors/recommend/asked.h"
#include "processors/recommend/text.h"

#define WRITTEN_BYTES_MAX 256 /* more is no name: not looked at */

struct bytes channel_name(struct bytes written, struct buffer *scratch, char *to)
{
    if (written.size == 0 || written.size > WRITTEN_BYTES_MAX)
        return bytes_of(NULL, 0);
    buffer_clear(scratch);
    text_normalise(written, scratch);
    struct bytes name = buffer_bytes(scratch);
    while (name.size > 0 && (unsigned char)name.at[0] <= ' ')
        name = bytes_of(name.at + 1, name.size - 1);
    while (name.size > 0 && (unsigned char)name.at[name.size - 1] <= ' ')
        name.size--;
    if (name.size == 0 || name.size > CHANNEL_BYTES_MAX)
        return bytes_of(NULL, 0);
    memcpy(to, name.at, name.size);
    return bytes_of(to, name.size);
}

void channels_fold(struct model *model, const struct interaction *interaction)
{
    enum rule_kind kind;
    if (interaction->channel.size == 0 || interaction->subject.size == 0 ||
        !rule_kind_of(interaction->kind, &kind))
        return;
    uint32_t item = model_intern(model, interaction->subject);
    if (item == ITEM_NONE)
        return;
    struct decay decay = decay_at(interaction->event_time_ms, model->limits.popular_half_life_ms);
    queries_add(model->channels, interaction->channel, item, asked_units(kind), decay.m, decay.k,
                bytes_hash(interaction->event_id) + interaction->position);
}

uint32_t channels_top(const struct model *model, struct bytes channel, uint32_t length,
                      struct best_item *ret_items)
{
    uint32_t at = channel.size > 0 ? queries_find(model->channels, channel) : QUERY_NONE;
    if (at == QUERY_NONE)
        return 0;
    const struct query_row *row = &model->channels->rows[at];
    uint32_t count = row->count < length ? row->count : length;
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (struct best_item){
            .item = row->entries[i].item,
            .score = (float)(row->entries[i].weight / row->entries[0].weight),
            .cause = ITEM_NONE,
        };
    return count;
}
