#include "state/catalogue.h"

#include "schemas/array.h"
#include "schemas/sorted.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define DISCOUNT_STEPS 1024
#define STALE_MIN 16 /* postings are tidied only when more entries than this are wrong */

struct catalogue_locks {
    pthread_rwlock_t rows;
};

struct catalogue *catalogue_new(const struct catalogue_limits *limits)
{
    struct catalogue *catalogue = memory_zero(1, sizeof *catalogue);
    catalogue->limits = *limits;
    words_init(&catalogue->words, limits->attribute_names_max, limits->attribute_values_max);
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
    free(catalogue->products);
    hash_index_release(&catalogue->index);
    free(catalogue->dirty);
    number_queue_release(&catalogue->gone);
    free(catalogue->free);
    buffer_release(&catalogue->deleted);
    words_release(&catalogue->words);
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

/* ---- reading ---- */

uint32_t catalogue_find(const struct catalogue *catalogue, struct bytes item_id)
{
    struct hash_probe probe = hash_index_probe(&catalogue->index, hash_index_hash(item_id));
    while (hash_index_next(&catalogue->index, &probe))
        if (bytes_equal(product_id(&catalogue->products[probe.entry]), item_id))
            return probe.entry;
    return PRODUCT_NONE;
}

bool catalogue_has(const struct catalogue *catalogue, uint32_t product, uint32_t word)
{
    enum word_kind kind = (enum word_kind)catalogue->words.at[word].kind;
    struct words words = product_words(&catalogue->products[product], kind);
    if (kind == WORD_CATEGORY) {
        for (uint32_t i = 0; i < words.count; i++)
            if (words.at[i] == word)
                return true;
        return false;
    }
    return sorted_has(words.at, words.count, word);
}

uint32_t catalogue_newest(const struct catalogue *catalogue, uint32_t age)
{
    if (age >= CATALOGUE_NEWEST || age >= catalogue->newest_count)
        return PRODUCT_NONE;
    return catalogue->newest[(catalogue->newest_count - 1 - age) % CATALOGUE_NEWEST];
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

size_t catalogue_tables_bytes(const struct catalogue *catalogue)
{
    return sizeof *catalogue + catalogue->product_count * sizeof *catalogue->products +
           hash_index_bytes(&catalogue->index) +
           catalogue->dirty_capacity * sizeof *catalogue->dirty +
           number_queue_bytes(&catalogue->gone) +
           catalogue->free_capacity * sizeof *catalogue->free + catalogue->deleted.capacity +
           words_bytes(&catalogue->words);
}

size_t catalogue_products_bytes(const struct catalogue *catalogue, uint32_t from, uint32_t to)
{
    size_t bytes = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct product *product = &catalogue->products[i];
        bytes += memory_block_bytes(product->starts[PRODUCT_KINDS] * sizeof(uint32_t) +
                                    product->id_size + product->title_size + product->image_size);
    }
    return bytes;
}

size_t catalogue_bytes(const struct catalogue *catalogue)
{
    return catalogue_tables_bytes(catalogue) +
           catalogue_products_bytes(catalogue, 0, catalogue->product_count);
}

/* ---- writing ---- */

static void mark_product(struct catalogue *catalogue, uint32_t index, uint8_t rows)
{
    if (catalogue->products[index].dirty == 0) {
        ARRAY_RESERVE(catalogue->dirty, catalogue->dirty_capacity, catalogue->dirty_count + 1);
        catalogue->dirty[catalogue->dirty_count++] = index;
    }
    catalogue->products[index].dirty |= rows;
}

static void notify_changing(const struct catalogue *catalogue, uint32_t product)
{
    for (int i = 0; i < catalogue->watcher_count; i++)
        if (catalogue->watchers[i]->changing)
            catalogue->watchers[i]->changing(catalogue->watchers[i], catalogue, product);
}

static void notify_changed(struct catalogue *catalogue, uint32_t product)
{
    catalogue->changes++;
    words_set_rarities(&catalogue->words, catalogue->present);
    for (int i = 0; i < catalogue->watcher_count; i++)
        catalogue->watchers[i]->changed(catalogue->watchers[i], catalogue, product);
}

/* ---- numbers ---- */

/* The product is gone for long: its number is free. The store may still have its row. */
static void forget_product(struct catalogue *catalogue, uint32_t index)
{
    struct product *product = &catalogue->products[index];
    struct bytes id = product_id(product);
    number_queue_remove(&catalogue->gone, index);
    hash_index_remove(&catalogue->index, hash_index_hash(id), index);
    if (product->dirty) {
        buffer_append(&catalogue->deleted, &product->id_size, sizeof product->id_size);
        buffer_append(&catalogue->deleted, id.at, id.size);
    }
    free(product->data);
    product->data = memory_text(bytes_of("", 0));
    product->id_size = 0;
    ARRAY_RESERVE(catalogue->free, catalogue->free_capacity, catalogue->free_count + 1);
    catalogue->free[catalogue->free_count++] = index;
}

static void forget_products(struct catalogue *catalogue)
{
    uint32_t count = (catalogue->gone.count + 1) / 2;
    for (uint32_t i = 0; i < count; i++)
        forget_product(catalogue, number_queue_oldest(&catalogue->gone));
    catalogue->renumbered += count > 0;
}

static uint32_t take_number(struct catalogue *catalogue)
{
    if (catalogue->free_count == 0 &&
        catalogue->product_count >= CATALOGUE_NUMBERS_MAX(&catalogue->limits))
        forget_products(catalogue);
    if (catalogue->free_count == 0) {
        uint32_t index = catalogue->product_count++;
        ARRAY_RESERVE(catalogue->products, catalogue->product_capacity, catalogue->product_count);
        catalogue->products[index] = (struct product){.data = NULL};
        return index;
    }
    uint32_t index = catalogue->free[--catalogue->free_count];
    reused_numbers_add(&catalogue->reused, index);
    for (int i = 0; i < CATALOGUE_NEWEST; i++)
        if (catalogue->newest[i] == index)
            catalogue->newest[i] = PRODUCT_NONE;
    return index;
}

/* A row for a product that is not known; its data holds the id already. */
static uint32_t add_row(struct catalogue *catalogue, const struct product *product)
{
    uint32_t index = take_number(catalogue);
    uint8_t dirty = catalogue->products[index].dirty;
    free(catalogue->products[index].data);
    catalogue->products[index] = *product;
    catalogue->products[index].dirty = dirty;
    hash_index_add(&catalogue->index, hash_index_hash(product_id(product)), index);
    catalogue->newest[catalogue->newest_count++ % CATALOGUE_NEWEST] = index;
    return index;
}

/* ---- words ---- */

static void take_words(struct catalogue *catalogue, uint32_t index)
{
    words_take(&catalogue->words, product_all_words(&catalogue->products[index]), index,
               catalogue->present);
}

/* Removes what no longer belongs into the postings of the word. */
static void tidy_postings(struct catalogue *catalogue, uint32_t number)
{
    struct postings *postings = &catalogue->words.at[number].postings;
    uint32_t left = 0;
    for (uint32_t i = 0; i < postings->count; i++)
        if (catalogue_has(catalogue, postings->at[i], number))
            postings->at[left++] = postings->at[i];
    postings->count = words_make_set(postings->at, left);
}

/* The opposite of take_words(). Comes after the product has its new words, so that a word which it
 * has both before and after is not freed. */
static void drop_words(struct catalogue *catalogue, struct words dropped)
{
    struct catalogue_words *words = &catalogue->words;
    for (uint32_t i = 0; i < dropped.count; i++)
        words->at[dropped.at[i]].count--;
    for (uint32_t i = 0; i < dropped.count; i++) {
        const struct word *word = &words->at[dropped.at[i]];
        words_set_rarity(words, dropped.at[i], catalogue->present);
        if (word->count == 0)
            words_free(words, dropped.at[i]);
        else if (words_have_postings((enum word_kind)word->kind) &&
                 word->postings.count > 2 * word->count + STALE_MIN)
            tidy_postings(catalogue, dropped.at[i]);
    }
}

/* ---- products ---- */

/* The sums over the present products. */
static void add_sums(struct catalogue *catalogue, const struct product *product)
{
    catalogue->discount_steps += discount_steps(product);
    catalogue->digest += product_digest(product);
}

static void take_sums(struct catalogue *catalogue, const struct product *product)
{
    catalogue->discount_steps -= discount_steps(product);
    catalogue->digest -= product_digest(product);
}

static enum catalogue_change put_numbers(struct catalogue *catalogue, uint32_t index,
                                         const struct event *event)
{
    struct product *product = &catalogue->products[index], numbers;
    product_set_numbers(&numbers, event);
    if (product_same_numbers(product, &numbers))
        return CATALOGUE_SAME;
    take_sums(catalogue, product);
    catalogue->availability_changes += product->availability != numbers.availability;
    product_set_numbers(product, event);
    add_sums(catalogue, product);
    mark_product(catalogue, index, PRODUCT_DIRTY_NUMBERS);
    return CATALOGUE_NUMBERS;
}

enum catalogue_change catalogue_put(struct catalogue *catalogue, const struct event *event)
{
    uint32_t index = catalogue_find(catalogue, event->item_id);
    struct product *known = index == PRODUCT_NONE ? NULL : &catalogue->products[index];
    if (known && !known->gone && known->content == product_hash_content(event))
        return put_numbers(catalogue, index, event);
    bool was_gone = known == NULL || known->gone;
    if (was_gone && catalogue->present >= catalogue->limits.products_max) {
        catalogue->counts.products_refused++;
        return CATALOGUE_REFUSED;
    }
    struct product product;
    product_build(event, catalogue->limits.product_attributes_max, &catalogue->words,
                  &catalogue->counts, &product);
    char *old_data = known ? known->data : NULL;
    struct words old = {.count = 0};
    if (known) {
        if (!known->gone) {
            notify_changing(catalogue, index);
            take_sums(catalogue, known);
        }
        number_queue_remove(&catalogue->gone, index);
        old = product_all_words(known);
        product.dirty = known->dirty;
        *known = product;
    } else {
        index = add_row(catalogue, &product);
    }
    catalogue->present += was_gone;
    add_sums(catalogue, &product);
    take_words(catalogue, index);
    drop_words(catalogue, old);
    free(old_data);
    mark_product(catalogue, index, PRODUCT_DIRTY_NUMBERS | PRODUCT_DIRTY_CONTENT);
    notify_changed(catalogue, index);
    return was_gone ? CATALOGUE_NEW : CATALOGUE_CONTENT;
}

enum catalogue_change catalogue_delete(struct catalogue *catalogue, struct bytes item_id)
{
    uint32_t index = catalogue_find(catalogue, item_id);
    if (index == PRODUCT_NONE || catalogue->products[index].gone)
        return CATALOGUE_SAME;
    notify_changing(catalogue, index);
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
    take_sums(catalogue, product);
    *product = gone;
    catalogue->present--;
    drop_words(catalogue, old);
    free(old_data);
    number_queue_add(&catalogue->gone, index, 0, ++catalogue->gone_serial);
    mark_product(catalogue, index, PRODUCT_DIRTY_CONTENT);
    notify_changed(catalogue, index);
    return CATALOGUE_GONE;
}

/* ---- loading ---- */

uint32_t catalogue_add_stored(struct catalogue *catalogue, const struct product *product)
{
    catalogue->words.loading = true;
    uint32_t index = add_row(catalogue, product);
    product_set_main_words(&catalogue->products[index]);
    catalogue->present++;
    take_words(catalogue, index);
    notify_changed(catalogue, index);
    return index;
}

void catalogue_end_loading(struct catalogue *catalogue)
{
    for (uint32_t i = 0; i < catalogue->product_count; i++)
        add_sums(catalogue, &catalogue->products[i]);
    words_end_loading(&catalogue->words, catalogue->present);
}
