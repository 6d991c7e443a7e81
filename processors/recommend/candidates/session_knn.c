#include "processors/recommend/candidates/session_knn.h"

#include "processors/math/kernels.h"
#include "processors/recommend/candidates/key_select.h"

#define ITEMS 8      /* of the session that are looked for */
#define POSTINGS 200 /* newest sessions of each */
#define KEPT 150     /* heaviest neighbours */
#define NEAR 80
#define AFTER 40
#define PAIRS 16
#define SESSIONS_AHEAD 4 /* fetched before they are read */
#define SLOTS 4096       /* a power of two, more than ITEMS * POSTINGS and than the items found */
#define FOUND_MAX 2000
#define KEYS_MAX 2000 /* the larger of FOUND_MAX and ITEMS * POSTINGS */
#define BEST_MAX 80   /* the largest of NEAR, AFTER and PAIRS */

_Static_assert(BEST_MAX % LANES == 0, "there is room for whole lanes");
_Static_assert(KEYS_MAX >= FOUND_MAX && KEYS_MAX >= ITEMS * POSTINGS && BEST_MAX >= NEAR,
               "raise them");

enum measure { BY_NEAR, BY_AFTER, BY_PAIR };

/* A session that shares an item. */
struct neighbour_session {
    uint64_t serial;
    const struct remembered_session *remembered; /* where it is, if it is still there */
    float weight;
    uint8_t nearest; /* index into the looked-for items */
};

struct found_item {
    uint32_t item;
    float near, after, pair;
};

struct search {
    const struct query *query;
    uint32_t items[ITEMS];
    float distance[ITEMS];
    uint32_t item_count;
    struct neighbour_session sessions[ITEMS * POSTINGS];
    uint32_t session_count;
    struct found_item found[FOUND_MAX];
    uint32_t found_count;
    float near_sum, after_sum, pair_sum;
    uint16_t slots[SLOTS]; /* index + 1 */
    uint64_t keys[KEYS_MAX];
};

static uint32_t slot_of(uint64_t key)
{
    return (uint32_t)(key * 0x9E3779B97F4A7C15u >> 52);
}

/* Sessions are all over memory: what is met first is fetched while the others are looked for. */
static struct neighbour_session *session_at(struct search *search, uint64_t serial)
{
    for (uint32_t at = slot_of(serial);; at = (at + 1) % SLOTS) {
        uint16_t index = search->slots[at];
        if (index == 0) {
            search->slots[at] = (uint16_t)++search->session_count;
            const struct remembered_session *remembered =
                sessions_at(search->query->model->sessions, serial);
            __builtin_prefetch(remembered);
            search->sessions[search->session_count - 1] = (struct neighbour_session){
                .serial = serial, .remembered = remembered, .nearest = UINT8_MAX};
            return &search->sessions[search->session_count - 1];
        }
        if (search->sessions[index - 1].serial == serial)
            return &search->sessions[index - 1];
    }
}

static struct found_item *found_at(struct search *search, uint32_t item)
{
    for (uint32_t at = slot_of(item);; at = (at + 1) % SLOTS) {
        uint16_t index = search->slots[at];
        if (index == 0) {
            if (search->found_count == FOUND_MAX)
                return NULL;
            search->slots[at] = (uint16_t)++search->found_count;
            search->found[search->found_count - 1] = (struct found_item){.item = item};
            return &search->found[search->found_count - 1];
        }
        if (search->found[index - 1].item == item)
            return &search->found[index - 1];
    }
}

static void find_sessions(struct search *search)
{
    const struct query *query = search->query;
    const struct model *model = query->model;
    memset(search->slots, 0, sizeof search->slots);
    for (uint32_t i = 0; i < query->recent_count && search->item_count < ITEMS; i++) {
        const struct session_postings *postings = sessions_of(model->sessions, query->recent[i]);
        uint32_t at = search->item_count++;
        search->items[at] = query->recent[i];
        search->distance[at] = (float)(query->distance[i] - 1);
        if (postings == NULL || postings->count == 0)
            continue;
        float rarity = logf((float)model->sessions->next_serial /
                            ((float)model->items[query->recent[i]].counts.count[PAIR_VIEW] + 1));
        float weight = expf(-search->distance[at] / 2) * (1 + .3f * (rarity > 0 ? rarity : 0));
        uint32_t first = postings->count > POSTINGS ? postings->count - POSTINGS : 0;
        for (uint32_t k = first; k < postings->count; k++) {
            struct neighbour_session *session = session_at(search, postings->serials[k]);
            session->weight += weight;
            if (session->nearest == UINT8_MAX)
                session->nearest = (uint8_t)at;
        }
    }
}

static void keep_heaviest(struct search *search)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < search->session_count; i++)
        search->keys[i] = key_make(search->sessions[i].weight, i);
    uint64_t least = key_select(search->keys, search->session_count, KEPT);
    for (uint32_t i = 0; i < search->session_count; i++)
        if (key_make(search->sessions[i].weight, i) >= least)
            search->sessions[kept++] = search->sessions[i];
    search->session_count = kept;
}

/* Weighs length and age in, drops the visitor's own session and those that are gone. */
static void weigh_sessions(struct search *search)
{
    const struct session_memory *memory = search->query->model->sessions;
    static const float by_length[REMEMBERED_ITEMS + 1] = {
        1,      1,      .8409f, .7598f, .7071f, .6687f, .6389f, .6148f, .5946f, .5774f, .5623f,
        .5491f, .5373f, .5266f, .5170f, .5081f, .5f,    .4925f, .4855f, .4790f, .4729f};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < search->session_count; i++) {
        struct neighbour_session session = search->sessions[i];
        const struct remembered_session *remembered = session.remembered;
        if (remembered->serial != session.serial || remembered->visitor == search->query->visitor)
            continue;
        float age = (float)(memory->next_serial - session.serial);
        session.weight *= by_length[remembered->count] / (1 + age * (1.0f / 60000));
        search->sessions[kept++] = session;
    }
    search->session_count = kept;
    if (kept > KEPT)
        keep_heaviest(search);
}

static void fetch(const struct remembered_session *remembered)
{
    __builtin_prefetch(remembered);
    __builtin_prefetch((const char *)remembered + sizeof *remembered - 1);
}

static bool follows_pair(const struct query *query, const struct remembered_session *remembered,
                         uint32_t place)
{
    return place > 0 && query->length > 1 && remembered->items[place] == query->sequence[0] &&
           remembered->items[place - 1] == query->sequence[1];
}

static void collect_items(struct search *search)
{
    static const float decay[REMEMBERED_ITEMS] = {
        1,      .6703f, .4493f, .3012f, .2019f, .1353f, .0907f, .0608f, .0408f, .0273f,
        .0183f, .0123f, .0082f, .0055f, .0037f, .0025f, .0017f, .0011f, .0007f, .0005f};
    memset(search->slots, 0, sizeof search->slots);
    for (uint32_t i = 0; i < search->session_count && i < SESSIONS_AHEAD; i++)
        fetch(search->sessions[i].remembered);
    for (uint32_t i = 0; i < search->session_count; i++) {
        const struct neighbour_session *session = &search->sessions[i];
        const struct remembered_session *remembered = session->remembered;
        if (i + SESSIONS_AHEAD < search->session_count)
            fetch(search->sessions[i + SESSIONS_AHEAD].remembered);
        uint32_t match = search->items[session->nearest], place = 0;
        while (place < remembered->count && remembered->items[place] != match)
            place++;
        float weight = session->weight * expf(-search->distance[session->nearest] / 3);
        for (uint32_t j = 0; j < remembered->count; j++) {
            struct found_item *found = found_at(search, remembered->items[j]);
            if (found == NULL)
                return;
            float near = weight * decay[j > place ? j - place : place - j];
            float after = j > place ? weight / (float)(j - place) : 0;
            found->near += near;
            found->after += after;
            search->near_sum += near;
            search->after_sum += after;
            if (j == place + 1 && follows_pair(search->query, remembered, place)) {
                found->pair += 1;
                search->pair_sum += 1;
            }
        }
    }
}

static float measure_of(const struct found_item *found, enum measure measure)
{
    return measure == BY_NEAR ? found->near : measure == BY_AFTER ? found->after : found->pair;
}

/* Indices of the `most` items with the largest measure above 0, the largest first. */
static uint32_t best_of(struct search *search, enum measure measure, uint32_t most,
                        uint32_t *ret_best)
{
    _Alignas(32) float values[BEST_MAX];
    uint16_t order[BEST_MAX];
    uint32_t from[BEST_MAX], count = 0, kept = 0;
    for (uint32_t i = 0; i < search->found_count; i++) {
        float x = measure_of(&search->found[i], measure);
        if (x > 0)
            search->keys[count++] = key_make(x, i);
    }
    uint64_t least = count > most ? key_select(search->keys, count, most) : 0;
    for (uint32_t i = 0; i < search->found_count; i++) {
        float x = measure_of(&search->found[i], measure);
        if (!(x > 0) || key_make(x, i) < least)
            continue;
        values[kept] = x;
        from[kept++] = i;
    }
    uint32_t padded = (kept + LANES - 1) / LANES * LANES;
    for (uint32_t i = kept; i < padded; i++)
        values[i] = 0; /* below all */
    kernels_best()->order(values, order, padded);
    for (uint32_t i = 0; i < kept; i++)
        ret_best[i] = from[order[i]];
    return kept;
}

/* Ties go to what was found first, which follows from the sessions. */
static void propose(struct search *search, struct candidates *candidates, int generator,
                    enum measure measure, uint32_t most)
{
    uint32_t best[BEST_MAX];
    uint32_t count = best_of(search, measure, most, best);
    for (uint32_t i = 0; i < count; i++) {
        const struct found_item *found = &search->found[best[i]];
        struct candidate *candidate = candidates_propose(candidates, found->item, generator);
        if (candidate == NULL)
            return;
        candidate->near = found->near / search->near_sum;
        candidate->near_after = search->after_sum > 0 ? found->after / search->after_sum : 0;
        if (measure == BY_NEAR) {
            candidate->near_of_most = found->near / search->found[best[0]].near;
            candidate->near_rank = (uint16_t)(i + 1);
        } else if (measure == BY_AFTER) {
            candidate->near_after_rank = (uint16_t)(i + 1);
        } else {
            candidate->pair = found->pair;
            candidate->pair_share = found->pair / (search->pair_sum + 1);
            candidate->pair_rank = (uint16_t)(i + 1);
        }
    }
}

void session_knn_generate(const struct query *query, struct candidates *candidates, int generator)
{
    struct search search;
    if (query->recent_count == 0 || query->model->sessions->limits.sessions_max == 0)
        return;
    search.query = query;
    search.item_count = search.session_count = search.found_count = 0;
    search.near_sum = search.after_sum = search.pair_sum = 0;
    find_sessions(&search);
    weigh_sessions(&search);
    if (search.session_count == 0)
        return;
    collect_items(&search);
    propose(&search, candidates, generator, BY_NEAR, NEAR);
    propose(&search, candidates, generator, BY_AFTER, AFTER);
    propose(&search, candidates, generator, BY_PAIR, PAIRS);
}

float session_knn_weight(const struct candidate *candidate)
{
    float weight = candidate->near_rank ? 2 / (3 + (float)candidate->near_rank) : 0;
    if (candidate->near_after_rank)
        weight += .5f / (3 + (float)candidate->near_after_rank);
    if (candidate->pair_rank) {
        float sure = .5f + .1f * candidate->pair;
        weight += (sure < 1 ? sure : 1) / (2 + (float)candidate->pair_rank);
    }
    return weight + 2 * candidate->near + candidate->near_after;
}
