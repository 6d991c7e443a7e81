/* The sessions step and the fold, in the driver: however events arrive, the tables are those of the
 * sequence in the order of time, without the cart additions and purchases that were taken back,
 * recomputed here from scratch. */
#include "processors/runtime/driver.h"
#include "tests/test.h"

#include <math.h>

#define EVENTS 120
#define VISITORS 2
#define ITEMS 8
#define GAP_MS 1800000
#define HALF_LIFE_MS 3600000
#define START_MS 1700000000000

struct planned {
    enum event_type type;
    enum kind kind;
    uint32_t visitor, items[3], item_count;
    int64_t time_ms;
    uint32_t number;
    uint32_t returns; /* a return: the number of the order */
    uint32_t turn;    /* of its delivery */
};

/* Steps around the gap of a session; no two events of one visitor and kind at one time, since their
 * order would be that of arrival. */
static void plan_events(struct random *random, struct planned *events)
{
    static const int64_t steps[] = {0,          1,      1000,       60000,     GAP_MS / 2,
                                    GAP_MS - 1, GAP_MS, GAP_MS + 1, 2 * GAP_MS};
    static const struct {
        enum event_type type;
        enum kind kind;
    } kinds[] = {{EVENT_VIEW, KIND_VIEW},      {EVENT_VIEW, KIND_VIEW},
                 {EVENT_CART, KIND_CART},      {EVENT_PURCHASE, KIND_PURCHASE},
                 {EVENT_SEARCH, KIND_SEARCH},  {EVENT_CART, KIND_CART_REMOVE},
                 {EVENT_CART, KIND_CART},      {EVENT_CART, KIND_CART_CLEAR},
                 {EVENT_PURCHASE, KIND_REFUND}};
    int64_t time_ms = START_MS;
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct planned *event = &events[i];
        uint32_t which = random_below(random, sizeof kinds / sizeof kinds[0]);
        int64_t step = steps[random_below(random, sizeof steps / sizeof steps[0])];
        if (step == 0 && i > 0 && kinds[which].kind <= events[i - 1].kind)
            step = 1; /* the plan is in the order of time and kind */
        if (random_one_in(random, 2))
            step = step > 1000 ? 1000 : step;
        time_ms += step;
        *event = (struct planned){.type = kinds[which].type,
                                  .kind = kinds[which].kind,
                                  .visitor = random_below(random, VISITORS),
                                  .time_ms = time_ms,
                                  .returns = random_below(random, EVENTS),
                                  .number = i};
        event->item_count = event->type == EVENT_VIEW                                       ? 1
                            : event->type == EVENT_SEARCH || event->kind == KIND_CART_CLEAR ? 0
                            : event->kind == KIND_REFUND && random_one_in(random, 3) /* of all */
                                ? 0
                                : 1 + random_below(random, 3);
        for (uint32_t k = 0; k < event->item_count; k++)
            event->items[k] = random_below(random, ITEMS);
    }
}

static int by_turn(const void *a, const void *b)
{
    const struct planned *x = a, *y = b;
    if (x->turn != y->turn)
        return x->turn < y->turn ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

static void deliver(struct driver *driver, const struct planned *planned)
{
    static const char *const item_ids[] = {"i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7"};
    struct event event;
    struct event_item items[3];
    enum fate fate = FATES;
    struct error error = {0};
    char id[16], order[16];
    bool refund = planned->kind == KIND_REFUND;
    snprintf(id, sizeof id, "e%u", planned->number);
    snprintf(order, sizeof order, "t%u", refund ? planned->returns : planned->number);
    event_init(&event, planned->type);
    event.event_id = bytes_text(id);
    event.visitor_id = bytes_text(planned->visitor ? "v1" : "v0");
    event.event_time_ms = planned->time_ms;
    event.search_term = bytes_text("term");
    event.transaction_id = bytes_text(order);
    event.action = planned->kind == KIND_CART_REMOVE  ? CART_REMOVE
                   : planned->kind == KIND_CART_CLEAR ? CART_CLEAR
                                                      : CART_ADD;
    event.status = refund ? PURCHASE_REFUNDED : PURCHASE_COMPLETED;
    event.items = items;
    event.item_count = planned->item_count;
    for (uint32_t i = 0; i < planned->item_count; i++) {
        event_item_init(&items[i]);
        items[i].item_id = bytes_text(item_ids[planned->items[i]]);
    }
    CHECK(driver_event(driver, &event, &fate, &error) == VERDICT_OK);
    CHECK_SAY(fate == FATE_PROCESSED, "event %u: fate %d", planned->number, (int)fate);
}

/* ---- from scratch ---- */

/* How often the event has the item. */
static uint32_t times(const struct planned *event, uint32_t item)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < event->item_count; k++)
        count += event->items[k] == item;
    return count;
}

/* All that the order had of the item is sent back. */
static bool sent_back(const struct planned *events, const struct planned *order, uint32_t item)
{
    uint32_t returned = 0;
    for (uint32_t i = 0; i < EVENTS; i++)
        if (events[i].kind == KIND_REFUND && events[i].visitor == order->visitor &&
            events[i].returns == order->number)
            returned += events[i].item_count == 0 ? EVENTS : times(&events[i], item);
    return returned >= times(order, item);
}

static bool taken_out(const struct planned *events, const struct planned *added, uint32_t item)
{
    for (const struct planned *event = added + 1; event < events + EVENTS; event++) {
        if (event->visitor != added->visitor)
            continue;
        if (event->kind == KIND_CART_CLEAR ||
            (event->kind == KIND_CART_REMOVE && times(event, item) > 0))
            return true;
        if (event->kind == KIND_PURCHASE && times(event, item) > 0)
            return false;
    }
    return false;
}

static bool taken_back(const struct planned *events, const struct planned *event, uint32_t item)
{
    return event->kind == KIND_PURCHASE ? sent_back(events, event, item)
           : event->kind == KIND_CART   ? taken_out(events, event, item)
                                        : false;
}

struct tables {
    double all[PAIR_KINDS][ITEMS][ITEMS], one[PAIR_KINDS][ITEMS][ITEMS];
    uint64_t count[PAIR_KINDS][ITEMS];
    double recent[ITEMS], slow[PAIR_KINDS][ITEMS];
};

struct place {
    uint32_t item;
    int64_t time_ms;
};

static double weight_at(int64_t time_ms, int64_t units)
{
    struct decay decay = decay_at(time_ms, HALF_LIFE_MS);
    return ldexp((double)((int64_t)decay.m * units), decay.k - decay_at(START_MS, HALF_LIFE_MS).k);
}

static void count_session(struct tables *tables, int kind, const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tables->count[kind][places[i].item]++;
        tables->recent[places[i].item] += weight_at(places[i].time_ms, 1);
        tables->slow[kind][places[i].item] += weight_at(places[i].time_ms, 1);
        for (size_t gap = 1; gap <= NEIGHBOURS_MAX && gap <= i; gap++) {
            double weight = weight_at(places[i].time_ms, PAIR_UNITS / (int64_t)gap);
            tables->all[kind][places[i - gap].item][places[i].item] += weight;
            if (gap == 1)
                tables->one[kind][places[i - gap].item][places[i].item] += weight;
        }
    }
}

static void recompute(const struct planned *events, struct tables *tables)
{
    memset(tables, 0, sizeof *tables);
    for (uint32_t visitor = 0; visitor < VISITORS; visitor++) {
        struct place places[PAIR_KINDS][3 * EVENTS];
        size_t counts[PAIR_KINDS] = {0};
        int64_t last_ms = INT64_MIN / 2;
        for (size_t i = 0; i < EVENTS; i++) {
            const struct planned *event = &events[i];
            enum pair_kind kind;
            if (event->visitor != visitor)
                continue;
            if (event->time_ms - last_ms > GAP_MS) {
                for (int k = 0; k < PAIR_KINDS; k++) {
                    count_session(tables, k, places[k], counts[k]);
                    counts[k] = 0;
                }
            }
            last_ms = event->time_ms;
            if (pair_kind_of(event->kind, &kind))
                for (uint32_t k = 0; k < event->item_count; k++)
                    if (!taken_back(events, event, event->items[k]))
                        places[kind][counts[kind]++] =
                            (struct place){event->items[k], event->time_ms};
        }
        for (int k = 0; k < PAIR_KINDS; k++)
            count_session(tables, k, places[k], counts[k]);
    }
}

static double relative(double value, int32_t base)
{
    return ldexp(value, base - decay_at(START_MS, HALF_LIFE_MS).k);
}

/* One row against one line of the tables; `backward`: against a column. */
static void check_row(const struct model *model, uint32_t owner, const struct row *row,
                      double all[ITEMS][ITEMS], double one[ITEMS][ITEMS], uint32_t item,
                      bool backward)
{
    double total = 0, total_one = 0;
    for (uint32_t i = 0; i < ITEMS; i++) {
        char id[8];
        double weight = backward ? all[i][item] : all[item][i];
        double weight_one = backward ? one[i][item] : one[item][i];
        const struct row_entry *found = NULL;
        snprintf(id, sizeof id, "i%u", i);
        for (uint32_t k = 0; k < row->count; k++)
            if (row->entries[k].item == model_find(model, bytes_text(id)))
                found = &row->entries[k];
        CHECK_REAL(found ? relative(found->weight, row->base) : 0, weight);
        CHECK_REAL(found ? relative(found->weight_one, row->base) : 0, weight_one);
        total += weight;
        total_one += weight_one;
    }
    CHECK_REAL(relative(row->total, row->base), total);
    CHECK_REAL(relative(row->total_one, row->base), total_one);
    CHECK(owner < model->item_count);
}

/* `first`: PAIR_CART leaves out views, whose neighbours may have fallen out. */
static void check_tables(const struct model *model, struct tables *tables, int first)
{
    for (uint32_t item = 0; item < ITEMS; item++) {
        char id[8];
        snprintf(id, sizeof id, "i%u", item);
        uint32_t owner = model_find(model, bytes_text(id));
        if (owner == ITEM_NONE) {
            CHECK(tables->recent[item] <= 0);
            continue;
        }
        const struct model_item *row = &model->items[owner];
        CHECK_REAL(relative(row->counts.recent, row->counts.base), tables->recent[item]);
        const struct trend *trend = trends_row(model->trends, owner);
        for (int kind = 0; kind < PAIR_KINDS; kind++)
            CHECK_REAL(trend ? relative(trend->slow[kind], trend->base) : 0,
                       tables->slow[kind][item]);
        for (int kind = first; kind < PAIR_KINDS; kind++) {
            CHECK_INT(row->counts.count[kind], tables->count[kind][item]);
            check_row(model, owner, &row->rows[kind][PAIR_FORWARD], tables->all[kind],
                      tables->one[kind], item, false);
            check_row(model, owner, &row->rows[kind][PAIR_BACKWARD], tables->all[kind],
                      tables->one[kind], item, true);
        }
    }
}

static void check_visitor(struct driver *driver, const struct planned *events, uint32_t which)
{
    const struct visitor *visitor = driver_visitor(driver, bytes_text(which ? "v1" : "v0"));
    uint32_t at = 0;
    for (size_t i = 0; i < EVENTS; i++)
        if (events[i].visitor == which)
            for (uint32_t k = 0; k < events[i].item_count || k == 0; k++, at++)
                CHECK(visitor && at < visitor->count &&
                      visitor->activities[at].time_ms == events[i].time_ms &&
                      visitor->activities[at].kind == (uint8_t)events[i].kind);
    CHECK(visitor == NULL ? at == 0 : at == visitor->count);
}

static void test_any_order(void)
{
    static const uint32_t lateness[] = {0, 2, 10, 40, EVENTS};
    static struct tables tables;
    struct random random = random_from(101);
    struct config config;
    struct error error = {0};
    config_init(&config);
    config_set(&config, "double.click.ms", "0", NULL);
    config_set(&config, "visitor.activities.max", "1000", NULL);
    config_set(&config, "cooccurrence.half.life.ms", "3600000", NULL);
    config_set(&config, "popularity.half.life.ms", "3600000", NULL);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    for (int round = 0; round < 100; round++) {
        struct planned events[EVENTS], arrival[EVENTS];
        struct driver *driver;
        plan_events(&random, events);
        recompute(events, &tables);
        for (uint32_t i = 0; i < EVENTS; i++)
            events[i].turn = i + random_below(&random, 1 + lateness[round % 5]);
        memcpy(arrival, events, sizeof events);
        qsort(arrival, EVENTS, sizeof arrival[0], by_turn);
        CHECK(driver_new(&config, false, NULL, NULL, &driver, &error) == VERDICT_OK);
        for (size_t i = 0; i < EVENTS; i++)
            deliver(driver, &arrival[i]);
        check_tables(driver_model(driver), &tables, PAIR_VIEW);
        CHECK(driver_counts(driver)->counters[COUNT_TAKEN_BACK] > 0);
        CHECK(driver_counts(driver)->counters[COUNT_RETURNS_UNKNOWN] > 0);
        for (uint32_t i = 0; i < VISITORS; i++)
            check_visitor(driver, events, i);
        uint64_t reordered = driver_counts(driver)->counters[COUNT_REORDERED];
        CHECK((reordered > 0) == (round % 5 > 0));
        CHECK_INT(driver_counts(driver)->fates[FATE_PROCESSED], EVENTS);
        driver_free(driver);
    }
}

/* Carts and purchases fall out, and what takes them back comes later. */
static void test_fallen_out(void)
{
    static struct tables tables;
    struct random random = random_from(102);
    struct config config;
    struct error error = {0};
    config_init(&config);
    config_set(&config, "double.click.ms", "0", NULL);
    config_set(&config, "visitor.activities.max", "6", NULL);
    config_set(&config, "visitor.order.lines.max", "1000", NULL);
    config_set(&config, "cooccurrence.half.life.ms", "3600000", NULL);
    config_set(&config, "popularity.half.life.ms", "3600000", NULL);
    CHECK_SAY(config_finish(&config, &error) == VERDICT_OK, "%s", error.message);
    for (int round = 0; round < 100; round++) {
        struct planned events[EVENTS];
        struct driver *driver;
        plan_events(&random, events);
        recompute(events, &tables);
        CHECK(driver_new(&config, false, NULL, NULL, &driver, &error) == VERDICT_OK);
        for (size_t i = 0; i < EVENTS; i++)
            deliver(driver, &events[i]);
        check_tables(driver_model(driver), &tables, PAIR_CART);
        CHECK(driver_counts(driver)->counters[COUNT_TAKEN_BACK] > 0);
        CHECK_INT(driver_counts(driver)->counters[COUNT_RETRACTABLE_OUT], 0);
        driver_free(driver);
    }
}

int main(void)
{
    TEST_RUN(test_any_order);
    TEST_RUN(test_fallen_out);
    return test_done();
}
