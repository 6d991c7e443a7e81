/* The product index: gathers whole products from the lines of event files, each of which describes
 * only a part of a product. */
#ifndef WEFT_TOOLS_PRODUCT_INDEX_H
#define WEFT_TOOLS_PRODUCT_INDEX_H

#include "state/catalogue.h"

/* Puts the product of event_file_product() into the catalogue. Price, brand, category and title
 * that the line lacks stay as they are: `product` is completed with them, in the arena's memory.
 * CATALOGUE_SAME: the line says nothing new. Thread: the one that owns the catalogue. */
enum catalogue_change product_index_put(struct catalogue *catalogue, struct event *product,
                                        struct arena *arena);

#endif
