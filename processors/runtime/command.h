/* The commands of the binary. A command is a row made with WEFT_COMMAND in the file that holds it;
 * `weft --help` lists the rows.
 *
 * Exit codes: 0 done, 1 failed, 2 used wrongly. */
#ifndef WEFT_RUNTIME_COMMAND_H
#define WEFT_RUNTIME_COMMAND_H

#include "processors/runtime/config.h"

#include <getopt.h>
#include <stdatomic.h>

enum exit_code { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct command {
    const char *name;
    const char *summary;
    const char *usage; /* what follows the name, and a line for each option */
    int order;         /* in the list of commands */
    int (*run)(const struct command *command, int argc, char **argv); /* argv[0]: the name */
};

#define WEFT_COMMAND(name)                                                                         \
    extern const struct command weft_command_##name;                                               \
    static const struct command *const weft_command_at_##name                                      \
        __attribute__((section("weft_commands"), used)) = &weft_command_##name;                    \
    const struct command weft_command_##name

/* Options that every command takes, to be put at the start of its table. */
#define COMMAND_OPTIONS                                                                            \
    {"config", required_argument, NULL, 'c'}, {"set", required_argument, NULL, 's'},               \
        {"brokers", required_argument, NULL, 'b'}, {"help", no_argument, NULL, 'h'}

#define COMMAND_OPTIONS_HELP                                                                       \
    "  --config FILE      a .properties file\n"                                                    \
    "  --set KEY=VALUE    over it; may come often ('weft check --keys' lists the keys)\n"          \
    "  --brokers LIST     short for --set bootstrap.servers=LIST\n"

/* Handles one of those; -1: handled, go on; else the exit code to return. `config` was initialised
 * by config_init(). */
int command_option(const struct command *command, int option, struct config *config);

/* config_finish() with its warnings and its error printed. EXIT_DONE or EXIT_USAGE. */
int command_config(struct config *config);

/* Prints the warnings and forgets them, so that a copy of the configuration does not repeat them.
 */
void command_warn(struct config *config);

/* Prints "weft NAME: message" and returns the code. */
int command_fail(const struct command *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Set by SIGINT and SIGTERM once command_catch_signals() was called. The only mutable global:
 * a signal handler can reach no other. */
extern atomic_bool command_interrupted;
void command_catch_signals(void);

#endif
