/* `weft get`: what weft knows: a visitor's lists, a ranking, an item's neighbours, a whole table,
 * or the model as a file. Each thing is a row of `things` and has its code in a file of its own. */
#include "processors/runtime/command.h"
#include "tools/get_lists.h"
#include "tools/get_model.h"
#include "tools/get_table.h"

#include <stdlib.h>

#define SCOPE_OPTION 1000 /* plus the scope: the number of an option for getopt_long() */

struct thing {
    const char *name;
    int words_min; /* that have to follow the name */
    int (*get)(struct get_request *request, int count, char **words);
};

static const struct thing things[] = {
    {"visitor", 1, get_visitor}, {"ranking", 0, get_ranking}, {"item", 1, get_item},
    {"table", 1, get_table},     {"model", 1, get_model},
};

static const char *const source_names[GET_SOURCES] = {"state", "topics", "files"};

static const struct thing *find_thing(const char *name)
{
    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++)
        if (strcmp(things[i].name, name) == 0)
            return &things[i];
    return NULL;
}

static int set_source(struct get_request *request, const char *name)
{
    for (int source = 0; source < GET_SOURCES; source++) {
        if (strcmp(source_names[source], name) == 0) {
            request->source = (enum get_source)source;
            return -1;
        }
    }
    return command_fail(request->command, EXIT_USAGE, "--from takes state, topics or files");
}

/* -1: go on; otherwise the exit code. */
static int read_option(struct get_request *request, int option)
{
    if (option > SCOPE_OPTION && option < SCOPE_OPTION + RANKING_SCOPES) {
        request->scope = (enum ranking_scope)(option - SCOPE_OPTION);
        request->scope_name = optarg;
        return -1;
    }
    switch (option) {
    case 'F':
        return set_source(request, optarg);
    case 'f':
        request->format = optarg;
        return -1;
    case 'w':
        request->wire = optarg;
        return -1;
    case 'e':
        request->explain = true;
        return -1;
    case 'l':
        request->lists = true;
        return -1;
    case 'j':
        request->json = true;
        return -1;
    case 'n':
        request->shown_max = strtoul(optarg, NULL, 10);
        return -1;
    default:
        return command_option(request->command, option, &request->config);
    }
}

static int get_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"from", required_argument, NULL, 'F'},
        {"format", required_argument, NULL, 'f'},
        {"wire", required_argument, NULL, 'w'},
        {"json", no_argument, NULL, 'j'},
        {"lists", no_argument, NULL, 'l'},
        {"shown", required_argument, NULL, 'n'},
        {"explain", no_argument, NULL, 'e'},
        {"category", required_argument, NULL, SCOPE_OPTION + SCOPE_CATEGORY},
        {"brand", required_argument, NULL, SCOPE_OPTION + SCOPE_BRAND},
        {"gender", required_argument, NULL, SCOPE_OPTION + SCOPE_GENDER},
        {"age-group", required_argument, NULL, SCOPE_OPTION + SCOPE_AGE_GROUP},
        {"term", required_argument, NULL, SCOPE_OPTION + SCOPE_TERM},
        {NULL, 0, NULL, 0},
    };
    struct get_request request = {.command = command, .wire = "json", .shown_max = SIZE_MAX};
    struct error error = {0};
    int code;
    config_init(&request.config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;)
        if ((code = read_option(&request, option)) >= 0)
            return code;
    int count = argc - optind;
    char **words = argv + optind;
    const struct thing *thing = count > 0 ? find_thing(words[0]) : NULL;
    if (count > 0 && thing == NULL)
        return command_fail(command, EXIT_USAGE,
                            "'%s' can't be got: visitor, ranking, item, table or model", words[0]);
    if (thing == NULL || count - 1 < thing->words_min)
        return command_fail(command, EXIT_USAGE,
                            "say what to get: visitor ID, ranking NAME, item ID, table NAME, "
                            "model FILE");
    if ((code = command_config(&request.config)) != EXIT_DONE)
        return code;
    if (topology_build(&request.config, &request.topology, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    command_catch_signals();
    return thing->get(&request, count - 1, words + 1);
}

WEFT_COMMAND(get) = {
    .name = "get",
    .summary =
        "shows a visitor's lists, a ranking, an item's neighbours, or a table; saves the model",
    .usage =
        "visitor ID [OPTION]...\n"
        "       weft get ranking viewed|carted|bought|trending [OPTION]...\n"
        "       weft get ranking --term TERM [OPTION]...\n"
        "       weft get item ID [--lists] [OPTION]...\n"
        "       weft get table visitor|cooccurrence|popularity|queries|channels|trends|\n"
        "                      vectors|weights|lists [OPTION]... [FILE]...\n"
        "       weft get model FILE [OPTION]...\n\n" COMMAND_OPTIONS_HELP
        "  --lists            item: print its lists in topics.items, not its neighbours\n"
        "  --json             visitor, ranking, item --lists: print the record as it is in the\n"
        "                     topic\n"
        "  --shown N          visitor, ranking, item --lists: print only the first N items of\n"
        "                     each list\n"
        "  --category C       ranking: the ranking of a category (\"Women > Coats\"), not of the\n"
        "                     whole shop; also --brand B, --gender G, --age-group A\n"
        "  --explain          visitor: make the lists again from state.dir, and say why each\n"
        "                     candidate is shown or was removed\n"
        "  --from state       item, table, model: read state.dir (default); this may run beside\n"
        "                     'weft run'\n"
        "  --from topics      read the changelog and the interactions log; model: read the newest\n"
        "                     snapshot\n"
        "  --from files       table: compute it from FILEs with the in-process driver\n"
        "  --format F         the format of FILEs; without it the format is guessed\n"
        "  --wire W           the driver reads the events as json (default), avro or confluent,\n"
        "                     which needs no registry here\n",
    .order = 5,
    .run = get_command,
};
