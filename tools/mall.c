#include "tools/mall.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define BRANDS 24
#define TITLE_BYTES 80
#define ID_BYTES 24
#define RECENT 6
#define CLICKS_MAX 4096
#define SECOND_CLICK_MS 120
#define CART_MAX 5
#define THINK_S 15.0 /* between two events of a session, on average */
#define SESSION_EVENTS 8.0
#define WARM_UP_MS 300000 /* before the start, so that sessions are under way at it */

/* ---- what there is to buy ---- */

struct category {
    const char *path;
    const char *noun;
    const char *korean;
    double price; /* typical, in dollars */
    int goes_with[3];
};

static const struct category categories[] = {
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
#define CATEGORIES (sizeof categories / sizeof categories[0])

static const char *const colours[] = {"Black", "White", "Navy",  "Grey", "Beige",
                                      "Red",   "Green", "Brown", "Blue", "Pink"};
static const char *const korean_colours[] = {"블랙", "화이트", "네이비", "그레이", "베이지",
                                             "레드", "그린",   "브라운", "블루",   "핑크"};
#define COLOURS (sizeof colours / sizeof colours[0])

static const char *const materials[] = {"Wool",  "Cotton", "Linen",    "Leather",
                                        "Denim", "Silk",   "Cashmere", "Recycled"};
static const char *const korean_materials[] = {"울",   "면",   "린넨",     "가죽",
                                               "데님", "실크", "캐시미어", "리사이클"};
#define MATERIALS (sizeof materials / sizeof materials[0])

static const char *const cuts[] = {"Oversized", "Slim",    "Classic", "Cropped",
                                   "Relaxed",   "Quilted", "Striped", "Plain"};
#define CUTS (sizeof cuts / sizeof cuts[0])

static const char *const brands[BRANDS] = {
    "Nordhavn",  "Maison Lise", "Urban Fold",   "Kestrel",       "Alba & Co", "Tomi",
    "Fjordline", "Rue Neuve",   "Plain Days",   "Sable",         "Hanok",     "Brightside",
    "Otto Wren", "Marble",      "Seoul Thread", "Corduroy Club", "Lumen",     "Vela",
    "Grove",     "Ines Marin",  "Halden",       "Paper Crane",   "Mossa",     "Quarter"};

struct product {
    char id[ID_BYTES];
    char title[TITLE_BYTES];
    char korean[TITLE_BYTES];
    uint32_t category, brand, colour, material, cut;
    double price, original_price, rating;
    uint32_t rating_count, like_count;
    struct bytes paths[1];
    struct bytes colours[1];
    struct bytes genders[1];
    struct bytes attributes[6]; /* names and values */
};

struct visitor_state {
    int64_t next_ms;
    uint32_t left; /* events of this session to come */
    uint32_t session;
    bool bot;
    bool known; /* has a user_id */
    uint8_t favourite_brands[3];
    uint8_t favourite_categories[3];
    uint8_t favourite_colour;
    bool korean;                                             /* searches in Korean */
    bool searched;                                           /* and looks at what was found next */
    uint8_t sought_category, sought_colour, sought_material; /* 255: any */
    float price_level; /* times the category's typical price */
    float bargains;    /* how much a discount draws, 0 to 1 */
    uint32_t recent[RECENT];
    uint32_t recent_count;
    uint32_t cart[CART_MAX];
    uint32_t cart_count;
};

/* A double click on its way. */
struct second_click {
    int64_t time_ms;
    uint32_t visitor, product;
};

struct mall {
    struct mall_settings settings;
    uint64_t random;
    struct product *products;
    uint32_t *by_category[CATEGORIES];
    uint32_t category_size[CATEGORIES];
    struct visitor_state *visitors;
    uint32_t *heap; /* of visitors, by next_ms */
    double pause_s; /* between two sessions of a visitor, on average */
    uint64_t event_number;
    struct event event; /* the one handed out last */
    struct event_item items[CART_MAX];
    char event_id[64], visitor_id[24], user_id[24], session_id[40], transaction_id[72], term[64];
    bool repeat;
    struct second_click clicks[CLICKS_MAX]; /* a ring, by time */
    uint32_t click_first, click_count;
};

/* ---- chance ---- */

static uint64_t draw(struct mall *mall)
{
    mall->random += 0x9E3779B97F4A7C15u; /* splitmix64 */
    uint64_t z = mall->random;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static double uniform(struct mall *mall)
{
    return (double)(draw(mall) >> 11) * 0x1p-53;
}

static uint32_t below(struct mall *mall, uint32_t count)
{
    return (uint32_t)(draw(mall) % count);
}

static double exponential(struct mall *mall, double mean)
{
    return -mean * log(1 - uniform(mall));
}

static double normal(struct mall *mall)
{
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += uniform(mall);
    return sum - 6;
}

/* Rank r with weight 1/(r + 3): a few brands are known to all. */
static uint32_t zipf(struct mall *mall, uint32_t count)
{
    double high = log(((double)count + 3) / 3);
    uint32_t rank = (uint32_t)(3 * exp(uniform(mall) * high) - 3);
    return rank < count ? rank : count - 1;
}

/* ---- opening ---- */

static void stock_product(struct mall *mall, uint32_t index)
{
    struct product *product = &mall->products[index];
    product->category = below(mall, CATEGORIES);
    product->brand = zipf(mall, BRANDS);
    product->colour = zipf(mall, COLOURS);
    const struct category *category = &categories[product->category];
    snprintf(product->id, sizeof product->id, "M%05u", index + 1);
    product->cut = below(mall, CUTS);
    product->material = below(mall, MATERIALS);
    snprintf(product->title, sizeof product->title, "%s %s %s %s %s", brands[product->brand],
             cuts[product->cut], colours[product->colour], materials[product->material],
             category->noun);
    snprintf(product->korean, sizeof product->korean, "%s %s %s", korean_colours[product->colour],
             korean_materials[product->material], category->korean);
    uint64_t chance = (index + 1) * 0x9E3779B97F4A7C15u; /* of what nobody's visit depends on */
    product->rating = 3 + (double)(chance >> 60) / 8;
    product->rating_count = (uint32_t)(chance >> 40 & 255);
    product->like_count = (uint32_t)(chance >> 32 & 255);
    double level = 0.6 + 0.08 * (product->brand % 12);
    product->original_price = floor(category->price * level * exp(0.25 * normal(mall))) + 0.9;
    product->price = product->original_price;
    if (uniform(mall) < 0.3)
        product->price = floor(product->original_price * (1 - 0.1 * (1 + below(mall, 5)))) + 0.9;
    if (product->price > product->original_price)
        product->price = product->original_price;
    product->paths[0] = bytes_text(category->path);
    product->colours[0] = bytes_text(colours[product->colour]);
    product->genders[0] = bytes_text(*category->path == 'W'   ? "female"
                                     : *category->path == 'M' ? "male"
                                                              : "unisex");
    const char *const attributes[6] = {"material", materials[product->material],
                                       "cut",      cuts[product->cut],
                                       "title_ko", product->korean};
    for (int i = 0; i < 6; i++)
        product->attributes[i] = bytes_text(attributes[i]);
    uint32_t *list = mall->by_category[product->category];
    list[mall->category_size[product->category]++] = index;
}

static void invite_visitor(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    for (int i = 0; i < 3; i++) {
        visitor->favourite_brands[i] = (uint8_t)zipf(mall, BRANDS);
        visitor->favourite_categories[i] = (uint8_t)below(mall, CATEGORIES);
    }
    visitor->favourite_colour = (uint8_t)zipf(mall, COLOURS);
    visitor->korean = index % 5 == 0;
    visitor->price_level = (float)exp(0.35 * normal(mall));
    visitor->bargains = (float)uniform(mall);
    visitor->bot = uniform(mall) < mall->settings.bots;
    visitor->known = uniform(mall) < 0.4;
    double session_s = SESSION_EVENTS * THINK_S;
    bool inside = uniform(mall) * (mall->pause_s + session_s) < session_s;
    double wait_s = inside ? uniform(mall) * session_s : exponential(mall, mall->pause_s);
    visitor->next_ms = mall->settings.start_ms - WARM_UP_MS + (int64_t)(wait_s * 1000);
}

/* ---- the heap of who is next ---- */

static bool sooner(const struct mall *mall, uint32_t a, uint32_t b)
{
    int64_t x = mall->visitors[a].next_ms, y = mall->visitors[b].next_ms;
    return x < y || (x == y && a < b);
}

static void sink(struct mall *mall, uint32_t at)
{
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= mall->settings.visitors)
            return;
        if (child + 1 < mall->settings.visitors &&
            sooner(mall, mall->heap[child + 1], mall->heap[child]))
            child++;
        if (!sooner(mall, mall->heap[child], mall->heap[at]))
            return;
        uint32_t visitor = mall->heap[at];
        mall->heap[at] = mall->heap[child];
        mall->heap[child] = visitor;
        at = child;
    }
}

struct mall *mall_new(const struct mall_settings *settings)
{
    struct mall *mall = memory_zero(1, sizeof *mall);
    mall->settings = *settings;
    mall->random = settings->seed * 0x2545F4914F6CDD1Du + 1;
    mall->products = memory_zero(settings->products, sizeof *mall->products);
    for (size_t i = 0; i < CATEGORIES; i++)
        mall->by_category[i] = memory_get(settings->products * sizeof(uint32_t));
    for (uint32_t i = 0; i < settings->products; i++)
        stock_product(mall, i);
    double cycle_s = SESSION_EVENTS * settings->visitors / settings->events_per_s;
    mall->pause_s = cycle_s - SESSION_EVENTS * THINK_S;
    if (mall->pause_s < 1)
        mall->pause_s = 1;
    mall->visitors = memory_zero(settings->visitors, sizeof *mall->visitors);
    mall->heap = memory_get(settings->visitors * sizeof *mall->heap);
    for (uint32_t i = 0; i < settings->visitors; i++) {
        invite_visitor(mall, i);
        mall->heap[i] = i;
    }
    for (uint32_t i = settings->visitors / 2 + 1; i > 0; i--)
        if (i - 1 < settings->visitors)
            sink(mall, i - 1);
    return mall;
}

void mall_free(struct mall *mall)
{
    if (mall == NULL)
        return;
    for (size_t i = 0; i < CATEGORIES; i++)
        free(mall->by_category[i]);
    free(mall->products);
    free(mall->visitors);
    free(mall->heap);
    free(mall);
}

uint32_t mall_product_count(const struct mall *mall)
{
    return mall->settings.products;
}

void mall_product(const struct mall *mall, uint32_t index, struct event *ret_product)
{
    struct product *product = &mall->products[index];
    event_init(ret_product, EVENT_PRODUCT);
    ret_product->item_id = bytes_text(product->id);
    ret_product->title = bytes_text(product->title);
    ret_product->item_brand = bytes_text(brands[product->brand]);
    ret_product->categories = (struct event_strings){product->paths, 1};
    ret_product->colors = (struct event_strings){product->colours, 1};
    ret_product->genders = (struct event_strings){product->genders, 1};
    ret_product->attributes = (struct event_pairs){.at = product->attributes, .count = 3};
    ret_product->rating = product->rating;
    ret_product->rating_count = product->rating_count;
    ret_product->like_count = product->like_count;
    ret_product->price = product->price;
    if (product->original_price > product->price)
        ret_product->original_price = product->original_price;
    ret_product->currency = bytes_text("USD");
}

bool mall_user(struct mall *mall, uint32_t index, struct event *ret_user)
{
    static const char *const age_groups[] = {"18-29", "30-39", "40-49", "50-99"};
    const struct visitor_state *visitor = &mall->visitors[index];
    const char *path = categories[visitor->favourite_categories[0]].path;
    if (!visitor->known)
        return false;
    event_init(ret_user, EVENT_USER);
    snprintf(mall->user_id, sizeof mall->user_id, "u%06u", index);
    ret_user->user_id = bytes_text(mall->user_id);
    ret_user->gender = bytes_text(*path == 'W' ? "female" : *path == 'M' ? "male" : "");
    ret_user->age_group = bytes_text(age_groups[index % 4]);
    return true;
}

/* ---- what visitors do ---- */

/* How much a product appeals to a visitor: brand, price near what they spend, discount, colour. */
static double appeal(const struct visitor_state *visitor, const struct product *product)
{
    double score = 0;
    for (int i = 0; i < 3; i++)
        if (visitor->favourite_brands[i] == product->brand)
            score += 1.5 - 0.3 * i;
    double off =
        log(product->price / (categories[product->category].price * (double)visitor->price_level));
    score -= 1.5 * off * off;
    score += (double)visitor->bargains * 3 * (1 - product->price / product->original_price);
    if (visitor->favourite_colour == product->colour)
        score += 0.7;
    if (visitor->searched && visitor->sought_colour == product->colour)
        score += 4;
    if (visitor->searched && visitor->sought_material == product->material)
        score += 4;
    return score;
}

struct mall_taste mall_taste(const struct mall *mall, uint32_t visitor, uint32_t product)
{
    const struct visitor_state *state = &mall->visitors[visitor];
    const struct product *of = &mall->products[product];
    struct mall_taste taste = {
        .colour = state->favourite_colour == of->colour,
        .price_off =
            fabs(log(of->price / (categories[of->category].price * (double)state->price_level))),
        .discount = 1 - of->price / of->original_price,
        .bargains = (double)state->bargains,
    };
    for (int i = 0; i < 3; i++)
        taste.brand = taste.brand || state->favourite_brands[i] == of->brand;
    return taste;
}

static uint32_t next_category(struct mall *mall, const struct visitor_state *visitor)
{
    double chance = uniform(mall);
    if (visitor->searched)
        return visitor->sought_category;
    if (visitor->recent_count > 0) {
        uint32_t last = mall->products[visitor->recent[visitor->recent_count - 1]].category;
        if (chance < 0.65)
            return last;
        if (chance < 0.82)
            return (uint32_t)categories[last].goes_with[below(mall, 3)];
    }
    if (chance < 0.95)
        return visitor->favourite_categories[below(mall, 3)];
    return below(mall, CATEGORIES);
}

/* The most appealing of a few that the visitor happens to see; the few are popular ones first. */
static uint32_t choose_product(struct mall *mall, const struct visitor_state *visitor)
{
    uint32_t category = next_category(mall, visitor);
    uint32_t size = mall->category_size[category];
    if (size == 0)
        return below(mall, mall->settings.products);
    uint32_t best = 0;
    double best_score = -1e9;
    for (int i = 0; i < (visitor->searched ? 40 : 12); i++) {
        uint32_t seen = mall->by_category[category][zipf(mall, size)];
        double score = appeal(visitor, &mall->products[seen]) + 0.5 * normal(mall);
        if (score > best_score) {
            best_score = score;
            best = seen;
        }
    }
    return best;
}

static void look_at(struct visitor_state *visitor, uint32_t product)
{
    if (visitor->recent_count == RECENT) {
        memmove(visitor->recent, visitor->recent + 1, (RECENT - 1) * sizeof *visitor->recent);
        visitor->recent_count--;
    }
    visitor->recent[visitor->recent_count++] = product;
}

static void fill_item(struct mall *mall, struct event_item *item, uint32_t index)
{
    const struct product *product = &mall->products[index];
    event_item_init(item);
    item->item_id = bytes_text(product->id);
    item->price = product->price;
    item->currency = bytes_text("USD");
    if (product->original_price > product->price)
        item->discount = round((product->original_price - product->price) * 100) / 100;
}

static void begin_event(struct mall *mall, uint32_t index, enum event_type type, int64_t time_ms)
{
    struct visitor_state *visitor = &mall->visitors[index];
    struct event *event = &mall->event;
    event_init(event, type);
    snprintf(mall->event_id, sizeof mall->event_id, "e%llx-%llx-%llu",
             (unsigned long long)mall->settings.seed, (unsigned long long)mall->settings.run,
             (unsigned long long)mall->event_number++);
    snprintf(mall->visitor_id, sizeof mall->visitor_id, "%s%06u", visitor->bot ? "bot" : "v",
             index);
    snprintf(mall->session_id, sizeof mall->session_id, "%s-%u", mall->visitor_id,
             visitor->session);
    event->event_id = bytes_text(mall->event_id);
    event->visitor_id = bytes_text(mall->visitor_id);
    event->session_id = bytes_text(mall->session_id);
    event->channel = bytes_text(index % 3 == 0 ? "app" : "web");
    if (visitor->known) {
        snprintf(mall->user_id, sizeof mall->user_id, "u%06u", index);
        event->user_id = bytes_text(mall->user_id);
    }
    event->event_time_ms = time_ms;
    event->items = mall->items;
}

/* Two neighbouring letters change places. */
static void mistype(struct mall *mall, char *term)
{
    size_t size = strlen(term);
    size_t at = size > 3 ? 1 + below(mall, (uint32_t)size - 2) : 0;
    if (at > 0 && term[at] != ' ' && term[at + 1] != ' ' && term[at] > 0 && term[at + 1] > 0) {
        char letter = term[at];
        term[at] = term[at + 1];
        term[at + 1] = letter;
    }
}

static void do_search(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    uint8_t sought = visitor->favourite_categories[below(mall, 3)];
    const struct category *category = &categories[sought];
    double chance = uniform(mall);
    const char *noun = visitor->korean ? category->korean : category->noun, *before = NULL;
    visitor->searched = true;
    visitor->sought_category = sought;
    visitor->sought_colour = visitor->sought_material = 255;
    if (chance < 0.5) {
        visitor->sought_colour = visitor->favourite_colour;
        before = (visitor->korean ? korean_colours : colours)[visitor->favourite_colour];
    } else if (chance < 0.75) {
        visitor->sought_material = (uint8_t)below(mall, MATERIALS);
        before = (visitor->korean ? korean_materials : materials)[visitor->sought_material];
    }
    begin_event(mall, index, EVENT_SEARCH, visitor->next_ms);
    snprintf(mall->term, sizeof mall->term, "%s%s%s", before ? before : "", before ? " " : "",
             noun);
    for (char *at = mall->term; *at; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    if (uniform(mall) < 0.05)
        mistype(mall, mall->term);
    mall->event.search_term = bytes_text(mall->term);
    mall->event.result_count = 20 + below(mall, 200);
}

static void show_page(struct mall *mall, uint32_t index, uint32_t product, int64_t time_ms)
{
    begin_event(mall, index, EVENT_VIEW, time_ms);
    fill_item(mall, &mall->items[0], product);
    mall->event.item_count = 1;
}

static void do_view(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    uint32_t product = choose_product(mall, visitor);
    visitor->searched = false;
    if (visitor->bot)
        product = below(mall, mall->settings.products);
    show_page(mall, index, product, visitor->next_ms);
    look_at(visitor, product);
    if (uniform(mall) < mall->settings.double_clicks && mall->click_count < CLICKS_MAX)
        mall->clicks[(mall->click_first + mall->click_count++) % CLICKS_MAX] =
            (struct second_click){visitor->next_ms + SECOND_CLICK_MS, index, product};
}

static void do_cart(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    uint32_t product = visitor->recent[visitor->recent_count - 1];
    begin_event(mall, index, EVENT_CART, visitor->next_ms);
    mall->event.action = CART_ADD;
    fill_item(mall, &mall->items[0], product);
    mall->event.item_count = 1;
    visitor->cart[visitor->cart_count++] = product;
}

static void do_purchase(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    double value = 0;
    begin_event(mall, index, EVENT_PURCHASE, visitor->next_ms);
    for (uint32_t i = 0; i < visitor->cart_count; i++) {
        fill_item(mall, &mall->items[i], visitor->cart[i]);
        value += mall->items[i].price;
    }
    mall->event.item_count = visitor->cart_count;
    snprintf(mall->transaction_id, sizeof mall->transaction_id, "t-%s", mall->event_id);
    mall->event.transaction_id = bytes_text(mall->transaction_id);
    mall->event.value = round(value * 100) / 100;
    mall->event.currency = bytes_text("USD");
    visitor->cart_count = 0;
}

static void act(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    double chance = uniform(mall);
    if (visitor->left == 0) {
        visitor->left = 1 + (uint32_t)exponential(mall, SESSION_EVENTS - 0.5);
        visitor->session++;
        visitor->recent_count = 0;
    }
    if (!visitor->bot && visitor->left == 1 && visitor->cart_count > 0 && chance < 0.6)
        do_purchase(mall, index);
    else if (!visitor->bot && chance < 0.06)
        do_search(mall, index);
    else if (!visitor->bot && chance < 0.14 && visitor->recent_count > 0 &&
             visitor->cart_count < CART_MAX)
        do_cart(mall, index);
    else
        do_view(mall, index);
    visitor->left--;
    double wait_s =
        visitor->left > 0 ? 1 + exponential(mall, THINK_S - 1) : exponential(mall, mall->pause_s);
    visitor->next_ms += visitor->bot ? 1000 : (int64_t)(wait_s * 1000);
}

void mall_next(struct mall *mall, struct event *ret_event)
{
    const struct second_click *click = &mall->clicks[mall->click_first];
    while (mall->visitors[mall->heap[0]].next_ms < mall->settings.start_ms) {
        act(mall, mall->heap[0]);
        sink(mall, 0);
        mall->click_count = 0;
    }
    if (mall->repeat) {
        mall->repeat = false; /* the same again: a retried send */
    } else if (mall->click_count > 0 && click->time_ms <= mall->visitors[mall->heap[0]].next_ms) {
        show_page(mall, click->visitor, click->product, click->time_ms);
        mall->click_first = (mall->click_first + 1) % CLICKS_MAX;
        mall->click_count--;
    } else {
        act(mall, mall->heap[0]);
        sink(mall, 0);
    }
    if (uniform(mall) < mall->settings.duplicates)
        mall->repeat = true;
    *ret_event = mall->event;
}
