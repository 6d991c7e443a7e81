#include "processors/runtime/command.h"
#include "schemas/library_memory.h"

#include <stdio.h>

extern const struct command *const __start_weft_commands[];
extern const struct command *const __stop_weft_commands[];

static void list_commands(FILE *to)
{
    size_t count = (size_t)(__stop_weft_commands - __start_weft_commands);
    fprintf(to, "weft " WEFT_VERSION ": real-time recommendations from event streams\n\n"
                "Usage: weft COMMAND [OPTION]...\n\nCommands:\n");
    for (int order = 0; order < 100; order++)
        for (size_t i = 0; i < count; i++)
            if (__start_weft_commands[i]->order == order)
                fprintf(to, "  %-13s %s\n", __start_weft_commands[i]->name,
                        __start_weft_commands[i]->summary);
    fprintf(to, "\n'weft COMMAND --help' tells more. Exit codes: 0 done, 1 failed, 2 used "
                "wrongly,\n75 nothing is wrong here, but a broker or the registry is away: try "
                "again later.\n");
}

int main(int argc, char **argv)
{
    library_memory_prepare();
    if (argc < 2) {
        list_commands(stderr);
        return EXIT_USAGE;
    }
    struct bytes name = bytes_text(argv[1]);
    if (bytes_equal(name, bytes_text("--help")) || bytes_equal(name, bytes_text("-h")) ||
        bytes_equal(name, bytes_text("help"))) {
        list_commands(stdout);
        return EXIT_DONE;
    }
    if (bytes_equal(name, bytes_text("--version"))) {
        printf("weft " WEFT_VERSION "\n");
        return EXIT_DONE;
    }
    for (const struct command *const *row = __start_weft_commands; row < __stop_weft_commands;
         row++)
        if (bytes_equal(name, bytes_text((*row)->name)))
            return (*row)->run(*row, argc - 1, argv + 1);
    fprintf(stderr, "weft: there is no command '%s'; 'weft --help' lists them\n", argv[1]);
    return EXIT_USAGE;
}
