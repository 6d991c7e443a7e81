/* The commands of the binary. A command is a row made with WEFT_COMMAND, at the end of its file.
 * The linker collects the rows, and `weft --help` lists them. Thread: the main thread.
 *
 * Exit codes: 0 done, 1 failed, 2 used wrongly, 75 (EX_TEMPFAIL of sysexits.h) try again later. */
#ifndef WEFT_RUNTIME_COMMAND_H
#define WEFT_RUNTIME_COMMAND_H

#include "processors/runtime/config.h"

#include <getopt.h>
#include <stdatomic.h>

enum exit_code { EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_WAIT = 75 };

struct command {
    const char *name;
    const char *summary;
    const char *usage; /* the arguments after the name, then a line for each option */
    int order;         /* its place in the list of commands, 0 to 99 */
    int (*run)(const struct command *command, int argc, char **argv); /* argv[0]: the name */
};

#define WEFT_COMMAND(name)                                                                         \
    extern const struct command weft_command_##name;                                               \
    static const struct command *const weft_command_at_##name                                      \
        __attribute__((section("weft_commands"), used)) = &weft_command_##name;                    \
    const struct command weft_command_##name

/* Options that every command takes; they stand first in its table. */
#define COMMAND_OPTIONS                                                                            \
    {"config", required_argument, NULL, 'c'}, {"set", required_argument, NULL, 's'},               \
        {"brokers", required_argument, NULL, 'b'}, {"help", no_argument, NULL, 'h'}

#define COMMAND_OPTIONS_HELP                                                                       \
    "  --config FILE      a .properties file\n"                                                    \
    "  --set KEY=VALUE    set one key over the file ('weft check --keys' lists the keys)\n"        \
    "  --brokers LIST     short for --set bootstrap.servers=LIST\n"

/* Handles one of these options. -1: go on; else the exit code to return. config_init() comes
 * before it. */
int command_option(const struct command *command, int option, struct config *config);

/* Prints the configuration's warnings, finishes it, and prints the error if that fails. EXIT_DONE
 * or EXIT_USAGE. */
int command_config(struct config *config);

/* Prints the warnings and forgets them, so that a copy of the configuration does not repeat them.
 */
void command_warn(struct config *config);

/* Prints "weft NAME: message" on standard error and returns the code. */
int command_fail(const struct command *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Set by SIGINT and SIGTERM, after command_catch_signals(). It is the only mutable global, since a
 * signal handler has no argument. */
extern atomic_bool command_interrupted;
void command_catch_signals(void);

#endif
