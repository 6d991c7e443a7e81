#include "processors/recommend/ranking/cart_candidates.h"

#include "processors/recommend/candidates/substitutes.h"

_Static_assert(STYLE_PROPOSED <= RANKED_MAX, "all have room");

static void leave_out_substitutes(const struct style_view *view, const struct basket *basket,
                                  struct cart_candidates *candidates)
{
    uint32_t left = 0;
    for (uint32_t i = 0; i < candidates->count; i++) {
        if (is_substitute(view, basket, candidates->items[i].item))
            continue;
        candidates->items[left] = candidates->items[i];
        candidates->evidence[left++] = candidates->evidence[i];
    }
    candidates->count = left;
}

static void add_styled(struct styling *styling, const struct style_view *view,
                       struct cart_candidates *candidates)
{
    struct top_item items[STYLE_PROPOSED];
    uint32_t count = styling_propose(styling, view, candidates->items, candidates->count, items);
    uint32_t from = candidates->count;
    if (from + count > RANKED_MAX)
        from = RANKED_MAX - count;
    for (uint32_t i = 0; i < count; i++) {
        items[i].score = 0; /* the walk's scores are of another kind */
        candidates->items[from + i] = items[i];
        candidates->evidence[from + i] = (struct basket_evidence){0};
    }
    candidates->count = from + count;
}

void cart_find(struct basket_walk_memory *walk, struct styling *styling,
               const struct style_view *view, const struct basket *basket,
               struct cart_candidates *ret_candidates)
{
    struct cart_candidates *candidates = ret_candidates;
    candidates->count =
        basket_top(walk, view->model, basket, RANKED_MAX, candidates->items, candidates->evidence);
    if (view->catalogue == NULL || view->catalogue->present == 0)
        return;
    if (styling) {
        styling_catch_up(styling, view);
        styling_set_cart(styling, view, basket->cart, basket->cart_count);
        add_styled(styling, view, candidates);
    }
    leave_out_substitutes(view, basket, candidates);
}
