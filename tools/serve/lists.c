#include "tools/serve/lists.h"

#include "processors/recommend/search/text.h"
#include "processors/runtime/log.h"
#include "schemas/early_choice.h"
#include "schemas/item_lists.h"
#include "schemas/ranking.h"
#include "tools/serve/copy.h"
#include "tools/serve/render.h"

#include <stdio.h>
#include <stdlib.h>

/* An answer while it is written. */
struct writing {
    const struct lists_source *source;
    const struct lists_request *request;
    struct arena arena;
    struct buffer record; /* scratch */
    struct buffer *json;
    uint32_t count; /* of lists in the answer */
};

/* Reads a record of the copy into a tree. SKIP: there is none, or it can't be read. */
static enum verdict read_record(struct writing *writing, enum copy_table table, struct bytes key,
                                struct json_tree *ret_tree, struct error *error)
{
    buffer_clear(&writing->record);
    enum verdict verdict =
        copy_get(writing->source->store, table, key, &writing->record, NULL, error);
    if (verdict != VERDICT_OK)
        return verdict;
    struct bytes text = arena_copy(&writing->arena, buffer_bytes(&writing->record));
    return json_tree_read(text, NULL, &writing->arena, ret_tree, NULL, NULL);
}

static struct bytes text_of(const struct json_tree *tree, uint32_t object, const char *name)
{
    uint32_t node = json_field(tree, object, bytes_text(name));
    return node != JSON_NONE && tree->nodes[node].kind == NODE_TEXT ? tree->nodes[node].text
                                                                    : bytes_of(NULL, 0);
}

static int64_t number_of(const struct json_tree *tree, const char *name)
{
    char text[24];
    uint32_t node = json_field(tree, 0, bytes_text(name));
    if (node == JSON_NONE || tree->nodes[node].kind != NODE_NUMBER ||
        tree->nodes[node].text.size >= sizeof text)
        return 0;
    snprintf(text, sizeof text, "%.*s", (int)tree->nodes[node].text.size,
             tree->nodes[node].text.at);
    return strtoll(text, NULL, 10);
}

/* A visitor's record in one of the two tables, for the choice between them. */
struct version {
    struct list_version version;
    struct json_tree tree;
};

static enum verdict read_version(struct writing *writing, enum copy_table table,
                                 struct version *ret_version, struct error *error)
{
    struct version read = {.version = {.there = true}};
    buffer_clear(&writing->record);
    enum verdict verdict = copy_get(writing->source->store, table, writing->request->visitor,
                                    &writing->record, &read.version.written_ms, error);
    if (verdict != VERDICT_OK)
        return verdict;
    struct bytes text = arena_copy(&writing->arena, buffer_bytes(&writing->record));
    read.version.tombstone = text.size == 0;
    if (!read.version.tombstone)
        verdict = json_tree_read(text, NULL, &writing->arena, &read.tree, NULL, NULL);
    if (verdict != VERDICT_OK)
        return verdict;
    if (!read.version.tombstone) {
        char id[24] = "";
        struct bytes written = text_of(&read.tree, 0, "recommendation_id");
        snprintf(id, sizeof id, "%.*s", (int)(written.size < 16 ? written.size : 16), written.at);
        read.version.recommendation_id = strtoull(id, NULL, 16);
        read.version.generated_time_ms = number_of(&read.tree, "generated_time");
        read.version.source_event_time_ms = number_of(&read.tree, "source_event_time");
    }
    *ret_version = read;
    return VERDICT_OK;
}

/* The visitor's lists: the committed ones, or those that went ahead of their commit
 * (schemas/early_choice.h). SKIP: there are none. */
static enum verdict read_lists(struct writing *writing, struct json_tree *ret_tree,
                               struct error *error)
{
    struct version committed = {{0}, {0}}, early = {{0}, {0}};
    int64_t retention_ms = writing->source->early_retention_ms;
    if (retention_ms == 0)
        return read_record(writing, COPY_LISTS, writing->request->visitor, ret_tree, error);
    if (read_version(writing, COPY_LISTS, &committed, error) == VERDICT_FATAL ||
        read_version(writing, COPY_EARLY, &early, error) == VERDICT_FATAL)
        return VERDICT_FATAL;
    switch (early_choose(&committed.version, &early.version, clock_now_ms(), retention_ms)) {
    case SHOW_COMMITTED:
        *ret_tree = committed.tree;
        return VERDICT_OK;
    case SHOW_EARLY:
        *ret_tree = early.tree;
        return VERDICT_OK;
    default:
        return VERDICT_SKIP;
    }
}

static void begin_list(struct writing *writing, struct bytes placement, const char *origin)
{
    buffer_text(writing->json, writing->count++ > 0 ? ",{\"placement\":" : "{\"placement\":");
    buffer_json(writing->json, placement);
    buffer_format(writing->json, ",\"source\":\"%s\"", origin);
}

static void end_list(struct writing *writing, const struct json_tree *tree, uint32_t items,
                     const char *reason)
{
    buffer_text(writing->json, ",\"items\":");
    render_items(writing->source->products, tree, items, writing->request->limit, reason,
                 writing->json);
    buffer_byte(writing->json, '}');
}

/* ---- the visitor's own lists ---- */

static const char *const context_fields[] = {"context_item_id", "search_term", "context_category"};
#define CONTEXT_FIELDS (sizeof context_fields / sizeof context_fields[0])

static bool is_wanted(const struct writing *writing, const struct json_tree *tree, uint32_t list)
{
    const struct lists_request *request = writing->request;
    if (request->placement.at && !bytes_equal(text_of(tree, list, "placement"), request->placement))
        return false;
    if (request->context.at == NULL)
        return true;
    for (size_t i = 0; i < CONTEXT_FIELDS; i++)
        if (bytes_equal(text_of(tree, list, context_fields[i]), request->context))
            return true;
    return false;
}

static void write_own(struct writing *writing, const struct json_tree *tree)
{
    uint32_t lists = json_field(tree, 0, bytes_text("lists"));
    if (lists == JSON_NONE)
        return;
    for (uint32_t list = json_first(tree, lists); list != JSON_NONE;
         list = json_next(tree, lists, list)) {
        if (!is_wanted(writing, tree, list))
            continue;
        begin_list(writing, text_of(tree, list, "placement"), "visitor");
        for (size_t i = 0; i < CONTEXT_FIELDS; i++)
            render_field(tree, list, context_fields[i], writing->json);
        end_list(writing, tree, json_field(tree, list, bytes_text("items")), NULL);
    }
}

/* ---- lists for everybody ---- */

static bool write_ranking(struct writing *writing, struct bytes placement, enum ranking_kind kind,
                          enum ranking_scope scope, struct bytes name)
{
    struct json_tree tree;
    struct buffer key = {0};
    ranking_key(kind, scope, name, &key);
    enum verdict verdict = read_record(writing, COPY_RANKINGS, buffer_bytes(&key), &tree, NULL);
    buffer_release(&key);
    if (verdict != VERDICT_OK)
        return false;
    begin_list(writing, placement, "ranking");
    if (scope == SCOPE_TERM && writing->request->context.at) {
        buffer_text(writing->json, ",\"search_term\":");
        buffer_json(writing->json, writing->request->context);
    }
    render_field(&tree, 0, "ranking", writing->json);
    render_field(&tree, 0, "scope", writing->json);
    render_field(&tree, 0, "name", writing->json);
    end_list(writing, &tree, json_field(&tree, 0, bytes_text("items")), ranking_kind_names[kind]);
    return true;
}

static bool write_scope(struct writing *writing, struct bytes placement, enum ranking_scope scope,
                        struct bytes name)
{
    return write_ranking(writing, placement, RANKING_TRENDING, scope, name) ||
           write_ranking(writing, placement, RANKING_VIEWED, scope, name);
}

static bool write_of_term(struct writing *writing, struct bytes placement, struct bytes term)
{
    char normal[TEXT_QUERY_BYTES_MAX];
    return write_ranking(writing, placement, RANKING_TAKEN, SCOPE_TERM, text_query(term, normal));
}

/* The lists of an item that may stand for a placement, the best first. */
static const enum item_list_kind beside_item[] = {ITEM_LIST_VIEWED_NEXT, ITEM_LIST_SIMILAR,
                                                  ITEM_LIST_NEAREST, ITEM_LIST_BOUGHT_TOGETHER};
static const enum item_list_kind goes_with_item[] = {ITEM_LIST_GOES_WITH,
                                                     ITEM_LIST_BOUGHT_TOGETHER};

static uint32_t find_item_list(const struct json_tree *tree, enum item_list_kind kind)
{
    uint32_t lists = json_field(tree, 0, bytes_text("lists"));
    if (lists == JSON_NONE)
        return JSON_NONE;
    for (uint32_t list = json_first(tree, lists); list != JSON_NONE;
         list = json_next(tree, lists, list))
        if (bytes_equal(text_of(tree, list, "list"), bytes_text(item_list_names[kind])))
            return json_field(tree, list, bytes_text("items"));
    return JSON_NONE;
}

static bool write_of_item(struct writing *writing, const struct placement *placement,
                          struct bytes item_id)
{
    struct json_tree tree;
    bool others = placement->filters & FILTER_OTHER_CATEGORY;
    const enum item_list_kind *kinds = others ? goes_with_item : beside_item;
    size_t count = others ? sizeof goes_with_item / sizeof goes_with_item[0]
                          : sizeof beside_item / sizeof beside_item[0];
    if (read_record(writing, COPY_ITEMS, item_id, &tree, NULL) != VERDICT_OK)
        return false;
    for (size_t i = 0; i < count; i++) {
        uint32_t items = find_item_list(&tree, kinds[i]);
        if (items == JSON_NONE)
            continue;
        begin_list(writing, bytes_text(placement->name), "item");
        buffer_text(writing->json, ",\"context_item_id\":");
        buffer_json(writing->json, item_id);
        end_list(writing, &tree, items, item_list_names[kinds[i]]);
        return true;
    }
    return false;
}

/* A list of the placement for everybody, by the context that the request names. */
static void write_for_all(struct writing *writing, const struct placement *placement)
{
    struct bytes name = bytes_text(placement->name), context = writing->request->context;
    struct bytes category = writing->request->scope[0], brand = writing->request->scope[1];
    bool written = false;
    if (placement->context == CONTEXT_ITEM && context.at)
        written = write_of_item(writing, placement, context);
    if (placement->context == CONTEXT_TERM && context.at)
        written = write_of_term(writing, name, context);
    if (placement->context == CONTEXT_CATEGORY && context.at)
        written = write_scope(writing, name, SCOPE_CATEGORY, context);
    if (!written && category.at)
        written = write_scope(writing, name, SCOPE_CATEGORY, category);
    if (!written && brand.at)
        written = write_scope(writing, name, SCOPE_BRAND, brand);
    if (!written)
        write_scope(writing, name, SCOPE_SHOP, bytes_of(NULL, 0));
}

/* Without a placement, the first one that needs no context stands for all. */
static const struct placement *choose_placement(const struct writing *writing)
{
    const struct placements *placements = writing->source->placements;
    struct bytes wanted = writing->request->placement;
    for (uint32_t i = 0; i < placements->count; i++) {
        const struct placement *at = &placements->at[i];
        if (wanted.at ? bytes_equal(bytes_text(at->name), wanted)
                      : at->context == CONTEXT_VISITOR && at->kinds == 0 && !at->off)
            return at;
    }
    return NULL;
}

/* The record's id, which goes into a line of a stream; "0" without lists. */
static void write_id(const struct json_tree *tree, bool known, struct buffer *id)
{
    struct bytes text = known ? text_of(tree, 0, "recommendation_id") : bytes_of(NULL, 0);
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] <= ' ' || text.at[i] > '~')
            text.size = 0;
    if (text.size == 0)
        text = bytes_text("0");
    buffer_append(id, text.at, text.size);
}

enum verdict lists_write(const struct lists_source *source, const struct lists_request *request,
                         struct buffer *json, struct buffer *ret_id, struct error *error)
{
    struct writing writing = {.source = source, .request = request, .json = json};
    struct json_tree tree;
    enum verdict verdict = read_lists(&writing, &tree, error);
    bool known = verdict == VERDICT_OK;
    if (verdict != VERDICT_FATAL) {
        buffer_text(json, "{\"visitor\":");
        buffer_json(json, request->visitor);
        buffer_text(json, known ? ",\"known\":true" : ",\"known\":false");
        products_lock(source->products);
        if (known) {
            render_field(&tree, 0, "recommendation_id", json);
            render_field(&tree, 0, "generated_time", json);
            render_field(&tree, 0, "source_event_time", json);
        }
        if (ret_id)
            write_id(&tree, known, ret_id);
        buffer_text(json, ",\"lists\":[");
        if (known)
            write_own(&writing, &tree);
        const struct placement *placement = choose_placement(&writing);
        if (writing.count == 0 && placement)
            write_for_all(&writing, placement);
        buffer_text(json, "]}");
        products_unlock(source->products);
        verdict = VERDICT_OK;
    }
    arena_release(&writing.arena);
    buffer_release(&writing.record);
    return verdict;
}

/* ---- rankings and items ---- */

enum verdict lists_write_ranking(const struct lists_source *source, struct bytes key,
                                 uint32_t limit, struct buffer *json, struct error *error)
{
    const struct lists_request request = {.limit = limit};
    struct writing writing = {.source = source, .request = &request, .json = json};
    struct json_tree tree;
    enum verdict verdict = read_record(&writing, COPY_RANKINGS, key, &tree, error);
    if (verdict == VERDICT_OK) {
        products_lock(source->products);
        buffer_text(json, "{\"ranking\":");
        buffer_json(json, text_of(&tree, 0, "ranking"));
        render_field(&tree, 0, "scope", json);
        render_field(&tree, 0, "name", json);
        render_field(&tree, 0, "event_time", json);
        end_list(&writing, &tree, json_field(&tree, 0, bytes_text("items")), NULL);
        products_unlock(source->products);
    }
    arena_release(&writing.arena);
    buffer_release(&writing.record);
    return verdict;
}

static void write_item_lists(struct writing *writing, const struct json_tree *tree)
{
    uint32_t lists = json_field(tree, 0, bytes_text("lists"));
    for (uint32_t list = lists == JSON_NONE ? JSON_NONE : json_first(tree, lists);
         list != JSON_NONE; list = json_next(tree, lists, list)) {
        buffer_text(writing->json, writing->count++ > 0 ? ",{\"list\":" : "{\"list\":");
        buffer_json(writing->json, text_of(tree, list, "list"));
        end_list(writing, tree, json_field(tree, list, bytes_text("items")), NULL);
    }
}

enum verdict lists_write_item(const struct lists_source *source, struct bytes item_id,
                              uint32_t limit, struct buffer *json, struct error *error)
{
    const struct lists_request request = {.limit = limit};
    struct writing writing = {.source = source, .request = &request, .json = json};
    struct json_tree tree;
    enum verdict verdict = read_record(&writing, COPY_ITEMS, item_id, &tree, error);
    products_lock(source->products);
    const struct product_text *product = products_find(source->products, item_id);
    if (verdict == VERDICT_OK || (verdict == VERDICT_SKIP && product)) {
        buffer_text(json, "{\"item_id\":");
        buffer_json(json, item_id);
        render_product(product, json);
        buffer_text(json, ",\"lists\":[");
        if (verdict == VERDICT_OK)
            write_item_lists(&writing, &tree);
        buffer_text(json, "]}");
        verdict = VERDICT_OK;
    }
    products_unlock(source->products);
    arena_release(&writing.arena);
    buffer_release(&writing.record);
    return verdict;
}
