#include "processors/recommend/lists/filter_item.h"

const char *const removal_texts[REMOVALS] = {
    "shown",
    "the item of the page",
    "deleted from the catalogue",
    "out of stock",
    "bought lately",
    "for adults",
    "below the lowest price",
    "for another gender",
    "for another age group",
    "shown often without a click",
    "excluded by a rule",
    "a variant of an item further up",
    "over the limit of its brand",
    "viewed before",
    "in the cart",
    "in a category that the list leaves out",
    "beyond the end of the list",
};
