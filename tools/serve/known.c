/* Tells what weft knows of a visitor: from the visitors' changelog, which
 * the copy follows with serve.explain=on. */
#include "processors/runtime/kafka/topics.h"
#include "state/visitor_codec.h"
#include "tools/serve/render.h"
#include "tools/serve/serve.h"

#include <math.h>

struct telling {
    const struct serve *serve;
    const struct visitor *visitor;
    struct buffer *json;
};

static enum verdict read_row(struct serve *serve, int32_t partition, struct bytes id,
                             struct visitor **ret_visitor, struct error *error)
{
    char key[VISITOR_KEY_BYTES_MAX];
    struct buffer value = {0};
    struct store *store = serve->run->store;
    enum verdict verdict =
        store->get(store, FAMILY_VISITOR, visitor_store_key(key, partition, id), &value, error);
    if (verdict == VERDICT_OK &&
        visitor_decode(partition, id, buffer_bytes(&value), ret_visitor, error) != VERDICT_OK)
        verdict = VERDICT_FATAL;
    buffer_release(&value);
    return verdict;
}

/* First where Java's partitioner puts the key, then everywhere: producers may differ. */
static enum verdict find_visitor(struct serve *serve, struct bytes id, struct visitor **ret_visitor,
                                 struct error *error)
{
    int32_t partitions = follower_partitions(serve_follower(serve, SERVE_VISITORS));
    if (partitions == 0)
        return VERDICT_SKIP;
    enum verdict verdict =
        read_row(serve, topics_partition_of(id, partitions), id, ret_visitor, error);
    for (int32_t i = 0; verdict == VERDICT_SKIP && i < partitions; i++)
        verdict = read_row(serve, i, id, ret_visitor, error);
    return verdict;
}

/* ---- activities and the cart ---- */

/* Opens an object for an item, which may not be in the catalogue any more. */
static void tell_item(const struct telling *telling, struct bytes item_id)
{
    buffer_text(telling->json, "{\"item_id\":");
    buffer_json(telling->json, item_id);
    render_product(products_find(telling->serve->products, item_id), telling->json);
}

static void tell_activities(const struct telling *telling)
{
    const struct visitor *visitor = telling->visitor;
    buffer_text(telling->json, ",\"activities\":[");
    for (uint32_t i = visitor->count; i-- > 0;) {
        const struct activity *activity = &visitor->activities[i];
        struct bytes subject = activity_subject(visitor, activity);
        if (i + 1 < visitor->count)
            buffer_byte(telling->json, ',');
        if (activity->kind == KIND_SEARCH) {
            buffer_text(telling->json, "{\"search_term\":");
            buffer_json(telling->json, subject);
        } else {
            tell_item(telling, subject);
        }
        buffer_format(telling->json, ",\"kind\":\"%s\",\"event_time\":%lld",
                      kind_names[activity->kind], (long long)activity->time_ms);
        if (!isnan(activity->price))
            buffer_format(telling->json, ",\"price\":%.9g", (double)activity->price);
        buffer_byte(telling->json, '}');
    }
    buffer_byte(telling->json, ']');
}

/* The cart of today: the stored one, and the activities after it (state/cart.h). */
static void tell_cart(const struct telling *telling)
{
    const struct visitor *visitor = telling->visitor;
    struct cart cart = {0};
    uint32_t at = 0;
    const char *separator = "";
    for (struct bytes item_id; (item_id = cart_next(&visitor->cart, &at)).at;)
        cart_restore(&cart, item_id);
    for (uint32_t i = 0; i < visitor->count; i++)
        cart_apply(&cart, (enum kind)visitor->activities[i].kind,
                   activity_subject(visitor, &visitor->activities[i]), NULL);
    buffer_text(telling->json, ",\"cart\":[");
    at = 0;
    for (struct bytes item_id; (item_id = cart_next(&cart, &at)).at; separator = ",") {
        buffer_text(telling->json, separator);
        tell_item(telling, item_id);
        buffer_byte(telling->json, '}');
    }
    buffer_byte(telling->json, ']');
    cart_release(&cart);
}

/* ---- tastes ---- */

/* Appends a word with its weight, if the catalogue still has it. */
static bool tell_word(const struct telling *telling, enum word_kind kind, uint32_t tag,
                      double weight, bool first)
{
    const struct catalogue_words *words = &telling->serve->run->catalogue->words;
    uint32_t word = words_find_tagged(words, kind, tag);
    if (word == WORD_NONE)
        return false;
    buffer_text(telling->json, first ? "{\"name\":" : ",{\"name\":");
    buffer_json(telling->json, bytes_of(words->at[word].text, words->at[word].size));
    buffer_format(telling->json, ",\"weight\":%.4g", weight);
    return true;
}

static void tell_prices(const struct telling *telling, const struct taste_prices *prices)
{
    float mean, spread;
    if (!taste_prices_level(prices, &mean, &spread))
        return;
    buffer_format(telling->json, ",\"price\":%.4g,\"price_low\":%.4g,\"price_high\":%.4g",
                  exp((double)mean), exp((double)(mean - spread)), exp((double)(mean + spread)));
}

static void tell_brands(const struct telling *telling, const struct preferences *preferences,
                        double scale)
{
    bool first = true;
    buffer_text(telling->json, "\"brands\":[");
    for (uint32_t i = 0; i < preferences->brand_count; i++) {
        const struct taste_brand *brand = &preferences->brands[i];
        double weight = 0;
        for (int kind = 0; kind < TASTE_KINDS; kind++)
            weight += brand->weights[kind];
        if (!tell_word(telling, WORD_BRAND, brand->word, weight * scale, first))
            continue;
        buffer_byte(telling->json, '}');
        first = false;
    }
    buffer_byte(telling->json, ']');
}

static void tell_categories(const struct telling *telling, const struct preferences *preferences,
                            double scale)
{
    bool first = true;
    buffer_text(telling->json, ",\"categories\":[");
    for (uint32_t i = 0; i < preferences->category_count; i++) {
        const struct taste_category *category = &preferences->categories[i];
        if (!tell_word(telling, WORD_CATEGORY, category->word, category->weight * scale, first))
            continue;
        tell_prices(telling, &category->prices);
        buffer_byte(telling->json, '}');
        first = false;
    }
    buffer_byte(telling->json, ']');
}

static void tell_words(const struct telling *telling, const struct preferences *preferences,
                       double scale)
{
    static const struct {
        const char *name;
        enum word_kind kind;
    } kinds[TASTE_WORD_KINDS] = {
        [TASTE_COLOUR] = {"colors", WORD_COLOUR},
        [TASTE_GENDER] = {"genders", WORD_GENDER},
        [TASTE_AGE_GROUP] = {"age_groups", WORD_AGE_GROUP},
    };
    for (int kind = 0; kind < TASTE_WORD_KINDS; kind++) {
        bool first = true;
        buffer_format(telling->json, ",\"%s\":[", kinds[kind].name);
        for (uint32_t i = 0; i < preferences->word_counts[kind]; i++) {
            const struct taste_word *word = &preferences->words[kind][i];
            if (!tell_word(telling, kinds[kind].kind, word->word, word->weight * scale, first))
                continue;
            buffer_byte(telling->json, '}');
            first = false;
        }
        buffer_byte(telling->json, ']');
    }
}

static void tell_tastes(const struct telling *telling)
{
    const struct serve *serve = telling->serve;
    struct preferences preferences;
    int64_t half_life_ms = serve->run->config->settings.tastes_half_life_ms;
    visitor_preferences(telling->visitor, &preferences);
    if (preferences.weight == 0 || half_life_ms == 0)
        return;
    double scale =
        (double)preferences_scale(&preferences, telling->visitor->latest_time_ms, half_life_ms);
    buffer_text(telling->json, ",\"tastes\":{");
    catalogue_lock_read(serve->run->catalogue);
    tell_brands(telling, &preferences, scale);
    tell_categories(telling, &preferences, scale);
    tell_words(telling, &preferences, scale);
    catalogue_unlock_read(serve->run->catalogue);
    tell_prices(telling, &preferences.prices);
    buffer_format(telling->json, ",\"discount\":%.4g}",
                  (double)preferences.discount / TASTE_DISCOUNT_STEPS / preferences.weight);
}

/* ---- all of it ---- */

static void tell_text(const struct telling *telling, const char *name, struct bytes text)
{
    if (text.size == 0)
        return;
    buffer_format(telling->json, ",\"%s\":", name);
    buffer_json(telling->json, text);
}

static void tell(const struct telling *telling)
{
    const struct visitor *visitor = telling->visitor;
    const struct exposure *exposure = visitor->exposure;
    buffer_text(telling->json, "{\"visitor\":");
    buffer_json(telling->json, visitor_key(visitor));
    buffer_format(telling->json,
                  ",\"refused\":%s,\"accepted\":%lld,\"impressions\":%lld,\"clicks\":%lld",
                  visitor->refused ? "true" : "false", (long long)visitor->accepted,
                  exposure ? (long long)exposure->impressions : 0LL,
                  exposure ? (long long)exposure->clicks : 0LL);
    tell_text(telling, "channel", visitor_channel(visitor));
    tell_text(telling, "gender", visitor_gender(visitor));
    tell_text(telling, "age_group", visitor_age_group(visitor));
    tell_activities(telling);
    tell_cart(telling);
    tell_tastes(telling);
    buffer_byte(telling->json, '}');
}

enum verdict known_write(struct serve *serve, struct bytes id, struct buffer *json,
                         struct error *error)
{
    struct visitor *visitor = NULL;
    enum verdict verdict = find_visitor(serve, id, &visitor, error);
    const struct telling telling = {.serve = serve, .visitor = visitor, .json = json};
    if (verdict == VERDICT_OK) {
        products_lock(serve->products);
        tell(&telling);
        products_unlock(serve->products);
    }
    visitor_free(visitor);
    return verdict;
}
