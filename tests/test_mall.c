/* The mall's complements: the products of a cart go together, as tools/mall.h says. */
#include "schemas/draw.h"
#include "tests/test.h"
#include "tools/mall.h"
#include "tools/mall_stock.h"

#define PRODUCTS 2000
#define VISITORS 300
#define EVENTS 30000

struct shares {
    uint32_t further;   /* products that came into a cart with others */
    uint32_t completes; /* of these: by category, colour and style of one of the others */
    uint32_t doubles;   /* of these: of a category that was in the cart */
    uint64_t views;     /* digest of all views */
};

struct shopper {
    uint32_t products[8], count;
};

static uint32_t number_of(struct bytes id)
{
    return (uint32_t)strtoul(id.at + 1, NULL, 10) - 1;
}

static void put_in(const struct mall_stock *stock, struct shopper *shopper, uint32_t product,
                   struct shares *shares)
{
    const struct mall_product *new = &stock->products[product];
    bool completes = false, doubles = false;
    for (uint32_t i = 0; i < shopper->count; i++) {
        const struct mall_product *other = &stock->products[shopper->products[i]];
        struct mall_fit fit = mall_completes(new, other);
        completes = completes || (fit.category && fit.colour && fit.style);
        doubles = doubles || new->category == other->category;
    }
    if (shopper->count > 0) {
        shares->further++;
        shares->completes += completes;
        shares->doubles += doubles;
    }
    if (shopper->count < 8)
        shopper->products[shopper->count++] = product;
}

static struct shares walk_through(double complements)
{
    struct mall_settings settings = {.seed = 3,
                                     .products = PRODUCTS,
                                     .visitors = VISITORS,
                                     .events_per_s = 10,
                                     .start_ms = 1767225600000,
                                     .complements = complements};
    struct mall *mall = mall_new(&settings);
    struct mall_stock stock;
    struct shopper *shoppers = memory_zero(VISITORS, sizeof *shoppers);
    uint64_t random = settings.seed * 0x2545F4914F6CDD1Du + 1; /* the mall's own products */
    struct shares shares = {0};
    struct event event;
    mall_stock_init(&stock, PRODUCTS, &random);
    for (uint32_t i = 0; i < EVENTS; i++) {
        mall_next(mall, &event);
        uint32_t visitor = number_of(event.visitor_id) + 1;
        CHECK(visitor < VISITORS);
        if (event.type == EVENT_CART)
            put_in(&stock, &shoppers[visitor], number_of(event.items[0].item_id), &shares);
        else if (event.type == EVENT_PURCHASE)
            shoppers[visitor].count = 0;
        else if (event.type == EVENT_VIEW)
            shares.views = hash_join(shares.views, bytes_hash(event.items[0].item_id) ^
                                                       (uint64_t)event.event_time_ms);
    }
    free(shoppers);
    mall_stock_release(&stock);
    mall_free(mall);
    return shares;
}

static void test_complements(void)
{
    struct shares none = walk_through(0), planted = walk_through(MALL_COMPLEMENTS);
    CHECK_SAY(none.further > 500, "%u", none.further);
    CHECK_SAY(none.completes < none.further / 50, "%u of %u", none.completes, none.further);
    CHECK_SAY(none.doubles > none.further / 3, "%u of %u", none.doubles, none.further);
    CHECK_SAY(planted.completes > planted.further / 3, "%u of %u", planted.completes,
              planted.further);
    CHECK_SAY(planted.doubles < planted.further / 20, "%u of %u", planted.doubles, planted.further);
    CHECK(planted.views == none.views); /* nothing but the carts has changed */
}

/* Equal colours and equal cuts do not go together: similarity is no sign of a complement. */
static void test_tables(void)
{
    for (uint8_t colour = 0; colour < MALL_COLOURS; colour++)
        for (int i = 0; i < MALL_COLOUR_PARTNERS; i++) {
            CHECK(mall_colour_partners[colour][i] < MALL_COLOURS);
            CHECK(mall_colour_partners[colour][i] != colour);
        }
    for (uint8_t cut = 0; cut < MALL_CUTS; cut++)
        CHECK(mall_cut_partners[cut] < MALL_CUTS && mall_cut_partners[cut] != cut);
    for (int i = 0; i < MALL_CATEGORIES; i++)
        for (int k = 0; k < MALL_GOES_WITH; k++)
            CHECK(mall_categories[i].goes_with[k] != i);
}

int main(void)
{
    TEST_RUN(test_complements);
    TEST_RUN(test_tables);
    return test_done();
}
