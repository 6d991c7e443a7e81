/* The command line of `weft get`, read and checked. */
#ifndef WEFT_TOOLS_GET_REQUEST_H
#define WEFT_TOOLS_GET_REQUEST_H

#include "processors/runtime/command.h"
#include "processors/runtime/topology.h"
#include "schemas/ranking.h"

/* Where tables and the model are read from (--from). */
enum get_source {
    GET_FROM_STATE,  /* the stores in state.dir */
    GET_FROM_TOPICS, /* the changelog and the interactions log, or the newest snapshot */
    GET_FROM_FILES,  /* event files, through the in-process driver */
    GET_SOURCES,
};

struct get_request {
    const struct command *command;
    struct config config;
    struct topology topology;
    enum get_source source;
    const char *format, *wire; /* how event files are read; format NULL: guessed */
    bool json;                 /* the record as it is in the topic */
    bool explain;
    bool lists;       /* of an item, in place of its neighbours */
    size_t shown_max; /* items of a list or ranking that are printed */
    enum ranking_scope scope;
    const char *scope_name; /* NULL: the whole shop */
};

#endif
