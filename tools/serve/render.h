/* Writes answers from the copy's records: lists of items, each joined with its product.
 *
 * Items that the catalogue has as out of stock are left out; so are those that it does not have,
 * unless it is empty: a shop may use weft without a catalogue. Thread: any that holds
 * products_lock(). */
#ifndef WEFT_SERVE_RENDER_H
#define WEFT_SERVE_RENDER_H

#include "schemas/json_tree.h"
#include "tools/serve/products.h"

/* Appends a node as it is in its text. */
void render_node(const struct json_tree *tree, uint32_t node, struct buffer *json);

/* Appends `,"name":` and the node's value if the object has it and it is not null. */
void render_field(const struct json_tree *tree, uint32_t object, const char *name,
                  struct buffer *json);

/* Appends an array: the items of the record's array `items`, at most `limit`. Each has its own
 * fields, "because_title" beside "because_item_id", and "product". `reason`: of items that have
 * none; NULL: none. Returns how many. */
uint32_t render_items(const struct products *products, const struct json_tree *tree, uint32_t items,
                      uint32_t limit, const char *reason, struct buffer *json);

/* Appends one item to an array of `count` items, without its end: fields behind the id are the
 * caller's. False: the item is left out. */
bool render_item_start(const struct products *products, struct bytes item_id, uint32_t count,
                       struct buffer *json, const struct product_text **ret_product);

/* Appends `,"product":{...}` if there is one. */
void render_product(const struct product_text *product, struct buffer *json);

#endif
