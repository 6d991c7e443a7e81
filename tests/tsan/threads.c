/* C11's threads over POSIX's, for the thread sanitizer alone.
 *
 * librdkafka as Debian builds it starts its threads and takes its locks by C11's calls, which the
 * sanitizers of gcc 12 and clang 14 do not know: they crash in the first such thread, and see no
 * order between what it did before and after a lock. glibc's C11 types are POSIX's of the same
 * size, so the same calls by the other name are all that is needed. Linked into the program, these
 * come before libc's. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t), "glibc's mtx_t holds a POSIX mutex");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t), "glibc's cnd_t holds a POSIX condition");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "glibc's thrd_t is a POSIX thread");

struct start {
    thrd_start_t body;
    void *argument;
};

static int result_of(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case EBUSY:
        return thrd_busy;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    default:
        return thrd_error;
    }
}

static pthread_mutex_t *mutex_of(mtx_t *mutex)
{
    return (pthread_mutex_t *)(void *)mutex;
}

static pthread_cond_t *condition_of(cnd_t *condition)
{
    return (pthread_cond_t *)(void *)condition;
}

static void *run(void *argument)
{
    struct start start = *(struct start *)argument;
    free(argument);
    return (void *)(intptr_t)start.body(start.argument);
}

int thrd_create(thrd_t *ret_thread, thrd_start_t body, void *argument)
{
    struct start *start = malloc(sizeof *start);
    if (start == NULL)
        return thrd_nomem;
    *start = (struct start){.body = body, .argument = argument};
    int error = pthread_create((pthread_t *)ret_thread, NULL, run, start);
    if (error)
        free(start);
    return result_of(error);
}

int thrd_join(thrd_t thread, int *ret_result)
{
    void *result = NULL;
    int error = pthread_join((pthread_t)thread, &result);
    if (ret_result)
        *ret_result = (int)(intptr_t)result;
    return result_of(error);
}

int thrd_detach(thrd_t thread)
{
    return result_of(pthread_detach((pthread_t)thread));
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    int error = pthread_mutex_init(mutex_of(mutex), &attributes);
    pthread_mutexattr_destroy(&attributes);
    return result_of(error);
}

void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_destroy(mutex_of(mutex));
}

int mtx_lock(mtx_t *mutex)
{
    return result_of(pthread_mutex_lock(mutex_of(mutex)));
}

int mtx_trylock(mtx_t *mutex)
{
    return result_of(pthread_mutex_trylock(mutex_of(mutex)));
}

int mtx_timedlock(mtx_t *restrict mutex, const struct timespec *restrict until)
{
    return result_of(pthread_mutex_timedlock(mutex_of(mutex), until));
}

int mtx_unlock(mtx_t *mutex)
{
    return result_of(pthread_mutex_unlock(mutex_of(mutex)));
}

int cnd_init(cnd_t *condition)
{
    return result_of(pthread_cond_init(condition_of(condition), NULL));
}

void cnd_destroy(cnd_t *condition)
{
    pthread_cond_destroy(condition_of(condition));
}

int cnd_signal(cnd_t *condition)
{
    return result_of(pthread_cond_signal(condition_of(condition)));
}

int cnd_broadcast(cnd_t *condition)
{
    return result_of(pthread_cond_broadcast(condition_of(condition)));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
    return result_of(pthread_cond_wait(condition_of(condition), mutex_of(mutex)));
}

int cnd_timedwait(cnd_t *restrict condition, mtx_t *restrict mutex,
                  const struct timespec *restrict until)
{
    return result_of(pthread_cond_timedwait(condition_of(condition), mutex_of(mutex), until));
}

void call_once(once_flag *flag, void (*body)(void))
{
    pthread_once((pthread_once_t *)(void *)flag, body);
}
