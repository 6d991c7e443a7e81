#include "processors/recommend/candidates/session_knn.h"

#include "processors/math/kernels.h"
#include "processors/recommend/candidates/key_select.h"
#include "schemas/draw.h"

#define SLOTS 4096       /* a power of two, twice the sessions and the items found or more */
#define SESSIONS_AHEAD 4 /* fetched from memory before they are read */
#define SESSIONS_MAX (KNN_ITEMS * KNN_POSTINGS)
#define FOUND_MAX 2000
#define KEYS_MAX 2000 /* the larger of FOUND_MAX and SESSIONS_MAX */
#define BEST_MAX 80   /* the largest of KNN_NEAR, KNN_AFTER and KNN_PAIRS */

_Static_assert(BEST_MAX % LANES == 0, "there is room for whole lanes");
_Static_assert(KEYS_MAX >= FOUND_MAX && KEYS_MAX >= SESSIONS_MAX && BEST_MAX >= KNN_NEAR,
               "raise them");
_Static_assert(SLOTS == 1 << 12 && SLOTS >= 2 * FOUND_MAX && SLOTS >= 2 * SESSIONS_MAX,
               "first_slot() gives 12 bits, and half of the slots stay free");

enum measure { BY_NEAR, BY_AFTER, BY_PAIR, MEASURES };

/* A session that shares an item with the visitor's. */
struct neighbour_session {
    uint64_t serial;
    const struct remembered_session *remembered; /* its place in the ring */
    float weight;
    uint8_t nearest; /* of the shared items to the end: index in `items` */
};

struct found_item {
    uint32_t item;
    float sums[MEASURES];
};

struct neighbourhood {
    const struct query *query;
    uint32_t items[KNN_ITEMS];
    float distance[KNN_ITEMS];
    uint32_t item_count;
    struct neighbour_session sessions[SESSIONS_MAX];
    uint32_t session_count;
    struct found_item found[FOUND_MAX];
    uint32_t found_count;
    float totals[MEASURES]; /* over all items */
    uint16_t slots[SLOTS];  /* index + 1 of a session, then of an item; 0: free */
    uint64_t keys[KEYS_MAX];
};

/* Slots of two bytes, which stay in the first cache: with the 8 bytes of schemas/hash_index.h whole
 * lists take 2 % more time. */
static uint32_t first_slot(uint64_t key)
{
    return (uint32_t)(key * DRAW_STEP >> 52);
}

/* Sessions are all over memory: a new one is fetched while the others are looked for. */
static struct neighbour_session *session_at(struct neighbourhood *knn, uint64_t serial)
{
    for (uint32_t at = first_slot(serial);; at = (at + 1) % SLOTS) {
        uint16_t index = knn->slots[at];
        if (index == 0) {
            knn->slots[at] = (uint16_t)++knn->session_count;
            const struct remembered_session *remembered =
                sessions_at(knn->query->model->sessions, serial);
            __builtin_prefetch(remembered);
            knn->sessions[knn->session_count - 1] = (struct neighbour_session){
                .serial = serial, .remembered = remembered, .nearest = UINT8_MAX};
            return &knn->sessions[knn->session_count - 1];
        }
        if (knn->sessions[index - 1].serial == serial)
            return &knn->sessions[index - 1];
    }
}

/* NULL: there are too many. */
static struct found_item *item_at(struct neighbourhood *knn, uint32_t item)
{
    for (uint32_t at = first_slot(item);; at = (at + 1) % SLOTS) {
        uint16_t index = knn->slots[at];
        if (index == 0) {
            if (knn->found_count == FOUND_MAX)
                return NULL;
            knn->slots[at] = (uint16_t)++knn->found_count;
            knn->found[knn->found_count - 1] = (struct found_item){.item = item};
            return &knn->found[knn->found_count - 1];
        }
        if (knn->found[index - 1].item == item)
            return &knn->found[index - 1];
    }
}

static void find_sessions(struct neighbourhood *knn)
{
    const struct query *query = knn->query;
    const struct model *model = query->model;
    memset(knn->slots, 0, sizeof knn->slots);
    for (uint32_t i = 0; i < query->recent_count && knn->item_count < KNN_ITEMS; i++) {
        const struct session_postings *postings = sessions_of(model->sessions, query->recent[i]);
        uint32_t at = knn->item_count++;
        knn->items[at] = query->recent[i];
        knn->distance[at] = (float)(query->distance[i] - 1);
        if (postings == NULL || postings->count == 0)
            continue;
        float rarity = logf((float)model->sessions->next_serial /
                            ((float)model->items[query->recent[i]].counts.count[PAIR_VIEW] + 1));
        float weight = expf(-knn->distance[at] / 2) * (1 + .3f * (rarity > 0 ? rarity : 0));
        uint32_t first = postings->count > KNN_POSTINGS ? postings->count - KNN_POSTINGS : 0;
        for (uint32_t k = first; k < postings->count; k++) {
            struct neighbour_session *session = session_at(knn, postings->serials[k]);
            session->weight += weight;
            if (session->nearest == UINT8_MAX)
                session->nearest = (uint8_t)at;
        }
    }
}

static void keep_heaviest(struct neighbourhood *knn)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < knn->session_count; i++)
        knn->keys[i] = key_make(knn->sessions[i].weight, i);
    uint64_t least = key_select(knn->keys, knn->session_count, KNN_SESSIONS);
    for (uint32_t i = 0; i < knn->session_count; i++)
        if (key_make(knn->sessions[i].weight, i) >= least)
            knn->sessions[count++] = knn->sessions[i];
    knn->session_count = count;
}

/* Weighs length and age in; drops the visitor's own session, and sessions that are overwritten. */
static void weigh_sessions(struct neighbourhood *knn)
{
    const struct session_memory *memory = knn->query->model->sessions;
    static const float by_length[REMEMBERED_ITEMS + 1] = {
        1,      1,      .8409f, .7598f, .7071f, .6687f, .6389f, .6148f, .5946f, .5774f, .5623f,
        .5491f, .5373f, .5266f, .5170f, .5081f, .5f,    .4925f, .4855f, .4790f, .4729f};
    uint32_t count = 0;
    for (uint32_t i = 0; i < knn->session_count; i++) {
        struct neighbour_session session = knn->sessions[i];
        const struct remembered_session *remembered = session.remembered;
        if (remembered->serial != session.serial || remembered->visitor == knn->query->visitor)
            continue;
        float age = (float)(memory->next_serial - session.serial);
        session.weight *= by_length[remembered->count] / (1 + age * (1.0f / 60000));
        knn->sessions[count++] = session;
    }
    knn->session_count = count;
    if (count > KNN_SESSIONS)
        keep_heaviest(knn);
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

static void collect_items(struct neighbourhood *knn)
{
    static const float decay[REMEMBERED_ITEMS] = {
        1,      .6703f, .4493f, .3012f, .2019f, .1353f, .0907f, .0608f, .0408f, .0273f,
        .0183f, .0123f, .0082f, .0055f, .0037f, .0025f, .0017f, .0011f, .0007f, .0005f};
    memset(knn->slots, 0, sizeof knn->slots);
    for (uint32_t i = 0; i < knn->session_count && i < SESSIONS_AHEAD; i++)
        fetch(knn->sessions[i].remembered);
    for (uint32_t i = 0; i < knn->session_count; i++) {
        const struct neighbour_session *session = &knn->sessions[i];
        const struct remembered_session *remembered = session->remembered;
        if (i + SESSIONS_AHEAD < knn->session_count)
            fetch(knn->sessions[i + SESSIONS_AHEAD].remembered);
        uint32_t match = knn->items[session->nearest], place = 0;
        while (place < remembered->count && remembered->items[place] != match)
            place++;
        float weight = session->weight * expf(-knn->distance[session->nearest] / 3);
        for (uint32_t j = 0; j < remembered->count; j++) {
            struct found_item *found = item_at(knn, remembered->items[j]);
            if (found == NULL)
                return;
            float near = weight * decay[j > place ? j - place : place - j];
            float after = j > place ? weight / (float)(j - place) : 0;
            found->sums[BY_NEAR] += near;
            found->sums[BY_AFTER] += after;
            knn->totals[BY_NEAR] += near;
            knn->totals[BY_AFTER] += after;
            if (j == place + 1 && follows_pair(knn->query, remembered, place)) {
                found->sums[BY_PAIR] += 1;
                knn->totals[BY_PAIR] += 1;
            }
        }
    }
}

/* Indices of the `most` items with the largest measure above 0, the largest first. The loops write
 * each item and count only the right ones: a branch here would be mispredicted. */
static uint32_t select_items(struct neighbourhood *knn, enum measure measure, uint32_t most,
                             uint32_t *ret_indices)
{
    _Alignas(32) float values[BEST_MAX + LANES];
    uint16_t order[BEST_MAX];
    uint32_t indices[BEST_MAX + 1], key_count = 0, count = 0;
    for (uint32_t i = 0; i < knn->found_count; i++) {
        float x = knn->found[i].sums[measure];
        knn->keys[key_count] = key_make(x, i);
        key_count += x > 0;
    }
    uint64_t least = key_count > most ? key_select(knn->keys, key_count, most) : KEY_ABOVE_0;
    for (uint32_t i = 0; i < knn->found_count; i++) {
        float x = knn->found[i].sums[measure];
        values[count] = x;
        indices[count] = i;
        count += key_make(x, i) >= least;
    }
    uint32_t padded = (count + LANES - 1) / LANES * LANES;
    for (uint32_t i = count; i < padded; i++)
        values[i] = 0; /* below all */
    kernels_best()->order(values, order, padded);
    for (uint32_t i = 0; i < count; i++)
        ret_indices[i] = indices[order[i]];
    return count;
}

/* Items with equal measures stand in the order in which they were found. */
static void propose(struct neighbourhood *knn, struct candidates *candidates, int generator,
                    enum measure measure, uint32_t most)
{
    uint32_t indices[BEST_MAX];
    const float *totals = knn->totals;
    uint32_t count = select_items(knn, measure, most, indices);
    for (uint32_t i = 0; i < count; i++) {
        const struct found_item *found = &knn->found[indices[i]];
        const float *sums = found->sums;
        struct candidate *candidate = candidates_propose(candidates, found->item, generator);
        if (candidate == NULL)
            return;
        candidate->near = sums[BY_NEAR] / totals[BY_NEAR];
        candidate->near_after = totals[BY_AFTER] > 0 ? sums[BY_AFTER] / totals[BY_AFTER] : 0;
        if (measure == BY_NEAR) {
            candidate->near_of_most = sums[BY_NEAR] / knn->found[indices[0]].sums[BY_NEAR];
            candidate->near_rank = (uint16_t)(i + 1);
        } else if (measure == BY_AFTER) {
            candidate->near_after_rank = (uint16_t)(i + 1);
        } else {
            candidate->pair = sums[BY_PAIR];
            candidate->pair_share = sums[BY_PAIR] / (totals[BY_PAIR] + 1);
            candidate->pair_rank = (uint16_t)(i + 1);
        }
    }
}

void session_knn_generate(const struct query *query, struct candidates *candidates, int generator)
{
    struct neighbourhood knn;
    if (query->recent_count == 0 || query->model->sessions->limits.sessions_max == 0)
        return;
    knn.query = query;
    knn.item_count = knn.session_count = knn.found_count = 0;
    memset(knn.totals, 0, sizeof knn.totals);
    find_sessions(&knn);
    weigh_sessions(&knn);
    if (knn.session_count == 0)
        return;
    collect_items(&knn);
    propose(&knn, candidates, generator, BY_NEAR, KNN_NEAR);
    propose(&knn, candidates, generator, BY_AFTER, KNN_AFTER);
    propose(&knn, candidates, generator, BY_PAIR, KNN_PAIRS);
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
