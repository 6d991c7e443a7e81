/* Records that `weft get` reads from topics and prints: the first byte tells which one the rest is.
 * No control character of a record reaches the terminal, and each line of a table is JSON. */
#include "schemas/codec.h"
#include "state/visitor_codec.h"
#include "tests/fuzz.h"
#include "tools/dump.h"
#include "tools/show.h"

#include <jansson.h>
#include <stdlib.h>

/* The text that is printed between the two calls. */
struct printed {
    FILE *before;
    char *text;
    size_t size;
};

static void start_printing(struct printed *printed)
{
    printed->before = stdout;
    stdout = open_memstream(&printed->text, &printed->size);
    FUZZ_CHECK(stdout != NULL);
}

static void check_printed(struct printed *printed)
{
    fclose(stdout);
    stdout = printed->before;
    for (size_t i = 0; i < printed->size; i++) {
        unsigned char c = (unsigned char)printed->text[i];
        FUZZ_CHECK((c >= ' ' && c != 0x7F) || c == '\n');
    }
    free(printed->text);
}

static void show(struct bytes record, const struct visitor *state, const struct titles *titles)
{
    const struct shown_lists lists = {
        .visitor = bytes_text("v"), .record = record, .state = state, .titles = titles};
    struct printed printed;
    start_printing(&printed);
    show_lists(&lists, 100);
    show_ranking(record, titles, 100);
    check_printed(&printed);
}

static void try_state(struct bytes row)
{
    struct titles titles = {0};
    struct visitor *visitor;
    char *line = NULL;
    size_t size = 0;
    if (visitor_decode(0, bytes_text("v"), row, &visitor, NULL) != VERDICT_OK)
        return;
    show(bytes_text("{}"), visitor, &titles);
    FILE *to = open_memstream(&line, &size);
    dump_visitor(visitor, to);
    fclose(to);
    json_t *table = json_loadb(line, size, 0, NULL);
    FUZZ_CHECK(table != NULL && memchr(line, '\n', size) == line + size - 1);
    json_decref(table);
    free(line);
    visitor_free(visitor);
}

static void try_product(struct bytes record)
{
    static const char lists[] = "{\"lists\":[{\"placement\":\"p\",\"items\":[{\"item_id\":\"i\","
                                "\"score\":1}]}],\"items\":[{\"item_id\":\"i\"}]}";
    static struct codec *codec; /* made at the first input, kept for all */
    struct titles titles = {0};
    struct arena arena = {0};
    struct event product;
    if (codec == NULL)
        codec = codec_new(NULL);
    if (codec_decode(codec, EVENT_PRODUCT, record, &arena, &product, NULL) == VERDICT_OK) {
        titles_add(&titles, &product);
        product.item_id = bytes_text("i");
        titles_add(&titles, &product);
        titles_sort(&titles);
        show(bytes_text(lists), NULL, &titles);
    }
    titles_release(&titles);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct bytes record = bytes_of(data + 1, size - 1);
    const struct titles none = {0};
    if (data[0] == 's')
        try_state(record);
    else if (data[0] == 'p')
        try_product(record);
    else
        show(record, NULL, &none);
    return 0;
}

static void add_state(struct fuzz_sink *sink)
{
    struct visitor *visitor = visitor_new(0, bytes_text("v"));
    struct buffer seed = {0};
    for (uint32_t i = 0; i < 3; i++) {
        struct activity activity = {.time_ms = 1700000000000 + i, .kind = (uint8_t)i};
        buffer_clear(&seed);
        buffer_byte(&seed, 's');
        visitor_encode(visitor, &seed);
        sink->add(sink, buffer_bytes(&seed));
        visitor_set_declared(visitor, bytes_text("female"), bytes_text("30-39"));
        visitor_update_channel(visitor, bytes_text("web"), 1700000000000);
        visitor_insert(visitor, i, activity, bytes_text("item"), 4, NULL);
    }
    buffer_release(&seed);
    visitor_free(visitor);
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    static const char lists[] =
        "l{\"generated_time\":1700000000000,\"source_event_time\":-1,\"lists\":[{\"placement\":"
        "\"home\",\"context_item_id\":\"a\",\"context_category\":\"b\",\"items\":[{\"item_id\":"
        "\"i\\u001b[2J\",\"score\":0.5,\"reason\":\"popular\",\"because_item_id\":\"j\"}]}]}";
    static const char ranking[] =
        "r{\"ranking\":\"viewed\",\"scope\":\"brand\",\"name\":\"\\u009b\\n\",\"event_time\":"
        "9223372036854775807,\"offset\":3,\"items\":[{\"item_id\":\"i\",\"score\":1e300,\"found\":"
        "true}]}";
    static const char product[] =
        "p{\"type\":\"product\",\"item_id\":\"a\",\"title\":\"Coat\\u0007\",\"price\":5,"
        "\"original_price\":9,\"currency\":\"EUR\"}";
    sink->add(sink, bytes_text(lists));
    sink->add(sink, bytes_text(ranking));
    sink->add(sink, bytes_text(product));
    add_state(sink);
}
