/* The catalogue against a naive one: random products come, change and go; words, counts, postings
 * and what is stored and loaded again are compared after each round. */
#include "state/catalogue_store.h"
#include "tests/colliding.h"
#include "tests/hashes.h"

#include <math.h>

static const struct catalogue_limits limits = {
    .products_max = 1000,
    .attribute_names_max = 50,
    .attribute_values_max = 400,
    .product_attributes_max = 20,
};

static struct bytes text_of(struct arena *arena, const char *format, uint32_t number)
{
    char text[64];
    int size = snprintf(text, sizeof text, format, number);
    return arena_copy(arena, bytes_of(text, (size_t)size));
}

static struct event_strings some(struct random *random, struct arena *arena, const char *format,
                                 uint32_t most, uint32_t kinds)
{
    struct event_strings strings = {.count = random_below(random, most + 1)};
    strings.at = arena_get(arena, most * sizeof *strings.at);
    for (uint32_t i = 0; i < strings.count; i++)
        strings.at[i] = text_of(arena, format, random_below(random, kinds));
    return strings;
}

static struct event random_product(struct random *random, struct arena *arena, uint32_t number)
{
    struct event event;
    event_init(&event, EVENT_PRODUCT);
    event.item_id = text_of(arena, "item-%u", number);
    event.title = text_of(arena, "title %u", random_below(random, 100));
    if (random_below(random, 4))
        event.item_brand = text_of(arena, "brand %u", random_below(random, 9));
    event.categories = (struct event_strings){.at = arena_get(arena, 2 * sizeof(struct bytes)),
                                              .count = random_below(random, 3)};
    for (uint32_t i = 0; i < event.categories.count; i++) {
        char path[80];
        snprintf(path, sizeof path, "top %u>  middle %u > leaf %u ", random_below(random, 3),
                 random_below(random, 3), random_below(random, 3));
        event.categories.at[i] = arena_copy(arena, bytes_text(path));
    }
    event.colors = some(random, arena, "colour %u", 2, 5);
    event.tags = some(random, arena, "tag %u", 3, 20);
    event.genders = some(random, arena, "gender %u", 1, 2);
    event.price = random_below(random, 100);
    if (random_one_in(random, 2))
        event.original_price = random_below(random, 200);
    event.rating_count = random_below(random, 100);
    event.attributes.count = random_below(random, 15);
    event.attributes.at = arena_get(arena, 2 * 15 * sizeof(struct bytes));
    for (uint32_t i = 0; i < event.attributes.count; i++) {
        event.attributes.at[2 * i] = text_of(arena, "name %u", random_below(random, 12));
        event.attributes.at[2 * i + 1] = text_of(arena, "value %u", random_below(random, 12));
    }
    return event;
}

/* The expected products, as texts. */
struct naive {
    struct event products[60];
    bool present[60];
};

static bool naive_within(const struct event_strings *paths, const char *text)
{
    for (uint32_t i = 0; i < paths->count; i++) {
        char path[80], *at = path;
        const char *from = paths->at[i].at, *end = from + paths->at[i].size;
        bool gap = false; /* "top 1>  middle 2 > leaf 0 " as "top 1 > middle 2 > leaf 0" */
        for (; from < end; from++) {
            if (*from == ' ') {
                gap = true;
                continue;
            }
            if ((gap || *from == '>') && at > path && at[-1] != ' ')
                *at++ = ' ';
            *at++ = *from;
            gap = *from == '>';
        }
        *at = '\0';
        size_t size = strlen(text);
        if (strncmp(path, text, size) == 0 && (path[size] == '\0' || path[size] == ' '))
            return true;
    }
    return false;
}

static bool naive_has(const struct event *event, const struct word *word)
{
    struct bytes text = bytes_of(word->text, word->size);
    const struct event_strings *sets[WORD_KINDS] = {
        [WORD_COLOUR] = &event->colors, [WORD_TAG] = &event->tags, [WORD_GENDER] = &event->genders};
    if (word->kind == WORD_BRAND)
        return bytes_equal(event->item_brand, text);
    if (word->kind == WORD_CATEGORY)
        return naive_within(&event->categories, word->text);
    if (word->kind == WORD_ATTRIBUTE) {
        for (uint32_t i = 0; i < event->attributes.count; i++) {
            char pair[80];
            snprintf(pair, sizeof pair, "%.*s=%.*s", (int)event->attributes.at[2 * i].size,
                     event->attributes.at[2 * i].at, (int)event->attributes.at[2 * i + 1].size,
                     event->attributes.at[2 * i + 1].at);
            if (bytes_equal(bytes_text(pair), text))
                return true;
        }
        return false;
    }
    const struct event_strings *set = sets[word->kind];
    for (uint32_t i = 0; set && i < set->count; i++)
        if (bytes_equal(set->at[i], text))
            return true;
    return false;
}

static bool posted(const struct word *word, uint32_t product)
{
    for (uint32_t i = 0; i < word->postings.count; i++)
        if (word->postings.at[i] == product)
            return true;
    return false;
}

static void check_word(const struct catalogue *catalogue, const struct naive *naive,
                       uint32_t number)
{
    const struct word *word = &catalogue->words.at[number];
    uint32_t count = 0;
    for (uint32_t i = 0; i < 60; i++) {
        char id[20];
        snprintf(id, sizeof id, "item-%u", i);
        uint32_t product = catalogue_find(catalogue, bytes_text(id));
        bool has = naive->present[i] && naive_has(&naive->products[i], word);
        count += has;
        if (product == PRODUCT_NONE) {
            CHECK(!naive->present[i]);
            continue;
        }
        CHECK_SAY(catalogue_has(catalogue, product, number) == has, "%s %s of %s: not %d",
                  word_kind_names[word->kind], word->text, id, has);
        if (has && word->kind != WORD_GENDER)
            CHECK(posted(word, product));
    }
    CHECK_SAY(word->count == count, "%s %s: %u products, not %u", word_kind_names[word->kind],
              word->text, word->count, count);
    CHECK(word->count > 0);
}

static void check_all(const struct catalogue *catalogue, const struct naive *naive)
{
    uint32_t present = 0, kinds[WORD_KINDS] = {0};
    uint64_t digest = 0;
    double discounts = 0;
    for (uint32_t i = 0; i < catalogue->words.count; i++) {
        const struct word *word = &catalogue->words.at[i];
        if (word->text == NULL)
            continue;
        kinds[word->kind]++;
        CHECK_INT(
            catalogue_word(catalogue, (enum word_kind)word->kind, bytes_of(word->text, word->size)),
            i);
        if (word->kind != WORD_NAME)
            check_word(catalogue, naive, i);
    }
    for (int kind = 0; kind < WORD_KINDS; kind++)
        CHECK_INT(catalogue->words.kind_counts[kind], kinds[kind]);
    for (uint32_t i = 0; i < 60; i++) {
        char id[20];
        snprintf(id, sizeof id, "item-%u", i);
        uint32_t index = catalogue_find(catalogue, bytes_text(id));
        present += naive->present[i];
        if (index == PRODUCT_NONE)
            continue;
        const struct product *product = &catalogue->products[index];
        CHECK_BYTES(product_id(product), bytes_text(id));
        CHECK_INT(product->gone, !naive->present[i]);
        if (product->gone)
            continue;
        digest += product_digest(product);
        CHECK_BYTES(product_title(product), naive->products[i].title);
        CHECK_REAL(product->price, naive->products[i].price);
        CHECK_INT(product->rating_count, naive->products[i].rating_count);
        if (naive->products[i].original_price > naive->products[i].price)
            discounts += 1 - naive->products[i].price / naive->products[i].original_price;
    }
    CHECK_INT(catalogue->present, present);
    CHECK(catalogue->digest == digest);
    CHECK(fabs((double)catalogue_discount(catalogue) * present - discounts) < .001 * 60);
}

static void load_again(struct catalogue **catalogue, struct store *store)
{
    struct error error = {0};
    struct catalogue *again = catalogue_new(&limits);
    CHECK_SAY(catalogue_load(again, store, &error) == VERDICT_OK, "%s", error.message);
    catalogue_free(*catalogue);
    *catalogue = again;
}

static void test_against_naive(void)
{
    struct random random = random_from(41);
    struct store *store = store_memory_new();
    struct store_batch batch = {0};
    struct arena arena = {0};
    struct naive naive = {0};
    struct catalogue *catalogue = catalogue_new(&limits);
    for (int round = 0; round < TEST_ROUNDS(3000); round++) {
        uint32_t number = random_below(&random, 60);
        uint32_t chance = random_below(&random, 10);
        struct event *event = &naive.products[number];
        bool was = naive.present[number];
        if (chance < 2) {
            CHECK_INT(catalogue_delete(catalogue, text_of(&arena, "item-%u", number)),
                      was ? CATALOGUE_GONE : CATALOGUE_SAME);
            naive.present[number] = false;
        } else if (chance < 4 && was) {
            event->price += 1;
            CHECK_INT(catalogue_put(catalogue, event), CATALOGUE_NUMBERS);
            CHECK_INT(catalogue_put(catalogue, event), CATALOGUE_SAME);
        } else {
            *event = random_product(&random, &arena, number);
            enum catalogue_change change = catalogue_put(catalogue, event);
            CHECK(was ? change != CATALOGUE_NEW : change == CATALOGUE_NEW);
            naive.present[number] = true;
        }
        if (round % 7 == 0) {
            batch_clear(&batch);
            catalogue_save(catalogue, &batch);
            CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
            if (round % 49 == 0)
                load_again(&catalogue, store);
        }
        if (round % 50 == 0)
            check_all(catalogue, &naive);
    }
    CHECK_INT(catalogue->counts.words_refused, 0);
    catalogue_free(catalogue);
    batch_release(&batch);
    arena_release(&arena);
    store->free(store);
}

/* Words come and go without end: their room is used again. */
static void test_room_for_words(void)
{
    struct arena arena = {0};
    struct catalogue *catalogue = catalogue_new(&limits);
    struct event event;
    event_init(&event, EVENT_PRODUCT);
    event.item_id = bytes_text("one");
    event.title = bytes_text("One");
    struct bytes pair[2];
    event.attributes = (struct event_pairs){.at = pair, .count = 1};
    for (uint32_t i = 0; i < 5000; i++) {
        pair[0] = text_of(&arena, "name %u", i);
        pair[1] = text_of(&arena, "value %u", i);
        catalogue_put(catalogue, &event);
    }
    CHECK_INT(catalogue->counts.words_refused, 0);
    CHECK_INT(catalogue->words.kind_counts[WORD_ATTRIBUTE], 1);
    CHECK_INT(catalogue->words.kind_counts[WORD_NAME], 1);
    CHECK(catalogue->words.count <= 8);
    for (uint32_t i = 0; i < 200; i++) { /* at the bound of names: further ones are left out */
        event.item_id = text_of(&arena, "item %u", i);
        pair[0] = text_of(&arena, "other %u", i);
        catalogue_put(catalogue, &event);
    }
    CHECK_INT(catalogue->words.kind_counts[WORD_NAME], limits.attribute_names_max);
    CHECK_INT(catalogue->counts.words_refused, 201 - limits.attribute_names_max);
    CHECK_INT(catalogue->present, 201);
    arena_release(&arena);
    catalogue_free(catalogue);
}

static void test_bounds(void)
{
    struct arena arena = {0};
    struct catalogue_limits small = limits;
    small.products_max = 2;
    struct catalogue *catalogue = catalogue_new(&small);
    struct event event;
    event_init(&event, EVENT_PRODUCT);
    char *title = memory_get(1 << 20);
    for (int i = 0; i < 1 << 20; i += 4)
        memcpy(title + i, "\xF0\x9F\x98\x80", 4);
    event.title = bytes_of(title + 3, (1 << 20) - 3); /* not at a character's start, nevertheless */
    event.title = bytes_of(title, 1 << 20);
    event.item_id = bytes_text("a");
    char deep[400] = "";
    for (int i = 0; i < 40; i++)
        strcat(deep, "A > B >");
    struct bytes path = bytes_text(deep);
    event.categories = (struct event_strings){.at = &path, .count = 1};
    struct bytes tags[EVENT_STRINGS_MAX];
    for (uint32_t i = 0; i < EVENT_STRINGS_MAX; i++)
        tags[i] = text_of(&arena, "t%u", i);
    event.tags = (struct event_strings){.at = tags, .count = EVENT_STRINGS_MAX, .left_out = 1};
    struct bytes *pairs = arena_get(&arena, 2 * 30 * sizeof *pairs);
    for (uint32_t i = 0; i < 30; i++) {
        pairs[2 * i] = text_of(&arena, "n%u", i);
        pairs[2 * i + 1] = text_of(&arena, "v%u", i);
    }
    event.attributes = (struct event_pairs){.at = pairs, .count = 30, .left_out = 7};
    CHECK_INT(catalogue_put(catalogue, &event), CATALOGUE_NEW);
    const struct product *product = &catalogue->products[0];
    CHECK_INT(product_title(product).size, TITLE_BYTES_MAX);
    CHECK(bytes_utf8(product_title(product)));
    CHECK_INT(product_words(product, WORD_CATEGORY).count, CATEGORY_DEPTH_MAX);
    CHECK_INT(catalogue->words.at[product->category].depth, CATEGORY_DEPTH_MAX);
    CHECK_INT(product_words(product, WORD_ATTRIBUTE).count, 20);
    CHECK_INT(catalogue->counts.attributes_out, 17);
    CHECK_INT(product_words(product, WORD_TAG).count, EVENT_STRINGS_MAX);
    CHECK_INT(catalogue->counts.texts_cut, 3);
    event.item_id = bytes_text("b");
    event.title = bytes_text("B");
    CHECK_INT(catalogue_put(catalogue, &event), CATALOGUE_NEW);
    event.item_id = bytes_text("c");
    CHECK_INT(catalogue_put(catalogue, &event), CATALOGUE_REFUSED);
    CHECK_INT(catalogue->counts.products_refused, 1);
    CHECK_INT(catalogue_find(catalogue, bytes_text("c")), PRODUCT_NONE);
    CHECK_INT(catalogue_delete(catalogue, bytes_text("a")), CATALOGUE_GONE);
    CHECK_INT(catalogue_put(catalogue, &event), CATALOGUE_NEW); /* there is room now */
    event.item_id = bytes_text("a");
    CHECK_INT(catalogue_put(catalogue, &event),
              CATALOGUE_REFUSED); /* also for one that was there */
    CHECK_INT(catalogue->counts.products_refused, 2);
    free(title);
    arena_release(&arena);
    catalogue_free(catalogue);
}

/* ---- products that come and go ---- */

#define CHURN_IDS 9000
#define CHURN_MAX 300

static const struct catalogue_limits churn_limits = {
    .products_max = CHURN_MAX,
    .attribute_names_max = CHURN_MAX,
    .attribute_values_max = CHURN_MAX,
    .product_attributes_max = 20,
};

/* The store has the products that are there, and no other. */
static void check_stored(const struct catalogue *catalogue, struct store *store)
{
    struct row_hasher hasher = hash_rows(store, FAMILY_CATALOGUE);
    uint32_t words = 0;
    CHECK_INT(hasher.tables['p'], catalogue->present);
    for (int kind = 0; kind < WORD_KINDS; kind++)
        words += catalogue->words.kind_counts[kind];
    CHECK_INT(hasher.tables['w'], words);
}

static void check_numbers(const struct catalogue *catalogue, const bool *present)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < CHURN_IDS; i++) {
        char id[20];
        snprintf(id, sizeof id, "item %u", i);
        uint32_t product = catalogue_find(catalogue, bytes_text(id));
        count += present[i];
        CHECK(product != PRODUCT_NONE || !present[i]);
        if (product == PRODUCT_NONE)
            continue;
        CHECK_BYTES(product_id(&catalogue->products[product]), bytes_text(id));
        CHECK_INT(catalogue->products[product].gone, !present[i]);
        if (present[i])
            CHECK_BYTES(product_title(&catalogue->products[product]), bytes_text(id));
    }
    CHECK_INT(catalogue->present, count);
    CHECK(catalogue->product_count <= CATALOGUE_NUMBERS_MAX(&churn_limits));
    CHECK_INT(catalogue->words.kind_counts[WORD_NAME], count);
    CHECK_INT(catalogue->words.kind_counts[WORD_ATTRIBUTE], count);
}

/* The newest products, in the order in which they came. */
static void check_newest(const struct catalogue *catalogue, const uint32_t *came, uint64_t count)
{
    for (uint32_t age = 0; age < CATALOGUE_NEWEST && age < count; age++) {
        char id[20];
        uint32_t product = catalogue_newest(catalogue, age);
        snprintf(id, sizeof id, "item %u", came[(count - 1 - age) % CATALOGUE_NEWEST]);
        if (product != PRODUCT_NONE)
            CHECK_BYTES(product_id(&catalogue->products[product]), bytes_text(id));
    }
    CHECK(catalogue_newest(catalogue, CATALOGUE_NEWEST) == PRODUCT_NONE);
}

static struct event churn_product(struct arena *arena, uint32_t number)
{
    struct event event;
    struct bytes *pair = arena_get(arena, 2 * sizeof *pair);
    event_init(&event, EVENT_PRODUCT);
    event.item_id = event.title = text_of(arena, "item %u", number);
    pair[0] = text_of(arena, "name %u", number);
    pair[1] = text_of(arena, "value %u", number);
    event.attributes = (struct event_pairs){.at = pair, .count = 1};
    return event;
}

/* A shop that replaces its assortment again and again fills no bound. */
static void test_churn(void)
{
    struct random random = random_from(43);
    struct arena arena = {0};
    struct store *store = store_memory_new();
    struct catalogue *catalogue = catalogue_new(&churn_limits);
    static bool present[CHURN_IDS];
    uint32_t came[CATALOGUE_NEWEST];
    uint64_t came_count = 0, refused = 0, renumbered = 0;
    memset(present, 0, sizeof present);
    for (int round = 0; round < TEST_ROUNDS(40000); round++) {
        uint32_t number = random_below(&random, CHURN_IDS);
        struct event event = churn_product(&arena, number);
        bool fits = present[number] || catalogue->present < CHURN_MAX;
        bool known = catalogue_find(catalogue, event.item_id) != PRODUCT_NONE;
        enum catalogue_change change = catalogue_put(catalogue, &event);
        CHECK((change == CATALOGUE_REFUSED) == !fits);
        refused += !fits;
        present[number] = fits;
        if (fits && !known)
            came[came_count++ % CATALOGUE_NEWEST] = number;
        for (uint32_t out = random_below(&random, 3); out > 0; out--) {
            uint32_t other = random_below(&random, CHURN_IDS);
            for (int i = 0; i < 40 && !present[other]; i++)
                other = random_below(&random, CHURN_IDS);
            catalogue_delete(catalogue, text_of(&arena, "item %u", other));
            present[other] = false;
        }
        if (round % 500 == 0) {
            check_numbers(catalogue, present);
            check_newest(catalogue, came, came_count);
        }
        if (random_one_in(&random, 800)) {
            struct store_batch batch = {0};
            catalogue_save(catalogue, &batch);
            CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
            batch_release(&batch);
            check_stored(catalogue, store);
        }
        if (random_one_in(&random, 8000)) { /* with the state of the last save */
            struct store_batch batch = {0};
            catalogue_save(catalogue, &batch);
            CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
            batch_release(&batch);
            renumbered += catalogue->renumbered;
            catalogue_free(catalogue);
            catalogue = catalogue_new(&churn_limits);
            CHECK(catalogue_load(catalogue, store, NULL) == VERDICT_OK);
            came_count = 0; /* in the order of their ids */
            check_numbers(catalogue, present);
        }
        arena_clear(&arena);
    }
    renumbered += catalogue->renumbered;
    CHECK_SAY(renumbered > TEST_ROUNDS(8), "%llu", (unsigned long long)renumbered);
    CHECK(refused > 0);
    CHECK_INT(catalogue->counts.words_refused, 0);
    catalogue_free(catalogue);
    store->free(store);
    arena_release(&arena);
}

static void test_categories(void)
{
    struct catalogue *catalogue = catalogue_new(&limits);
    struct bytes path = bytes_text("Women > Shoes > Boots");
    struct event event;
    event_init(&event, EVENT_PRODUCT);
    event.item_id = event.title = bytes_text("a");
    event.categories = (struct event_strings){.at = &path, .count = 1};
    event.price = 30;
    event.original_price = 40;
    catalogue_put(catalogue, &event);
    event.item_id = bytes_text("b");
    path = bytes_text("Women>Shoes>Sneakers");
    catalogue_put(catalogue, &event);
    uint32_t boots = catalogue_word(catalogue, WORD_CATEGORY, bytes_text("Women > Shoes > Boots"));
    uint32_t shoes = catalogue_word(catalogue, WORD_CATEGORY, bytes_text("Women > Shoes"));
    uint32_t sneakers = catalogue->products[1].category;
    CHECK(boots == catalogue->products[0].category && boots != WORD_NONE && shoes != WORD_NONE);
    CHECK_INT(catalogue_shared_depth(catalogue, boots, sneakers), 2);
    CHECK_INT(catalogue_shared_depth(catalogue, boots, boots), 3);
    CHECK_INT(catalogue_shared_depth(catalogue, boots, WORD_NONE), 0);
    CHECK(catalogue_within(catalogue, boots, shoes) && !catalogue_within(catalogue, shoes, boots));
    CHECK_INT(catalogue->words.at[shoes].count, 2);
    CHECK(fabsf(product_discount(&catalogue->products[0]) - .25f) < 1e-6f);
    CHECK(fabsf(catalogue_rarity(catalogue, boots) - logf(3)) < 1e-6f);
    CHECK(product_available(&catalogue->products[0]));
    event.availability = OUT_OF_STOCK;
    CHECK_INT(catalogue_put(catalogue, &event), CATALOGUE_NUMBERS);
    CHECK(!product_available(&catalogue->products[1]));
    catalogue_free(catalogue);
}

/* Rows with random bytes changed load or are refused, and never more than that. */
static void test_damage(void)
{
    struct random random = random_from(42);
    struct arena arena = {0};
    struct store_batch batch = {0};
    struct catalogue *catalogue = catalogue_new(&limits);
    for (uint32_t i = 0; i < 20; i++) {
        struct event event = random_product(&random, &arena, i);
        catalogue_put(catalogue, &event);
    }
    catalogue_save(catalogue, &batch);
    int refused = 0;
    for (int round = 0; round < TEST_ROUNDS(2000); round++) {
        struct store *store = store_memory_new();
        struct store_batch wrong = {0};
        struct store_change change;
        uint64_t bad = random_below(&random, (uint32_t)batch.count), number = 0;
        for (size_t at = 0; batch_next(&batch, &at, &change); number++) {
            struct bytes value = arena_copy(&arena, change.value);
            if (number == bad && value.size)
                ((char *)(uintptr_t)value.at)[random_below(&random, (uint32_t)value.size)] ^=
                    (char)(1u << random_below(&random, 8));
            if (number == bad && random_one_in(&random, 3))
                value.size = random_below(&random, (uint32_t)value.size + 1);
            batch_put(&wrong, change.family, change.key, value);
        }
        CHECK(store->write(store, &wrong, NULL) == VERDICT_OK);
        struct catalogue *again = catalogue_new(&limits);
        struct error error = {0};
        refused += catalogue_load(again, store, &error) != VERDICT_OK;
        catalogue_free(again);
        batch_release(&wrong);
        store->free(store);
        arena_clear(&arena);
    }
    CHECK(refused > TEST_ROUNDS(100));
    batch_release(&batch);
    arena_release(&arena);
    catalogue_free(catalogue);
}

/* ---- words of one tag ---- */

#define SAME_TAGS 60
#define TAG 12345

/* The word with the lowest hash of those that are there. */
static uint32_t first_of(const struct catalogue_words *words)
{
    uint32_t first = WORD_NONE;
    for (uint32_t i = 0; i < words->count; i++)
        if (words->at[i].text && (uint32_t)words->at[i].hash == TAG &&
            (first == WORD_NONE || words->at[i].hash < words->at[first].hash))
            first = i;
    return first;
}

static void test_same_tags(void)
{
    struct random random = random_from(3);
    struct catalogue_words words;
    words_init(&words, 10, 10);
    for (int step = 0; step < 3000; step++) {
        char to[COLLIDING_BYTES];
        uint32_t i = random_below(&random, SAME_TAGS);
        struct bytes text = colliding_text(to, WORD_BRAND, TAG, i);
        uint32_t number = words_find(&words, WORD_BRAND, text);
        if (number == WORD_NONE)
            number = words_intern(&words, WORD_BRAND, WORD_NONE, text);
        else if (step > 1500 || random_one_in(&random, 2))
            words_free(&words, number);
        CHECK_INT(words_find_tagged(&words, WORD_BRAND, TAG), first_of(&words));
        CHECK_INT(words_find_tagged(&words, WORD_COLOUR, TAG), WORD_NONE);
    }
    CHECK(words.same_tags > 0);
    for (uint32_t i = 0; i < words.count; i++)
        if (words.at[i].text)
            words_free(&words, i);
    CHECK_INT(words.same_tags, 0);
    CHECK_INT(words.by_tag.count, 0);
    words_release(&words);
}

int main(void)
{
    TEST_RUN(test_against_naive);
    TEST_RUN(test_room_for_words);
    TEST_RUN(test_bounds);
    TEST_RUN(test_churn);
    TEST_RUN(test_categories);
    TEST_RUN(test_damage);
    TEST_RUN(test_same_tags);
    return test_done();
}
