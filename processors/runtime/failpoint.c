#include "processors/runtime/failpoint.h"

#ifdef WEFT_FAILPOINTS

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* How often the process came to the chosen point. Only test builds have this global. */
static atomic_long hits;

/* The signal to send here; 0: none. */
static int due_signal(const char *point)
{
    const char *chosen = getenv("WEFT_FAIL_AT");
    size_t size = strlen(point);
    if (chosen == NULL || strncmp(chosen, point, size) != 0 ||
        (chosen[size] != '\0' && chosen[size] != ':'))
        return 0;
    char *rest = NULL;
    long nth = chosen[size] == ':' ? strtol(chosen + size + 1, &rest, 10) : 1;
    if (atomic_fetch_add(&hits, 1) + 1 != nth)
        return 0;
    return rest && strcmp(rest, ":stop") == 0 ? SIGSTOP : SIGKILL;
}

void failpoint(const char *point)
{
    int due = due_signal(point);
    if (due)
        kill(getpid(), due);
}

struct bomb {
    int signal;
    unsigned delay_us;
};

static void *explode(void *argument)
{
    struct bomb *bomb = argument;
    usleep(bomb->delay_us);
    kill(getpid(), bomb->signal);
    free(bomb);
    return NULL;
}

void failpoint_within(const char *point, unsigned us_max)
{
    uint32_t drawn = 0;
    pthread_t thread;
    int due = due_signal(point);
    struct bomb *bomb = due ? malloc(sizeof *bomb) : NULL;
    if (bomb == NULL)
        return;
    if (getrandom(&drawn, sizeof drawn, 0) != sizeof drawn)
        drawn = 0;
    *bomb = (struct bomb){due, us_max ? drawn % us_max : 0};
    if (pthread_create(&thread, NULL, explode, bomb) != 0)
        kill(getpid(), due);
    else
        pthread_detach(thread);
}

#else

/* ISO C forbids an empty file. */
typedef int failpoint_not_compiled_in;

#endif
