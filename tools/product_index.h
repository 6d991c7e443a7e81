/* What lines of event files say of products, gathered to whole products. */
#ifndef WEFT_TOOLS_PRODUCT_INDEX_H
#define WEFT_TOOLS_PRODUCT_INDEX_H

#include "state/catalogue.h"

/* Puts the product of event_file_product() into the catalogue. What the line leaves open (price,
 * brand, category, title) stays as it was: `product` is completed with it, in the arena's memory.
 * CATALOGUE_SAME: the line said nothing new. */
enum catalogue_change product_index_put(struct catalogue *catalogue, struct event *product,
                                        struct arena *arena);

#endif
