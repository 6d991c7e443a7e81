/* Fail points: in a test build the process ends at the chosen one, at the chosen time; in any other
 * build the same variable does nothing. */
#include "processors/runtime/failpoint.h"
#include "tests/test.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef WEFT_FAILPOINTS
#define COMPILED_IN 1
#else
#define COMPILED_IN 0
#endif

#define ROUNDS 5

/* Comes to two points ROUNDS times in a process of its own; returns the signal that ended it, or
 * minus the number of rounds when it came to its end. */
static int run(const char *fail_at, unsigned within_us)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (fail_at)
            setenv("WEFT_FAIL_AT", fail_at, 1);
        else
            unsetenv("WEFT_FAIL_AT");
        for (int i = 0; i < ROUNDS; i++) {
            failpoint("here");
            failpoint("here_too");
            failpoint_within("soon", within_us);
            if (within_us)
                usleep(within_us);
        }
        _exit(ROUNDS);
    }
    while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status))
        kill(pid, SIGTERM), kill(pid, SIGCONT);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

int main(void)
{
    int killed = COMPILED_IN ? SIGKILL : -ROUNDS;
    CHECK_INT(run(NULL, 0), -ROUNDS);
    CHECK_INT(run("", 0), -ROUNDS);
    CHECK_INT(run("elsewhere", 0), -ROUNDS);
    CHECK_INT(run("her", 0), -ROUNDS);
    CHECK_INT(run("here", 0), killed);
    CHECK_INT(run("here_too", 0), killed);
    CHECK_INT(run("here:5", 0), killed);
    CHECK_INT(run("here:6", 0), -ROUNDS);
    CHECK_INT(run("here:x", 0), -ROUNDS);
    CHECK_INT(run("here:2:stop", 0), COMPILED_IN ? SIGTERM : -ROUNDS);
    CHECK_INT(run("soon:3", 100000), killed);
    return test_done();
}
