#include "state/noise.h"

#define MINUTE_MS 60000
#define HOUR_MS 3600000

const char *const noise_reason_names[NOISE_REASONS] = {
    "none", "rate", "items", "carts", "regular", "glances", "agent",
};

/* Begins the windows that are over. Late events count in the windows at hand. */
static void move_on(struct noise *noise, int64_t time_ms)
{
    if (time_ms - noise->minute_ms >= MINUTE_MS) {
        noise->minute_ms = time_ms;
        noise->minute_events = 0;
    }
    if (time_ms - noise->hour_ms >= HOUR_MS) {
        noise->hour_ms = time_ms;
        noise->hour_items = noise->hour_carts = 0;
    }
}

/* Half of the gaps are forgotten at a time, so the newest weigh most. */
static void note_gap(struct noise *noise, int64_t gap_ms)
{
    if (gap_ms <= 0 || gap_ms > NOISE_GAP_MAX_MS)
        return;
    if (noise->gaps >= NOISE_GAPS) {
        noise->gaps /= 2;
        noise->gap_sum /= 2;
        noise->gap_squares /= 2;
    }
    noise->gaps++;
    noise->gap_sum += (uint64_t)gap_ms;
    noise->gap_squares += (uint64_t)gap_ms * (uint64_t)gap_ms;
}

/* Variance below (regular * mean)^2. */
static bool is_regular(const struct noise *noise, float regular)
{
    if (noise->gaps < NOISE_GAPS)
        return false;
    double mean = (double)noise->gap_sum / noise->gaps;
    double variance = (double)noise->gap_squares / noise->gaps - mean * mean;
    double most = (double)regular * mean;
    return variance < most * most;
}

static bool is_above(uint32_t count, uint32_t max)
{
    return max > 0 && count > max;
}

static enum noise_reason broken(const struct noise *noise, const struct noise_event *event,
                                const struct noise_limits *limits)
{
    return event->agent                                          ? NOISE_AGENT
           : is_above(noise->minute_events, limits->minute_max)  ? NOISE_RATE
           : is_above(noise->hour_items, limits->hour_items_max) ? NOISE_ITEMS
           : is_above(noise->hour_carts, limits->hour_carts_max) ? NOISE_CARTS
           : is_above(noise->glances, limits->glances_max)       ? NOISE_GLANCES
           : is_regular(noise, limits->regular)                  ? NOISE_REGULAR
                                                                 : NOISE_NONE;
}

bool noise_take(struct noise *noise, const struct noise_event *event,
                const struct noise_limits *limits)
{
    move_on(noise, event->time_ms);
    if (noise->last_ms > 0)
        note_gap(noise, event->time_ms - noise->last_ms);
    if (event->time_ms > noise->last_ms)
        noise->last_ms = event->time_ms;
    noise->minute_events++;
    noise->hour_items += event->new_item;
    noise->hour_carts += event->carts;
    if (event->view)
        noise->glances = event->glance ? noise->glances + 1 : 0;
    enum noise_reason reason = broken(noise, event, limits);
    if (reason != NOISE_NONE) {
        noise->reason = reason;
        if (event->time_ms > noise->broken_ms)
            noise->broken_ms = event->time_ms;
    } else if (event->time_ms - noise->broken_ms >= limits->release_ms) {
        noise->reason = NOISE_NONE;
    }
    return noise->reason != NOISE_NONE;
}

static char lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool contains(struct bytes text, struct bytes pattern)
{
    for (size_t at = 0; at + pattern.size <= text.size; at++) {
        size_t same = 0;
        while (same < pattern.size && lower(text.at[at + same]) == pattern.at[same])
            same++;
        if (same == pattern.size)
            return true;
    }
    return false;
}

bool noise_agent_matches(struct bytes patterns, struct bytes user_agent)
{
    while (patterns.size > 0 && user_agent.size > 0) {
        const char *end = memchr(patterns.at, '\n', patterns.size);
        size_t size = end ? (size_t)(end - patterns.at) : patterns.size;
        struct bytes line = bytes_of(patterns.at, size);
        if (size > 0 && line.at[0] != '#' && contains(user_agent, line))
            return true;
        size += end != NULL;
        patterns = bytes_of(patterns.at + size, patterns.size - size);
    }
    return false;
}
