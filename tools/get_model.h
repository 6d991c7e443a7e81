/* `weft get item` and `weft get model`: the model's row of an item, and the whole model as a file.
 */
#ifndef WEFT_TOOLS_GET_MODEL_H
#define WEFT_TOOLS_GET_MODEL_H

#include "state/model.h"
#include "tools/get_request.h"

/* Fills the empty model from state.dir, or else by a fold of the whole interactions log. */
enum verdict get_load_model(const struct get_request *request, struct model *model,
                            struct error *error);

/* Both take the words behind the name of the thing and return the exit code.
 * item: words[0] is its id. Prints its counts and the items seen before and after it; with --lists
 * what get_item_lists() prints. */
int get_item(struct get_request *request, int count, char **words);
/* model: words[0] is the path of the file that is written (state/model_file.h). */
int get_model(struct get_request *request, int count, char **words);

#endif
