/* `weft reset`: deletes all that was learned, so that the next run starts at the first event. */
#include "processors/runtime/command.h"
#include "processors/runtime/kafka/client.h"
#include "processors/runtime/kafka/topics.h"
#include "processors/runtime/statedir.h"
#include "tools/printable.h"

#include <stdio.h>
#include <unistd.h>

static void print_path(const char *path, bool dry_run)
{
    print_text("%s %s\n", dry_run ? "would delete" : "deleting", path);
}

/* Deletes the group's offsets and weft's own topics. The group is not active, state.dir is locked.
 */
static enum verdict delete_in_kafka(const struct config *config, const struct topology *topology,
                                    bool dry_run, struct error *error)
{
    const char *const internal[] = {topology->topics[TOPIC_INTERACTIONS],
                                    topology->topics[TOPIC_VISITOR_CHANGELOG],
                                    topology->topics[TOPIC_MODEL]};
    const size_t count = sizeof internal / sizeof internal[0];
    if (!dry_run) {
        enum verdict verdict = client_delete_group(config, false, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    print_text("%s the offsets of group %s\n", dry_run ? "would delete" : "deleted",
               config->application_id);
    for (size_t i = 0; i < count; i++)
        print_text("%s topic %s\n", dry_run ? "would delete" : "deleting", internal[i]);
    return dry_run ? VERDICT_OK : topics_delete(config, internal, count, error);
}

static enum verdict reset(const struct config *config, bool dry_run, struct error *error)
{
    struct topology topology;
    int lock = -1;
    enum verdict verdict = topology_build(config, &topology, error);
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = client_delete_group(config, true, error); /* refuses if the group is active */
    if (verdict != VERDICT_OK)
        return verdict;
    verdict = statedir_lock(config, &lock, error);
    if (verdict == VERDICT_OK)
        verdict = delete_in_kafka(config, &topology, dry_run, error);
    if (verdict == VERDICT_OK)
        verdict = statedir_clear(config, dry_run, print_path, error);
    if (lock >= 0)
        close(lock);
    return verdict;
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
    struct error error = {0};
    if (reset(&config, dry_run, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    return EXIT_DONE;
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
