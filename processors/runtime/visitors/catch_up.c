#include "processors/runtime/visitors/catch_up.h"

#include "processors/runtime/log.h"

#include <inttypes.h>

/* ---- the decision ---- */

static bool is_behind(const struct catch_up *catch_up, const struct catch_up_view *view)
{
    int64_t lag_max_ms = view->lag_max_ms, fold_max = CATCH_UP_FOLD_LEFT;
    int64_t left_min = CATCH_UP_LEFT_MIN;
    if (lag_max_ms == 0)
        return false;
    if (catch_up->second > left_min)
        left_min = catch_up->second;
    if (catch_up->behind) { /* the way back is longer, so that the answer does not flicker */
        lag_max_ms /= 2;
        fold_max /= 2;
        left_min /= 2;
    }
    return (view->lag_ms > lag_max_ms && view->left > left_min) || view->fold_left > fold_max;
}

/* A mean over some ten looks. */
static void note_rate(struct catch_up *catch_up, int64_t now_us)
{
    int64_t us = now_us - catch_up->looked_us;
    if (catch_up->looked_us != 0 && us > 0) {
        int64_t second = (int64_t)((double)catch_up->records * 1e6 / (double)us);
        catch_up->second += (second - catch_up->second) / 8;
    }
    catch_up->looked_us = now_us;
    catch_up->records = 0;
}

bool catch_up_decide(struct catch_up *catch_up, const struct catch_up_view *view, int64_t now_us)
{
    note_rate(catch_up, now_us);
    catch_up->lag_ms = view->lag_ms;
    catch_up->left = view->left;
    bool behind = is_behind(catch_up, view), changed = behind != catch_up->behind;
    catch_up->behind = behind;
    if (changed && behind)
        catch_up->since_us = now_us;
    return changed;
}

/* ---- the look ---- */

static void look_at_input(const struct input *input, struct kafka_edge *edge, int64_t now_ms,
                          struct catch_up_view *view)
{
    if (!input->has_head)
        return;
    int64_t end = edge->end(edge, input->source), lag_ms = now_ms - input->head.written_ms;
    if (input->head.written_ms > 0 && lag_ms > view->lag_ms)
        view->lag_ms = lag_ms;
    if (end > input->head.offset)
        view->left += end - input->head.offset;
}

static void tell(const struct catch_up *catch_up, const struct run *run, int64_t now_us,
                 const char *name)
{
    if (catch_up->behind)
        log_line(LOG_LEVEL_WARN, name,
                 "behind by %.0f s: %" PRId64 " records wait, and %lld of the log are not folded; "
                 "most lists wait until it has caught up, at most %" PRId64
                 " s (catch.up.*); more threads or processes catch up sooner",
                 (double)catch_up->lag_ms / 1000, catch_up->left,
                 (long long)atomic_load(&run->fold_left), run->config->catch_up_wait_ms / 1000);
    else
        log_line(LOG_LEVEL_INFO, name, "caught up after %.1f s",
                 (double)(now_us - catch_up->since_us) / 1e6);
}

void catch_up_look(struct catch_up *catch_up, struct run *run, struct kafka_edge *edge,
                   struct task *const *tasks, size_t task_count, uint64_t taken, const char *name)
{
    int64_t now_us = edge->now_us(edge);
    catch_up->records += taken;
    if (catch_up->looked_us != 0 && now_us - catch_up->looked_us < CATCH_UP_LOOK_US)
        return;
    int64_t now_ms = clock_now_ms();
    struct catch_up_view view = {.fold_left = atomic_load(&run->fold_left),
                                 .lag_max_ms = run->config->catch_up_lag_ms};
    for (size_t i = 0; i < task_count; i++)
        for (int k = 0; k < tasks[i]->input_count; k++)
            look_at_input(&tasks[i]->inputs[k], edge, now_ms, &view);
    if (catch_up_decide(catch_up, &view, now_us))
        tell(catch_up, run, now_us, name);
}
