#include "processors/recommend/ranking/goals.h"

#include <stdlib.h>

#define WEIGHT_MAX 1000.0f

const char *const goal_names[GOALS] = {[GOAL_CART] = "cart", [GOAL_PURCHASE] = "purchase"};

bool goal_of(enum kind kind, enum goal *ret_goal)
{
    if (kind != KIND_CART && kind != KIND_PURCHASE)
        return false;
    *ret_goal = kind == KIND_CART ? GOAL_CART : GOAL_PURCHASE;
    return true;
}

/* The goal's number; GOALS: view; -1: there is no such goal. */
static int find(struct bytes name)
{
    if (bytes_equal(name, bytes_text("view")))
        return GOALS;
    for (int goal = 0; goal < GOALS; goal++)
        if (bytes_equal(name, bytes_text(goal_names[goal])))
            return goal;
    return -1;
}

/* "cart" or "cart:3" */
static bool read_part(struct bytes text, int *ret_goal, float *ret_weight)
{
    const char *colon = memchr(text.at, ':', text.size);
    size_t name_size = colon ? (size_t)(colon - text.at) : text.size;
    *ret_goal = find(bytes_of(text.at, name_size));
    *ret_weight = 1;
    if (*ret_goal < 0 || colon == NULL)
        return *ret_goal >= 0;
    char number[16] = "", *end = NULL;
    size_t size = text.size - name_size - 1;
    if (size >= sizeof number)
        return false;
    memcpy(number, colon + 1, size);
    *ret_weight = strtof(number, &end);
    return end != number && *end == '\0' && *ret_weight > 0 && *ret_weight <= WEIGHT_MAX;
}

enum verdict goal_mix_read(const char *text, struct goal_mix *ret_mix, struct error *error)
{
    float weights[GOALS + 1] = {0}, sum = 0;
    const char *list = text;
    struct bytes part;
    while (list_next(&list, &part)) {
        int goal;
        float weight;
        if (!read_part(part, &goal, &weight))
            return error_set(error, VERDICT_SKIP,
                             "'%.*s' is no goal: view, cart, purchase, each with a weight up to "
                             "1000 if that is not 1, as view,cart:3",
                             (int)part.size, part.at);
        weights[goal] += weight;
        sum += weight;
    }
    *ret_mix = (struct goal_mix){{0}};
    for (int goal = 0; goal < GOALS && sum > 0; goal++)
        ret_mix->shares[goal] = weights[goal] / sum;
    return VERDICT_OK;
}

bool goal_mix_equal(const struct goal_mix *a, const struct goal_mix *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
