#include "state/product.h"

#include "schemas/draw.h"

#include <math.h>
#include <stdlib.h>

/* ---- reading ---- */

struct words product_words(const struct product *product, enum word_kind kind)
{
    uint32_t from = product->starts[kind];
    return (struct words){.at = (const uint32_t *)(const void *)product->data + from,
                          .count = product->starts[kind + 1] - from};
}

struct words product_all_words(const struct product *product)
{
    return (struct words){.at = (const uint32_t *)(const void *)product->data,
                          .count = product->starts[PRODUCT_KINDS]};
}

struct bytes product_id(const struct product *product)
{
    return bytes_of(product->data + product->starts[PRODUCT_KINDS] * sizeof(uint32_t),
                    product->id_size);
}

struct bytes product_title(const struct product *product)
{
    return bytes_of(product_id(product).at + product->id_size, product->title_size);
}

struct bytes product_image(const struct product *product)
{
    return bytes_of(product_title(product).at + product->title_size, product->image_size);
}

float product_discount(const struct product *product)
{
    float discount = 1 - product->price / product->original_price;
    if (!(discount > 0)) /* also where one of them is not known */
        return 0;
    return discount < 1 ? discount : 1;
}

bool product_available(const struct product *product)
{
    return !product->gone && product->availability != OUT_OF_STOCK;
}

/* ---- numbers and content ---- */

void product_set_main_words(struct product *product)
{
    struct words brands = product_words(product, WORD_BRAND);
    struct words categories = product_words(product, WORD_CATEGORY);
    product->brand = brands.count ? brands.at[0] : WORD_NONE;
    product->category = categories.count ? categories.at[0] : WORD_NONE;
}

void product_set_numbers(struct product *product, const struct event *event)
{
    product->price = (float)event->price;
    product->original_price = (float)event->original_price;
    product->rating = (float)event->rating;
    product->rating_count =
        event->rating_count < UINT32_MAX ? (uint32_t)event->rating_count : UINT32_MAX;
    product->like_count = event->like_count < UINT32_MAX ? (uint32_t)event->like_count : UINT32_MAX;
    product->availability = (uint8_t)event->availability;
}

/* NaN equals NaN. */
static bool same_bits(float a, float b)
{
    uint32_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

static uint64_t digest_float(uint64_t digest, float number)
{
    uint32_t bits = 0;
    if (!isnan(number)) /* there are several NaN */
        memcpy(&bits, &number, sizeof bits);
    return draw_mix(digest ^ bits);
}

uint64_t product_digest(const struct product *product)
{
    uint64_t digest = draw_mix(bytes_hash(product_id(product)) ^ product->content);
    digest = digest_float(digest, product->price);
    digest = digest_float(digest, product->original_price);
    digest = digest_float(digest, product->rating);
    digest = draw_mix(digest ^ ((uint64_t)product->rating_count << 32 | product->like_count));
    return draw_mix(digest ^ product->availability);
}

bool product_same_numbers(const struct product *a, const struct product *b)
{
    return same_bits(a->price, b->price) && same_bits(a->original_price, b->original_price) &&
           same_bits(a->rating, b->rating) && a->rating_count == b->rating_count &&
           a->like_count == b->like_count && a->availability == b->availability;
}

static uint64_t join_text(uint64_t hash, struct bytes text)
{
    hash = hash_join(hash, bytes_hash(text));
    return hash ^ hash >> 29;
}

static uint64_t join_texts(uint64_t hash, const struct bytes *texts, uint32_t count)
{
    hash = hash_join(hash, count);
    for (uint32_t i = 0; i < count; i++)
        hash = join_text(hash, texts[i]);
    return hash;
}

uint64_t product_hash_content(const struct event *event)
{
    uint64_t hash =
        join_text(join_text(join_text(1, event->title), event->item_brand), event->image_uri);
    hash = join_texts(hash, event->categories.at, event->categories.count);
    hash = join_texts(hash, event->colors.at, event->colors.count);
    hash = join_texts(hash, event->tags.at, event->tags.count);
    hash = join_texts(hash, event->genders.at, event->genders.count);
    hash = join_texts(hash, event->age_groups.at, event->age_groups.count);
    return join_texts(hash, event->attributes.at, 2 * event->attributes.count);
}

/* ---- building ---- */

/* A product that is being built. */
struct draft {
    struct catalogue_words *vocabulary;
    struct catalogue_counts *counts;
    uint32_t attributes_max;
    uint32_t words[PRODUCT_WORDS_MAX];
    uint32_t count;
    struct product *product;
};

static uint32_t intern(struct draft *draft, enum word_kind kind, uint32_t parent, struct bytes text)
{
    uint32_t word = words_intern(draft->vocabulary, kind, parent, text);
    draft->counts->words_refused += word == WORD_NONE;
    return word;
}

static void draft_add(struct draft *draft, uint32_t word)
{
    if (word != WORD_NONE && draft->count < PRODUCT_WORDS_MAX)
        draft->words[draft->count++] = word;
}

/* The words of a kind from texts, each once. */
static void draft_set(struct draft *draft, enum word_kind kind, const struct event_strings *texts)
{
    uint32_t from = draft->count;
    draft->product->starts[kind] = (uint16_t)from;
    draft->counts->texts_cut += texts->left_out;
    for (uint32_t i = 0; i < texts->count; i++) {
        struct bytes text = bytes_trim(texts->at[i]);
        if (text.size == 0)
            continue;
        if (text.size > WORD_BYTES_MAX)
            draft->counts->texts_cut++;
        else
            draft_add(draft, intern(draft, kind, WORD_NONE, text));
    }
    draft->count = from + words_make_set(draft->words + from, draft->count - from);
}

/* One path, from the top down; the words from the leaf up. */
static void draft_path(struct draft *draft, struct bytes rest)
{
    char text[WORD_BYTES_MAX];
    uint32_t levels[CATEGORY_DEPTH_MAX], depth = 0;
    size_t size = 0;
    bool more = true;
    while (more) {
        const char *end = rest.size ? memchr(rest.at, '>', rest.size) : NULL;
        struct bytes part =
            bytes_trim(bytes_of(rest.at, end ? (size_t)(end - rest.at) : rest.size));
        more = end != NULL;
        if (more)
            rest = bytes_of(end + 1, rest.size - (size_t)(end + 1 - rest.at));
        if (part.size == 0)
            continue;
        size_t gap = depth ? 3 : 0;
        if (depth == CATEGORY_DEPTH_MAX || size + gap + part.size > sizeof text) {
            draft->counts->texts_cut++;
            break;
        }
        memcpy(text + size, " > ", gap);
        memcpy(text + size + gap, part.at, part.size);
        size += gap + part.size;
        levels[depth] = intern(draft, WORD_CATEGORY, depth ? levels[depth - 1] : WORD_NONE,
                               bytes_of(text, size));
        if (levels[depth] == WORD_NONE)
            break;
        depth++;
    }
    uint32_t from = draft->product->starts[WORD_CATEGORY];
    for (; depth > 0; depth--) {
        bool known = false;
        for (uint32_t i = from; i < draft->count; i++)
            known = known || draft->words[i] == levels[depth - 1];
        if (!known)
            draft_add(draft, levels[depth - 1]);
    }
}

static void draft_categories(struct draft *draft, const struct event_strings *paths)
{
    draft->product->starts[WORD_CATEGORY] = (uint16_t)draft->count;
    for (uint32_t i = 0; i < paths->count; i++) {
        if (i == CATEGORY_PATHS_MAX) {
            draft->counts->texts_cut++;
            break;
        }
        draft_path(draft, paths->at[i]);
    }
}

/* "name=value". Empty: one of them is, or they are too long. */
static struct bytes pair_text(const struct event_pairs *pairs, uint32_t number, char *to)
{
    struct bytes name = bytes_trim(pairs->at[2 * number]),
                 value = bytes_trim(pairs->at[2 * number + 1]);
    size_t size = name.size + 1 + value.size;
    if (name.size == 0 || value.size == 0 || size > WORD_BYTES_MAX)
        return bytes_of(to, 0);
    memcpy(to, name.at, name.size);
    to[name.size] = '=';
    memcpy(to + name.size + 1, value.at, value.size);
    return bytes_of(to, size);
}

static void prefetch_attributes(const struct catalogue_words *words,
                                const struct event_pairs *pairs)
{
    uint64_t hashes[WORDS_PREFETCH_MAX];
    for (uint32_t from = 0; from < pairs->count; from += WORDS_PREFETCH_MAX) {
        uint32_t left = pairs->count - from;
        uint32_t count = left < WORDS_PREFETCH_MAX ? left : WORDS_PREFETCH_MAX;
        for (uint32_t i = 0; i < count; i++) {
            char text[WORD_BYTES_MAX];
            hashes[i] = words_prefetch(words, WORD_ATTRIBUTE, pair_text(pairs, from + i, text));
        }
        words_prefetch_all(words, hashes, count);
    }
}

/* The word of "name=value"; WORD_NONE: there are too many words. */
static uint32_t intern_attribute(struct draft *draft, struct bytes name, struct bytes pair)
{
    uint32_t word = words_find(draft->vocabulary, WORD_ATTRIBUTE, pair);
    if (word != WORD_NONE)
        return word;
    if (words_full(draft->vocabulary,
                   WORD_ATTRIBUTE)) { /* before its name is interned for nothing */
        draft->counts->words_refused++;
        return WORD_NONE;
    }
    uint32_t parent = intern(draft, WORD_NAME, WORD_NONE, name);
    return parent == WORD_NONE ? WORD_NONE : intern(draft, WORD_ATTRIBUTE, parent, pair);
}

static void draft_attributes(struct draft *draft, const struct event_pairs *pairs)
{
    uint32_t from = draft->count;
    draft->product->starts[WORD_ATTRIBUTE] = (uint16_t)from;
    draft->counts->attributes_out += pairs->left_out;
    prefetch_attributes(draft->vocabulary, pairs);
    for (uint32_t i = 0; i < pairs->count; i++) {
        char text[WORD_BYTES_MAX];
        struct bytes name = bytes_trim(pairs->at[2 * i]), value = bytes_trim(pairs->at[2 * i + 1]);
        if (name.size == 0 || value.size == 0)
            continue;
        struct bytes pair = pair_text(pairs, i, text);
        if (pair.size == 0 || draft->count - from == draft->attributes_max)
            draft->counts->attributes_out++;
        else
            draft_add(draft, intern_attribute(draft, name, pair));
    }
    draft->count = from + words_make_set(draft->words + from, draft->count - from);
    draft->product->starts[PRODUCT_KINDS] = (uint16_t)draft->count;
}

/* At most `most` bytes, whole characters. */
static struct bytes cut(struct draft *draft, struct bytes text, size_t most)
{
    if (text.size <= most)
        return text;
    draft->counts->texts_cut++;
    while (most > 0 && ((unsigned char)text.at[most] & 0xC0) == 0x80)
        most--;
    return bytes_of(text.at, most);
}

/* Puts words and texts into one block. */
static void draft_finish(struct draft *draft, const struct event *event)
{
    struct product *product = draft->product;
    struct bytes title = cut(draft, event->title, TITLE_BYTES_MAX);
    struct bytes image = event->image_uri;
    if (image.size > IMAGE_BYTES_MAX) {
        draft->counts->texts_cut++;
        image.size = 0;
    }
    size_t words_size = draft->count * sizeof *draft->words;
    product->id_size = (uint16_t)event->item_id.size;
    product->title_size = (uint16_t)title.size;
    product->image_size = (uint16_t)image.size;
    product->data = memory_get(words_size + event->item_id.size + title.size + image.size);
    char *at = product->data;
    memcpy(at, draft->words, words_size);
    memcpy(at + words_size, event->item_id.at, event->item_id.size);
    if (title.size)
        memcpy(at + words_size + event->item_id.size, title.at, title.size);
    if (image.size)
        memcpy(at + words_size + event->item_id.size + title.size, image.at, image.size);
}

void product_build(const struct event *event, uint32_t attributes_max,
                   struct catalogue_words *words, struct catalogue_counts *counts,
                   struct product *ret_product)
{
    struct draft draft;
    draft.vocabulary = words;
    draft.counts = counts;
    draft.attributes_max = attributes_max;
    draft.count = 0;
    draft.product = ret_product;
    *ret_product = (struct product){.content = product_hash_content(event)};
    product_set_numbers(ret_product, event);
    struct bytes brand = event->item_brand;
    draft_set(&draft, WORD_BRAND,
              &(struct event_strings){.at = &brand, .count = brand.size ? 1 : 0});
    draft_categories(&draft, &event->categories);
    draft_set(&draft, WORD_COLOUR, &event->colors);
    draft_set(&draft, WORD_TAG, &event->tags);
    draft_set(&draft, WORD_GENDER, &event->genders);
    draft_set(&draft, WORD_AGE_GROUP, &event->age_groups);
    draft_attributes(&draft, &event->attributes);
    draft_finish(&draft, event);
    product_set_main_words(ret_product);
}
