#include "processors/runtime/interactions_log.h"

#include "schemas/codec.h"

#include <stdlib.h>

void log_reader_init(struct log_reader *reader)
{
    reader->interaction_fingerprint = schema_fingerprint("interaction");
    reader->weights_fingerprint = schema_fingerprint("weights");
    reader->weights = weights_new(0);
}

void log_reader_release(struct log_reader *reader)
{
    free(reader->weights);
}

enum verdict log_read(struct log_reader *reader, struct bytes bytes, struct log_record *ret_record,
                      struct error *error)
{
    struct error ignored = {0};
    ret_record->weights = NULL;
    if (interaction_read(bytes, reader->interaction_fingerprint, &ret_record->interaction,
                         &ignored) == VERDICT_OK)
        return VERDICT_OK;
    if (weights_read(bytes, reader->weights_fingerprint, reader->weights, NULL) == VERDICT_OK) {
        ret_record->weights = reader->weights;
        return VERDICT_OK;
    }
    return error_set(error, VERDICT_SKIP, "%s", ignored.message);
}

void log_fold(const struct topology *topology, struct model *model, const struct log_record *record)
{
    if (record->weights)
        model_merge(model, record->weights);
    else
        for (size_t i = 0; i < topology->model_count; i++)
            topology->model[i]->interaction(model, &record->interaction);
    model->folded++;
}
