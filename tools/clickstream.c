#include "tools/clickstream.h"

#include "tools/listener.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS                                                                                      \
    (1u << 15) /* slots by the visitor's hash; if two visitors share one, the newer one has it */
#define ID_BYTES 40

/* The pages, each after another kind of last event, and their placements. */
enum page { PAGE_FRONT, PAGE_PRODUCT, PAGE_SEARCH, PAGE_CART, PAGES };
static const char *const placements[PAGES] = {"home", "product", "search", "cart"};

/* The lists of a visitor, as the pages would show them. */
struct seen {
    uint64_t visitor; /* hash of the key; 0: free */
    uint64_t session; /* hash of the last event's session_id */
    enum page page;   /* that the visitor sees now */
    char recommendation_id[ID_BYTES];
    uint8_t counts[PAGES];
    char items[PAGES][PAGE_ITEMS][ID_BYTES];
};

struct clickstream {
    struct listener *listener;
    pthread_mutex_t lock;
    struct seen *slots; /* under the lock */
    struct seen shown;  /* the lists of the last call's visitor */
    struct event_item items[PAGE_ITEMS];
    char impression_id[EVENT_ID_BYTES_MAX + 8], click_id[EVENT_ID_BYTES_MAX + 8];
};

static struct seen *slot_of(struct clickstream *clickstream, struct bytes visitor)
{
    uint64_t hash = bytes_hash(visitor);
    struct seen *seen = &clickstream->slots[hash & (SLOTS - 1)];
    if (seen->visitor != hash)
        *seen = (struct seen){.visitor = hash};
    return seen;
}

/* ---- reading ---- */

static void take_list(struct seen *seen, json_t *list)
{
    const char *placement = json_string_value(json_object_get(list, "placement"));
    json_t *items = json_object_get(list, "items"), *item;
    size_t i;
    int page = 0;
    while (page < PAGES && (placement == NULL || strcmp(placement, placements[page]) != 0))
        page++;
    if (page == PAGES)
        return;
    json_array_foreach(items, i, item)
    {
        const char *id = json_string_value(json_object_get(item, "item_id"));
        if (i < PAGE_ITEMS && id && strlen(id) < ID_BYTES)
            snprintf(seen->items[page][seen->counts[page]++], ID_BYTES, "%s", id);
    }
}

static void take_record(void *opaque, const struct kafka_record *message)
{
    struct clickstream *clickstream = opaque;
    json_t *record = json_loadb(message->value.at, message->value.size, 0, NULL), *list;
    const char *id = json_string_value(json_object_get(record, "recommendation_id"));
    size_t i;
    pthread_mutex_lock(&clickstream->lock);
    struct seen *seen = slot_of(clickstream, message->key);
    memset(seen->counts, 0, sizeof seen->counts);
    if (id && strlen(id) < ID_BYTES) {
        snprintf(seen->recommendation_id, ID_BYTES, "%s", id);
        json_array_foreach(json_object_get(record, "lists"), i, list) take_list(seen, list);
    }
    pthread_mutex_unlock(&clickstream->lock);
    json_decref(record);
}

enum verdict clickstream_new(const struct config *config, const char *topic,
                             struct clickstream **ret_clickstream, struct error *error)
{
    struct clickstream *clickstream = memory_zero(1, sizeof *clickstream);
    clickstream->slots = memory_zero(SLOTS, sizeof *clickstream->slots);
    pthread_mutex_init(&clickstream->lock, NULL);
    enum verdict verdict =
        listener_new(config, topic, take_record, clickstream, &clickstream->listener, error);
    if (verdict == VERDICT_OK)
        *ret_clickstream = clickstream;
    else
        clickstream_free(clickstream);
    return verdict;
}

void clickstream_free(struct clickstream *clickstream)
{
    if (clickstream == NULL)
        return;
    listener_free(clickstream->listener);
    pthread_mutex_destroy(&clickstream->lock);
    free(clickstream->slots);
    free(clickstream);
}

/* ---- impressions and clicks ---- */

static enum page page_after(const struct event *event)
{
    return event->type == EVENT_SEARCH ? PAGE_SEARCH
           : event->type == EVENT_CART ? PAGE_CART
                                       : PAGE_PRODUCT;
}

/* An event beside the visitor's `event`, at the same time. */
static struct event about(const struct event *event, enum event_type type, struct bytes id,
                          struct bytes recommendation_id, struct bytes placement)
{
    struct event made;
    event_init(&made, type);
    made.event_id = id;
    made.visitor_id = event->visitor_id;
    made.user_id = event->user_id;
    made.session_id = event->session_id;
    made.channel = event->channel;
    made.event_time_ms = event->event_time_ms;
    made.recommendation_id = recommendation_id;
    made.placement = placement;
    return made;
}

static struct bytes name(char *to, char letter, struct bytes event_id)
{
    int size =
        snprintf(to, EVENT_ID_BYTES_MAX + 8, "%c-%.*s", letter, (int)event_id.size, event_id.at);
    return bytes_of(to, (size_t)size);
}

bool clickstream_before(struct clickstream *clickstream, const struct event *event,
                        struct event *ret_impression, struct event *ret_click)
{
    uint64_t session = bytes_hash(event->session_id);
    struct seen *shown = &clickstream->shown;
    pthread_mutex_lock(&clickstream->lock);
    struct seen *seen = slot_of(clickstream, event_visitor(event));
    enum page page = seen->session == session ? seen->page : PAGE_FRONT;
    *shown = *seen;
    seen->session = session;
    seen->page = page_after(event);
    pthread_mutex_unlock(&clickstream->lock);
    uint32_t count = shown->counts[page];
    struct bytes list = bytes_text(shown->recommendation_id);
    struct bytes placement = bytes_text(placements[page]);
    if (count == 0)
        return false;
    struct bytes id = name(clickstream->impression_id, 's', event->event_id);
    *ret_impression = about(event, EVENT_IMPRESSION, id, list, placement);
    ret_click->type = EVENT_TYPES;
    for (uint32_t i = 0; i < count; i++) {
        event_item_init(&clickstream->items[i]);
        clickstream->items[i].item_id = bytes_text(shown->items[page][i]);
        clickstream->items[i].index = i;
        if (event->type != EVENT_VIEW ||
            !bytes_equal(clickstream->items[i].item_id, event->items[0].item_id))
            continue;
        *ret_click = about(event, EVENT_CLICK, name(clickstream->click_id, 'c', event->event_id),
                           list, placement);
        ret_click->items = &clickstream->items[i];
        ret_click->item_count = 1;
    }
    ret_impression->items = clickstream->items;
    ret_impression->item_count = count;
    return true;
}
