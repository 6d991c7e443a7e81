/* `weft describe`: prints the topology. */
#include "processors/runtime/command.h"
#include "processors/runtime/mapping_files.h"
#include "processors/runtime/topology.h"
#include "tools/asyncapi.h"

#include <stdio.h>

/* The topics whose records go through a mapping. */
static void mappings_text(const struct config *config, const struct topology *topology,
                          struct buffer *text)
{
    bool any = false;
    for (int type = 0; type < EVENT_USER; type++) {
        const char *chosen = mapping_chosen(config, (enum event_type)type);
        if (!topology_uses(topology, type) || strcmp(chosen, "weft") == 0)
            continue;
        buffer_format(text, "%s  %-28s %s\n", any ? "" : "mappings\n", topology->topics[type],
                      chosen);
        any = true;
    }
}

static int describe_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"dot", no_argument, NULL, 'd'},
        {"asyncapi", no_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    struct config config;
    struct topology topology;
    struct error error = {0};
    bool dot = false, asyncapi = false;
    int code;
    config_init(&config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'd')
            dot = true;
        else if (option == 'a')
            asyncapi = true;
        else if ((code = command_option(command, option, &config)) >= 0)
            return code;
    }
    if ((code = command_config(&config)) != EXIT_DONE)
        return code;
    if (topology_build(&config, &topology, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    struct buffer text = {0};
    if (asyncapi) {
        asyncapi_text(&config, &topology, &text);
    } else if (dot) {
        topology_dot(&topology, &text);
    } else {
        topology_text(&topology, &text);
        mappings_text(&config, &topology, &text);
    }
    fwrite(text.at, 1, text.size, stdout);
    buffer_release(&text);
    return EXIT_DONE;
}

WEFT_COMMAND(describe) = {
    .name = "describe",
    .summary = "prints the steps and topics, as text, DOT or AsyncAPI",
    .usage = "[--dot | --asyncapi] [OPTION]...\n\n" COMMAND_OPTIONS_HELP
             "  --dot              print DOT for Graphviz: weft describe --dot | dot -Tsvg\n"
             "  --asyncapi         print the public topics and their records as an AsyncAPI 3.0\n"
             "                     document, with JSON Schemas, Avro schemas and examples\n",
    .order = 2,
    .run = describe_command,
};
