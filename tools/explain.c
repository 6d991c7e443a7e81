#include "tools/explain.h"

#include "processors/recommend/recommend.h"
#include "processors/runtime/experiments_file.h"
#include "processors/runtime/kafka/topics.h"
#include "state/catalogue_store.h"
#include "state/model_store.h"
#include "state/visitor_codec.h"
#include "tools/local_store.h"
#include "tools/printable.h"

#include <stdio.h>
#include <stdlib.h>

/* All that the lists are made from. */
struct explain {
    struct list_watcher watcher; /* first */
    const struct config *config;
    struct store *visitors, *models;
    struct model *model;
    struct catalogue *catalogue;
    struct search_index *search;
    struct visitor *visitor;
    struct merchandising_rules rules;
    struct experiments_file experiments;
};

static void show(struct list_watcher *watcher, const char *placement,
                 const struct filter_item *items, uint32_t shown, uint32_t count)
{
    const struct catalogue *catalogue = ((struct explain *)(void *)watcher)->catalogue;
    print_text("\n%s: %u candidates, %u shown\n", placement, count, shown);
    for (uint32_t i = 0; i < count; i++) {
        const struct filter_item *item = &items[i];
        struct bytes title = bytes_of("", 0);
        if (item->product != PRODUCT_NONE)
            title = product_title(&catalogue->products[item->product]);
        if (i < shown)
            print_text("  %3u. ", i + 1);
        else
            print_text("  out  ");
        print_text("%-12.*s %-48.*s %7.3f  %s", (int)item->item_id.size, item->item_id.at,
                   (int)title.size, title.at, (double)item->score, removal_texts[item->removal]);
        if (item->pinned)
            print_text(", pinned");
        if (item->propensity > 0)
            print_text(", drawn by exploration with probability %.4f", (double)item->propensity);
        if (item->line)
            print_text(" (line %u of the merchandising rules)", item->line);
        putchar('\n');
    }
}

static enum verdict find_visitor(struct explain *explain, const struct topology *topology,
                                 struct bytes id, struct error *error)
{
    int32_t partitions;
    char key[VISITOR_KEY_BYTES_MAX];
    struct buffer value = {0};
    enum verdict verdict =
        topics_partitions(explain->config, topology->topics[TOPIC_VIEW], &partitions, error);
    if (verdict != VERDICT_OK || id.size > EVENT_ID_BYTES_MAX)
        return error_set(error, VERDICT_SKIP,
                         "there is no such visitor, or the broker does not answer");
    int32_t partition = topics_partition_of(id, partitions);
    verdict = explain->visitors->get(explain->visitors, FAMILY_VISITOR,
                                     visitor_store_key(key, partition, id), &value, error);
    if (verdict == VERDICT_OK)
        verdict = visitor_decode(partition, id, buffer_bytes(&value), &explain->visitor, error);
    else if (verdict == VERDICT_SKIP)
        error_set(error, verdict,
                  "state.dir does not have this visitor; that of another process may");
    buffer_release(&value);
    return verdict;
}

static enum verdict load_model(struct explain *explain, struct error *error)
{
    enum verdict verdict = local_store_open(explain->config, "model", &explain->models, error);
    if (verdict == VERDICT_OK)
        verdict = model_load(explain->model, explain->models, error);
    if (verdict == VERDICT_OK)
        verdict = catalogue_load(explain->catalogue, explain->models, error);
    return verdict;
}

static enum verdict load(struct explain *explain, const struct topology *topology, struct bytes id,
                         struct error *error)
{
    const struct config *config = explain->config;
    enum verdict verdict = local_store_open(config, "visitors", &explain->visitors, error);
    if (verdict == VERDICT_OK)
        verdict = find_visitor(explain, topology, id, error);
    if (verdict == VERDICT_OK)
        verdict = load_model(explain, error);
    if (verdict == VERDICT_OK)
        verdict = experiments_file_open(&explain->experiments, config, error);
    if (verdict != VERDICT_OK || config->rules_path[0] == '\0')
        return verdict;
    return merchandising_rules_read(config->rules_path, &explain->rules, error);
}

static void show_noise(const struct noise *noise)
{
    if (noise->reason != NOISE_NONE)
        printf("suspect by the rule '%s' (hygiene): this visitor's events reach nothing that is "
               "shared\n",
               noise_reason_names[noise->reason]);
}

/* Prints the visitor's variants; the next lists are made with them. */
static void choose_variants(const struct explain *explain, struct recommender *recommender,
                            struct list_variants *variants)
{
    const struct settings_variants *all = experiments_file_variants(&explain->experiments);
    char text[EXPERIMENTS_TEXT_MAX];
    if (all == NULL || !settings_variants_choose(all, explain->visitor, variants))
        return;
    recommender_vary(recommender, variants->settings);
    struct bytes names = experiments_text(&all->experiments, variants->of, text);
    print_text("experiments: %.*s\n", (int)names.size, names.at);
}

static void make_lists(struct explain *explain)
{
    struct list lists[PLACEMENTS_MAX];
    struct list_variants variants;
    struct arena arena = {0};
    bool again;
    struct recommend_settings settings = explain->config->settings.recommend;
    settings.learning = false;
    struct recommender *recommender = recommender_new(&settings, explain->model);
    learner_take_over(recommender_learner(recommender), explain->model);
    learner_take_over(recommender_cart_learner(recommender), explain->model);
    recommender_set_rules(recommender, &explain->rules);
    recommender_set_search(recommender, explain->search);
    recommender_watch(recommender, &explain->watcher);
    choose_variants(explain, recommender, &variants);
    recommend_lists(recommender, explain->model, explain->catalogue, explain->visitor,
                    explain->config->settings.list_items, &arena, lists, &again);
    recommender_free(recommender);
    arena_release(&arena);
}

enum verdict explain_visitor(const struct config *config, const struct topology *topology,
                             struct bytes id, struct error *error)
{
    struct explain explain = {
        .watcher.filtered = show,
        .config = config,
        .model = model_new(&config->settings.model),
        .catalogue = catalogue_new(&config->settings.catalogue),
    };
    explain.search = search_index_new(explain.catalogue);
    search_index_limit(explain.search, config->settings.search_terms_max);
    enum verdict verdict = load(&explain, topology, id, error);
    if (verdict == VERDICT_OK) {
        show_noise(&explain.visitor->noise);
        make_lists(&explain);
    }
    merchandising_rules_release(&explain.rules);
    experiments_file_release(&explain.experiments);
    visitor_free(explain.visitor);
    catalogue_free(explain.catalogue);
    search_index_free(explain.search);
    model_free(explain.model);
    if (explain.models)
        explain.models->free(explain.models);
    if (explain.visitors)
        explain.visitors->free(explain.visitors);
    return verdict;
}
