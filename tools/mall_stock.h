/* The mall's stock: categories, brands, colours and the products made of them. Immutable once made.
 *
 * A product completes another one by category, colour and style (mall_completes()):
 *
 *     category   one of the other's `goes_with`: boots, a scarf or a bag go with a coat
 *     colour     one of MALL_COLOUR_PARTNERS partners of the other's colour (mall_colour_partners):
 *                black goes with white, red and grey
 *     style      the partner of the other's cut (mall_cut_partners): oversized goes with slim
 *
 * Thread: any. */
#ifndef WEFT_TOOLS_MALL_STOCK_H
#define WEFT_TOOLS_MALL_STOCK_H

#include "schemas/event.h"

#define MALL_CATEGORIES 17
#define MALL_BRANDS 24
#define MALL_COLOURS 10
#define MALL_MATERIALS 8
#define MALL_CUTS 8
#define MALL_GOES_WITH 3
#define MALL_COLOUR_PARTNERS 3

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

extern const char *const mall_cuts[MALL_CUTS];
/* Colours that go with each colour, and the cut that goes with each cut: numbers of their tables.
 */
extern const uint8_t mall_colour_partners[MALL_COLOURS][MALL_COLOUR_PARTNERS];
extern const uint8_t mall_cut_partners[MALL_CUTS];

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

/* How a product completes another one that is in the cart. */
struct mall_fit {
    bool category, colour, style;
};
struct mall_fit mall_completes(const struct mall_product *product,
                               const struct mall_product *other);

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
