/* Text from a client: as a path, a header's list, an address, a body of events, and as a record of
 * the copy. Whatever is accepted is UTF-8, points into the text, and makes well-formed JSON. */
#define FUZZ_MUTATIONS 300
#include "processors/runtime/http/http_reply.h"
#include "schemas/json_tree.h"
#include "tests/fuzz.h"
#include "tools/serve/copy.h"
#include "tools/serve/events.h"
#include "tools/serve/lists.h"

#define EVENTS_MAX 8

static void try_path(struct bytes text)
{
    struct arena arena = {0};
    struct http_path path;
    struct bytes values[HTTP_SEGMENTS_MAX];
    if (http_path_read(text, &arena, &path)) {
        FUZZ_CHECK(path.count > 0 && path.count <= HTTP_SEGMENTS_MAX);
        for (uint32_t i = 0; i < path.count; i++)
            FUZZ_CHECK(bytes_utf8(path.segments[i]) &&
                       path.segments[i].size <= HTTP_SEGMENT_BYTES_MAX &&
                       memchr(path.segments[i].at, 0, path.segments[i].size) == NULL);
        http_path_fits(&path, "/v1/{}/lists/{}", values);
    }
    arena_release(&arena);
}

static void try_headers(struct bytes text)
{
    char *line = memory_text(text);
    struct http_address address;
    struct error error = {0};
    char tag[HTTP_TAG_SIZE];
    http_tag(text, true, tag);
    FUZZ_CHECK(!http_tags_have(line, tag) || strstr(line, tag) || strchr(line, '*'));
    http_list_has(line, "gzip");
    http_origin_listed(line, "https://a.example");
    http_origin_same(line, line);
    http_host_is_local(line);
    if (http_address_read(line, &address, &error) != VERDICT_OK)
        FUZZ_CHECK(error.message[0]);
    free(line);
}

static void try_events(struct bytes text)
{
    struct arena arena = {0};
    struct error error = {0};
    struct bytes events[EVENTS_MAX];
    uint32_t count;
    enum verdict verdict = events_split(text, EVENTS_MAX, &arena, events, &count, &error);
    FUZZ_CHECK((verdict == VERDICT_OK) == (error.message[0] == '\0'));
    for (uint32_t i = 0; verdict == VERDICT_OK && i < count; i++)
        FUZZ_CHECK(events[i].at >= text.at && events[i].size > 0 &&
                   events[i].at + events[i].size <= text.at + text.size && events[i].at[0] == '{');
    arena_release(&arena);
}

/* The record stands for a visitor's lists, a ranking and an item's lists. */
static void try_record(struct bytes text)
{
    struct store *store = store_memory_new();
    struct products *products = products_new();
    struct placements placements;
    struct store_batch batch = {0};
    struct buffer json = {0}, answer = {0}, id = {0};
    struct arena arena = {0};
    struct json_tree tree;
    struct output_reader *reader = output_reader_new();
    placements_init(&placements);
    placements_finish(&placements, "", NULL);
    const struct lists_source source = {
        .store = store, .products = products, .placements = &placements};
    const struct lists_request request = {
        .visitor = bytes_text("v"), .context = bytes_text("A"), .limit = 5};
    if (copy_read(reader, SCHEMA_RECOMMENDATION, text, &json, &arena, NULL) == VERDICT_OK) {
        copy_put(&batch, COPY_LISTS, request.visitor, 1, buffer_bytes(&json));
        copy_put(&batch, COPY_RANKINGS, bytes_text("viewed|shop"), 1, buffer_bytes(&json));
        copy_put(&batch, COPY_ITEMS, request.context, 1, buffer_bytes(&json));
        store->write(store, &batch, NULL);
        FUZZ_CHECK(lists_write(&source, &request, &answer, &id, NULL) == VERDICT_OK);
        FUZZ_CHECK(json_tree_read(buffer_bytes(&answer), NULL, &arena, &tree, NULL, NULL) ==
                   VERDICT_OK);
        FUZZ_CHECK(memchr(answer.at, '\n', answer.size) == NULL); /* one line of a stream */
        FUZZ_CHECK(memchr(id.at, '\n', id.size) == NULL && memchr(id.at, '\r', id.size) == NULL);
        buffer_clear(&answer);
        lists_write_ranking(&source, bytes_text("viewed|shop"), 5, &answer, NULL);
        FUZZ_CHECK(json_tree_read(buffer_bytes(&answer), NULL, &arena, &tree, NULL, NULL) ==
                   VERDICT_OK);
        buffer_clear(&answer);
        lists_write_item(&source, request.context, 5, &answer, NULL);
        FUZZ_CHECK(json_tree_read(buffer_bytes(&answer), NULL, &arena, &tree, NULL, NULL) ==
                   VERDICT_OK);
    }
    output_reader_free(reader);
    batch_release(&batch);
    buffer_release(&json);
    buffer_release(&answer);
    buffer_release(&id);
    arena_release(&arena);
    products_free(products);
    store->free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_of(data, size);
    try_path(text);
    try_headers(text);
    try_events(text);
    try_record(text);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    static const char *const seeds[] = {
        "/v1/visitors/a%2Fb/lists/%EC%BD%94",
        "br, gzip;q=0.5, *;q=0",
        "W/\"abc\", \"def\"",
        "[::1]:8080",
        "https://a.example, https://b.example",
        "{\"events\":[{\"type\":\"view\",\"item\":{\"item_id\":\"A\"}},{}]}",
        "[{\"a\":[1,2,{\"b\":null}]},{\"c\":\"\\u0000\\ud83d\\ude00\"}]",
        "{\"visitor\":\"v\",\"recommendation_id\":\"a\\nb\",\"lists\":[{\"placement\":\"home\","
        "\"items\":[{\"item_id\":\"A\",\"score\":-1.5e3,\"reason\":\"x\",\"because_item_id\":"
        "\"A\",\"propensity\":0.1,\"found\":true},{\"item_id\":7},null,[]]},5]}",
        "{\"ranking\":\"viewed\",\"scope\":{\"a\":[]},\"name\":null,\"items\":{\"item_id\":1}}",
    };
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
        sink->add(sink, bytes_text(seeds[i]));
}
