/* Tells of merchandising rules that match nothing (merchandising.h). */
#include "processors/recommend/lists/merchandising.h"
#include "processors/recommend/lists/near_word.h"

#define OFFERS_MAX 50000 /* words of a catalogue that one rule is compared with */

static void offer_words(struct near_word *near, const struct catalogue_words *words, int kind)
{
    uint32_t offers = 0;
    for (uint32_t i = 0; i < words->count && offers < OFFERS_MAX; i++) {
        const struct word *word = &words->at[i];
        if (word->text == NULL || word->kind != kind)
            continue;
        near_word_offer(near, bytes_of(word->text, word->size));
        offers++;
    }
}

static void offer_items(struct near_word *near, const struct catalogue *catalogue)
{
    for (uint32_t i = 0; i < catalogue->product_count && i < OFFERS_MAX; i++)
        if (!catalogue->products[i].gone && catalogue->products[i].id_size > 0)
            near_word_offer(near, product_id(&catalogue->products[i]));
}

static bool has_item(const struct catalogue *catalogue, struct bytes item_id)
{
    uint32_t index = catalogue_find(catalogue, item_id);
    return index != PRODUCT_NONE && !catalogue->products[index].gone;
}

bool merchandising_rule_matches(const struct merchandising_rule *rule,
                                const struct catalogue *catalogue, struct bytes *ret_nearest)
{
    struct bytes text = bytes_of(rule->text, rule->text_size);
    bool on_word = rule->what >= 0 && rule->what != RULE_ON_ITEM;
    if ((on_word && catalogue_word(catalogue, (enum word_kind)rule->what, text) != WORD_NONE) ||
        (!on_word && rule->action != RULE_PIN) || (!on_word && has_item(catalogue, text)))
        return true;
    if (ret_nearest == NULL)
        return false;
    struct near_word near;
    near_word_init(&near, text);
    if (on_word)
        offer_words(&near, &catalogue->words, rule->what);
    else
        offer_items(&near, catalogue);
    *ret_nearest = near.nearest;
    near_word_release(&near);
    return false;
}
