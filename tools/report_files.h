/* Where a report's events come from: files of any form that `weft backtest` reads, or the topics.
 * Thread: one. */
#ifndef WEFT_TOOLS_REPORT_FILES_H
#define WEFT_TOOLS_REPORT_FILES_H

#include "processors/runtime/config.h"
#include "tools/report_events.h"

/* Adds the events of the files. `format` NULL: guessed (events.h). SKIP, with the file: it can't be
 * read. RETRY: Ctrl-C. */
enum verdict report_read_files(struct report_events *events, const struct config *config,
                               const char *format, int count, char **paths, struct error *error);

/* Adds the records of the application's event topics and of its users, read_committed, up to the
 * topics' present ends (report_topics.c). SKIP: there is no such topic, or a mapping can't be made.
 * RETRY: the broker or the registry does not answer, or Ctrl-C. */
enum verdict report_read_topics(struct report_events *events, const struct config *config,
                                struct error *error);

#endif
