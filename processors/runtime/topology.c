#include "processors/runtime/topology.h"

#include <stdio.h>

#define DAYS(n) ((int64_t)(n) * 24 * 3600 * 1000)

/* A copy of the visitors, or of the lists, learns of an erasure from the visitor's tombstone. One
 * that was away for longer is read again from the beginning. A tombstone costs its key. */
#define ERASURES_REMEMBERED_MS DAYS(30)

const struct topic_row topic_rows[TOPICS] = {
    [TOPIC_VIEW] = {"view", "view", true, true, CLEANUP_DELETE, 0, 0},
    [TOPIC_SEARCH] = {"search", "search", true, true, CLEANUP_DELETE, 0, 0},
    [TOPIC_CART] = {"cart", "cart", true, true, CLEANUP_DELETE, 0, 0},
    [TOPIC_PURCHASE] = {"purchase", "purchase", true, true, CLEANUP_DELETE, 0, 0},
    [TOPIC_IMPRESSION] = {"impression", "impression", true, true, CLEANUP_DELETE, 0, 0},
    [TOPIC_CLICK] = {"click", "click", true, true, CLEANUP_DELETE, 0, 0},
    [TOPIC_USER] = {"user", "user", true, true, CLEANUP_COMPACT, 0, ERASURES_REMEMBERED_MS},
    [TOPIC_PRODUCT] = {"product", "product", false, true, CLEANUP_COMPACT, 0, 0},
    [TOPIC_RECOMMENDATIONS] = {"recommendations", "recommendation", true, false, CLEANUP_COMPACT, 0,
                               ERASURES_REMEMBERED_MS},
    [TOPIC_EARLY] = {"recommendations.early", "recommendation", true, false, CLEANUP_DELETE, 0, 0},
    [TOPIC_RANKINGS] = {"rankings", "ranking", false, false, CLEANUP_COMPACT, 0, 0},
    [TOPIC_ITEMS] = {"recommendations.item", "item_lists", false, false, CLEANUP_COMPACT, 0, 0},
    [TOPIC_INTERACTIONS] = {"interactions", "interaction", false, false, CLEANUP_DELETE, -1, 0},
    [TOPIC_VISITOR_CHANGELOG] = {"visitor-changelog", "visitor", true, false, CLEANUP_COMPACT, 0,
                                 ERASURES_REMEMBERED_MS},
    [TOPIC_MODEL] = {"model", NULL, false, false, CLEANUP_COMPACT, 0, 0},
    [TOPIC_LATE] = {"late", NULL, true, false, CLEANUP_DELETE, DAYS(30), 0},
    [TOPIC_DEAD_LETTERS] = {"dead-letters", NULL, true, false, CLEANUP_DELETE, DAYS(30), 0},
    [TOPIC_METRICS] = {"metrics", NULL, false, false, CLEANUP_DELETE, DAYS(7), 0},
};

const enum topic output_topics[OUTPUTS] = {
    [OUTPUT_INTERACTIONS] = TOPIC_INTERACTIONS,
    [OUTPUT_RECOMMENDATIONS] = TOPIC_RECOMMENDATIONS,
    [OUTPUT_EARLY] = TOPIC_EARLY,
};

/* ---- the rows ---- */

static const char *const none[] = {NULL};
static const char *const event_topics[] = {"view",       "search", "cart", "purchase",
                                           "impression", "click",  "user", NULL};
static const char *const decode_outputs[] = {"events", "dead-letters", NULL};
static const char *const changelog_outputs[] = {"visitor-changelog", NULL};
static const char *const changelog_reads[] = {"visitor", NULL};
static const char *const catalogue_inputs[] = {"product", NULL};
static const char *const early_outputs[] = {"recommendations.early", NULL};
static const char *const rankings_outputs[] = {"rankings", NULL};
static const char *const rankings_reads[] = {"trends", "queries", "catalogue", NULL};
static const char *const items_outputs[] = {"recommendations.item", NULL};
static const char *const items_reads[] = {"cooccurrence", "vectors", "trends", "catalogue", NULL};
static const char *const snapshot_outputs[] = {"model", NULL};
static const char *const snapshot_reads[] = {"cooccurrence", "popularity", "vectors",
                                             "sessions",     "queries",    "trends",
                                             "channels",     "weights",    NULL};
static const char *const metrics_outputs[] = {"metrics", NULL};

/* The parts of the runtime that read and write topics and tables. They have no functions here. */
static const struct step parts[] = {
    {.name = "record decoder",
     .stage = STAGE_RUNTIME,
     .summary = "makes an event of each record; its dead letters name the step decode",
     .inputs = event_topics,
     .outputs = decode_outputs},
    {.name = "visitor changelog",
     .stage = STAGE_RUNTIME,
     .summary = "writes each visitor that a batch changed",
     .inputs = none,
     .outputs = changelog_outputs,
     .reads = changelog_reads},
    {.name = "early lists",
     .stage = STAGE_RUNTIME,
     .summary = "writes each list at once, ahead of its commit (lists.early)",
     .inputs = none,
     .outputs = early_outputs},
    {.name = "catalogue fold",
     .stage = STAGE_RUNTIME,
     .summary = "keeps the newest record of each product",
     .inputs = catalogue_inputs,
     .outputs = none,
     .table = "catalogue"},
    {.name = "rankings publisher",
     .stage = STAGE_RUNTIME,
     .summary = "writes rankings for everybody",
     .inputs = none,
     .outputs = rankings_outputs,
     .reads = rankings_reads},
    {.name = "item lists publisher",
     .stage = STAGE_RUNTIME,
     .summary = "writes lists of each item, for everybody (items.lists)",
     .inputs = none,
     .outputs = items_outputs,
     .reads = items_reads},
    {.name = "snapshot publisher",
     .stage = STAGE_RUNTIME,
     .summary = "writes snapshots of the model, from which new processes start",
     .inputs = none,
     .outputs = snapshot_outputs,
     .reads = snapshot_reads},
    {.name = "metrics report",
     .stage = STAGE_RUNTIME,
     .summary = "writes the metrics of the process",
     .inputs = none,
     .outputs = metrics_outputs},
};

#define PARTS (sizeof parts / sizeof parts[0])

/* The linker gathers the rows of all steps here. */
extern const struct step *const __start_weft_steps[];
extern const struct step *const __stop_weft_steps[];

/* All rows: the steps, then the parts; NULL at the end. */
static const struct step *row_at(size_t i)
{
    size_t steps = (size_t)(__stop_weft_steps - __start_weft_steps);
    if (i < steps)
        return __start_weft_steps[i];
    return i - steps < PARTS ? &parts[i - steps] : NULL;
}

static int find_topic(const char *name)
{
    for (int i = 0; i < TOPICS; i++)
        if (strcmp(topic_rows[i].name, name) == 0)
            return i;
    return -1;
}

enum topic fate_topic(enum fate fate)
{
    return fate == FATE_LATE ? TOPIC_LATE : fate == FATE_DEAD_LETTER ? TOPIC_DEAD_LETTERS : TOPICS;
}

uint32_t step_topics(const struct step *step)
{
    uint32_t bits = 0;
    for (const char *const *output = step->outputs; *output; output++)
        if (find_topic(*output) >= 0)
            bits |= 1u << find_topic(*output);
    return bits;
}

static bool has_name(const char *const *names, const char *name)
{
    for (; *names; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

/* The row that writes the stream or topic; NULL: none but perhaps `except`. */
static const struct step *find_writer(const char *name, const struct step *except)
{
    const struct step *row;
    for (size_t i = 0; (row = row_at(i)); i++)
        if (row != except && has_name(row->outputs, name))
            return row;
    return NULL;
}

static const struct step *find_owner(const char *table)
{
    const struct step *row;
    for (size_t i = 0; (row = row_at(i)); i++)
        if (row->table && strcmp(row->table, table) == 0)
            return row;
    return NULL;
}

/* ---- the checks ---- */

static bool is_complete(const struct step *row)
{
    if (row->name == NULL || row->summary == NULL || !row->inputs || !row->outputs)
        return false;
    switch (row->stage) {
    case STAGE_VISITORS:
        return row->event || row->close;
    case STAGE_MODEL:
        return row->interaction != NULL;
    default:
        return true;
    }
}

static enum verdict check_names(const struct step *row, struct error *error)
{
    const struct step *other;
    for (size_t i = 0; (other = row_at(i)) && other != row; i++) {
        if (strcmp(other->name, row->name) == 0)
            return error_set(error, VERDICT_FATAL, "two steps have the name %s", row->name);
        if (row->table && other->table && strcmp(row->table, other->table) == 0)
            return error_set(error, VERDICT_FATAL, "table %s has two owners: %s and %s", row->table,
                             other->name, row->name);
    }
    return VERDICT_OK;
}

static enum verdict check_edges(const struct step *row, struct error *error)
{
    for (const char *const *input = row->inputs; *input; input++)
        if (find_topic(*input) < 0 && find_writer(*input, row) == NULL)
            return error_set(error, VERDICT_FATAL, "step %s reads '%s', which nobody writes",
                             row->name, *input);
    for (const char *const *table = row->reads; table && *table; table++)
        if (find_owner(*table) == NULL)
            return error_set(error, VERDICT_FATAL, "step %s reads table '%s', which has no owner",
                             row->name, *table);
    return VERDICT_OK;
}

static enum verdict check_rows(struct error *error)
{
    const struct step *row;
    for (size_t i = 0; (row = row_at(i)); i++)
        if (!is_complete(row))
            return error_set(error, VERDICT_FATAL, "the row of step %s is not complete",
                             row->name ? row->name : "(no name)");
    for (size_t i = 0; (row = row_at(i)); i++) {
        enum verdict verdict = check_names(row, error);
        if (verdict == VERDICT_OK)
            verdict = check_edges(row, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    return VERDICT_OK;
}

static bool is_read(const char *topic)
{
    const struct step *row;
    for (size_t i = 0; (row = row_at(i)); i++)
        if (has_name(row->inputs, topic))
            return true;
    return false;
}

static enum verdict check_topics(const struct topology *topology, struct error *error)
{
    for (int i = 0; i < TOPICS; i++) {
        const struct topic_row *row = &topic_rows[i];
        if (row->input ? !is_read(row->name) : find_writer(row->name, NULL) == NULL)
            return error_set(error, VERDICT_FATAL, "no step %s topic %s",
                             row->input ? "reads" : "writes", row->name);
        for (int k = 0; k < i; k++)
            if (topology_uses(topology, i) && topology_uses(topology, k) &&
                strcmp(topology->topics[i], topology->topics[k]) == 0)
                return error_set(error, VERDICT_FATAL, "%s and %s are both the topic %s",
                                 topic_rows[k].name, row->name, topology->topics[i]);
    }
    return VERDICT_OK;
}

/* ---- building ---- */

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
    const char *configured[TOPICS] = {
        [TOPIC_VIEW] = config->topic_events[0] ? config->topic_events : config->topic_view,
        [TOPIC_SEARCH] = config->topic_search,
        [TOPIC_CART] = config->topic_cart,
        [TOPIC_PURCHASE] = config->topic_purchase,
        [TOPIC_IMPRESSION] = config->topic_impression,
        [TOPIC_CLICK] = config->topic_click,
        [TOPIC_USER] = config->topic_user,
        [TOPIC_PRODUCT] = config->topic_product,
        [TOPIC_RECOMMENDATIONS] = config->topic_recommendations,
        [TOPIC_RANKINGS] = config->topic_rankings,
        [TOPIC_ITEMS] = config->topic_items,
    };
    for (int i = 0; i < TOPICS; i++) {
        if (configured[i])
            snprintf(topology->topics[i], sizeof topology->topics[i], "%s", configured[i]);
        else if (i == TOPIC_EARLY)
            snprintf(topology->topics[i], sizeof topology->topics[i], "%s.early",
                     config->topic_recommendations);
        else
            config_topic(config, topic_rows[i].name, topology->topics[i],
                         sizeof topology->topics[i]);
    }
}

enum verdict topology_build(const struct config *config, struct topology *ret_topology,
                            struct error *error)
{
    memset(ret_topology, 0, sizeof *ret_topology);
    enum verdict verdict = check_rows(error);
    if (verdict == VERDICT_OK)
        verdict = order_stage(STAGE_VISITORS, ret_topology->visitors, &ret_topology->visitors_count,
                              error);
    if (verdict == VERDICT_OK)
        verdict = order_stage(STAGE_MODEL, ret_topology->model, &ret_topology->model_count, error);
    if (verdict != VERDICT_OK)
        return verdict;
    name_topics(config, ret_topology);
    ret_topology->early = config->chosen.lists_early;
    ret_topology->items = config->chosen.items.on;
    ret_topology->all_kinds = config->topic_events[0] != '\0';
    for (int i = 0; i < INPUT_TOPICS; i++)
        ret_topology->input_count += topology_uses(ret_topology, i);
    config_topic(config, "publisher", ret_topology->publisher, sizeof ret_topology->publisher);
    return check_topics(ret_topology, error);
}

/* ---- printing ---- */

/* A part whose topic is not in use does nothing. */
static bool is_idle(const struct topology *topology, const struct step *row)
{
    return (row->outputs == early_outputs && !topology_uses(topology, TOPIC_EARLY)) ||
           (row->outputs == items_outputs && !topology_uses(topology, TOPIC_ITEMS));
}

static const char *shown_name(const struct topology *topology, const char *name)
{
    int topic = find_topic(name);
    return topic < 0 ? name : topology->topics[topic];
}

/* A topic in use, or a stream. */
static bool is_shown(const struct topology *topology, const char *name)
{
    int topic = find_topic(name);
    return topic < 0 || topology_uses(topology, topic);
}

static void text_names(const struct topology *topology, const char *label, const char *const *names,
                       struct buffer *buffer)
{
    if (*names == NULL)
        return;
    buffer_format(buffer, "    %s", label);
    for (; *names; names++)
        if (is_shown(topology, *names))
            buffer_format(buffer, " %s%s", shown_name(topology, *names),
                          find_topic(*names) < 0 ? " (stream)" : "");
    buffer_byte(buffer, '\n');
}

static void text_row(const struct topology *topology, const struct step *row, struct buffer *buffer)
{
    buffer_format(buffer, "  %s: %s\n", row->name, row->summary);
    text_names(topology, "reads ", row->inputs, buffer);
    text_names(topology, "writes", row->outputs, buffer);
    if (row->table)
        buffer_format(buffer, "    table  %s\n", row->table);
    if (row->reads) {
        buffer_text(buffer, "    lookup");
        for (const char *const *table = row->reads; *table; table++)
            buffer_format(buffer, " %s", *table);
        buffer_byte(buffer, '\n');
    }
}

void topology_text(const struct topology *topology, struct buffer *buffer)
{
    buffer_text(buffer, "visitors stage (partitioned by visitor)\n");
    for (size_t i = 0; i < topology->visitors_count; i++)
        text_row(topology, topology->visitors[i], buffer);
    buffer_text(buffer, "model stage (every process folds the whole log)\n");
    for (size_t i = 0; i < topology->model_count; i++)
        text_row(topology, topology->model[i], buffer);
    buffer_format(buffer, "runtime (one process publishes, elected by the consumer group %s)\n",
                  topology->publisher);
    for (size_t i = 0; i < PARTS; i++)
        if (!is_idle(topology, &parts[i]))
            text_row(topology, &parts[i], buffer);
    buffer_text(buffer, "topics\n");
    for (int i = 0; i < TOPICS; i++) {
        if (!topology_uses(topology, i))
            continue;
        buffer_format(buffer, "  %-28s %-7s %-14s %-8s %s", topology->topics[i],
                      topic_rows[i].input ? "input" : "output",
                      topic_rows[i].partitioned ? "co-partitioned" : "one partition",
                      topic_rows[i].cleanup == CLEANUP_COMPACT ? "compact" : "delete",
                      topology->all_kinds && i == TOPIC_VIEW ? "all kinds"
                      : topic_rows[i].schema                 ? topic_rows[i].schema
                                                             : "-");
        if (topic_rows[i].delete_retention_ms != 0)
            buffer_format(buffer, ", delete.retention.ms=%lld",
                          (long long)topic_rows[i].delete_retention_ms);
        buffer_text(buffer, "\n");
    }
}

/* A node's id says what it is, since a topic, a step and a table may have the same name. */
static void dot_node(const char *kind, const char *name, const char *shape, struct buffer *buffer)
{
    buffer_format(buffer, "  \"%s %s\" [label=\"%s\"%s];\n", kind, name, name, shape);
}

static void dot_edges(const struct topology *topology, const struct step *row,
                      struct buffer *buffer)
{
    for (const char *const *input = row->inputs; *input; input++) {
        const struct step *writer = find_writer(*input, row);
        if (!is_shown(topology, *input))
            continue;
        if (find_topic(*input) >= 0)
            buffer_format(buffer, "  \"topic %s\" -> \"step %s\";\n", shown_name(topology, *input),
                          row->name);
        else if (writer && writer->stage != row->stage)
            buffer_format(buffer, "  \"step %s\" -> \"step %s\";\n", writer->name, row->name);
    }
    for (const char *const *output = row->outputs; *output; output++)
        if (find_topic(*output) >= 0)
            buffer_format(buffer, "  \"step %s\" -> \"topic %s\";\n", row->name,
                          shown_name(topology, *output));
    if (row->after)
        buffer_format(buffer, "  \"step %s\" -> \"step %s\";\n", row->after, row->name);
    if (row->table)
        buffer_format(buffer, "  \"step %s\" -> \"table %s\" [dir=both, style=dashed];\n",
                      row->name, row->table);
    for (const char *const *table = row->reads; table && *table; table++)
        buffer_format(buffer, "  \"table %s\" -> \"step %s\" [style=dashed];\n", *table, row->name);
}

static void dot_stage(const char *name, const char *label, const struct step *const *steps,
                      size_t count, struct buffer *buffer)
{
    buffer_format(buffer, "  subgraph cluster_%s {\n  label=\"%s\";\n", name, label);
    for (size_t i = 0; i < count; i++)
        dot_node("step", steps[i]->name, "", buffer);
    buffer_text(buffer, "  }\n");
}

void topology_dot(const struct topology *topology, struct buffer *buffer)
{
    const struct step *row;
    buffer_text(buffer, "digraph weft {\n  rankdir=LR;\n"
                        "  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
                        "  graph [fontname=\"sans-serif\"];\n");
    for (int i = 0; i < TOPICS; i++)
        if (topology_uses(topology, i))
            dot_node("topic", topology->topics[i], ", shape=cds, style=solid", buffer);
    dot_stage("visitors", "visitors stage: partitioned by visitor", topology->visitors,
              topology->visitors_count, buffer);
    dot_stage("model", "model stage: every process folds the whole log", topology->model,
              topology->model_count, buffer);
    for (size_t i = 0; i < PARTS; i++)
        if (!is_idle(topology, &parts[i]))
            dot_node("step", parts[i].name, ", style=\"rounded,dotted\"", buffer);
    for (size_t i = 0; (row = row_at(i)); i++)
        if (row->table)
            dot_node("table", row->table, ", shape=cylinder", buffer);
    for (size_t i = 0; i < topology->visitors_count; i++)
        dot_edges(topology, topology->visitors[i], buffer);
    for (size_t i = 0; i < topology->model_count; i++)
        dot_edges(topology, topology->model[i], buffer);
    for (size_t i = 0; i < PARTS; i++)
        if (!is_idle(topology, &parts[i]))
            dot_edges(topology, &parts[i], buffer);
    buffer_text(buffer, "}\n");
}
