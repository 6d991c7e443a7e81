/* `weft check --report`: gathers a data report from files or from the input topics, and writes it.
 */
#ifndef WEFT_TOOLS_CHECK_REPORT_H
#define WEFT_TOOLS_CHECK_REPORT_H

#include "processors/runtime/command.h"

struct report_request {
    bool report;      /* --report */
    bool from_topics; /* --from-topics: the input topics, from their beginning to their present end
                       */
    bool json;        /* --json: one JSON object on standard output; else text */
    const char *page; /* --html: the file for the page; NULL: none */
    const char *format; /* of files, as for event_file_open() */
};

/* Returns the exit code: EXIT_DONE also if records are rejected, for the report tells them.
 * Thread: the main thread. */
int check_report(const struct command *command, const struct config *config,
                 const struct report_request *request, int count, char **paths);

#endif
