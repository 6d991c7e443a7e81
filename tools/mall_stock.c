#include "tools/mall_stock.h"

#include "tools/mall_draw.h"

#include <stdio.h>
#include <stdlib.h>

const struct mall_category mall_categories[MALL_CATEGORIES] = {
    {"Women > Outerwear > Coats", "Coat", "코트", 180, {1, 5, 9}},
    {"Women > Knitwear > Sweaters", "Sweater", "스웨터", 70, {0, 3, 4}},
    {"Women > Dresses", "Dress", "원피스", 95, {5, 10, 11}},
    {"Women > Jeans", "Jeans", "청바지", 80, {1, 6, 5}},
    {"Women > Skirts", "Skirt", "스커트", 60, {1, 5, 10}},
    {"Women > Shoes > Boots", "Boots", "부츠", 140, {0, 2, 12}},
    {"Women > Shoes > Sneakers", "Sneakers", "운동화", 90, {3, 13, 12}},
    {"Men > Outerwear > Jackets", "Jacket", "재킷", 160, {8, 14, 15}},
    {"Men > Shirts", "Shirt", "셔츠", 55, {7, 14, 16}},
    {"Accessories > Scarves", "Scarf", "스카프", 35, {0, 7, 10}},
    {"Accessories > Bags", "Bag", "가방", 120, {2, 5, 9}},
    {"Accessories > Jewellery", "Necklace", "목걸이", 45, {2, 10, 4}},
    {"Accessories > Socks", "Socks", "양말", 12, {5, 6, 15}},
    {"Women > T-Shirts", "T-Shirt", "티셔츠", 28, {3, 6, 4}},
    {"Men > Trousers", "Trousers", "바지", 75, {8, 7, 16}},
    {"Men > Shoes", "Shoes", "구두", 125, {14, 8, 12}},
    {"Accessories > Belts", "Belt", "벨트", 38, {14, 3, 15}},
};

const char *const mall_colours[MALL_COLOURS] = {"Black", "White", "Navy",  "Grey", "Beige",
                                                "Red",   "Green", "Brown", "Blue", "Pink"};
const char *const mall_korean_colours[MALL_COLOURS] = {
    "블랙", "화이트", "네이비", "그레이", "베이지", /* black to beige */
    "레드", "그린",   "브라운", "블루",   "핑크",
};

const char *const mall_materials[MALL_MATERIALS] = {"Wool",  "Cotton", "Linen",    "Leather",
                                                    "Denim", "Silk",   "Cashmere", "Recycled"};
const char *const mall_korean_materials[MALL_MATERIALS] = {
    "울", "면", "린넨", "가죽", "데님", "실크", "캐시미어", "리사이클",
};

const char *const mall_cuts[MALL_CUTS] = {"Oversized", "Slim",    "Classic", "Cropped",
                                          "Relaxed",   "Quilted", "Striped", "Plain"};

/* A partner of a colour is never the colour itself, so that equal is not what goes together. */
const uint8_t mall_colour_partners[MALL_COLOURS][MALL_COLOUR_PARTNERS] = {
    {1, 5, 3}, /* black: white, red, grey */
    {2, 8, 6}, /* white: navy, blue, green */
    {4, 1, 9}, /* navy: beige, white, pink */
    {9, 0, 8}, /* grey: pink, black, blue */
    {7, 2, 6}, /* beige: brown, navy, green */
    {0, 4, 3}, /* red: black, beige, grey */
    {4, 7, 1}, /* green: beige, brown, white */
    {4, 6, 8}, /* brown: beige, green, blue */
    {1, 7, 3}, /* blue: white, brown, grey */
    {3, 2, 0}, /* pink: grey, navy, black */
};

const uint8_t mall_cut_partners[MALL_CUTS] = {
    1, 4, 6, 0, 3, 7, 2, 5, /* oversized: slim; slim: relaxed; classic: striped; ... */
};

struct mall_fit mall_completes(const struct mall_product *product, const struct mall_product *other)
{
    struct mall_fit fit = {.style = mall_cut_partners[other->cut] == product->cut};
    for (int i = 0; i < MALL_GOES_WITH; i++)
        fit.category =
            fit.category || mall_categories[other->category].goes_with[i] == (int)product->category;
    for (int i = 0; i < MALL_COLOUR_PARTNERS; i++)
        fit.colour = fit.colour || mall_colour_partners[other->colour][i] == product->colour;
    return fit;
}

static const char *const brands[MALL_BRANDS] = {
    "Nordhavn",  "Maison Lise", "Urban Fold",   "Kestrel",       "Alba & Co", "Tomi",
    "Fjordline", "Rue Neuve",   "Plain Days",   "Sable",         "Hanok",     "Brightside",
    "Otto Wren", "Marble",      "Seoul Thread", "Corduroy Club", "Lumen",     "Vela",
    "Grove",     "Ines Marin",  "Halden",       "Paper Crane",   "Mossa",     "Quarter"};

const char *mall_category_gender(const struct mall_category *category)
{
    return *category->path == 'W' ? "female" : *category->path == 'M' ? "male" : "unisex";
}

static void name_product(struct mall_product *product, uint32_t index)
{
    const struct mall_category *category = &mall_categories[product->category];
    snprintf(product->id, sizeof product->id, "M%05u", index + 1);
    snprintf(product->title, sizeof product->title, "%s %s %s %s %s", brands[product->brand],
             mall_cuts[product->cut], mall_colours[product->colour],
             mall_materials[product->material], category->noun);
    snprintf(product->korean, sizeof product->korean, "%s %s %s",
             mall_korean_colours[product->colour], mall_korean_materials[product->material],
             category->korean);
}

static void price_product(struct mall_product *product, uint64_t *random)
{
    double level = 0.6 + 0.08 * (product->brand % 12);
    double typical = mall_categories[product->category].price;
    product->original_price = floor(typical * level * exp(0.25 * mall_normal(random))) + 0.9;
    product->price = product->original_price;
    if (mall_uniform(random) < 0.3)
        product->price =
            floor(product->original_price * (1 - 0.1 * (1 + mall_below(random, 5)))) + 0.9;
    if (product->price > product->original_price)
        product->price = product->original_price;
}

/* Ratings and likes are no draws of the sequence: no visit depends on them. */
static void rate_product(struct mall_product *product, uint32_t index)
{
    uint64_t bits = hash_join(0, index + 1);
    product->rating = 3 + (double)(bits >> 60) / 8;
    product->rating_count = (uint32_t)(bits >> 40 & 255);
    product->like_count = (uint32_t)(bits >> 32 & 255);
}

static void point_event_fields(struct mall_product *product)
{
    const struct mall_category *category = &mall_categories[product->category];
    const char *const attributes[6] = {"material", mall_materials[product->material],
                                       "cut",      mall_cuts[product->cut],
                                       "title_ko", product->korean};
    product->paths[0] = bytes_text(category->path);
    product->colours[0] = bytes_text(mall_colours[product->colour]);
    product->genders[0] = bytes_text(mall_category_gender(category));
    for (int i = 0; i < 6; i++)
        product->attributes[i] = bytes_text(attributes[i]);
}

/* The order of the draws is fixed: the same seed has to give the same products. */
static void stock_product(struct mall_stock *stock, uint32_t index, uint64_t *random)
{
    struct mall_product *product = &stock->products[index];
    product->category = mall_below(random, MALL_CATEGORIES);
    product->brand = mall_zipf(random, MALL_BRANDS);
    product->colour = mall_zipf(random, MALL_COLOURS);
    product->cut = mall_below(random, MALL_CUTS);
    product->material = mall_below(random, MALL_MATERIALS);
    name_product(product, index);
    rate_product(product, index);
    price_product(product, random);
    point_event_fields(product);
    stock->by_category[product->category][stock->category_size[product->category]++] = index;
}

void mall_stock_init(struct mall_stock *stock, uint32_t count, uint64_t *random)
{
    *stock = (struct mall_stock){.count = count};
    stock->products = memory_zero(count, sizeof *stock->products);
    for (size_t i = 0; i < MALL_CATEGORIES; i++)
        stock->by_category[i] = memory_get(count * sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++)
        stock_product(stock, i, random);
}

void mall_stock_release(struct mall_stock *stock)
{
    for (size_t i = 0; i < MALL_CATEGORIES; i++)
        free(stock->by_category[i]);
    free(stock->products);
    *stock = (struct mall_stock){0};
}

void mall_stock_event(const struct mall_stock *stock, uint32_t index, struct event *ret_product)
{
    struct mall_product *product = &stock->products[index];
    event_init(ret_product, EVENT_PRODUCT);
    ret_product->item_id = bytes_text(product->id);
    ret_product->title = bytes_text(product->title);
    ret_product->item_brand = bytes_text(brands[product->brand]);
    ret_product->categories = (struct event_strings){product->paths, 1, 0};
    ret_product->colors = (struct event_strings){product->colours, 1, 0};
    ret_product->genders = (struct event_strings){product->genders, 1, 0};
    ret_product->attributes = (struct event_pairs){.at = product->attributes, .count = 3};
    ret_product->rating = product->rating;
    ret_product->rating_count = product->rating_count;
    ret_product->like_count = product->like_count;
    ret_product->price = product->price;
    if (product->original_price > product->price)
        ret_product->original_price = product->original_price;
    ret_product->currency = bytes_text("USD");
}
