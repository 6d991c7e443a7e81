#include "tools/backtest_compare.h"

#include "schemas/draw.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- variants ---- */

static enum verdict assign_all(struct config *config, const char *text, struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    while (*text && verdict == VERDICT_OK) {
        char piece[VARIANT_TEXT_MAX];
        size_t size = strcspn(text, ",");
        while (text[size] == ',') { /* a piece without '=' belongs to the list before it */
            size_t next = strcspn(text + size + 1, ",");
            if (memchr(text + size + 1, '=', next))
                break;
            size += 1 + next;
        }
        memcpy(piece, text, size);
        piece[size] = '\0';
        verdict = config_assign(config, piece, error);
        text += size + (text[size] == ',');
    }
    return verdict;
}

enum verdict variants_add(struct variants *variants, const struct config *base, const char *text,
                          struct error *error)
{
    if (variants->count == VARIANTS_MAX)
        return error_set(error, VERDICT_SKIP, "more than %d variants", VARIANTS_MAX);
    if (strlen(text) >= VARIANT_TEXT_MAX)
        return error_set(error, VERDICT_SKIP, "a variant is longer than %d bytes",
                         VARIANT_TEXT_MAX - 1);
    if (variants->at == NULL)
        variants->at = memory_get(VARIANTS_MAX * sizeof *variants->at);
    struct variant *variant = &variants->at[variants->count];
    variant->config = *base;
    variant->brief = false;
    variant->name = NULL;
    strcpy(variant->text, text);
    enum verdict verdict = assign_all(&variant->config, text, error);
    if (verdict == VERDICT_OK)
        verdict = config_finish(&variant->config, error);
    if (verdict == VERDICT_OK)
        variants->count++;
    return verdict;
}

/* Adds the base with one more name in the list of `key`. */
static enum verdict add_without(struct variants *variants, const struct config *base,
                                const char *key, const char *list, const char *name,
                                struct error *error)
{
    char text[VARIANT_TEXT_MAX];
    snprintf(text, sizeof text, "%s=%s%s%s", key, list, *list ? "," : "", name);
    return variants_add(variants, base, text, error);
}

enum verdict variants_add_ablations(struct variants *variants, const struct config *base,
                                    struct error *error)
{
    char text[2 * VARIANT_TEXT_MAX];
    enum verdict verdict = variants_add(variants, base, "", error);
    snprintf(text, sizeof text, "generators.off=%s%s%s,ranker.features.off=%s%s%s",
             base->generators_off, *base->generators_off ? "," : "", CLICKS_ALONE_GENERATORS,
             base->features_off, *base->features_off ? "," : "", CLICKS_ALONE_FEATURES);
    if (verdict == VERDICT_OK)
        verdict = variants_add(variants, base, text, error);
    for (int i = 0; i < generator_count && verdict == VERDICT_OK; i++)
        verdict = add_without(variants, base, "generators.off", base->generators_off,
                              generators[i].name, error);
    for (uint32_t f = 0; f < feature_count && verdict == VERDICT_OK; f++) {
        bool first = true;
        for (uint32_t k = 0; k < f; k++)
            first = first && strcmp(features[k].group, features[f].group) != 0;
        if (first)
            verdict = add_without(variants, base, "ranker.features.off", base->features_off,
                                  features[f].group, error);
    }
    for (uint32_t i = 0; i < variants->count; i++)
        variants->at[i].brief = true;
    return verdict;
}

enum verdict variants_add_alone(struct variants *variants, const struct config *base,
                                struct error *error)
{
    enum verdict verdict = variants_add(variants, base, "", error);
    for (int i = 0; i < generator_count && verdict == VERDICT_OK; i++) {
        char text[VARIANT_TEXT_MAX] = "generators.off=";
        for (int k = 0; k < generator_count; k++)
            if (k != i)
                snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                         k == 0 || (k == 1 && i == 0) ? "" : ",", generators[k].name);
        verdict = variants_add(variants, base, text, error);
        if (verdict != VERDICT_OK)
            break;
        struct variant *variant = &variants->at[variants->count - 1];
        variant->name = generators[i].name;
        variant->config.settings.recommend.rank.ranker_off = true;
    }
    for (uint32_t i = 0; i < variants->count; i++)
        variants->at[i].brief = true;
    return verdict;
}

void variants_release(struct variants *variants)
{
    free(variants->at);
}

/* ---- the bootstrap ---- */

/* Sums of the differences over the cases of one session. */
struct session {
    uint32_t session;
    uint32_t cases;
    double sums[CASE_MEASURES];
};

static int session_order(const void *a, const void *b)
{
    uint32_t x = ((const struct session *)a)->session, y = ((const struct session *)b)->session;
    return (x > y) - (x < y);
}

static struct session session_of(const struct test_case *a, const struct test_case *b)
{
    struct session session = {.session = a->session, .cases = 1};
    for (int m = 0; m < CASE_MEASURES; m++)
        session.sums[m] = case_score(b, (enum case_measure)m) - case_score(a, (enum case_measure)m);
    return session;
}

static void add_session(struct session *to, const struct session *from)
{
    to->cases += from->cases;
    for (int m = 0; m < CASE_MEASURES; m++)
        to->sums[m] += from->sums[m];
}

/* Fills `sessions`: first an entry for each pair of cases, then one for each session. Returns the
 * number of sessions. */
static uint32_t pair_up(const struct measured *a, const struct measured *b,
                        struct session *sessions, struct difference *ret_difference)
{
    size_t i = 0, k = 0, pairs = 0;
    while (i < a->count && k < b->count) {
        const struct test_case *x = &a->cases[i], *y = &b->cases[k];
        if (x->line == y->line)
            sessions[pairs++] = session_of(x, y);
        i += x->line <= y->line;
        k += y->line <= x->line;
    }
    qsort(sessions, pairs, sizeof *sessions, session_order);
    uint32_t count = 0;
    for (size_t at = 0; at < pairs; at++) {
        if (count > 0 && sessions[count - 1].session == sessions[at].session)
            add_session(&sessions[count - 1], &sessions[at]);
        else
            sessions[count++] = sessions[at];
    }
    ret_difference->cases = pairs;
    ret_difference->sessions = count;
    ret_difference->unpaired = a->count + b->count - 2 * pairs;
    return count;
}

static int number_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static struct interval interval_of(double mean, double *means)
{
    qsort(means, RESAMPLES, sizeof *means, number_order);
    return (struct interval){mean, means[RESAMPLES / 40], means[RESAMPLES - 1 - RESAMPLES / 40]};
}

void compare(const struct measured *a, const struct measured *b, uint64_t seed,
             struct difference *ret_difference)
{
    size_t pairs_max = a->count < b->count ? a->count : b->count;
    struct session *sessions = memory_get((pairs_max + 1) * sizeof *sessions), all = {0};
    double *means = memory_get(CASE_MEASURES * RESAMPLES * sizeof *means);
    *ret_difference = (struct difference){0};
    uint32_t count = pair_up(a, b, sessions, ret_difference);
    for (uint32_t i = 0; i < count; i++)
        add_session(&all, &sessions[i]);
    for (int r = 0; r < RESAMPLES; r++) {
        struct session drawn = {0};
        for (uint32_t i = 0; i < count; i++)
            add_session(&drawn, &sessions[(draw_next(&seed) >> 32) * count >> 32]);
        for (int m = 0; m < CASE_MEASURES; m++)
            means[m * RESAMPLES + r] = measure_share(drawn.sums[m], drawn.cases);
    }
    for (int m = 0; m < CASE_MEASURES; m++)
        ret_difference->of[m] =
            interval_of(measure_share(all.sums[m], ret_difference->cases), means + m * RESAMPLES);
    free(sessions);
    free(means);
}
