#include "processors/runtime/list_makers.h"

#include "processors/runtime/checked_outlet.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* An output of a step on a maker's thread; the key and the value follow in the buffer. */
struct emitted {
    enum output output;
    int32_t partition;
    size_t key_size, value_size;
};

struct list_maker {
    struct outlet buffered;        /* first: collects what the steps emit */
    struct checked_outlet checked; /* the steps emit to it */
    struct list_makers *makers;
    struct recommender *recommender;
    struct context context;
    struct counts counts;
    struct arena arena;
    struct buffer scratch, emitted;
    enum verdict verdict;
    struct error error;
    pthread_t thread; /* not of maker 0 */
};

struct list_makers {
    struct context *context;
    const struct topology *topology;
    struct outlet *outlet;
    struct list_maker *at[LIST_MAKERS_MAX];
    int count;
    pthread_mutex_t lock;
    pthread_cond_t begun, ended;
    /* under the lock */
    uint64_t round;
    int working; /* makers that have not ended the round */
    bool stop;
    struct visitor *const *visitors;
    size_t visitor_count;
};

/* ---- one maker ---- */

static enum verdict collect(struct outlet *self, enum output output, int32_t partition,
                            struct bytes key, struct bytes value, struct error *error)
{
    struct list_maker *maker = (struct list_maker *)(void *)self;
    const struct emitted emitted = {output, partition, key.size, value.size};
    (void)error;
    buffer_append(&maker->emitted, &emitted, sizeof emitted);
    buffer_append(&maker->emitted, key.at, key.size);
    buffer_append(&maker->emitted, value.at, value.size);
    return VERDICT_OK;
}

static struct list_maker *new_maker(struct list_makers *makers)
{
    const struct context *context = makers->context;
    struct list_maker *maker = memory_zero(1, sizeof *maker);
    maker->buffered.emit = collect;
    maker->makers = makers;
    checked_outlet_init(&maker->checked, makers->topology, NULL);
    maker->recommender = recommender_new(&context->settings->recommend, context->model);
    return maker;
}

static void free_maker(struct list_maker *maker)
{
    recommender_free(maker->recommender);
    arena_release(&maker->arena);
    buffer_release(&maker->scratch);
    buffer_release(&maker->emitted);
    free(maker);
}

static bool has_visitor(const struct list_maker *maker, const struct visitor *visitor)
{
    return list_makers_of(maker->makers, visitor) == maker->recommender;
}

/* Takes over the clocks and limits of the worker's context; outputs go to `outlet`. */
static void prepare(struct list_maker *maker, struct outlet *outlet)
{
    maker->checked.next = outlet;
    maker->context = *maker->makers->context;
    maker->context.counts = &maker->counts;
    maker->context.arena = &maker->arena;
    maker->context.scratch = &maker->scratch;
    maker->context.outlet = &maker->checked.outlet;
    maker->context.recommender = maker->recommender;
    maker->verdict = VERDICT_OK;
    memset(&maker->counts, 0, sizeof maker->counts);
    buffer_clear(&maker->emitted);
    error_clear(&maker->error);
}

static void close_visitor(struct list_maker *maker, struct visitor *visitor)
{
    const struct topology *topology = maker->makers->topology;
    for (size_t i = 0; maker->verdict == VERDICT_OK && i < topology->visitors_count; i++) {
        const struct step *step = topology->visitors[i];
        if (step->close == NULL)
            continue;
        maker->checked.running = i;
        maker->verdict = step->close(&maker->context, visitor, &maker->error);
    }
    visitor->touched = false;
}

/* ---- the threads ---- */

static void make_share(struct list_maker *maker)
{
    const struct list_makers *makers = maker->makers;
    for (size_t i = 0; i < makers->visitor_count && maker->verdict == VERDICT_OK; i++)
        if (has_visitor(maker, makers->visitors[i]))
            close_visitor(maker, makers->visitors[i]);
}

static bool await_round(struct list_makers *makers, uint64_t *round)
{
    pthread_mutex_lock(&makers->lock);
    while (makers->round == *round && !makers->stop)
        pthread_cond_wait(&makers->begun, &makers->lock);
    *round = makers->round;
    bool goes_on = !makers->stop;
    pthread_mutex_unlock(&makers->lock);
    return goes_on;
}

static void end_round(struct list_makers *makers)
{
    pthread_mutex_lock(&makers->lock);
    if (--makers->working == 0)
        pthread_cond_signal(&makers->ended);
    pthread_mutex_unlock(&makers->lock);
}

static void *maker_thread(void *argument)
{
    struct list_maker *maker = argument;
    uint64_t round = 0;
    pthread_setname_np(pthread_self(), "lists");
    while (await_round(maker->makers, &round)) {
        make_share(maker);
        end_round(maker->makers);
    }
    return NULL;
}

/* ---- the makers ---- */

struct list_makers *list_makers_new(struct context *context, const struct topology *topology,
                                    struct outlet *outlet)
{
    struct list_makers *makers = memory_zero(1, sizeof *makers);
    makers->context = context;
    makers->topology = topology;
    makers->outlet = outlet;
    pthread_mutex_init(&makers->lock, NULL);
    pthread_cond_init(&makers->begun, NULL);
    pthread_cond_init(&makers->ended, NULL);
    makers->at[makers->count++] = new_maker(makers);
    context->recommender = makers->at[0]->recommender;
    return makers;
}

enum verdict list_makers_start(struct list_makers *makers, int count, struct error *error)
{
    while (makers->count < count) {
        struct list_maker *maker = new_maker(makers);
        int code = pthread_create(&maker->thread, NULL, maker_thread, maker);
        if (code != 0) {
            free_maker(maker);
            return error_set(error, VERDICT_FATAL,
                             "a thread can't be started: %s; raise the limit of processes "
                             "(ulimit -u, pids of the container), or lower threads",
                             strerror(code));
        }
        makers->at[makers->count++] = maker;
    }
    for (int i = 0; i < makers->count; i++)
        recommender_share(makers->at[i]->recommender, makers->count);
    return VERDICT_OK;
}

void list_makers_free(struct list_makers *makers)
{
    if (makers == NULL)
        return;
    pthread_mutex_lock(&makers->lock);
    makers->stop = true;
    pthread_cond_broadcast(&makers->begun);
    pthread_mutex_unlock(&makers->lock);
    for (int i = 1; i < makers->count; i++)
        pthread_join(makers->at[i]->thread, NULL);
    for (int i = 0; i < makers->count; i++)
        free_maker(makers->at[i]);
    pthread_mutex_destroy(&makers->lock);
    pthread_cond_destroy(&makers->begun);
    pthread_cond_destroy(&makers->ended);
    free(makers);
}

int list_makers_count(const struct list_makers *makers)
{
    return makers->count;
}

struct recommender *list_makers_at(const struct list_makers *makers, int index)
{
    return makers->at[index]->recommender;
}

struct recommender *list_makers_of(const struct list_makers *makers, const struct visitor *visitor)
{
    return makers->at[(visitor->hash >> 32) % (uint64_t)makers->count]->recommender;
}

/* ---- a round ---- */

static enum verdict replay(const struct list_maker *maker, struct error *error)
{
    struct outlet *outlet = maker->makers->outlet;
    enum verdict verdict = VERDICT_OK;
    if (maker->emitted.size == 0)
        return VERDICT_OK;
    const char *at = maker->emitted.at, *end = at + maker->emitted.size;
    while (at < end && verdict == VERDICT_OK) {
        struct emitted emitted;
        memcpy(&emitted, at, sizeof emitted);
        struct bytes key = bytes_of(at + sizeof emitted, emitted.key_size);
        struct bytes value = bytes_of(key.at + key.size, emitted.value_size);
        verdict = outlet->emit(outlet, emitted.output, emitted.partition, key, value, error);
        at = value.at + value.size;
    }
    return verdict;
}

static enum verdict finish(const struct list_maker *maker, struct error *error)
{
    counts_add(maker->makers->context->counts, &maker->counts);
    if (maker->verdict != VERDICT_OK)
        return error_set(error, maker->verdict, "%s", maker->error.message);
    return replay(maker, error);
}

static void run_together(struct list_makers *makers, struct visitor *const *visitors, size_t count)
{
    for (int i = 0; i < makers->count; i++)
        prepare(makers->at[i], &makers->at[i]->buffered);
    pthread_mutex_lock(&makers->lock);
    makers->visitors = visitors;
    makers->visitor_count = count;
    makers->working = makers->count - 1;
    makers->round++;
    pthread_cond_broadcast(&makers->begun);
    pthread_mutex_unlock(&makers->lock);
    make_share(makers->at[0]);
    pthread_mutex_lock(&makers->lock);
    while (makers->working > 0)
        pthread_cond_wait(&makers->ended, &makers->lock);
    pthread_mutex_unlock(&makers->lock);
}

static void run_alone(struct list_makers *makers, struct visitor *const *visitors, size_t count)
{
    for (int i = 0; i < makers->count; i++)
        prepare(makers->at[i], makers->outlet);
    for (size_t i = 0; i < count; i++)
        for (int k = 0; k < makers->count; k++)
            if (has_visitor(makers->at[k], visitors[i]))
                close_visitor(makers->at[k], visitors[i]);
}

enum verdict list_makers_run(struct list_makers *makers, struct visitor *const *visitors,
                             size_t count, struct error *error)
{
    if (makers->count > 1 && count >= LISTS_SIDE_BY_SIDE_MIN)
        run_together(makers, visitors, count);
    else
        run_alone(makers, visitors, count);
    enum verdict verdict = VERDICT_OK;
    for (int i = 0; i < makers->count && verdict == VERDICT_OK; i++)
        verdict = finish(makers->at[i], error);
    return verdict;
}

size_t list_makers_bytes(const struct list_makers *makers)
{
    size_t bytes = 0;
    for (int i = 0; i < makers->count; i++) {
        const struct list_maker *maker = makers->at[i];
        bytes += arena_bytes(&maker->arena) + maker->scratch.capacity + maker->emitted.capacity;
    }
    return bytes;
}

void list_makers_clear(struct list_makers *makers)
{
    for (int i = 0; i < makers->count; i++)
        arena_clear(&makers->at[i]->arena);
}
