#include "state/catalogue_store.h"
#include "state/catalogue_words.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define DISCOUNT_STEPS 1024

const char *const word_kind_names[WORD_KINDS] = {"brand",  "category",  "colour",    "tag",
                                                 "gender", "age_group", "attribute", "name"};

struct catalogue_locks {
    pthread_rwlock_t rows;
};

struct catalogue *catalogue_new(const struct catalogue_limits *limits)
{
    struct catalogue *catalogue = memory_zero(1, sizeof *catalogue);
    catalogue->limits = *limits;
    catalogue->slot_capacity = catalogue->word_slot_capacity = 1024;
    catalogue->slots = memory_zero(catalogue->slot_capacity, sizeof *catalogue->slots);
    catalogue->word_slots =
        memory_zero(catalogue->word_slot_capacity, sizeof *catalogue->word_slots);
    catalogue->locks = memory_get(sizeof *catalogue->locks);
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&catalogue->locks->rows, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    return catalogue;
}

void catalogue_free(struct catalogue *catalogue)
{
    if (catalogue == NULL)
        return;
    for (uint32_t i = 0; i < catalogue->product_count; i++)
        free(catalogue->products[i].data);
    for (uint32_t i = 0; i < catalogue->word_count; i++) {
        free(catalogue->words[i].text);
        free(catalogue->words[i].postings.at);
    }
    free(catalogue->products);
    free(catalogue->words);
    free(catalogue->rarities);
    free(catalogue->slots);
    free(catalogue->word_slots);
    free(catalogue->free_words);
    free(catalogue->dirty);
    free(catalogue->dirty_words);
    pthread_rwlock_destroy(&catalogue->locks->rows);
    free(catalogue->locks);
    free(catalogue);
}

void catalogue_watch(struct catalogue *catalogue, struct catalogue_watcher *watcher)
{
    assert(catalogue->watcher_count < CATALOGUE_WATCHERS_MAX && catalogue->product_count == 0);
    catalogue->watchers[catalogue->watcher_count++] = watcher;
}

void catalogue_lock_read(const struct catalogue *catalogue)
{
    pthread_rwlock_rdlock(&catalogue->locks->rows);
}

void catalogue_unlock_read(const struct catalogue *catalogue)
{
    pthread_rwlock_unlock(&catalogue->locks->rows);
}

void catalogue_lock_write(struct catalogue *catalogue)
{
    pthread_rwlock_wrlock(&catalogue->locks->rows);
}

void catalogue_unlock_write(struct catalogue *catalogue)
{
    pthread_rwlock_unlock(&catalogue->locks->rows);
}

/* ---- what a product holds ---- */

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

static uint64_t discount_steps(const struct product *product)
{
    return (uint64_t)lrintf(DISCOUNT_STEPS * product_discount(product));
}

float catalogue_discount(const struct catalogue *catalogue)
{
    uint32_t present = catalogue->present;
    return present ? (float)catalogue->discount_steps / DISCOUNT_STEPS / (float)present : 0;
}

bool product_available(const struct product *product)
{
    return !product->gone && product->availability != OUT_OF_STOCK;
}

/* ---- finding ---- */

/* Where the product is, or would be. */
static struct catalogue_slot *product_slot(const struct catalogue *catalogue, struct bytes id)
{
    uint32_t mask = catalogue->slot_capacity - 1, tag = (uint32_t)bytes_hash(id);
    for (uint32_t i = tag & mask;; i = (i + 1) & mask) {
        struct catalogue_slot *slot = &catalogue->slots[i];
        if (slot->index == 0 ||
            (slot->tag == tag &&
             bytes_equal(product_id(&catalogue->products[slot->index - 1]), id)))
            return slot;
    }
}

uint32_t catalogue_find(const struct catalogue *catalogue, struct bytes item_id)
{
    return product_slot(catalogue, item_id)->index - 1; /* 0 - 1 is PRODUCT_NONE */
}

/* ---- products ---- */

static void mark_product(struct catalogue *catalogue, uint32_t index, uint8_t what)
{
    if (catalogue->products[index].dirty == 0) {
        catalogue->dirty = catalogue_reserve(catalogue->dirty, catalogue->dirty_count,
                                             &catalogue->dirty_capacity, sizeof *catalogue->dirty);
        catalogue->dirty[catalogue->dirty_count++] = index;
    }
    catalogue->products[index].dirty |= what;
}

static void tell_before(const struct catalogue *catalogue, uint32_t product)
{
    for (int i = 0; i < catalogue->watcher_count; i++)
        if (catalogue->watchers[i]->changing)
            catalogue->watchers[i]->changing(catalogue->watchers[i], catalogue, product);
}

static void tell(struct catalogue *catalogue, uint32_t product)
{
    catalogue->changes++;
    words_set_rarities(catalogue);
    for (int i = 0; i < catalogue->watcher_count; i++)
        catalogue->watchers[i]->changed(catalogue->watchers[i], catalogue, product);
}

static void place_product(struct catalogue *catalogue, uint32_t index)
{
    struct bytes id = product_id(&catalogue->products[index]);
    *product_slot(catalogue, id) =
        (struct catalogue_slot){.tag = (uint32_t)bytes_hash(id), .index = index + 1};
}

/* A new row; its data holds the id already. */
static uint32_t add_row(struct catalogue *catalogue, const struct product *product)
{
    catalogue->products =
        catalogue_reserve(catalogue->products, catalogue->product_count,
                          &catalogue->product_capacity, sizeof *catalogue->products);
    uint32_t index = catalogue->product_count++;
    catalogue->products[index] = *product;
    if (2 * catalogue->product_count >= catalogue->slot_capacity) {
        free(catalogue->slots);
        catalogue->slot_capacity *= 2;
        catalogue->slots = memory_zero(catalogue->slot_capacity, sizeof *catalogue->slots);
        for (uint32_t i = 0; i < index; i++)
            place_product(catalogue, i);
    }
    place_product(catalogue, index);
    return index;
}

/* What a product is made of while it is put together. */
struct draft {
    struct catalogue *catalogue;
    uint32_t words[PRODUCT_WORDS_MAX];
    uint32_t count;
    struct product product;
};

static bool draft_add(struct draft *draft, uint32_t word)
{
    if (word == WORD_NONE || draft->count == PRODUCT_WORDS_MAX)
        return false;
    draft->words[draft->count++] = word;
    return true;
}

static void draft_set(struct draft *draft, enum word_kind kind, const struct bytes *texts,
                      uint32_t count)
{
    uint32_t from = draft->count;
    draft->product.starts[kind] = (uint16_t)from;
    for (uint32_t i = 0; i < count; i++) {
        struct bytes text = bytes_trim(texts[i]);
        if (text.size == 0)
            continue;
        if (text.size > WORD_BYTES_MAX || draft->count - from == PRODUCT_SET_MAX)
            draft->catalogue->counts.texts_cut++;
        else
            draft_add(draft, words_intern(draft->catalogue, kind, WORD_NONE, text));
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
            draft->catalogue->counts.texts_cut++;
            break;
        }
        memcpy(text + size, " > ", gap);
        memcpy(text + size + gap, part.at, part.size);
        size += gap + part.size;
        levels[depth] = words_intern(draft->catalogue, WORD_CATEGORY,
                                     depth ? levels[depth - 1] : WORD_NONE, bytes_of(text, size));
        if (levels[depth] == WORD_NONE)
            break;
        depth++;
    }
    uint32_t from = draft->product.starts[WORD_CATEGORY];
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
    draft->product.starts[WORD_CATEGORY] = (uint16_t)draft->count;
    for (uint32_t i = 0; i < paths->count; i++) {
        if (i == CATEGORY_PATHS_MAX) {
            draft->catalogue->counts.texts_cut++;
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

static void fetch_attributes(const struct catalogue *catalogue, const struct event_pairs *pairs)
{
    uint64_t hashes[64];
    for (uint32_t from = 0; from < pairs->count; from += 64) {
        uint32_t count = pairs->count - from < 64 ? pairs->count - from : 64;
        for (uint32_t i = 0; i < count; i++) {
            char text[WORD_BYTES_MAX];
            hashes[i] = words_fetch(catalogue, WORD_ATTRIBUTE, pair_text(pairs, from + i, text));
        }
        words_fetch_all(catalogue, hashes, count);
    }
}

static void draft_attributes(struct draft *draft, const struct event_pairs *pairs)
{
    struct catalogue *catalogue = draft->catalogue;
    uint32_t from = draft->count;
    draft->product.starts[WORD_ATTRIBUTE] = (uint16_t)from;
    catalogue->counts.attributes_out += pairs->left_out;
    fetch_attributes(catalogue, pairs);
    for (uint32_t i = 0; i < pairs->count; i++) {
        char text[WORD_BYTES_MAX];
        struct bytes name = bytes_trim(pairs->at[2 * i]), value = bytes_trim(pairs->at[2 * i + 1]);
        if (name.size == 0 || value.size == 0)
            continue;
        struct bytes pair = pair_text(pairs, i, text);
        if (pair.size == 0 || draft->count - from == catalogue->limits.product_attributes_max) {
            catalogue->counts.attributes_out++;
            continue;
        }
        uint32_t word = catalogue_word(catalogue, WORD_ATTRIBUTE, pair);
        if (word == WORD_NONE && words_full(catalogue, WORD_ATTRIBUTE)) {
            catalogue->counts.words_refused++; /* before its name is interned for nothing */
        } else if (word == WORD_NONE) {
            uint32_t parent = words_intern(catalogue, WORD_NAME, WORD_NONE, name);
            if (parent != WORD_NONE)
                word = words_intern(catalogue, WORD_ATTRIBUTE, parent, pair);
        }
        draft_add(draft, word);
    }
    draft->count = from + words_make_set(draft->words + from, draft->count - from);
    draft->product.starts[PRODUCT_KINDS] = (uint16_t)draft->count;
}

/* At most `most` bytes, whole characters. */
static struct bytes cut(struct catalogue *catalogue, struct bytes text, size_t most)
{
    if (text.size <= most)
        return text;
    catalogue->counts.texts_cut++;
    while (most > 0 && ((unsigned char)text.at[most] & 0xC0) == 0x80)
        most--;
    return bytes_of(text.at, most);
}

static void draft_finish(struct draft *draft, const struct event *event)
{
    struct product *product = &draft->product;
    struct bytes title = cut(draft->catalogue, event->title, TITLE_BYTES_MAX);
    struct bytes image = event->image_uri;
    if (image.size > IMAGE_BYTES_MAX) {
        draft->catalogue->counts.texts_cut++;
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

/* The brand and the first category once more where they are found at once. */
static void name_main_words(struct product *product)
{
    struct words brands = product_words(product, WORD_BRAND);
    struct words categories = product_words(product, WORD_CATEGORY);
    product->brand = brands.count ? brands.at[0] : WORD_NONE;
    product->category = categories.count ? categories.at[0] : WORD_NONE;
}

static void put_numbers(struct product *product, const struct event *event)
{
    product->price = (float)event->price;
    product->original_price = (float)event->original_price;
    product->rating = (float)event->rating;
    product->rating_count =
        event->rating_count < UINT32_MAX ? (uint32_t)event->rating_count : UINT32_MAX;
    product->like_count = event->like_count < UINT32_MAX ? (uint32_t)event->like_count : UINT32_MAX;
    product->availability = (uint8_t)event->availability;
}

static bool same_numbers(const struct product *a, const struct product *b)
{
    return memcmp(&a->price, &b->price, sizeof a->price) == 0 &&
           memcmp(&a->original_price, &b->original_price, sizeof a->price) == 0 &&
           memcmp(&a->rating, &b->rating, sizeof a->price) == 0 &&
           a->rating_count == b->rating_count && a->like_count == b->like_count &&
           a->availability == b->availability;
}

static uint64_t mix(uint64_t hash, struct bytes text)
{
    hash = (hash ^ bytes_hash(text)) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static uint64_t mix_all(uint64_t hash, const struct bytes *texts, uint32_t count)
{
    hash = (hash ^ count) * 0x9E3779B97F4A7C15u;
    for (uint32_t i = 0; i < count; i++)
        hash = mix(hash, texts[i]);
    return hash;
}

static uint64_t hash_content(const struct event *event)
{
    uint64_t hash = mix(mix(mix(1, event->title), event->item_brand), event->image_uri);
    hash = mix_all(hash, event->categories.at, event->categories.count);
    hash = mix_all(hash, event->colors.at, event->colors.count);
    hash = mix_all(hash, event->tags.at, event->tags.count);
    hash = mix_all(hash, event->genders.at, event->genders.count);
    hash = mix_all(hash, event->age_groups.at, event->age_groups.count);
    return mix_all(hash, event->attributes.at, 2 * event->attributes.count);
}

static void write_draft(struct draft *draft, const struct event *event)
{
    draft_set(draft, WORD_BRAND, &event->item_brand, event->item_brand.size ? 1 : 0);
    draft_categories(draft, &event->categories);
    draft_set(draft, WORD_COLOUR, event->colors.at, event->colors.count);
    draft_set(draft, WORD_TAG, event->tags.at, event->tags.count);
    draft_set(draft, WORD_GENDER, event->genders.at, event->genders.count);
    draft_set(draft, WORD_AGE_GROUP, event->age_groups.at, event->age_groups.count);
    draft_attributes(draft, &event->attributes);
    draft_finish(draft, event);
    name_main_words(&draft->product);
}

enum catalogue_change catalogue_put(struct catalogue *catalogue, const struct event *event)
{
    uint32_t index = catalogue_find(catalogue, event->item_id);
    uint64_t content = hash_content(event);
    struct product *known = index == PRODUCT_NONE ? NULL : &catalogue->products[index];
    if (known && !known->gone && known->content == content) {
        struct product numbers;
        put_numbers(&numbers, event);
        if (same_numbers(known, &numbers))
            return CATALOGUE_SAME;
        catalogue->discount_steps -= discount_steps(known);
        catalogue->availability_changes += known->availability != numbers.availability;
        put_numbers(known, event);
        catalogue->discount_steps += discount_steps(known);
        mark_product(catalogue, index, PRODUCT_DIRTY_NUMBERS);
        return CATALOGUE_NUMBERS;
    }
    if (known == NULL && catalogue->product_count >= catalogue->limits.products_max) {
        catalogue->counts.products_refused++;
        return CATALOGUE_REFUSED;
    }
    struct draft draft;
    draft.catalogue = catalogue;
    draft.count = 0;
    draft.product = (struct product){.content = content};
    write_draft(&draft, event);
    put_numbers(&draft.product, event);
    bool was_gone = known == NULL || known->gone;
    char *old_data = known ? known->data : NULL;
    struct words old = {.count = 0};
    if (known) {
        if (!known->gone) {
            tell_before(catalogue, index);
            catalogue->discount_steps -= discount_steps(known);
        }
        old = product_all_words(known);
        draft.product.dirty = known->dirty;
        *known = draft.product;
    } else {
        index = add_row(catalogue, &draft.product);
    }
    catalogue->present += was_gone;
    catalogue->discount_steps += discount_steps(&draft.product);
    words_take(catalogue, index);
    words_drop(catalogue, old);
    free(old_data);
    mark_product(catalogue, index, PRODUCT_DIRTY_NUMBERS | PRODUCT_DIRTY_CONTENT);
    tell(catalogue, index);
    return was_gone ? CATALOGUE_NEW : CATALOGUE_CONTENT;
}

enum catalogue_change catalogue_delete(struct catalogue *catalogue, struct bytes item_id)
{
    uint32_t index = catalogue_find(catalogue, item_id);
    if (index == PRODUCT_NONE || catalogue->products[index].gone)
        return CATALOGUE_SAME;
    tell_before(catalogue, index);
    struct product *product = &catalogue->products[index];
    struct words old = product_all_words(product);
    char *old_data = product->data;
    struct bytes id = product_id(product);
    struct product gone = {
        .data = memory_text(id),
        .id_size = product->id_size,
        .price = NAN,
        .original_price = NAN,
        .rating = NAN,
        .brand = WORD_NONE,
        .category = WORD_NONE,
        .gone = true,
        .dirty = product->dirty,
    };
    catalogue->discount_steps -= discount_steps(product);
    *product = gone;
    catalogue->present--;
    words_drop(catalogue, old);
    free(old_data);
    mark_product(catalogue, index, PRODUCT_DIRTY_CONTENT);
    tell(catalogue, index);
    return CATALOGUE_GONE;
}

/* ---- what was stored ---- */

uint32_t catalogue_add_stored(struct catalogue *catalogue, const struct product *product)
{
    catalogue->loading = true;
    uint32_t index = add_row(catalogue, product);
    name_main_words(&catalogue->products[index]);
    catalogue->present++;
    words_take(catalogue, index);
    tell(catalogue, index);
    return index;
}

bool catalogue_add_stored_word(struct catalogue *catalogue, uint32_t number, enum word_kind kind,
                               uint32_t parent, struct bytes text)
{
    while (catalogue->word_count <= number) { /* numbers between were free */
        words_reserve(catalogue);
        catalogue->words[catalogue->word_count++] = (struct word){.parent = WORD_NONE};
    }
    if (catalogue->words[number].text || catalogue_word(catalogue, kind, text) != WORD_NONE)
        return false;
    words_set(catalogue, number, kind, parent, text);
    return true;
}

/* A category's parent is one shorter, so a path of more than CATEGORY_DEPTH_MAX is a circle. */
static bool link_category(struct catalogue *catalogue, uint32_t number, int depth)
{
    struct word *word = &catalogue->words[number];
    if (word->depth > 0)
        return true;
    if (depth == CATEGORY_DEPTH_MAX)
        return false;
    if (word->parent != WORD_NONE && !link_category(catalogue, word->parent, depth + 1))
        return false;
    words_link(catalogue, number);
    return word->depth <= CATEGORY_DEPTH_MAX;
}

bool catalogue_link_words(struct catalogue *catalogue)
{
    for (uint32_t i = 0; i < catalogue->word_count; i++) {
        const struct word *word = &catalogue->words[i];
        bool needs = word->kind == WORD_ATTRIBUTE, may = needs || word->kind == WORD_CATEGORY;
        if (word->text == NULL)
            continue;
        if (word->parent == WORD_NONE
                ? needs
                : !may || word->parent >= catalogue->word_count ||
                      catalogue->words[word->parent].text == NULL ||
                      catalogue->words[word->parent].kind != (needs ? WORD_NAME : WORD_CATEGORY))
            return false;
    }
    for (uint32_t i = 0; i < catalogue->word_count; i++) {
        if (catalogue->words[i].text == NULL)
            continue;
        if (catalogue->words[i].kind == WORD_ATTRIBUTE)
            words_link(catalogue, i);
        else if (catalogue->words[i].kind == WORD_CATEGORY && !link_category(catalogue, i, 0))
            return false;
    }
    return true;
}

void catalogue_end_loading(struct catalogue *catalogue)
{
    catalogue->loading = false;
    words_set_rarities(catalogue);
    for (uint32_t i = 0; i < catalogue->product_count; i++)
        catalogue->discount_steps += discount_steps(&catalogue->products[i]);
    for (uint32_t i = 0; i < catalogue->word_count; i++) {
        const struct word *word = &catalogue->words[i];
        if (word->text && word->count == 0 && word->kind != WORD_NAME)
            words_free(catalogue, i); /* a name goes with the last of its attributes */
        else if (word->text == NULL && !word->dirty)
            words_free_number(catalogue, i);
    }
}

size_t catalogue_bytes(const struct catalogue *catalogue)
{
    size_t bytes =
        sizeof *catalogue + catalogue->product_capacity * sizeof *catalogue->products +
        catalogue->slot_capacity * sizeof *catalogue->slots +
        catalogue->word_capacity * (sizeof *catalogue->words + sizeof *catalogue->rarities) +
        catalogue->word_slot_capacity * sizeof *catalogue->word_slots +
        (catalogue->free_capacity + catalogue->dirty_capacity + catalogue->dirty_word_capacity) *
            sizeof(uint32_t);
    for (uint32_t i = 0; i < catalogue->product_count; i++) {
        const struct product *product = &catalogue->products[i];
        bytes += product->starts[PRODUCT_KINDS] * sizeof(uint32_t) + product->id_size +
                 product->title_size + product->image_size;
    }
    for (uint32_t i = 0; i < catalogue->word_count; i++)
        bytes +=
            catalogue->words[i].size + 1 + catalogue->words[i].postings.capacity * sizeof(uint32_t);
    return bytes;
}
