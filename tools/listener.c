#include "tools/listener.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define POLL_MS 100

struct listener {
    struct partition_reader *reader;
    void (*take)(void *opaque, const struct kafka_record *message);
    void *opaque;
    pthread_t thread;
    atomic_bool stop;
};

static void *listen_on(void *argument)
{
    struct listener *listener = argument;
    struct kafka_record message;
    while (!atomic_load(&listener->stop))
        if (partition_reader_next(listener->reader, POLL_MS, &message) == VERDICT_OK &&
            message.value.at)
            listener->take(listener->opaque, &message);
    return NULL;
}

enum verdict listener_new(const struct config *config, const char *topic,
                          void (*take)(void *opaque, const struct kafka_record *message),
                          void *opaque, struct listener **ret_listener, struct error *error)
{
    struct listener *listener = memory_zero(1, sizeof *listener);
    enum verdict verdict =
        client_open_reader(config, topic, CLIENT_ALL_PARTITIONS, true, &listener->reader, error);
    if (verdict != VERDICT_OK) {
        free(listener);
        return verdict;
    }
    listener->take = take;
    listener->opaque = opaque;
    int code = pthread_create(&listener->thread, NULL, listen_on, listener);
    if (code != 0) {
        partition_reader_free(listener->reader);
        free(listener);
        return error_set(error, VERDICT_FATAL, "a thread can't be started: %s", strerror(code));
    }
    *ret_listener = listener;
    return VERDICT_OK;
}

void listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    atomic_store(&listener->stop, true);
    pthread_join(listener->thread, NULL);
    partition_reader_free(listener->reader);
    free(listener);
}
