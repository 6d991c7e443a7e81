/* `weft broker`: runs an embedded broker, for a first look without Kafka. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/embedded_broker.h"

#include <stdio.h>
#include <unistd.h>

static int broker_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"address-file", required_argument, NULL, 'a'},
        {NULL, 0, NULL, 0},
    };
    struct config config;
    struct topology topology;
    struct error error = {0};
    const char *address_file = NULL;
    int code;
    config_init(&config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'a')
            address_file = optarg;
        else if ((code = command_option(command, option, &config)) >= 0)
            return code;
    }
    if ((code = command_config(&config)) != EXIT_DONE)
        return code;
    struct embedded_broker *broker = NULL;
    if (topology_build(&config, &topology, &error) == VERDICT_OK)
        broker = embedded_broker_new(&config, &topology, &error);
    if (broker == NULL)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    command_catch_signals();
    FILE *file = address_file ? fopen(address_file, "w") : NULL;
    if (file) {
        fprintf(file, "%s\n", embedded_broker_address(broker));
        fclose(file);
    } else if (address_file) {
        embedded_broker_free(broker);
        return command_fail(command, EXIT_FAILED, "%s can't be written", address_file);
    }
    printf("broker at %s; Ctrl-C ends it and forgets everything\n",
           embedded_broker_address(broker));
    fflush(stdout);
    while (!atomic_load(&command_interrupted))
        usleep(50000);
    embedded_broker_free(broker);
    return EXIT_DONE;
}

WEFT_COMMAND(broker) = {
    .name = "broker",
    .summary = "an embedded broker in memory, for a first look",
    .usage =
        "[OPTION]...\n\n" COMMAND_OPTIONS_HELP
        "  --address-file F   also write the address, whose port is chosen at the start, to F\n\n"
        "This is librdkafka's mock cluster. It keeps 5 MB a partition and loses everything\n"
        "when it ends; its transactions prove nothing. For more use Apache Kafka.\n",
    .order = 3,
    .run = broker_command,
};
