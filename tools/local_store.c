#include "tools/local_store.h"

#include <stdio.h>

enum verdict local_store_open(const struct config *config, const char *part,
                              struct store **ret_store, struct error *error)
{
    char path[CONFIG_LONG_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", config->state_dir, part);
    return store_rocksdb_open(path, true, ret_store, error);
}
