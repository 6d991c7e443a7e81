/* The questions about a visitor's sequence, against naive loops over random sequences. */
#include "state/visitor_history.h"
#include "tests/test.h"

#include <math.h>

#define ACTIVITIES_MAX 40
#define ITEMS 12
#define KNOWN_ITEMS 9 /* in the model; the others are not */
#define CART_MAX 3
#define GAP_MS 100

static const struct model_limits limits = {.items_max = 100,
                                           .row_entries_max = 10,
                                           .pair_half_life_ms = 1000000,
                                           .popular_half_life_ms = 1000000};

/* The actions put into the visitor, oldest first. */
struct action {
    int64_t time_ms;
    enum kind kind;
    uint32_t item, event;
};

struct fixture {
    struct random random;
    struct model *model;
    struct visitor *visitor;
    struct action actions[ACTIVITIES_MAX];
    uint32_t count;
};

static struct bytes item_id(uint32_t item)
{
    static char texts[ITEMS][8];
    snprintf(texts[item], sizeof texts[item], "i%u", item);
    return bytes_text(texts[item]);
}

static struct bytes event_id(uint32_t event)
{
    static char text[16];
    snprintf(text, sizeof text, "e%u", event);
    return bytes_text(text);
}

static void make(struct fixture *fixture)
{
    struct random *random = &fixture->random;
    int64_t time_ms = 1000;
    fixture->visitor = memory_zero(1, sizeof *fixture->visitor);
    fixture->count = random_below(random, ACTIVITIES_MAX + 1);
    for (uint32_t i = 0; i < fixture->count; i++) {
        time_ms += random_below(random, random_one_in(random, 8) ? 3 * GAP_MS : GAP_MS / 2);
        fixture->actions[i] = (struct action){time_ms, (enum kind)random_below(random, KINDS),
                                              random_below(random, ITEMS), i};
        visitor_insert(fixture->visitor, i,
                       (struct activity){.time_ms = time_ms,
                                         .event_hash = bytes_hash(event_id(i)),
                                         .price = NAN,
                                         .kind = (uint8_t)fixture->actions[i].kind},
                       item_id(fixture->actions[i].item), ACTIVITIES_MAX, NULL);
    }
}

/* The subject of actions[at], or nothing if there is none. */
static void check_subject(const struct fixture *fixture, int64_t at, struct bytes subject)
{
    CHECK((at >= 0) == (subject.at != NULL));
    if (at >= 0)
        CHECK_BYTES(subject, item_id(fixture->actions[at].item));
}

static int64_t place(const struct fixture *fixture, const struct activity *activity)
{
    return activity ? activity - fixture->visitor->activities : -1;
}

/* The first activity of the session of actions[at]. */
static uint32_t session_start(const struct fixture *fixture, uint32_t at)
{
    while (at > 0 && fixture->actions[at].time_ms - fixture->actions[at - 1].time_ms <= GAP_MS)
        at--;
    return at;
}

static void check_newest(const struct fixture *fixture, uint32_t kinds, uint32_t within)
{
    const struct action *actions = fixture->actions;
    int64_t newest = -1;
    uint32_t start = fixture->count ? session_start(fixture, fixture->count - 1) : 0;
    for (uint32_t i = start; i < fixture->count; i++)
        if ((kinds >> actions[i].kind & 1) && fixture->count - 1 - i <= within)
            newest = i;
    CHECK_INT(place(fixture, visitor_history_newest(fixture->visitor, kinds, within, GAP_MS)),
              newest);
}

static void check_last(const struct fixture *fixture)
{
    int64_t viewed = -1, searched = -1;
    for (uint32_t i = 0; i < fixture->count; i++) {
        if (fixture->actions[i].kind == KIND_VIEW)
            viewed = i;
        if (fixture->actions[i].kind == KIND_SEARCH)
            searched = i;
    }
    check_subject(fixture, viewed, visitor_history_last_viewed(fixture->visitor));
    check_subject(fixture, searched, visitor_history_last_search(fixture->visitor));
}

static void check_item(const struct fixture *fixture, uint32_t item, uint32_t kinds)
{
    const struct action *actions = fixture->actions;
    int64_t newest = -1, time_ms = 1000 + item * 97, window_ms = 1 + kinds % 50;
    bool viewed = false, near = false, in_cart = false;
    for (uint32_t i = 0; i < fixture->count; i++) {
        enum kind kind = actions[i].kind;
        if (kind == KIND_CART_CLEAR)
            in_cart = false;
        if (actions[i].item != item)
            continue;
        if (kinds >> kind & 1)
            newest = i;
        viewed |= kind == KIND_VIEW;
        near |= kind == KIND_VIEW && llabs(actions[i].time_ms - time_ms) < window_ms;
        if (kind == KIND_CART || kind == KIND_CART_UPDATE || kind == KIND_CART_REMOVE ||
            kind == KIND_PURCHASE)
            in_cart = kind == KIND_CART || kind == KIND_CART_UPDATE;
    }
    const struct visitor *visitor = fixture->visitor;
    struct bytes id = item_id(item);
    CHECK_INT(place(fixture, visitor_history_newest_on(visitor, kinds, id)), newest);
    CHECK_INT(visitor_history_viewed(visitor, id), viewed);
    CHECK_INT(visitor_history_viewed_near(visitor, id, time_ms, window_ms), near);
    CHECK_INT(visitor_history_in_cart(visitor, id), in_cart);
}

static void check_events(const struct fixture *fixture)
{
    for (uint32_t event = 0; event < ACTIVITIES_MAX; event++)
        CHECK_INT(visitor_history_has_event(fixture->visitor, event_id(event)),
                  event < fixture->count);
}

static uint32_t without(uint32_t *items, uint32_t count, uint32_t item)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; i++)
        if (items[i] != item)
            items[left++] = items[i];
    return left;
}

/* Item i is number i of the model, as far as the model knows it. */
static void check_lists(const struct fixture *fixture)
{
    uint32_t cart[CART_MAX + 1] = {0}, cart_count = 0, bought[CART_MAX], bought_count = 0;
    uint32_t items[CART_MAX], rest[CART_MAX + 1];
    for (uint32_t i = 0; i < fixture->count; i++) {
        const struct action *action = &fixture->actions[i];
        if (action->kind == KIND_CART_CLEAR)
            cart_count = 0;
        if (action->item >= KNOWN_ITEMS)
            continue;
        uint32_t before = cart_count;
        if (action->kind == KIND_CART || action->kind == KIND_CART_REMOVE ||
            action->kind == KIND_PURCHASE)
            cart_count = without(cart, cart_count, action->item);
        if (action->kind == KIND_CART_UPDATE)
            before = without(memcpy(rest, cart, sizeof rest), cart_count, action->item);
        if (action->kind == KIND_CART || (action->kind == KIND_CART_UPDATE && before == cart_count))
            cart[cart_count++] = action->item;
        if (cart_count > CART_MAX)
            cart_count = without(cart, cart_count, cart[0]);
    }
    for (uint32_t i = fixture->count; i > 0 && bought_count < CART_MAX; i--)
        if (fixture->actions[i - 1].kind == KIND_PURCHASE &&
            fixture->actions[i - 1].item < KNOWN_ITEMS)
            bought[bought_count++] = fixture->actions[i - 1].item;
    CHECK_INT(visitor_history_cart(fixture->visitor, fixture->model, CART_MAX, items), cart_count);
    CHECK(cart_count == 0 || memcmp(items, cart, cart_count * sizeof *items) == 0);
    CHECK_INT(visitor_history_bought(fixture->visitor, fixture->model, CART_MAX, items, NULL),
              bought_count);
    CHECK(bought_count == 0 || memcmp(items, bought, bought_count * sizeof *items) == 0);
}

static void check_search_before(const struct fixture *fixture, uint32_t position, uint32_t ago_max,
                                int64_t age_ms)
{
    const struct action *actions = fixture->actions;
    int64_t search = -1;
    for (uint32_t i = 0; i < position; i++)
        if (actions[i].kind == KIND_SEARCH && position - i <= ago_max &&
            actions[position].time_ms - actions[i].time_ms <= age_ms)
            search = i;
    check_subject(fixture, search,
                  visitor_history_search_before(fixture->visitor, position, ago_max, age_ms));
}

static void check_neighbours(const struct fixture *fixture, uint32_t position, enum kind kind)
{
    const struct action *actions = fixture->actions;
    struct neighbour found[NEIGHBOURS_MAX];
    uint32_t start = session_start(fixture, position), count = 0;
    uint32_t found_count =
        visitor_history_neighbours(fixture->visitor, position, -1, kind, GAP_MS, found);
    for (uint32_t i = position; i > start && count < NEIGHBOURS_MAX; i--) {
        if (actions[i - 1].kind != kind)
            continue;
        CHECK(count < found_count && found[count].event_time_ms == actions[i - 1].time_ms);
        CHECK_BYTES(found[count].item_id, item_id(actions[i - 1].item));
        count++;
    }
    CHECK_INT(found_count, count);
    count = 0;
    found_count = visitor_history_neighbours(fixture->visitor, position, 1, kind, GAP_MS, found);
    for (uint32_t i = position + 1; i < fixture->count && count < NEIGHBOURS_MAX; i++) {
        if (session_start(fixture, i) > position)
            break;
        if (actions[i].kind != kind)
            continue;
        CHECK(count < found_count && found[count].event_time_ms == actions[i].time_ms);
        CHECK_BYTES(found[count].item_id, item_id(actions[i].item));
        count++;
    }
    CHECK_INT(found_count, count);
}

static void check_walk(const struct fixture *fixture)
{
    const struct activity *activity;
    uint32_t left = fixture->count;
    uint32_t start = left ? session_start(fixture, left - 1) : 0;
    struct history_walk walk = visitor_history_walk(fixture->visitor, GAP_MS);
    while ((activity = visitor_history_older(&walk))) {
        CHECK_INT(place(fixture, activity), --left);
        CHECK_INT(walk.same_session, left >= start);
    }
    CHECK_INT(left, 0);
    if (fixture->count == 0)
        return;
    int64_t newest_ms = fixture->actions[fixture->count - 1].time_ms;
    walk = visitor_history_walk_from(fixture->visitor, newest_ms + GAP_MS, GAP_MS);
    CHECK(visitor_history_older(&walk) && walk.same_session);
    walk = visitor_history_walk_from(fixture->visitor, newest_ms + GAP_MS + 1, GAP_MS);
    CHECK(visitor_history_older(&walk) && !walk.same_session);
}

static void test_random(void)
{
    struct fixture fixture = {.random = random_from(5), .model = model_new(&limits)};
    for (uint32_t item = 0; item < KNOWN_ITEMS; item++)
        CHECK_INT(model_intern(fixture.model, item_id(item), 0), item);
    for (int round = 0; round < TEST_ROUNDS(2000); round++) {
        make(&fixture);
        check_last(&fixture);
        check_events(&fixture);
        check_lists(&fixture);
        check_walk(&fixture);
        for (int i = 0; i < 10; i++) {
            struct random *random = &fixture.random;
            check_newest(&fixture, random_below(random, 1u << KINDS), random_below(random, 10));
            check_item(&fixture, random_below(random, ITEMS), random_below(random, 1u << KINDS));
            if (fixture.count == 0)
                continue;
            uint32_t position = random_below(random, fixture.count);
            check_neighbours(&fixture, position, (enum kind)random_below(random, KINDS));
            check_search_before(&fixture, position, random_below(random, 8),
                                random_below(random, 3 * GAP_MS));
        }
        visitor_free(fixture.visitor);
    }
    model_free(fixture.model);
}

/* A visitor of few activities has the cart of one with all, in any order of arrival that makes none
 * of them late. */
static void check_short_memory(struct fixture *fixture, uint32_t max)
{
    struct visitor *all = fixture->visitor, *few = memory_zero(1, sizeof *few);
    uint32_t items[ITEMS], short_items[ITEMS];
    uint32_t from = all->count > max ? all->count - max : 0; /* these come in a random order */
    bool sent[ACTIVITIES_MAX] = {false};
    for (uint32_t i = 0; i < all->count; i++) {
        uint32_t next = i;
        if (i >= from)
            for (next = from + random_below(&fixture->random, max);
                 next >= all->count || sent[next];)
                next = from + random_below(&fixture->random, max);
        sent[next] = true;
        struct activity activity = all->activities[next];
        /* equal times would let the order of arrival decide */
        activity.time_ms = activity.time_ms * 100 + next;
        visitor_insert(few, visitor_position(few, activity.time_ms, (enum kind)activity.kind),
                       activity, activity_subject(all, &all->activities[next]), max, NULL);
        if (random_one_in(&fixture->random, 4))
            visitor_fit(few, VISITOR_ROW_REST_BYTES + max * 34, NULL);
    }
    for (uint32_t item = 0; item < ITEMS; item++)
        CHECK_INT(visitor_history_in_cart(few, item_id(item)),
                  visitor_history_in_cart(all, item_id(item)));
    uint32_t count = visitor_history_cart(all, fixture->model, ITEMS, items);
    CHECK_INT(visitor_history_cart(few, fixture->model, ITEMS, short_items), count);
    CHECK(count == 0 || memcmp(items, short_items, count * sizeof *items) == 0);
    visitor_free(few);
}

static void test_cart_of_short_memory(void)
{
    struct fixture fixture = {.random = random_from(6), .model = model_new(&limits)};
    for (uint32_t item = 0; item < KNOWN_ITEMS; item++)
        CHECK_INT(model_intern(fixture.model, item_id(item), 0), item);
    for (int round = 0; round < TEST_ROUNDS(2000); round++) {
        make(&fixture);
        check_short_memory(&fixture, 1 + random_below(&fixture.random, ACTIVITIES_MAX));
        visitor_free(fixture.visitor);
    }
    model_free(fixture.model);
}

static void test_nobody(void)
{
    uint32_t item;
    struct bytes id = item_id(0);
    struct model *model = model_new(&limits);
    struct history_walk walk = visitor_history_walk(NULL, GAP_MS);
    CHECK(visitor_history_older(&walk) == NULL);
    CHECK(visitor_history_newest(NULL, UINT32_MAX, 9, GAP_MS) == NULL);
    CHECK(visitor_history_newest_on(NULL, UINT32_MAX, id) == NULL);
    CHECK(visitor_history_last_viewed(NULL).at == NULL);
    CHECK(visitor_history_last_search(NULL).at == NULL);
    CHECK(!visitor_history_has_event(NULL, id) && !visitor_history_viewed(NULL, id));
    CHECK(!visitor_history_viewed_near(NULL, id, 0, 1) && !visitor_history_in_cart(NULL, id));
    CHECK_INT(visitor_history_cart(NULL, model, 1, &item), 0);
    CHECK_INT(visitor_history_bought(NULL, model, 1, &item, NULL), 0);
    model_free(model);
}

int main(void)
{
    TEST_RUN(test_random);
    TEST_RUN(test_cart_of_short_memory);
    TEST_RUN(test_nobody);
    return test_done();
}
