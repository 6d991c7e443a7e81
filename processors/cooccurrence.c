/* Co-occurrence: which item follows which, for views, carts and purchases apart. */
#include "processors/processor.h"
#include "processors/recommend/candidates/cooccurrence.h"

static const char *const inputs[] = {"interactions", NULL};
static const char *const outputs[] = {NULL};

WEFT_STEP(cooccurrence) = {
    .name = "cooccurrence",
    .summary = "counts what is viewed, put in the cart and bought after what",
    .stage = STAGE_MODEL,
    .inputs = inputs,
    .outputs = outputs,
    .table = "cooccurrence",
    .interaction = cooccurrence_fold,
};
