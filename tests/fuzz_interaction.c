/* A record of the interactions log. A record that interaction_read() accepts comes back
 * from interaction_write(). */
#include "schemas/codec.h"
#include "schemas/interaction.h"
#include "tests/fuzz.h"
#include "tests/test_events.h"

#define FINGERPRINT 0x0123456789ABCDEFu

static void check_accepted(const struct interaction *in)
{
    struct buffer written = {0};
    struct interaction again;
    interaction_write(in, FINGERPRINT, &written);
    FUZZ_CHECK(interaction_read(buffer_bytes(&written), FINGERPRINT, &again, NULL) == VERDICT_OK);
    FUZZ_CHECK(bytes_equal(in->event_id, again.event_id) && in->position == again.position &&
               in->kind == again.kind && bytes_equal(in->subject, again.subject) &&
               same_text(in->search_term, again.search_term) &&
               same_text(in->channel, again.channel) && in->channel.size <= CHANNEL_BYTES_MAX &&
               in->event_time_ms == again.event_time_ms && in->joined == again.joined &&
               same_double((double)in->price, (double)again.price) &&
               in->before_count == again.before_count && in->after_count == again.after_count &&
               in->before_count <= NEIGHBOURS_MAX && in->after_count <= NEIGHBOURS_MAX);
    for (uint32_t i = 0; i < in->before_count; i++)
        FUZZ_CHECK(bytes_equal(in->before[i].item_id, again.before[i].item_id));
    for (uint32_t i = 0; i < in->after_count; i++)
        FUZZ_CHECK(bytes_equal(in->after[i].item_id, again.after[i].item_id) &&
                   in->after[i].event_time_ms == again.after[i].event_time_ms);
    buffer_release(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct interaction in;
    struct error error = {0};
    if (interaction_read(bytes_of(data, size), FINGERPRINT, &in, &error) == VERDICT_OK)
        check_accepted(&in);
    else
        FUZZ_CHECK(error.message[0]);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    struct buffer seed = {0};
    for (uint32_t i = 0; i <= NEIGHBOURS_MAX; i++) {
        struct interaction in = {
            .event_id = bytes_text("event"),
            .kind = (enum kind)(i % KINDS),
            .subject = bytes_text("item"),
            .event_time_ms = 1700000000000,
            .price = i % 2 ? NAN : 1.5f,
            .search_term = i % 4 == 1 ? bytes_text("wool coat") : bytes_of(NULL, 0),
            .channel = i % 3 == 1 ? bytes_text("web") : bytes_of(NULL, 0),
            .joined = i % 3 == 0,
            .before_count = i,
            .after_count = NEIGHBOURS_MAX - i,
        };
        for (uint32_t k = 0; k < NEIGHBOURS_MAX; k++)
            in.before[k] = in.after[k] = (struct neighbour){bytes_text("x"), 1700000000000 + k};
        buffer_clear(&seed);
        interaction_write(&in, FINGERPRINT, &seed);
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_release(&seed);
}
