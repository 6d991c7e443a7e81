#include "tools/mall.h"

#include "tools/mall_draw.h"
#include "tools/mall_stock.h"

#include <stdio.h>
#include <stdlib.h>

#define RECENT 6
#define CLICKS_MAX 4096
#define SECOND_CLICK_MS 120
#define CART_MAX 5
#define COLOUR_FIT 4.0
#define STYLE_FIT 3.0
#define COMPLEMENT_DRAWS 8 /* of a category that is not in the cart yet */
#define THINK_S 15.0       /* between two events of a session, on average */
#define SESSION_EVENTS 8.0
#define WARM_UP_MS 300000 /* simulated before the start, so that sessions are under way then */

struct visitor_state {
    int64_t next_ms;
    uint32_t left; /* events of this session to come */
    uint32_t session;
    bool bot;
    bool known; /* has a user_id */
    uint8_t favourite_brands[3];
    uint8_t favourite_categories[3];
    uint8_t favourite_colour;
    bool korean;   /* searches in Korean */
    bool searched; /* the next view is from the search results */
    uint8_t sought_category, sought_colour, sought_material; /* 255: any */
    float price_level; /* times the category's typical price */
    float bargains;    /* how much a discount draws, 0 to 1 */
    uint32_t recent[RECENT];
    uint32_t recent_count;
    uint32_t cart[CART_MAX];
    uint32_t cart_count;
};

/* The second half of a double click, which is still to come. */
struct second_click {
    int64_t time_ms;
    uint32_t visitor, product;
};

struct mall {
    struct mall_settings settings;
    uint64_t random;
    uint64_t complement_random; /* a sequence of its own */
    struct mall_stock stock;
    struct visitor_state *visitors;
    uint32_t *heap; /* visitors, the one with the earliest next_ms first */
    double pause_s; /* between two sessions of a visitor, on average */
    uint64_t event_number;
    struct event event; /* the last one that mall_next() returned */
    struct event_item items[CART_MAX];
    char event_id[64], visitor_id[24], user_id[24], session_id[40], transaction_id[72], term[64];
    bool repeat;
    struct second_click clicks[CLICKS_MAX]; /* a ring, by time */
    uint32_t click_first, click_count;
};

/* ---- opening ---- */

static void init_visitor(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    for (int i = 0; i < 3; i++) {
        visitor->favourite_brands[i] = (uint8_t)mall_zipf(&mall->random, MALL_BRANDS);
        visitor->favourite_categories[i] = (uint8_t)mall_below(&mall->random, MALL_CATEGORIES);
    }
    visitor->favourite_colour = (uint8_t)mall_zipf(&mall->random, MALL_COLOURS);
    visitor->korean = index % 5 == 0;
    visitor->price_level = (float)exp(0.35 * mall_normal(&mall->random));
    visitor->bargains = (float)mall_uniform(&mall->random);
    visitor->bot = mall_uniform(&mall->random) < mall->settings.bots;
    visitor->known = mall_uniform(&mall->random) < 0.4;
    double session_s = SESSION_EVENTS * THINK_S;
    bool inside = mall_uniform(&mall->random) * (mall->pause_s + session_s) < session_s;
    double wait_s = inside ? mall_uniform(&mall->random) * session_s
                           : mall_exponential(&mall->random, mall->pause_s);
    visitor->next_ms = mall->settings.start_ms - WARM_UP_MS + (int64_t)(wait_s * 1000);
}

/* ---- the heap: the visitor with the earliest next event is on top ---- */

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
    mall->complement_random = draw_mix(mall->random);
    mall_stock_init(&mall->stock, settings->products, &mall->random);
    double cycle_s = SESSION_EVENTS * settings->visitors / settings->events_per_s;
    mall->pause_s = cycle_s - SESSION_EVENTS * THINK_S;
    if (mall->pause_s < 1)
        mall->pause_s = 1;
    mall->visitors = memory_zero(settings->visitors, sizeof *mall->visitors);
    mall->heap = memory_get(settings->visitors * sizeof *mall->heap);
    for (uint32_t i = 0; i < settings->visitors; i++) {
        init_visitor(mall, i);
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
    mall_stock_release(&mall->stock);
    free(mall->visitors);
    free(mall->heap);
    free(mall);
}

uint32_t mall_product_count(const struct mall *mall)
{
    return mall->stock.count;
}

void mall_product(const struct mall *mall, uint32_t index, struct event *ret_product)
{
    mall_stock_event(&mall->stock, index, ret_product);
}

bool mall_user(struct mall *mall, uint32_t index, struct event *ret_user)
{
    static const char *const age_groups[] = {"18-29", "30-39", "40-49", "50-99"};
    const struct visitor_state *visitor = &mall->visitors[index];
    const char *path = mall_categories[visitor->favourite_categories[0]].path;
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

/* How much a product appeals to a visitor: by brand, distance to the usual price, discount,
 * colour. */
static double appeal(const struct visitor_state *visitor, const struct mall_product *product)
{
    double score = 0;
    for (int i = 0; i < 3; i++)
        if (visitor->favourite_brands[i] == product->brand)
            score += 1.5 - 0.3 * i;
    double off = log(product->price /
                     (mall_categories[product->category].price * (double)visitor->price_level));
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
    const struct mall_product *of = &mall->stock.products[product];
    struct mall_taste taste = {
        .colour = state->favourite_colour == of->colour,
        .price_off = fabs(
            log(of->price / (mall_categories[of->category].price * (double)state->price_level))),
        .discount = 1 - of->price / of->original_price,
        .bargains = (double)state->bargains,
    };
    for (int i = 0; i < 3; i++)
        taste.brand = taste.brand || state->favourite_brands[i] == of->brand;
    return taste;
}

static uint32_t next_category(struct mall *mall, const struct visitor_state *visitor)
{
    double chance = mall_uniform(&mall->random);
    if (visitor->searched)
        return visitor->sought_category;
    if (visitor->recent_count > 0) {
        uint32_t last = mall->stock.products[visitor->recent[visitor->recent_count - 1]].category;
        if (chance < 0.65)
            return last;
        if (chance < 0.82)
            return (uint32_t)mall_categories[last]
                .goes_with[mall_below(&mall->random, MALL_GOES_WITH)];
    }
    if (chance < 0.95)
        return visitor->favourite_categories[mall_below(&mall->random, 3)];
    return mall_below(&mall->random, MALL_CATEGORIES);
}

/* The most appealing of a few products that the visitor happens to see, mostly popular ones. */
static uint32_t choose_product(struct mall *mall, const struct visitor_state *visitor)
{
    uint32_t category = next_category(mall, visitor);
    uint32_t size = mall->stock.category_size[category];
    if (size == 0)
        return mall_below(&mall->random, mall->stock.count);
    uint32_t best = 0;
    double best_score = -1e9;
    for (int i = 0; i < (visitor->searched ? 40 : 12); i++) {
        uint32_t seen = mall->stock.by_category[category][mall_zipf(&mall->random, size)];
        double score =
            appeal(visitor, &mall->stock.products[seen]) + 0.5 * mall_normal(&mall->random);
        if (score > best_score) {
            best_score = score;
            best = seen;
        }
    }
    return best;
}

static void add_recent(struct visitor_state *visitor, uint32_t product)
{
    if (visitor->recent_count == RECENT) {
        memmove(visitor->recent, visitor->recent + 1, (RECENT - 1) * sizeof *visitor->recent);
        visitor->recent_count--;
    }
    visitor->recent[visitor->recent_count++] = product;
}

static void fill_item(struct mall *mall, struct event_item *item, uint32_t index)
{
    const struct mall_product *product = &mall->stock.products[index];
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
    size_t at = size > 3 ? 1 + mall_below(&mall->random, (uint32_t)size - 2) : 0;
    if (at > 0 && term[at] != ' ' && term[at + 1] != ' ' && term[at] > 0 && term[at + 1] > 0) {
        char letter = term[at];
        term[at] = term[at + 1];
        term[at + 1] = letter;
    }
}

static void do_search(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    uint8_t sought = visitor->favourite_categories[mall_below(&mall->random, 3)];
    const struct mall_category *category = &mall_categories[sought];
    double chance = mall_uniform(&mall->random);
    const char *noun = visitor->korean ? category->korean : category->noun, *before = NULL;
    visitor->searched = true;
    visitor->sought_category = sought;
    visitor->sought_colour = visitor->sought_material = 255;
    if (chance < 0.5) {
        visitor->sought_colour = visitor->favourite_colour;
        before = (visitor->korean ? mall_korean_colours : mall_colours)[visitor->favourite_colour];
    } else if (chance < 0.75) {
        visitor->sought_material = (uint8_t)mall_below(&mall->random, MALL_MATERIALS);
        before =
            (visitor->korean ? mall_korean_materials : mall_materials)[visitor->sought_material];
    }
    begin_event(mall, index, EVENT_SEARCH, visitor->next_ms);
    snprintf(mall->term, sizeof mall->term, "%s%s%s", before ? before : "", before ? " " : "",
             noun);
    for (char *at = mall->term; *at; at++)
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at + 32 : *at);
    if (mall_uniform(&mall->random) < 0.05)
        mistype(mall, mall->term);
    mall->event.search_term = bytes_text(mall->term);
    mall->event.result_count = 20 + mall_below(&mall->random, 200);
}

static void view_product(struct mall *mall, uint32_t index, uint32_t product, int64_t time_ms)
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
        product = mall_below(&mall->random, mall->stock.count);
    view_product(mall, index, product, visitor->next_ms);
    add_recent(visitor, product);
    if (mall_uniform(&mall->random) < mall->settings.double_clicks &&
        mall->click_count < CLICKS_MAX)
        mall->clicks[(mall->click_first + mall->click_count++) % CLICKS_MAX] =
            (struct second_click){visitor->next_ms + SECOND_CLICK_MS, index, product};
}

static bool cart_has_category(const struct mall *mall, const struct visitor_state *visitor,
                              uint32_t category)
{
    for (uint32_t i = 0; i < visitor->cart_count; i++)
        if (mall->stock.products[visitor->cart[i]].category == category)
            return true;
    return false;
}

/* How well the product completes the cart: the mean over its products. */
static double completion(const struct mall *mall, const struct visitor_state *visitor,
                         const struct mall_product *product)
{
    double sum = 0;
    for (uint32_t i = 0; i < visitor->cart_count; i++) {
        struct mall_fit fit = mall_completes(product, &mall->stock.products[visitor->cart[i]]);
        sum += COLOUR_FIT * fit.colour + STYLE_FIT * fit.style;
    }
    return sum / visitor->cart_count;
}

/* A product that completes the cart; `otherwise` if its categories are in the cart already. */
static uint32_t choose_complement(struct mall *mall, const struct visitor_state *visitor,
                                  uint32_t otherwise)
{
    uint64_t *random = &mall->complement_random;
    uint32_t other = visitor->cart[mall_below(random, visitor->cart_count)], best = otherwise;
    uint32_t category = (uint32_t)mall_categories[mall->stock.products[other].category]
                            .goes_with[mall_below(random, MALL_GOES_WITH)];
    uint32_t size = mall->stock.category_size[category];
    double best_score = -1e9;
    if (size == 0 || cart_has_category(mall, visitor, category))
        return otherwise;
    for (int i = 0; i < COMPLEMENTS_SEEN; i++) {
        uint32_t seen = mall->stock.by_category[category][mall_zipf(random, size)];
        const struct mall_product *product = &mall->stock.products[seen];
        double score = completion(mall, visitor, product) + appeal(visitor, product) +
                       0.5 * mall_normal(random);
        if (score > best_score) {
            best_score = score;
            best = seen;
        }
    }
    return best;
}

/* The product that the visitor puts in the cart. */
static uint32_t choose_for_cart(struct mall *mall, const struct visitor_state *visitor)
{
    uint32_t viewed = visitor->recent[visitor->recent_count - 1];
    if (visitor->cart_count == 0 || mall->settings.complements <= 0)
        return viewed;
    bool substitute = cart_has_category(mall, visitor, mall->stock.products[viewed].category);
    bool completes = mall_uniform(&mall->complement_random) < mall->settings.complements;
    for (int i = 0; i < COMPLEMENT_DRAWS && (substitute || completes); i++) {
        uint32_t product = choose_complement(mall, visitor, viewed);
        if (product != viewed)
            return product;
    }
    return viewed;
}

static void do_cart(struct mall *mall, uint32_t index)
{
    struct visitor_state *visitor = &mall->visitors[index];
    uint32_t product = choose_for_cart(mall, visitor);
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
    double chance = mall_uniform(&mall->random);
    if (visitor->left == 0) {
        visitor->left = 1 + (uint32_t)mall_exponential(&mall->random, SESSION_EVENTS - 0.5);
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
    double wait_s = visitor->left > 0 ? 1 + mall_exponential(&mall->random, THINK_S - 1)
                                      : mall_exponential(&mall->random, mall->pause_s);
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
        mall->repeat = false; /* the same event again, as after a retried send */
    } else if (mall->click_count > 0 && click->time_ms <= mall->visitors[mall->heap[0]].next_ms) {
        view_product(mall, click->visitor, click->product, click->time_ms);
        mall->click_first = (mall->click_first + 1) % CLICKS_MAX;
        mall->click_count--;
    } else {
        act(mall, mall->heap[0]);
        sink(mall, 0);
    }
    if (mall_uniform(&mall->random) < mall->settings.duplicates)
        mall->repeat = true;
    *ret_event = mall->event;
}
