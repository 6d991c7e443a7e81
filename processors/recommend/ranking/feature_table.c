#include "processors/recommend/ranking/feature_table.h"

#include "processors/recommend/ranking/feature_columns.h"
#include "schemas/draw.h"
#include "state/weights.h"

#define SHARE BEND_LOG, 1000, .14474f
#define RANK BEND_RANK, 1, -.2f
#define AGE BEND_RANK, 1, -.05f /* of 1 + seconds */
#define COUNT(b) BEND_LOG, 1, b
#define PLAIN BEND_NONE, 0, 0

const struct feature features[] = {
    [REPEAT] = {"repeat", "repeats", PLAIN},
    [REPEAT_LAST] = {"repeat_last", "repeats", PLAIN},
    [REPEAT_PREVIOUS] = {"repeat_previous", "repeats", PLAIN},
    [REPEAT_OLDER] = {"repeat_older", "repeats", PLAIN},
    [REPEAT_INVERSE] = {"repeat_inverse", "repeats", PLAIN},
    [REPEAT_TIMES] = {"repeat_times", "repeats", BEND_RANK, 0, 1},
    [REPEAT_ONLY] = {"repeat_only", "repeats", PLAIN},
    [REPEAT_EARLIER] = {"repeat_earlier", "repeats", PLAIN},
    [FORWARD_SHARE] = {"forward_share", "forward", SHARE},
    [FORWARD] = {"forward", "forward", PLAIN},
    [FORWARD_OF_MOST] = {"forward_of_most", "forward", PLAIN},
    [FORWARD_INVERSE] = {"forward_inverse", "forward", PLAIN},
    [FORWARD_RANK] = {"forward_rank", "forward", RANK},
    [FORWARD_ONE] = {"forward_one", "forward", SHARE},
    [FORWARD_LIFT] = {"forward_lift", "forward", SHARE},
    [FORWARD_AGE] = {"forward_age", "forward", AGE},
    [FORWARD_WEIGHT] = {"forward_weight", "forward", COUNT(.2f)},
    [BACKWARD_SHARE] = {"backward_share", "backward", SHARE},
    [BACKWARD_RANK] = {"backward_rank", "backward", RANK},
    [PREVIOUS_SHARE] = {"previous_share", "previous", SHARE},
    [PREVIOUS_BACK] = {"previous_back", "previous", SHARE},
    [PREVIOUS_MIX] = {"previous_mix", "previous", SHARE},
    [HOP] = {"hop", "two_hop", SHARE},
    [VECTOR] = {"vector", "vectors", PLAIN},
    [VECTOR_RANK] = {"vector_rank", "vectors", RANK},
    [VECTOR_BELOW] = {"vector_below", "vectors", PLAIN},
    [VECTOR_LAST] = {"vector_last", "vectors", PLAIN},
    [VECTOR_PREVIOUS] = {"vector_previous", "vectors", PLAIN},
    [VECTOR_MEAN] = {"vector_mean", "vectors", PLAIN},
    [VECTOR_MOST] = {"vector_most", "vectors", PLAIN},
    [ITEM_COUNT] = {"item_count", "items", COUNT(.1f)},
    [ITEM_RECENT] = {"item_recent", "items", COUNT(.2f)},
    [ITEM_TREND] = {"item_trend", "items", BEND_RANK, 0, .1f},
    [ITEM_AGE] = {"item_age", "items", AGE},
    [ITEM_AGREE] = {"item_agree", "items", PLAIN},
    [CART_SHARE] = {"cart_share", "carts", SHARE},
    [CART_INVERSE] = {"cart_inverse", "carts", PLAIN},
    [PURCHASE_SHARE] = {"purchase_share", "purchases", SHARE},
    [PURCHASE_INVERSE] = {"purchase_inverse", "purchases", PLAIN},
    [SIMILAR] = {"similar", "similar", PLAIN},
    [NEAR_SHARE] = {"near_share", "neighbours", SHARE},
    [NEAR_OF_MOST] = {"near_of_most", "neighbours", PLAIN},
    [NEAR_INVERSE] = {"near_inverse", "neighbours", PLAIN},
    [NEAR_RANK] = {"near_rank", "neighbours", RANK},
    [AFTER_SHARE] = {"after_share", "neighbours", SHARE},
    [AFTER_INVERSE] = {"after_inverse", "neighbours", PLAIN},
    [AFTER_RANK] = {"after_rank", "neighbours", RANK},
    [PAIR_SHARE] = {"pair_share", "pairs", SHARE},
    [PAIR_INVERSE] = {"pair_inverse", "pairs", PLAIN},
    [PAIR_COUNT] = {"pair_count", "pairs", COUNT(.3f)},
    [PRODUCT_KNOWN] = {"product_known", "products", PLAIN},
    [BRAND] = {"brand_share", "brands", PLAIN},
    [BRAND_LAST] = {"brand_last", "brands", PLAIN},
    [CATEGORY] = {"category_share", "categories", PLAIN},
    [CATEGORY_LAST] = {"category_last", "categories", PLAIN},
    [CATEGORY_DEPTH] = {"category_depth", "categories", PLAIN},
    [PRICE] = {"price_above", "prices", PLAIN},
    [PRICE_APART] = {"price_apart", "prices", PLAIN},
    [PRICE_BAND] = {"price_band", "prices", PLAIN},
    [DISCOUNT] = {"discount_share", "discounts", PLAIN},
    [DISCOUNT_TASTE] = {"discount_taste", "discounts", PLAIN},
    [BRAND_SEEN] = {"brand_seen", "brand_tastes", COUNT(.3f)},
    [BRAND_CARTED] = {"brand_carted", "brand_tastes", COUNT(.5f)},
    [BRAND_BOUGHT] = {"brand_bought", "brand_tastes", COUNT(.5f)},
    [CATEGORY_TASTE] = {"category_taste", "category_tastes", PLAIN},
    [COLOUR_TASTE] = {"colour_taste", "colour_tastes", PLAIN},
    [PRICE_TASTE] = {"price_taste", "price_tastes", PLAIN},
    [DISCOUNT_LIKED] = {"discount_liked", "discount_tastes", PLAIN},
    [LENGTH_1] = {"length_1", "context", PLAIN},
    [LENGTH_2] = {"length_2", "context", PLAIN},
    [LENGTH_3] = {"length_3", "context", PLAIN},
    [LENGTH_5] = {"length_5", "context", PLAIN},
    [LENGTH_INVERSE] = {"length_inverse", "context", PLAIN},
    [LAST_COUNT] = {"last_count", "context", COUNT(.1f)},
    [REPEATS_SHARE] = {"repeats_share", "context", PLAIN},
    [DISTINCT] = {"distinct", "context", BEND_RANK, 0, .3f},
    [LAST_TOTAL] = {"last_total", "context", COUNT(.1f)},
    [LAST_MOST] = {"last_most", "context", PLAIN},
    [LAST_CART] = {"last_cart", "kinds", PLAIN},
    [LAST_PURCHASE] = {"last_purchase", "kinds", PLAIN},
};

const uint32_t feature_count = COLUMNS;
const uint32_t feature_varying_count = VARYING;

_Static_assert(COLUMNS <= FEATURES_MAX, "raise FEATURES_MAX");

uint64_t features_hash(void)
{
    uint64_t hash = VARYING;
    for (uint32_t f = 0; f < COLUMNS; f++) {
        hash = hash_join(hash, 0) ^ bytes_hash(bytes_text(features[f].name));
        hash = hash_join(hash, 0) ^ bytes_hash(bytes_of(&features[f].a, sizeof(float))) ^
               bytes_hash(bytes_of(&features[f].b, sizeof(float)));
    }
    return hash;
}

enum verdict features_find(const char *list, struct feature_mask *ret_mask, struct error *error)
{
    struct feature_mask mask = {{0, 0}};
    while (*list) {
        size_t size = strcspn(list, ",");
        bool known = false;
        for (uint32_t f = 0; f < COLUMNS; f++) {
            bool named =
                (strlen(features[f].name) == size && memcmp(features[f].name, list, size) == 0) ||
                (strlen(features[f].group) == size && memcmp(features[f].group, list, size) == 0);
            if (named)
                mask.words[f / 64] |= 1ull << (f % 64);
            known = known || named;
        }
        if (!known)
            return error_set(error, VERDICT_SKIP, "there is no feature '%.*s'", (int)size, list);
        list += size + (list[size] == ',');
    }
    *ret_mask = mask;
    return VERDICT_OK;
}
