#include "processors/recommend/candidates/channel_popularity.h"

#include "processors/recommend/search/text.h"

#define WRITTEN_BYTES_MAX 256 /* a longer one is no name */

struct bytes channel_name(struct bytes written, struct buffer *scratch, char *to)
{
    if (written.size == 0 || written.size > WRITTEN_BYTES_MAX)
        return bytes_of(NULL, 0);
    buffer_clear(scratch);
    text_normalise(written, scratch);
    struct bytes name = bytes_trim(buffer_bytes(scratch));
    if (name.size == 0 || name.size > CHANNEL_BYTES_MAX)
        return bytes_of(NULL, 0);
    memcpy(to, name.at, name.size);
    return bytes_of(to, name.size);
}

uint32_t channel_popularity_top(const struct model *model, struct bytes channel, uint32_t length,
                                struct top_item *ret_items)
{
    uint32_t at = channel.size > 0 ? queries_find(model->channels, channel) : QUERY_NONE;
    if (at == QUERY_NONE)
        return 0;
    const struct query_row *row = &model->channels->rows[at];
    uint32_t count = row->count < length ? row->count : length;
    for (uint32_t i = 0; i < count; i++)
        ret_items[i] = (struct top_item){
            .item = row->entries[i].item,
            .score = (float)(row->entries[i].weight / row->entries[0].weight),
            .cause = ITEM_NONE,
        };
    return count;
}
