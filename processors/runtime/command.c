#include "processors/runtime/command.h"

#include "processors/runtime/kafka/kafka_keys.h"
#include "processors/runtime/log.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

atomic_bool command_interrupted;

static void interrupted(int signal_number)
{
    (void)signal_number;
    atomic_store(&command_interrupted, true);
}

void command_catch_signals(void)
{
    struct sigaction action = {.sa_handler = interrupted};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit fails as one to a full disk does */
}

int command_fail(const struct command *command, int code, const char *format, ...)
{
    va_list arguments;
    char *text = NULL;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0)
        text = NULL;
    va_end(arguments);
    if (text)
        log_redact(text);
    fflush(stdout);
    fprintf(stderr, "weft %s: %s\n", command->name, text ? text : "out of memory");
    free(text);
    if (code == EXIT_USAGE)
        fprintf(stderr, "Try 'weft %s --help'.\n", command->name);
    return code;
}

int command_option(const struct command *command, int option, struct config *config)
{
    struct error error = {0};
    enum verdict verdict = VERDICT_OK;
    switch (option) {
    case 'c':
        verdict = config_read_file(config, optarg, &error);
        break;
    case 's':
        verdict = config_assign(config, optarg, &error);
        break;
    case 'b':
        verdict = config_set(config, "bootstrap.servers", optarg, &error);
        break;
    case 'h':
        printf("weft %s: %s\n\nUsage: weft %s %s", command->name, command->summary, command->name,
               command->usage);
        return EXIT_DONE;
    default:
        fprintf(stderr, "Try 'weft %s --help'.\n", command->name);
        return EXIT_USAGE;
    }
    if (verdict != VERDICT_OK)
        return command_fail(command, EXIT_USAGE, "%s", error.message);
    return -1;
}

void command_warn(struct config *config)
{
    for (uint32_t i = 0; i < config->warnings.count; i++)
        fprintf(stderr, "weft: warning: %s\n", config->warnings.text[i]);
    config->warnings.count = 0;
}

int command_config(struct config *config)
{
    struct error error = {0};
    command_warn(config);
    if (config_finish(config, &error) == VERDICT_OK &&
        kafka_keys_check(config, &error) == VERDICT_OK)
        return EXIT_DONE;
    log_redact(error.message);
    fprintf(stderr, "weft: %s\n", error.message);
    return EXIT_USAGE;
}
