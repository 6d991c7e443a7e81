#include "processors/runtime/topology.h"

#include <stdio.h>

#define DAYS(n) ((int64_t)(n) * 24 * 3600 * 1000)

const struct topic_row topic_rows[TOPICS] = {
    [TOPIC_VIEW] = {"view", "view", true, true, CLEANUP_DELETE, 0},
    [TOPIC_SEARCH] = {"search", "search", true, true, CLEANUP_DELETE, 0},
    [TOPIC_CART] = {"cart", "cart", true, true, CLEANUP_DELETE, 0},
    [TOPIC_PURCHASE] = {"purchase", "purchase", true, true, CLEANUP_DELETE, 0},
    [TOPIC_IMPRESSION] = {"impression", "impression", true, true, CLEANUP_DELETE, 0},
    [TOPIC_CLICK] = {"click", "click", true, true, CLEANUP_DELETE, 0},
    [TOPIC_USER] = {"user", "user", true, true, CLEANUP_COMPACT, 0},
    [TOPIC_PRODUCT] = {"product", "product", false, true, CLEANUP_COMPACT, 0},
    [TOPIC_RECOMMENDATIONS] = {"recommendations", "recommendation", true, false, CLEANUP_COMPACT,
                               0},
    [TOPIC_RANKINGS] = {"rankings", "ranking", false, false, CLEANUP_COMPACT, 0},
    [TOPIC_INTERACTIONS] = {"interactions", "interaction", false, false, CLEANUP_DELETE, -1},
    [TOPIC_VISITOR_CHANGELOG] = {"visitor-changelog", "visitor", true, false, CLEANUP_COMPACT, 0},
    [TOPIC_MODEL] = {"model", NULL, false, false, CLEANUP_COMPACT, 0},
    [TOPIC_LATE] = {"late", NULL, true, false, CLEANUP_DELETE, DAYS(30)},
    [TOPIC_DEAD_LETTERS] = {"dead-letters", NULL, true, false, CLEANUP_DELETE, DAYS(30)},
    [TOPIC_METRICS] = {"metrics", NULL, false, false, CLEANUP_DELETE, DAYS(7)},
};

/* The linker gathers the rows of all steps here. */
extern const struct step *const __start_weft_steps[];
extern const struct step *const __stop_weft_steps[];

static int find_topic(const char *name)
{
    for (int i = 0; i < TOPICS; i++)
        if (strcmp(topic_rows[i].name, name) == 0)
            return i;
    return -1;
}

static bool writes(const struct step *step, const char *name)
{
    for (const char *const *output = step->outputs; *output; output++)
        if (strcmp(*output, name) == 0)
            return true;
    return false;
}

static enum verdict check_inputs(const struct step *step, struct error *error)
{
    for (const char *const *input = step->inputs; *input; input++) {
        bool written = find_topic(*input) >= 0;
        for (const struct step *const *other = __start_weft_steps; other < __stop_weft_steps;
             other++)
            written = written || (*other != step && writes(*other, *input));
        if (!written)
            return error_set(error, VERDICT_FATAL, "step %s reads '%s', which nobody writes",
                             step->name, *input);
    }
    return VERDICT_OK;
}

static enum verdict check_step(const struct step *step, struct error *error)
{
    bool acts =
        step->stage == STAGE_VISITORS ? step->event || step->close : step->interaction != NULL;
    if (step->name == NULL || step->summary == NULL || !step->inputs || !step->outputs || !acts)
        return error_set(error, VERDICT_FATAL, "the row of step %s is not complete",
                         step->name ? step->name : "(no name)");
    for (const struct step *const *other = __start_weft_steps; other < __stop_weft_steps; other++)
        if (*other != step && step->table && (*other)->table &&
            strcmp(step->table, (*other)->table) == 0)
            return error_set(error, VERDICT_FATAL, "table %s has two owners: %s and %s",
                             step->table, step->name, (*other)->name);
    return check_inputs(step, error);
}

static enum verdict order_stage(enum stage stage, const struct step **ret_steps, size_t *ret_count,
                                struct error *error)
{
    size_t total = 0, count = 0;
    for (const struct step *const *row = __start_weft_steps; row < __stop_weft_steps; row++)
        total += (*row)->stage == stage;
    const char *after = NULL;
    while (count < total && count < STEPS_MAX) {
        const struct step *next = NULL;
        for (const struct step *const *row = __start_weft_steps; row < __stop_weft_steps; row++)
            if ((*row)->stage == stage && ((*row)->after == NULL) == (after == NULL) &&
                (after == NULL || strcmp((*row)->after, after) == 0))
                next = *row;
        if (next == NULL)
            return error_set(error, VERDICT_FATAL, "no step says that it comes after %s",
                             after ? after : "nothing");
        ret_steps[count++] = next;
        after = next->name;
    }
    *ret_count = count;
    return VERDICT_OK;
}

static void name_topics(const struct config *config, struct topology *topology)
{
    const char *given[TOPICS] = {
        [TOPIC_VIEW] = config->topic_view,
        [TOPIC_SEARCH] = config->topic_search,
        [TOPIC_CART] = config->topic_cart,
        [TOPIC_PURCHASE] = config->topic_purchase,
        [TOPIC_IMPRESSION] = config->topic_impression,
        [TOPIC_CLICK] = config->topic_click,
        [TOPIC_USER] = config->topic_user,
        [TOPIC_PRODUCT] = config->topic_product,
        [TOPIC_RECOMMENDATIONS] = config->topic_recommendations,
        [TOPIC_RANKINGS] = config->topic_rankings,
    };
    for (int i = 0; i < TOPICS; i++) {
        if (given[i])
            snprintf(topology->topics[i], sizeof topology->topics[i], "%s", given[i]);
        else
            config_topic(config, topic_rows[i].name, topology->topics[i],
                         sizeof topology->topics[i]);
    }
}

enum verdict topology_build(const struct config *config, struct topology *ret_topology,
                            struct error *error)
{
    enum verdict verdict = VERDICT_OK;
    memset(ret_topology, 0, sizeof *ret_topology);
    for (const struct step *const *row = __start_weft_steps;
         verdict == VERDICT_OK && row < __stop_weft_steps; row++)
        verdict = check_step(*row, error);
    if (verdict == VERDICT_OK)
        verdict = order_stage(STAGE_VISITORS, ret_topology->visitors, &ret_topology->visitors_count,
                              error);
    if (verdict == VERDICT_OK)
        verdict = order_stage(STAGE_MODEL, ret_topology->model, &ret_topology->model_count, error);
    name_topics(config, ret_topology);
    config_topic(config, "publisher", ret_topology->publisher, sizeof ret_topology->publisher);
    for (int i = 0; verdict == VERDICT_OK && i < TOPICS; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(ret_topology->topics[i], ret_topology->topics[k]) == 0)
                verdict =
                    error_set(error, VERDICT_FATAL, "%s and %s are both the topic %s",
                              topic_rows[k].name, topic_rows[i].name, ret_topology->topics[i]);
    return verdict;
}

static const char *shown_name(const struct topology *topology, const char *name)
{
    int topic = find_topic(name);
    return topic < 0 ? name : topology->topics[topic];
}

static void text_names(const struct topology *topology, const char *label, const char *const *names,
                       struct buffer *buffer)
{
    if (*names == NULL)
        return;
    buffer_format(buffer, "    %s", label);
    for (; *names; names++)
        buffer_format(buffer, " %s%s", shown_name(topology, *names),
                      find_topic(*names) < 0 ? " (stream)" : "");
    buffer_byte(buffer, '\n');
}

static void text_stage(const struct topology *topology, const char *title,
                       const struct step *const *steps, size_t count, struct buffer *buffer)
{
    buffer_format(buffer, "%s\n", title);
    for (size_t i = 0; i < count; i++) {
        buffer_format(buffer, "  %s: %s\n", steps[i]->name, steps[i]->summary);
        text_names(topology, "reads ", steps[i]->inputs, buffer);
        text_names(topology, "writes", steps[i]->outputs, buffer);
        if (steps[i]->table)
            buffer_format(buffer, "    table  %s\n", steps[i]->table);
    }
}

void topology_text(const struct topology *topology, struct buffer *buffer)
{
    text_stage(topology, "visitors stage (partitioned by visitor)", topology->visitors,
               topology->visitors_count, buffer);
    text_stage(topology, "model stage (every process folds the whole log)", topology->model,
               topology->model_count, buffer);
    buffer_format(buffer,
                  "publisher (one process, elected by the group %s)\n"
                  "    writes %s, snapshots of the model for processes that start\n"
                  "    writes %s, from the tables trends and queries and the catalogue\n",
                  topology->publisher, topology->topics[TOPIC_MODEL],
                  topology->topics[TOPIC_RANKINGS]);
    buffer_text(buffer, "topics\n");
    for (int i = 0; i < TOPICS; i++)
        buffer_format(buffer, "  %-28s %-7s %-14s %-8s %s\n", topology->topics[i],
                      topic_rows[i].input ? "input" : "output",
                      topic_rows[i].partitioned ? "co-partitioned" : "one partition",
                      topic_rows[i].cleanup == CLEANUP_COMPACT ? "compact" : "delete",
                      topic_rows[i].schema ? topic_rows[i].schema : "-");
}

static void dot_edges(const struct topology *topology, const struct step *step,
                      struct buffer *buffer)
{
    for (const char *const *input = step->inputs; *input; input++)
        if (find_topic(*input) >= 0)
            buffer_format(buffer, "  \"%s\" -> %s;\n", shown_name(topology, *input), step->name);
    for (const char *const *output = step->outputs; *output; output++)
        if (find_topic(*output) >= 0)
            buffer_format(buffer, "  %s -> \"%s\";\n", step->name, shown_name(topology, *output));
    if (step->after)
        buffer_format(buffer, "  %s -> %s;\n", step->after, step->name);
    if (step->table)
        buffer_format(buffer,
                      "  \"table %s\" [shape=cylinder];\n"
                      "  %s -> \"table %s\" [dir=both, style=dashed];\n",
                      step->table, step->name, step->table);
}

static void dot_stage(const char *name, const char *label, const struct step *const *steps,
                      size_t count, struct buffer *buffer)
{
    buffer_format(buffer, "  subgraph cluster_%s {\n    label=\"%s\";\n", name, label);
    for (size_t i = 0; i < count; i++)
        buffer_format(buffer, "    %s;\n", steps[i]->name);
    buffer_text(buffer, "  }\n");
}

void topology_dot(const struct topology *topology, struct buffer *buffer)
{
    buffer_text(buffer, "digraph weft {\n  rankdir=LR;\n"
                        "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
                        "  graph [fontname=\"sans-serif\"];\n");
    for (int i = 0; i < TOPICS; i++)
        if (i != TOPIC_PRODUCT && i != TOPIC_METRICS && i != TOPIC_MODEL)
            buffer_format(buffer, "  \"%s\" [shape=cds, style=solid];\n", topology->topics[i]);
    dot_stage("visitors", "visitors stage: partitioned by visitor", topology->visitors,
              topology->visitors_count, buffer);
    dot_stage("model", "model stage: every process folds the whole log", topology->model,
              topology->model_count, buffer);
    for (size_t i = 0; i < topology->visitors_count; i++)
        dot_edges(topology, topology->visitors[i], buffer);
    for (size_t i = 0; i < topology->model_count; i++)
        dot_edges(topology, topology->model[i], buffer);
    buffer_format(buffer,
                  "  sessions -> \"%s\" [style=dashed];\n  validate -> \"%s\";\n"
                  "  \"table cooccurrence\" -> lists [style=dashed];\n"
                  "  \"table popularity\" -> lists [style=dashed];\n"
                  "  \"table channels\" -> lists [style=dashed];\n"
                  "  \"table queries\" -> trends [style=dashed];\n}\n",
                  topology->topics[TOPIC_VISITOR_CHANGELOG], topology->topics[TOPIC_DEAD_LETTERS]);
}
