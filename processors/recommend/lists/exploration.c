#include "processors/recommend/lists/exploration.h"

#include "schemas/draw.h"

#include <math.h>

double explore_random(uint64_t *state)
{
    return draw_unit(draw_next(state));
}

uint32_t explore_places(const struct explore_settings *settings, uint32_t length, uint64_t *state)
{
    double places = (double)settings->share * length;
    uint32_t whole = (uint32_t)places;
    if (explore_random(state) < places - whole)
        whole++;
    return whole < EXPLORE_PLACES_MAX ? whole : EXPLORE_PLACES_MAX;
}

uint32_t explore_draw(const struct explore_option *options, uint32_t count, uint64_t *state,
                      float *ret_propensity)
{
    double chances[EXPLORE_OPTIONS_MAX], all = 0, clicks = 0, most = -INFINITY;
    count = count < EXPLORE_OPTIONS_MAX ? count : EXPLORE_OPTIONS_MAX;
    for (uint32_t i = 0; i < count; i++)
        clicks += options[i].clicks;
    for (uint32_t i = 0; i < count; i++) {
        chances[i] =
            (double)options[i].score + sqrt(2 * log(1 + clicks) / (1.0 + options[i].clicks));
        most = chances[i] > most ? chances[i] : most;
    }
    for (uint32_t i = 0; i < count; i++)
        all += chances[i] = exp(chances[i] - most);
    double left = explore_random(state) * all;
    uint32_t drawn = 0;
    while (drawn + 1 < count && left >= chances[drawn])
        left -= chances[drawn++];
    *ret_propensity = (float)(chances[drawn] / all);
    return drawn;
}
