/* The mall's stock: categories, brands, colours and the products made of them. Immutable once made.
 * Thread: any. */
#ifndef WEFT_TOOLS_MALL_STOCK_H
#define WEFT_TOOLS_MALL_STOCK_H

#include "schemas/event.h"

#define MALL_CATEGORIES 17
#define MALL_BRANDS 24
#define MALL_COLOURS 10
#define MALL_MATERIALS 8
#define MALL_GOES_WITH 3

#define MALL_ID_BYTES 24
#define MALL_TITLE_BYTES 80

struct mall_category {
    const char *path;
    const char *noun;
    const char *korean;
    double price;                  /* typical, in dollars */
    int goes_with[MALL_GOES_WITH]; /* other categories */
};

extern const struct mall_category mall_categories[MALL_CATEGORIES];
extern const char *const mall_colours[MALL_COLOURS], *const mall_korean_colours[MALL_COLOURS];
extern const char *const mall_materials[MALL_MATERIALS],
    *const mall_korean_materials[MALL_MATERIALS];

/* "female", "male" or "unisex": the gender that a category is for. */
const char *mall_category_gender(const struct mall_category *category);

struct mall_product {
    char id[MALL_ID_BYTES];
    char title[MALL_TITLE_BYTES];
    char korean[MALL_TITLE_BYTES]; /* a title in Korean */
    uint32_t category, brand, colour, material, cut;
    double price, original_price, rating;
    uint32_t rating_count, like_count;
    struct bytes paths[1]; /* these four: the product's event points to them */
    struct bytes colours[1];
    struct bytes genders[1];
    struct bytes attributes[6]; /* names and values */
};

struct mall_stock {
    struct mall_product *products;
    uint32_t count;
    uint32_t *by_category[MALL_CATEGORIES]; /* products; the first ones are viewed most */
    uint32_t category_size[MALL_CATEGORIES];
};

/* Makes `count` products from the random sequence (mall_draw.h). Owned by the caller, who releases
 * them. */
void mall_stock_init(struct mall_stock *stock, uint32_t count, uint64_t *random);
void mall_stock_release(struct mall_stock *stock);

/* The product as an event of type EVENT_PRODUCT; slices hold as long as the stock. */
void mall_stock_event(const struct mall_stock *stock, uint32_t index, struct event *ret_product);

#endif
