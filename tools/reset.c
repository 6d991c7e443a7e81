/* `weft reset`: deletes all that was learned, so that the next run starts at the first event. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/topics.h"
#include "processors/runtime/statedir.h"

#include <stdio.h>
#include <unistd.h>

static void say(const char *path, bool dry_run)
{
    printf("%s %s\n", dry_run ? "would delete" : "deleting", path);
}

static int reset(const struct command *command, const struct config *config, bool dry_run)
{
    struct topology topology;
    struct error error = {0};
    if (topology_build(config, &topology, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    const char *const internal[] = {topology.topics[TOPIC_INTERACTIONS],
                                    topology.topics[TOPIC_VISITOR_CHANGELOG],
                                    topology.topics[TOPIC_MODEL]};
    const size_t count = sizeof internal / sizeof internal[0];
    int lock = -1;
    enum verdict verdict = client_delete_group(config, true, &error); /* is it active? */
    if (verdict == VERDICT_OK)
        verdict = statedir_lock(config, &lock, &error);
    if (verdict == VERDICT_OK && !dry_run)
        verdict = client_delete_group(config, false, &error);
    if (verdict == VERDICT_OK) {
        printf("%s the offsets of group %s\n", dry_run ? "would delete" : "deleted",
               config->application_id);
        for (size_t i = 0; i < count; i++)
            printf("%s topic %s\n", dry_run ? "would delete" : "deleting", internal[i]);
        if (!dry_run)
            verdict = topics_delete(config, internal, count, &error);
    }
    if (verdict == VERDICT_OK)
        verdict = statedir_clear(config, dry_run, say, &error);
    if (lock >= 0)
        close(lock);
    return verdict == VERDICT_OK ? EXIT_DONE
                                 : command_fail(command, EXIT_FAILED, "%s", error.message);
}

static int reset_command(const struct command *command, int argc, char **argv)
{
    static const struct option options[] = {
        COMMAND_OPTIONS,
        {"dry-run", no_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    struct config config;
    bool dry_run = false;
    int code;
    config_init(&config);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'd')
            dry_run = true;
        else if ((code = command_option(command, option, &config)) >= 0)
            return code;
    }
    if (optind < argc)
        return command_fail(command, EXIT_USAGE, "'%s' is not an option", argv[optind]);
    if ((code = command_config(&config)) != EXIT_DONE)
        return code;
    return reset(command, &config, dry_run);
}

WEFT_COMMAND(reset) = {
    .name = "reset",
    .summary = "forgets everything learned; the next run starts at the first event",
    .usage = "[--dry-run] [OPTION]...\n\n" COMMAND_OPTIONS_HELP
             "  --dry-run          only print what would be deleted\n\n"
             "Deletes the group's offsets, the interactions log, the changelog, the snapshots and\n"
             "state.dir on this machine. On other machines run it too, or delete state.dir there.\n"
             "Refuses while a process runs. Recommendations, dead letters and late records stay.\n",
    .order = 9,
    .run = reset_command,
};
