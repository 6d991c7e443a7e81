#include "processors/recommend/search/search.h"

#include "processors/recommend/search/text.h"
#include "schemas/ranking.h"
#include "tools/serve/copy.h"
#include "tools/serve/render.h"
#include "tools/serve/serve.h"

#define LISTED_MAX (2 * SEARCH_RESULTS_MAX)

struct searching {
    struct serve *serve;
    struct buffer *json;
    struct arena arena;
    struct bytes listed[LISTED_MAX]; /* ids that the answer has; the arena's */
    uint32_t count, limit;
};

static bool is_listed(const struct searching *searching, struct bytes item_id)
{
    for (uint32_t i = 0; i < searching->count; i++)
        if (bytes_equal(searching->listed[i], item_id))
            return true;
    return false;
}

static void add_item(struct searching *searching, struct bytes item_id, double score,
                     const char *reason)
{
    const struct product_text *product;
    if (searching->count == searching->limit || is_listed(searching, item_id) ||
        !render_item_start(searching->serve->products, item_id, searching->count, searching->json,
                           &product))
        return;
    buffer_format(searching->json, ",\"score\":%.4f,\"reason\":\"%s\"", score, reason);
    render_product(product, searching->json);
    buffer_byte(searching->json, '}');
    searching->listed[searching->count++] = arena_copy(&searching->arena, item_id);
}

static bool read_record(struct searching *searching, enum copy_table table, struct bytes key,
                        struct json_tree *ret_tree)
{
    struct buffer record = {0};
    bool there =
        copy_get(searching->serve->run->store, table, key, &record, NULL, NULL) == VERDICT_OK;
    struct bytes text = arena_copy(&searching->arena, buffer_bytes(&record));
    buffer_release(&record);
    return there &&
           json_tree_read(text, NULL, &searching->arena, ret_tree, NULL, NULL) == VERDICT_OK;
}

static struct bytes text_of(const struct json_tree *tree, uint32_t object, const char *name)
{
    uint32_t node = json_field(tree, object, bytes_text(name));
    return node != JSON_NONE && tree->nodes[node].kind == NODE_TEXT ? tree->nodes[node].text
                                                                    : bytes_of(NULL, 0);
}

/* The items of an array, in its order. Their scores do not compare with others: the place is the
 * score. */
static void add_items(struct searching *searching, const struct json_tree *tree, uint32_t items,
                      const char *reason)
{
    for (uint32_t item = items == JSON_NONE ? JSON_NONE : json_first(tree, items);
         item != JSON_NONE; item = json_next(tree, items, item))
        if (text_of(tree, item, "item_id").at)
            add_item(searching, text_of(tree, item, "item_id"), 0, reason);
}

/* The list that the visitor has for this term. */
static void add_own(struct searching *searching, struct bytes visitor, struct bytes normal)
{
    struct json_tree tree;
    if (visitor.size == 0 || !read_record(searching, COPY_LISTS, visitor, &tree))
        return;
    uint32_t lists = json_field(&tree, 0, bytes_text("lists"));
    for (uint32_t list = lists == JSON_NONE ? JSON_NONE : json_first(&tree, lists);
         list != JSON_NONE; list = json_next(&tree, lists, list)) {
        char to[TEXT_QUERY_BYTES_MAX];
        struct bytes term = text_of(&tree, list, "search_term");
        if (term.at && bytes_equal(text_query(term, to), normal))
            add_items(searching, &tree, json_field(&tree, list, bytes_text("items")), "visitor");
    }
}

static void add_taken(struct searching *searching, struct bytes normal)
{
    struct json_tree tree;
    struct buffer key = {0};
    ranking_key(RANKING_TAKEN, SCOPE_TERM, normal, &key);
    if (read_record(searching, COPY_RANKINGS, buffer_bytes(&key), &tree))
        add_items(searching, &tree, json_field(&tree, 0, bytes_text("items")), "taken");
    buffer_release(&key);
}

static void add_found(struct searching *searching, struct bytes query)
{
    struct search_result results[SEARCH_RESULTS_MAX];
    struct run *run = searching->serve->run;
    catalogue_lock_read(run->catalogue);
    uint32_t count = search_top(run->search, run->catalogue, query, SEARCH_RESULTS_MAX, results);
    for (uint32_t i = 0; i < count; i++)
        add_item(searching, product_id(&run->catalogue->products[results[i].product]),
                 (double)results[i].score, "found");
    catalogue_unlock_read(run->catalogue);
}

void search_write(struct serve *serve, struct bytes query, struct bytes visitor, uint32_t limit,
                  struct buffer *json)
{
    char to[TEXT_QUERY_BYTES_MAX];
    struct searching searching = {
        .serve = serve, .json = json, .limit = limit < LISTED_MAX ? limit : LISTED_MAX};
    struct bytes normal = text_query(query, to);
    buffer_text(json, "{\"query\":");
    buffer_json(json, query);
    buffer_text(json, ",\"term\":");
    buffer_json(json, normal);
    buffer_text(json, ",\"items\":[");
    products_lock(serve->products);
    if (normal.size > 0) {
        add_own(&searching, visitor, normal);
        add_taken(&searching, normal);
        add_found(&searching, query);
    }
    products_unlock(serve->products);
    buffer_text(json, "]}");
    arena_release(&searching.arena);
}
