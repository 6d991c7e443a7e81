#include "tools/serve/render.h"

void render_node(const struct json_tree *tree, uint32_t node, struct buffer *json)
{
    const struct json_node *at = &tree->nodes[node];
    bool object = at->kind == NODE_OBJECT, first = true;
    switch (at->kind) {
    case NODE_TEXT:
        buffer_json(json, at->text);
        break;
    case NODE_NULL:
        buffer_text(json, "null");
        break;
    case NODE_ARRAY:
    case NODE_OBJECT:
        buffer_byte(json, object ? '{' : '[');
        for (uint32_t child = json_first(tree, node); child != JSON_NONE;
             child = json_next(tree, node, child)) {
            if (!first)
                buffer_byte(json, ',');
            first = false;
            if (object) {
                buffer_json(json, tree->nodes[child].name);
                buffer_byte(json, ':');
            }
            render_node(tree, child, json);
        }
        buffer_byte(json, object ? '}' : ']');
        break;
    case NODE_BOOL:
    case NODE_NUMBER:
        buffer_append(json, at->text.at, at->text.size);
        break;
    }
}

void render_field(const struct json_tree *tree, uint32_t object, const char *name,
                  struct buffer *json)
{
    uint32_t node = json_field(tree, object, bytes_text(name));
    if (node == JSON_NONE)
        return;
    buffer_text(json, ",\"");
    buffer_text(json, name);
    buffer_text(json, "\":");
    render_node(tree, node, json);
}

bool render_item_start(const struct products *products, struct bytes item_id, uint32_t count,
                       struct buffer *json, const struct product_text **ret_product)
{
    const struct product_text *product = products_find(products, item_id);
    if (product ? !product->available : products_count(products) > 0)
        return false;
    buffer_text(json, count > 0 ? ",{\"item_id\":" : "{\"item_id\":");
    buffer_json(json, item_id);
    *ret_product = product;
    return true;
}

void render_product(const struct product_text *product, struct buffer *json)
{
    if (product == NULL)
        return;
    buffer_text(json, ",\"product\":");
    buffer_append(json, product->json.at, product->json.size);
}

static void render_cause(const struct products *products, const struct json_tree *tree,
                         uint32_t item, struct buffer *json)
{
    uint32_t cause = json_field(tree, item, bytes_text("because_item_id"));
    if (cause == JSON_NONE || tree->nodes[cause].kind != NODE_TEXT)
        return;
    const struct product_text *product = products_find(products, tree->nodes[cause].text);
    render_field(tree, item, "because_item_id", json);
    if (product && product->title.size > 0) {
        buffer_text(json, ",\"because_title\":");
        buffer_append(json, product->title.at, product->title.size);
    }
}

uint32_t render_items(const struct products *products, const struct json_tree *tree, uint32_t items,
                      uint32_t limit, const char *reason, struct buffer *json)
{
    uint32_t count = 0;
    buffer_byte(json, '[');
    for (uint32_t item = items == JSON_NONE ? JSON_NONE : json_first(tree, items);
         item != JSON_NONE && count < limit; item = json_next(tree, items, item)) {
        const struct product_text *product;
        uint32_t id = json_field(tree, item, bytes_text("item_id"));
        if (id == JSON_NONE || tree->nodes[id].kind != NODE_TEXT ||
            !render_item_start(products, tree->nodes[id].text, count, json, &product))
            continue;
        render_field(tree, item, "score", json);
        if (json_field(tree, item, bytes_text("reason")) != JSON_NONE)
            render_field(tree, item, "reason", json);
        else if (reason)
            buffer_format(json, ",\"reason\":\"%s\"", reason);
        render_cause(products, tree, item, json);
        render_field(tree, item, "propensity", json);
        render_field(tree, item, "found", json);
        render_product(product, json);
        buffer_byte(json, '}');
        count++;
    }
    buffer_byte(json, ']');
    return count;
}
