#include "processors/recommend/candidates/styling.h"

#include "processors/recommend/candidates/style_table.h"
#include "schemas/draw.h"
#include "schemas/hash_index.h"

#include <math.h>
#include <stdlib.h>

#define MEMO_SLOTS 1024 /* a power of two */
#define MEMO_MAX (MEMO_SLOTS / 2)
#define POPULARITY .25f /* of ln(1 + activities) in the order of the proposals */

struct style_word {
    uint32_t word;
    uint64_t hash, group;
};

struct style_words {
    struct style_word at[STYLE_WORDS_MAX];
    uint32_t count;
};

/* The part of a word in a product's fit with the cart. */
struct memo {
    uint32_t key; /* word + 1; 0: free (number_slot()) */
    float lift, share;
};

struct styling {
    struct style_table now, next; /* the counts that serve; the counts of the pass that goes on */
    uint32_t cursor;              /* item of that pass */
    uint64_t calls;               /* since it began */
    bool whole;                   /* a pass is done */
    uint32_t cart[STYLE_SEEDS_MAX], cart_count;
    struct style_words cart_words[STYLE_SEEDS_MAX];
    struct memo memos[MEMO_SLOTS]; /* for the cart */
    uint32_t memo_count;
};

struct styling *styling_new(void)
{
    struct styling *styling = memory_zero(1, sizeof *styling);
    styling->now.slots = memory_zero(STYLE_TABLE_SLOTS, sizeof *styling->now.slots);
    styling->next.slots = memory_zero(STYLE_TABLE_SLOTS, sizeof *styling->next.slots);
    return styling;
}

void styling_free(struct styling *styling)
{
    if (styling == NULL)
        return;
    free(styling->now.slots);
    free(styling->next.slots);
    free(styling);
}

/* ---- words ---- */

static void add_word(const struct catalogue *catalogue, uint32_t number, struct style_words *words)
{
    if (number == WORD_NONE || words->count == STYLE_WORDS_MAX)
        return;
    const struct word *word = &catalogue->words.at[number];
    if (word->count < STYLE_WORD_PRODUCTS)
        return;
    uint64_t group = word->kind == WORD_ATTRIBUTE && word->parent != WORD_NONE
                         ? catalogue->words.at[word->parent].hash
                         : word->kind;
    words->at[words->count++] = (struct style_word){number, word->hash, group};
}

static void add_words(const struct catalogue *catalogue, const struct product *product,
                      enum word_kind kind, struct style_words *words)
{
    struct words all = product_words(product, kind);
    for (uint32_t i = 0; i < all.count; i++)
        add_word(catalogue, all.at[i], words);
}

static void find_words(const struct catalogue *catalogue, uint32_t number,
                       struct style_words *words)
{
    words->count = 0;
    if (number == PRODUCT_NONE || catalogue->products[number].gone)
        return;
    const struct product *product = &catalogue->products[number];
    add_word(catalogue, product->category, words);
    add_word(catalogue, product->brand, words);
    add_words(catalogue, product, WORD_COLOUR, words);
    add_words(catalogue, product, WORD_ATTRIBUTE, words);
    add_words(catalogue, product, WORD_TAG, words);
}

static uint32_t product_of(const struct style_view *view, uint32_t item)
{
    return item_products_product(view->known, view->model, view->catalogue, item);
}

static void find_item_words(const struct style_view *view, uint32_t item, struct style_words *words)
{
    find_words(view->catalogue, product_of(view, item), words);
}

/* ---- counting ---- */

/* hash_join() alone would give all pairs of a word with itself one key. */
static uint64_t pair_key(uint64_t a, uint64_t b)
{
    return draw_mix(hash_join(draw_mix(a), b));
}

static uint64_t word_key(uint64_t a)
{
    return draw_mix(~a);
}

static uint64_t group_key(uint64_t group)
{
    return draw_mix(hash_join(draw_mix(group), 1));
}

/* Counts the pairs of one row's entries. Returns how many entries it read. */
static uint32_t count_row(struct styling *styling, const struct style_view *view,
                          const struct style_words *own, const struct row *row, struct decay now)
{
    struct style_words other;
    uint32_t entries = row->count < STYLE_ENTRIES ? row->count : STYLE_ENTRIES;
    double factor = entries ? decay_events(1, row->base, now) / PAIR_UNITS : 0;
    for (uint32_t k = 0; k < entries; k++) {
        float weight = (float)(row->entries[k].weight * factor);
        if (!(weight > 0))
            continue;
        find_item_words(view, row->entries[k].item, &other);
        for (uint32_t a = 0; a < own->count; a++)
            for (uint32_t b = 0; b < other.count; b++) {
                if (own->at[a].group != other.at[b].group)
                    continue;
                style_table_add(&styling->next, pair_key(own->at[a].hash, other.at[b].hash),
                                weight);
                style_table_add(&styling->next, word_key(own->at[a].hash), weight);
                style_table_add(&styling->next, group_key(own->at[a].group), weight);
            }
    }
    return entries;
}

/* Returns the work that it was. */
static uint32_t count_item(struct styling *styling, const struct style_view *view, uint32_t item)
{
    const struct model *model = view->model;
    struct decay now = decay_at(model->latest_ms, model->limits.pair_half_life_ms);
    const struct row(*rows)[PAIR_DIRECTIONS] = model->items[item].rows;
    struct style_words own;
    uint32_t entries = 0;
    for (int kind = PAIR_CART; kind < PAIR_KINDS; kind++)
        for (int i = 0; i < PAIR_DIRECTIONS; i++)
            entries += rows[kind][i].count;
    if (entries == 0)
        return 1;
    find_item_words(view, item, &own);
    entries = 0;
    for (int kind = PAIR_CART; kind < PAIR_KINDS && own.count > 0; kind++)
        for (int i = 0; i < PAIR_DIRECTIONS; i++)
            entries += count_row(styling, view, &own, &rows[kind][i], now);
    return 1 + 4 * entries;
}

static void end_pass(struct styling *styling)
{
    struct style_table now = styling->now;
    styling->now = styling->next;
    styling->next = now;
    style_table_clear(&styling->next);
    styling->cursor = 0;
    styling->calls = 0;
    styling->whole = true;
}

void styling_catch_up(struct styling *styling, const struct style_view *view)
{
    uint32_t work = 0, most = styling->whole ? STYLE_WORK : STYLE_WORK_FIRST;
    styling->calls++;
    while (work < most && styling->cursor < view->model->item_count)
        work += count_item(styling, view, styling->cursor++);
    if (styling->cursor >= view->model->item_count &&
        (!styling->whole || styling->calls >= STYLE_PASS_CALLS))
        end_pass(styling);
}

/* ---- the cart ---- */

void styling_set_cart(struct styling *styling, const struct style_view *view, const uint32_t *cart,
                      uint32_t count)
{
    uint32_t first = count > STYLE_SEEDS_MAX ? count - STYLE_SEEDS_MAX : 0;
    styling->cart_count = count - first;
    for (uint32_t i = first; i < count; i++) {
        styling->cart[i - first] = cart[i];
        find_item_words(view, cart[i], &styling->cart_words[i - first]);
    }
    memset(styling->memos, 0, sizeof styling->memos);
    styling->memo_count = 0;
}

/* lift(a, b) and share(a, b). */
static struct memo pair_of(const struct style_table *table, const struct style_word *a,
                           const struct style_word *b)
{
    float pair = style_table_count(table, pair_key(a->hash, b->hash));
    float own = style_table_count(table, word_key(a->hash));
    float other = style_table_count(table, word_key(b->hash));
    float all = style_table_count(table, group_key(a->group));
    float expected = all > 0 ? own * other / all : 0;
    return (struct memo){
        .lift = logf((pair + STYLE_SHRINK) / (expected + STYLE_SHRINK)),
        .share = pair / (own + STYLE_SHRINK),
    };
}

/* The word's mean over the words of its group that the seed has. */
static struct memo seed_part(const struct styling *styling, uint32_t seed,
                             const struct style_word *word)
{
    const struct style_words *words = &styling->cart_words[seed];
    struct memo sum = {0};
    float count = 0;
    for (uint32_t i = 0; i < words->count; i++) {
        if (words->at[i].group != word->group)
            continue;
        struct memo pair = pair_of(&styling->now, &words->at[i], word);
        sum.lift += pair.lift;
        sum.share += pair.share;
        count += 1;
    }
    return count > 0 ? (struct memo){.lift = sum.lift / count, .share = sum.share / count} : sum;
}

static struct memo memo_of(struct styling *styling, const struct style_word *word)
{
    struct memo *memo =
        &styling
             ->memos[number_slot(styling->memos, sizeof *styling->memos, MEMO_SLOTS, word->word)];
    struct memo sum = {.key = word->word + 1};
    if (memo->key != 0)
        return *memo;
    for (uint32_t i = 0; i < styling->cart_count; i++) {
        struct memo part = seed_part(styling, i, word);
        sum.lift += part.lift / (float)styling->cart_count;
        sum.share += part.share / (float)styling->cart_count;
    }
    if (styling->memo_count < MEMO_MAX) {
        *memo = sum;
        styling->memo_count++;
    }
    return sum;
}

static struct style_fit fit_words(struct styling *styling, const struct catalogue *catalogue,
                                  const struct style_words *words)
{
    struct style_fit fit = {0};
    for (uint32_t i = 0; i < words->count; i++) {
        struct memo memo = memo_of(styling, &words->at[i]);
        switch (catalogue->words.at[words->at[i].word].kind) {
        case WORD_CATEGORY:
            fit.category += memo.lift;
            fit.share += memo.share;
            break;
        case WORD_BRAND:
            fit.brand += memo.lift;
            break;
        case WORD_COLOUR:
            fit.colour += memo.lift;
            break;
        default:
            fit.attributes += memo.lift;
        }
    }
    return fit;
}

struct style_fit styling_fit(struct styling *styling, const struct style_view *view, uint32_t item)
{
    struct style_words words;
    find_item_words(view, item, &words);
    return fit_words(styling, view->catalogue, &words);
}

/* ---- proposing ---- */

/* The seed that fits the product best. */
static uint32_t cause_of(const struct styling *styling, const struct style_words *words)
{
    uint32_t cause = ITEM_NONE;
    float most = -INFINITY;
    for (uint32_t seed = 0; seed < styling->cart_count; seed++) {
        float sum = 0;
        for (uint32_t i = 0; i < words->count; i++)
            sum += seed_part(styling, seed, &words->at[i]).lift;
        if (sum > most) {
            most = sum;
            cause = styling->cart[seed];
        }
    }
    return cause;
}

static uint32_t find_categories(struct styling *styling, const struct style_view *view,
                                const struct top_item *found, uint32_t found_count,
                                struct top_item *ret_categories)
{
    const struct catalogue *catalogue = view->catalogue;
    uint32_t count = 0;
    for (uint32_t i = 0; i < found_count; i++) {
        uint32_t number = product_of(view, found[i].item), at = 0;
        uint32_t word = number == PRODUCT_NONE ? WORD_NONE : catalogue->products[number].category;
        while (at < count && ret_categories[at].item != word)
            at++;
        if (word == WORD_NONE || at < count)
            continue;
        struct style_word category = {word, catalogue->words.at[word].hash, WORD_CATEGORY};
        struct top_item item = {word, memo_of(styling, &category).share, i};
        if (item.score > 0)
            count = top_keep(ret_categories, count, STYLE_CATEGORIES, item);
    }
    return count;
}

static bool is_in(const struct top_item *items, uint32_t count, uint32_t item)
{
    for (uint32_t i = 0; i < count; i++)
        if (items[i].item == item)
            return true;
    return false;
}

static bool in_cart(const struct styling *styling, uint32_t item)
{
    for (uint32_t i = 0; i < styling->cart_count; i++)
        if (styling->cart[i] == item)
            return true;
    return false;
}

static float popularity_of(const struct model *model, uint32_t item)
{
    uint64_t count = 0;
    for (int kind = 0; kind < PAIR_KINDS && !item_is_product(item); kind++)
        count += model->items[item].counts.count[kind];
    return POPULARITY * logf(1 + (float)count);
}

/* Looks at up to STYLE_SCAN products of the category; they begin at a place that the cart draws. */
static uint32_t scan_category(struct styling *styling, const struct style_view *view,
                              struct top_item category, const struct top_item *found,
                              uint32_t found_count, uint32_t count, struct top_item *items)
{
    const struct catalogue *catalogue = view->catalogue;
    const struct postings *postings = &catalogue->words.at[category.item].postings;
    uint64_t chance = hash_join(catalogue->words.at[category.item].hash, styling->cart[0]);
    uint32_t at = postings->count > STYLE_SCAN ? draw_below(draw_mix(chance), postings->count) : 0;
    for (uint32_t i = 0; i < STYLE_SCAN && i < postings->count; i++, at++) {
        uint32_t number = postings->at[at % postings->count];
        struct style_words words;
        if (catalogue->products[number].category != category.item ||
            !product_available(&catalogue->products[number]))
            continue; /* postings may be outdated */
        uint32_t item = item_products_item(view->known, view->model, catalogue, number);
        find_words(catalogue, number, &words);
        struct style_fit fit = fit_words(styling, catalogue, &words);
        struct top_item proposed = {item,
                                    logf(category.score) + fit.brand + fit.colour + fit.attributes +
                                        popularity_of(view->model, item),
                                    number};
        if (count == STYLE_PROPOSED && !top_before(proposed, items[count - 1]))
            continue;
        if (!in_cart(styling, item) && !is_in(found, found_count, item) &&
            !is_in(items, count, item))
            count = top_keep(items, count, STYLE_PROPOSED, proposed);
    }
    return count;
}

uint32_t styling_propose(struct styling *styling, const struct style_view *view,
                         const struct top_item *found, uint32_t found_count,
                         struct top_item *ret_items)
{
    struct top_item categories[STYLE_CATEGORIES];
    uint32_t count = 0;
    if (styling->cart_count == 0)
        return 0;
    uint32_t category_count = find_categories(styling, view, found, found_count, categories);
    for (uint32_t i = 0; i < category_count; i++)
        count = scan_category(styling, view, categories[i], found, found_count, count, ret_items);
    for (uint32_t i = 0; i < count; i++) {
        struct style_words words;
        find_words(view->catalogue, ret_items[i].cause, &words); /* its product, so far */
        ret_items[i].cause = cause_of(styling, &words);
    }
    return count;
}
