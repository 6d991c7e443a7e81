/* Configuration: a .properties file as Kafka's own, `--set key=value` over it. Every key is in one
 * table with its default and a line of explanation; an unknown key is an error that names the
 * nearest known one. Keys that start with "kafka." go to librdkafka as they are;
 * placements.NAME.KEY changes or adds a placement (recommend/lists/placements.h). */
#ifndef WEFT_RUNTIME_CONFIG_H
#define WEFT_RUNTIME_CONFIG_H

#include "processors/processor.h"

#define CONFIG_TEXT_MAX 256
#define CONFIG_KAFKA_MAX 64
#define CONFIG_WARNINGS_MAX 8
#define CONFIG_WARNING_BYTES_MAX 96

struct kafka_property {
    char name[CONFIG_TEXT_MAX];
    char value[CONFIG_TEXT_MAX];
};

/* Values that are still accepted under a former name, a sentence each. Library code does not log:
 * the command that owns the configuration prints them (command.h). */
struct config_warnings {
    char text[CONFIG_WARNINGS_MAX][CONFIG_WARNING_BYTES_MAX];
    uint32_t count;
};

struct config {
    char application_id[CONFIG_TEXT_MAX];
    char bootstrap_servers[CONFIG_TEXT_MAX];
    char state_dir[CONFIG_TEXT_MAX];
    char instance_id[CONFIG_TEXT_MAX];
    char processing_guarantee[CONFIG_TEXT_MAX];
    char input_key[CONFIG_TEXT_MAX];
    char output_format[CONFIG_TEXT_MAX];
    char schema_registry_url[CONFIG_TEXT_MAX];
    char schemas_path[CONFIG_TEXT_MAX];
    char rules_path[CONFIG_TEXT_MAX];
    char placements_off[CONFIG_TEXT_MAX];
    char topic_view[CONFIG_TEXT_MAX];
    char topic_search[CONFIG_TEXT_MAX];
    char topic_cart[CONFIG_TEXT_MAX];
    char topic_purchase[CONFIG_TEXT_MAX];
    char topic_impression[CONFIG_TEXT_MAX];
    char topic_click[CONFIG_TEXT_MAX];
    char topic_user[CONFIG_TEXT_MAX];
    char topic_product[CONFIG_TEXT_MAX];
    char topic_recommendations[CONFIG_TEXT_MAX];
    char topic_rankings[CONFIG_TEXT_MAX];
    int64_t threads;
    int64_t partitions;
    int64_t replication_factor;
    int64_t commit_interval_ms;
    int64_t commit_min_ms;
    int64_t batch_records_max;
    int64_t max_task_idle_ms;
    int64_t visitor_cache_bytes;
    int64_t visitor_tastes_half_life_ms;
    int64_t visitor_activities_max;
    int64_t session_gap_ms;
    int64_t session_timeout_ms;
    int64_t num_standby;
    int64_t double_click_ms;
    int64_t event_time_min_ms;
    int64_t event_future_max_ms;
    int64_t rules_reload_ms;
    int64_t list_items;
    int64_t list_bought_ms;
    int64_t list_price_min;
    int64_t list_gender_percent;
    int64_t list_age_group_percent;
    int64_t list_shown_max;
    int64_t list_shown_ms;
    char list_shown_from[CONFIG_TEXT_MAX];
    char clicks_are_views[CONFIG_TEXT_MAX];
    char list_adult[CONFIG_TEXT_MAX];
    char list_newcomers[CONFIG_TEXT_MAX];
    char list_newcomers_channel[CONFIG_TEXT_MAX];
    int64_t explore_percent;
    int64_t explore_clicks;
    int64_t list_brand_max;
    int64_t list_diversity_percent;
    int64_t items_max;
    int64_t row_entries_max;
    int64_t pair_half_life_ms;
    int64_t popular_half_life_ms;
    int64_t rankings_interval_ms;
    int64_t rankings_length;
    int64_t rankings_scopes_max;
    int64_t rankings_terms_max;
    int64_t rankings_trending_half_life_ms;
    int64_t catalogue_products_max;
    int64_t catalogue_attribute_names_max;
    int64_t catalogue_attribute_values_max;
    int64_t catalogue_product_attributes_max;
    int64_t catalogue_rescan_ms;
    int64_t vectors_items_max;
    int64_t sessions_max;
    int64_t postings_max;
    int64_t queries_max;
    int64_t query_entries_max;
    int64_t channels_max;
    int64_t channel_entries_max;
    int64_t vectors_ring;
    int64_t vectors_clicks_per_second_max;
    char quality[CONFIG_TEXT_MAX];
    char learning[CONFIG_TEXT_MAX];
    int64_t ranker_candidates;
    int64_t ranker_learn_every;
    int64_t ranker_merge_ms;
    int64_t ranker_served_bytes;
    int64_t ranker_served_ms;
    int64_t quality_shown_bytes;
    char features_off[CONFIG_TEXT_MAX];
    char generators_off[CONFIG_TEXT_MAX];
    int64_t price_band;
    int64_t weight_cart;
    int64_t weight_purchase;
    int64_t model_save_ms;
    int64_t snapshot_interval_ms;
    int64_t metrics_interval_ms;
    struct kafka_property kafka[CONFIG_KAFKA_MAX];
    size_t kafka_count;
    struct placements placements;
    struct config_warnings warnings;
    struct settings settings; /* filled by config_finish() */
};

struct config_key {
    const char *name;
    const char *fallback; /* the default */
    const char *help;
    size_t offset;
    bool number;
    int64_t min, max;    /* of numbers */
    const char *choices; /* of texts: "a|b"; NULL: any */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* All defaults. */
void config_init(struct config *config);
/* SKIP, with line number, key and what to do. */
enum verdict config_read_file(struct config *config, const char *path, struct error *error);
/* One key. A value under its former name is stored under its present one, and `config->warnings`
 * gets a sentence. */
enum verdict config_set(struct config *config, const char *name, const char *value,
                        struct error *error);
/* "key=value" */
enum verdict config_assign(struct config *config, const char *assignment, struct error *error);
/* Checks what only fits together and fills `settings`. */
enum verdict config_finish(struct config *config, struct error *error);

/* Name of a topic of the application: "<application.id>-<suffix>". */
void config_topic(const struct config *config, const char *suffix, char *to, size_t size);

static inline bool config_exactly_once(const struct config *config)
{
    return config->processing_guarantee[0] == 'e';
}

#endif
