/* `weft reset`: back to the beginning of the events. */
#include "processors/runtime/client.h"
#include "processors/runtime/command.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS_OPEN_MAX 16

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status;
    (void)type;
    (void)place;
    return remove(path);
}

/* Only what weft puts there: a mistaken state.dir loses nothing else. */
static int remove_state(const struct command *command, const struct config *config, bool dry_run)
{
    static const char *const parts[] = {"visitors", "model"};
    char path[2 * CONFIG_TEXT_MAX];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        struct stat status;
        snprintf(path, sizeof path, "%s/%s", config->state_dir, parts[i]);
        if (stat(path, &status) != 0)
            continue;
        printf("%s %s\n", dry_run ? "would delete" : "deleting", path);
        if (!dry_run && nftw(path, remove_entry, FOLDERS_OPEN_MAX, FTW_DEPTH | FTW_PHYS) != 0)
            return command_fail(command, EXIT_FAILED, "%s can't be deleted", path);
    }
    return EXIT_DONE;
}

static int reset(const struct command *command, const struct config *config, bool dry_run)
{
    struct topology topology;
    struct error error = {0};
    if (topology_build(config, &topology, &error) != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    const char *const internal[] = {topology.topics[TOPIC_INTERACTIONS],
                                    topology.topics[TOPIC_VISITOR_CHANGELOG]};
    const size_t count = sizeof internal / sizeof internal[0];
    enum verdict verdict = client_delete_group(config, dry_run, &error);
    if (verdict == VERDICT_OK) {
        printf("%s the offsets of group %s\n", dry_run ? "would delete" : "deleted",
               config->application_id);
        for (size_t i = 0; i < count; i++)
            printf("%s topic %s\n", dry_run ? "would delete" : "deleting", internal[i]);
        if (!dry_run)
            verdict = client_delete_topics(config, internal, count, &error);
    }
    if (verdict != VERDICT_OK)
        return command_fail(command, EXIT_FAILED, "%s", error.message);
    return remove_state(command, config, dry_run);
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
             "  --dry-run          say what would be done\n\n"
             "Deletes the group's offsets, the interactions log, the changelog and the state in\n"
             "state.dir of this machine; on other machines run it too, or delete state.dir.\n"
             "Refuses while a process is running. Recommendations, dead letters and late records\n"
             "stay.\n",
    .order = 9,
    .run = reset_command,
};
