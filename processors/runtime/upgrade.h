/* Processes of different versions of weft under one application.id: a newer one waits until the
 * older ones are gone, and an older one does not start. */
#ifndef WEFT_RUNTIME_UPGRADE_H
#define WEFT_RUNTIME_UPGRADE_H

#include "processors/runtime/process.h"

/* Waits while processes of an older weft run, or no broker tells, until the process is told to end.
 * The log says what to do. FATAL: a newer weft runs. Thread: main, before the others start. */
enum verdict upgrade_await(const struct run *run, struct error *error);

/* Looks every few seconds for processes of an older weft that have been started meanwhile. Logs an
 * error that names one of those that it finds. Thread: publisher. */
struct upgrade_watch;

/* NULL with the error: the configuration is wrong. `run` is borrowed until the end. */
struct upgrade_watch *upgrade_watch_new(const struct run *run, struct error *error);
void upgrade_watch_free(struct upgrade_watch *watch); /* NULL is fine */
void upgrade_look(struct upgrade_watch *watch);

#endif
