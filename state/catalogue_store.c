#include "state/catalogue_store.h"

#include "schemas/byte_order.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define NUMBERS_BYTES 21
#define STARTS_BYTES ((PRODUCT_KINDS + 1) * sizeof(uint16_t))
#define PRODUCT_HEADER_BYTES (8 + STARTS_BYTES + 4)
#define WORD_HEADER_BYTES 5
#define KEY_BYTES_MAX (1 + EVENT_ID_BYTES_MAX)

/* First bytes of the keys: they are on disk. */
enum catalogue_table {
    TABLE_FORMAT = 'f',
    TABLE_WORDS = 'w',
    TABLE_PRODUCTS = 'p',
    TABLE_NUMBERS = 'n',
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "values are written as they lie");

static struct bytes id_key(char *to, enum catalogue_table table, struct bytes id)
{
    to[0] = (char)table;
    memcpy(to + 1, id.at, id.size);
    return bytes_of(to, 1 + id.size);
}

static struct bytes word_key(char *to, uint32_t number)
{
    to[0] = TABLE_WORDS;
    put_be(to + 1, number, 4);
    return bytes_of(to, 5);
}

static void write_numbers(const struct product *product, struct buffer *buffer)
{
    buffer_append(buffer, &product->price, 4);
    buffer_append(buffer, &product->original_price, 4);
    buffer_append(buffer, &product->rating, 4);
    buffer_append(buffer, &product->rating_count, 4);
    buffer_append(buffer, &product->like_count, 4);
    buffer_append(buffer, &product->availability, 1);
}

static void write_product(const struct product *product, struct buffer *buffer)
{
    struct words words = product_all_words(product);
    struct bytes title = product_title(product), image = product_image(product);
    buffer_append(buffer, &product->content, 8);
    buffer_append(buffer, product->starts, STARTS_BYTES);
    buffer_append(buffer, &product->title_size, 2);
    buffer_append(buffer, &product->image_size, 2);
    buffer_append(buffer, words.at, words.count * sizeof *words.at);
    buffer_append(buffer, title.at, title.size);
    buffer_append(buffer, image.at, image.size);
}

static void save_product(struct product *product, struct buffer *value, struct store_batch *batch)
{
    char key[KEY_BYTES_MAX];
    struct bytes id = product_id(product);
    if (id.size == 0) /* it is forgotten; save_deleted() has its id */
        return;
    if (product->gone) {
        batch_delete(batch, FAMILY_CATALOGUE, id_key(key, TABLE_PRODUCTS, id));
        batch_delete(batch, FAMILY_CATALOGUE, id_key(key, TABLE_NUMBERS, id));
        return;
    }
    if (product->dirty & PRODUCT_DIRTY_CONTENT) {
        buffer_clear(value);
        write_product(product, value);
        batch_put(batch, FAMILY_CATALOGUE, id_key(key, TABLE_PRODUCTS, id), buffer_bytes(value));
    }
    buffer_clear(value);
    write_numbers(product, value);
    batch_put(batch, FAMILY_CATALOGUE, id_key(key, TABLE_NUMBERS, id), buffer_bytes(value));
}

/* Forgotten products. One of them may have come back since: its row is written afterwards. */
static void save_deleted(struct catalogue *catalogue, struct store_batch *batch)
{
    char key[KEY_BYTES_MAX];
    struct buffer *deleted = &catalogue->deleted;
    for (size_t at = 0; at < deleted->size;) {
        uint16_t size;
        memcpy(&size, deleted->at + at, sizeof size);
        struct bytes id = bytes_of(deleted->at + at + sizeof size, size);
        batch_delete(batch, FAMILY_CATALOGUE, id_key(key, TABLE_PRODUCTS, id));
        batch_delete(batch, FAMILY_CATALOGUE, id_key(key, TABLE_NUMBERS, id));
        at += sizeof size + size;
    }
    buffer_clear(deleted);
}

static void save_word(struct catalogue_words *words, uint32_t number, struct buffer *value,
                      struct store_batch *batch)
{
    char key[8];
    struct word *word = &words->at[number];
    word->dirty = false;
    if (word->text == NULL) {
        batch_delete(batch, FAMILY_CATALOGUE, word_key(key, number));
        return;
    }
    buffer_clear(value);
    buffer_byte(value, (char)word->kind);
    buffer_append(value, &word->parent, 4);
    buffer_append(value, word->text, word->size);
    batch_put(batch, FAMILY_CATALOGUE, word_key(key, number), buffer_bytes(value));
}

void catalogue_save(struct catalogue *catalogue, struct store_batch *batch)
{
    struct buffer value = {0};
    char key = TABLE_FORMAT;
    uint32_t format = CATALOGUE_FORMAT;
    batch_put(batch, FAMILY_CATALOGUE, bytes_of(&key, 1), bytes_of(&format, 4));
    save_deleted(catalogue, batch);
    for (uint32_t i = 0; i < catalogue->words.dirty_count; i++)
        save_word(&catalogue->words, catalogue->words.dirty[i], &value, batch);
    for (uint32_t i = 0; i < catalogue->dirty_count; i++) {
        struct product *product = &catalogue->products[catalogue->dirty[i]];
        save_product(product, &value, batch);
        product->dirty = 0;
    }
    catalogue->dirty_count = catalogue->words.dirty_count = 0;
    buffer_release(&value);
}

/* ---- loading ---- */

struct loader {
    struct store_visitor visitor;
    struct catalogue *catalogue;
};

static enum verdict damaged(struct error *error, enum catalogue_table table)
{
    return error_set(error, VERDICT_SKIP,
                     "a row of the stored catalogue is damaged (table '%c'); delete the state "
                     "folder: it is rebuilt from Kafka",
                     table);
}

static enum verdict load_format(struct store_visitor *visitor, struct bytes key, struct bytes value,
                                struct error *error)
{
    uint32_t format = 0;
    (void)visitor;
    (void)key;
    memcpy(&format, value.at, value.size < 4 ? value.size : 4);
    if (format == CATALOGUE_FORMAT)
        return VERDICT_OK;
    return error_set(error, VERDICT_FATAL,
                     "the stored catalogue has format %u, this weft knows %d: use the newer weft, "
                     "or delete the state folder",
                     format, CATALOGUE_FORMAT);
}

static enum verdict load_word(struct store_visitor *visitor, struct bytes key, struct bytes value,
                              struct error *error)
{
    struct catalogue *catalogue = ((struct loader *)(void *)visitor)->catalogue;
    uint32_t parent;
    if (key.size != 5 || value.size <= WORD_HEADER_BYTES ||
        value.size > WORD_HEADER_BYTES + WORD_BYTES_MAX || value.at[0] < 0 ||
        value.at[0] >= WORD_KINDS)
        return damaged(error, TABLE_WORDS);
    uint32_t number = (uint32_t)get_be(key.at + 1, 4);
    memcpy(&parent, value.at + 1, 4);
    if (number > UINT32_MAX / 64 ||
        !words_add_stored(&catalogue->words, number, (enum word_kind)value.at[0], parent,
                          bytes_of(value.at + WORD_HEADER_BYTES, value.size - WORD_HEADER_BYTES)))
        return damaged(error, TABLE_WORDS);
    return VERDICT_OK;
}

static bool good_words(const struct catalogue_words *all, const struct product *product)
{
    for (int kind = 0; kind < PRODUCT_KINDS; kind++) {
        if (product->starts[kind] > product->starts[kind + 1])
            return false;
        struct words words = product_words(product, (enum word_kind)kind);
        for (uint32_t i = 0; i < words.count; i++)
            if (words.at[i] >= all->count || all->at[words.at[i]].text == NULL ||
                all->at[words.at[i]].kind != kind ||
                (kind != WORD_CATEGORY && i > 0 && words.at[i] <= words.at[i - 1]))
                return false;
    }
    return true;
}

static enum verdict load_product(struct store_visitor *visitor, struct bytes key,
                                 struct bytes value, struct error *error)
{
    struct catalogue *catalogue = ((struct loader *)(void *)visitor)->catalogue;
    struct product product = {.price = NAN, .original_price = NAN, .rating = NAN};
    struct bytes id = bytes_of(key.at + 1, key.size - 1);
    if (id.size == 0 || id.size > EVENT_ID_BYTES_MAX || value.size < PRODUCT_HEADER_BYTES ||
        catalogue_find(catalogue, id) != PRODUCT_NONE)
        return damaged(error, TABLE_PRODUCTS);
    memcpy(&product.content, value.at, 8);
    memcpy(product.starts, value.at + 8, STARTS_BYTES);
    memcpy(&product.title_size, value.at + 8 + STARTS_BYTES, 2);
    memcpy(&product.image_size, value.at + 10 + STARTS_BYTES, 2);
    size_t words_size = product.starts[PRODUCT_KINDS] * sizeof(uint32_t);
    size_t texts_size = (size_t)product.title_size + product.image_size;
    if (product.starts[0] != 0 || value.size != PRODUCT_HEADER_BYTES + words_size + texts_size)
        return damaged(error, TABLE_PRODUCTS);
    const char *at = value.at + PRODUCT_HEADER_BYTES;
    product.id_size = (uint16_t)id.size;
    product.data = memory_get(words_size + id.size + texts_size);
    memcpy(product.data, at, words_size);
    memcpy(product.data + words_size, id.at, id.size);
    memcpy(product.data + words_size + id.size, at + words_size, texts_size);
    if (!good_words(&catalogue->words, &product)) {
        free(product.data);
        return damaged(error, TABLE_PRODUCTS);
    }
    catalogue_add_stored(catalogue, &product);
    return VERDICT_OK;
}

static enum verdict load_numbers(struct store_visitor *visitor, struct bytes key,
                                 struct bytes value, struct error *error)
{
    struct catalogue *catalogue = ((struct loader *)(void *)visitor)->catalogue;
    uint32_t index = catalogue_find(catalogue, bytes_of(key.at + 1, key.size - 1));
    if (index == PRODUCT_NONE || value.size != NUMBERS_BYTES ||
        (unsigned char)value.at[20] > BACKORDER)
        return damaged(error, TABLE_NUMBERS);
    struct product *product = &catalogue->products[index];
    memcpy(&product->price, value.at, 4);
    memcpy(&product->original_price, value.at + 4, 4);
    memcpy(&product->rating, value.at + 8, 4);
    memcpy(&product->rating_count, value.at + 12, 4);
    memcpy(&product->like_count, value.at + 16, 4);
    memcpy(&product->availability, value.at + 20, 1);
    return VERDICT_OK;
}

/* The tables in the order of loading: later ones refer to earlier ones. */
static const struct {
    enum catalogue_table table;
    enum verdict (*row)(struct store_visitor *, struct bytes key, struct bytes value,
                        struct error *);
} tables[] = {
    {TABLE_FORMAT, load_format},
    {TABLE_WORDS, load_word},
    {TABLE_PRODUCTS, load_product},
    {TABLE_NUMBERS, load_numbers},
};

enum verdict catalogue_load(struct catalogue *catalogue, struct store *store, struct error *error)
{
    assert(catalogue->product_count == 0);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        struct loader loader = {.visitor.row = tables[i].row, .catalogue = catalogue};
        char prefix = (char)tables[i].table;
        if (tables[i].table == TABLE_PRODUCTS && !words_link_stored(&catalogue->words))
            return damaged(error, TABLE_WORDS);
        enum verdict verdict =
            store->scan(store, FAMILY_CATALOGUE, bytes_of(&prefix, 1), &loader.visitor, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    catalogue_end_loading(catalogue);
    return VERDICT_OK;
}
