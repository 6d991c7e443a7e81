/* Configuration: a .properties file like Kafka's own, and `--set key=value` over it.
 *
 * Each key has one row in config_keys.c, with its type, default, range, help and field. An unknown
 * key is an error that names the nearest known one. Keys that start with "kafka." go to librdkafka
 * as they are. A backslash at the end of a line joins the next one to it. In the values of
 * kafka.*.pem, backslash and n are the end of a line. placements.NAME.KEY changes or adds a
 * placement (recommend/lists/placements.h).
 *
 * A configuration has one owner, and no pointers: a plain copy is a configuration of its own. After
 * config_finish() any thread may read it. */
#ifndef WEFT_RUNTIME_CONFIG_H
#define WEFT_RUNTIME_CONFIG_H

#include "processors/processor.h"

#define CONFIG_TEXT_MAX 256  /* names, as of topics */
#define CONFIG_LIST_MAX 1024 /* lists of names */
#define CONFIG_LONG_MAX 4096 /* paths and addresses */
#define CONFIG_KAFKA_MAX 64
/* All values of kafka.* keys together: room for certificates. */
#define CONFIG_KAFKA_BYTES_MAX 65536
#define COMMIT_INTERVAL_EARLY_MAX_MS 5000 /* of commit.interval.ms with lists.early=on */
#define CONFIG_WARNINGS_MAX 8
#define CONFIG_WARNING_BYTES_MAX 96

/* The value stands in `kafka_values` of the configuration; see config_kafka_value(). */
struct kafka_property {
    char name[CONFIG_TEXT_MAX];
    size_t value_at;
};

/* Values that are still accepted under a former name, a sentence each. Library code does not log:
 * the command that owns the configuration prints them (command.h). */
struct config_warnings {
    char text[CONFIG_WARNINGS_MAX][CONFIG_WARNING_BYTES_MAX];
    uint32_t count;
};

enum guarantee { GUARANTEE_EXACTLY_ONCE, GUARANTEE_AT_LEAST_ONCE };
extern const char *const guarantee_names[];

/* The start of Avro records that weft writes (schemas/output_schemas.h). */
enum framing { FRAMING_SINGLE_OBJECT, FRAMING_CONFLUENT };

/* Presets that trade quality for speed; what each does stands in config.c. */
enum quality_preset { QUALITY_FULL, QUALITY_LEAN, QUALITY_COUNTS };

/* Which answers over HTTP the log tells: those of 500 and above are errors. */
enum access_log { ACCESS_LOG_OFF, ACCESS_LOG_ERRORS, ACCESS_LOG_ALL };

struct config {
    char application_id[CONFIG_TEXT_MAX];
    char bootstrap_servers[CONFIG_LONG_MAX];
    char state_dir[CONFIG_LONG_MAX];
    char instance_id[CONFIG_TEXT_MAX];
    char schema_registry_url[CONFIG_LONG_MAX];
    char schema_registry_user[CONFIG_TEXT_MAX];
    char schema_registry_password_file[CONFIG_LONG_MAX];
    char schema_registry_token_file[CONFIG_LONG_MAX];
    char schema_registry_ca_file[CONFIG_LONG_MAX];
    char schema_registry_certificate_file[CONFIG_LONG_MAX];
    char schema_registry_key_file[CONFIG_LONG_MAX];
    char schemas_path[CONFIG_LONG_MAX];
    char rules_path[CONFIG_LONG_MAX], agents_path[CONFIG_LONG_MAX];
    char experiments_path[CONFIG_LONG_MAX];
    char placements_off[CONFIG_LIST_MAX];
    char features_off[CONFIG_LIST_MAX];
    char goal[GOAL_TEXT_MAX];
    char generators_off[CONFIG_LIST_MAX];
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
    char topic_items[CONFIG_TEXT_MAX];
    char topic_events[CONFIG_TEXT_MAX]; /* one topic with events of all kinds; empty: none */
    char topic_events_map[CONFIG_LONG_MAX];
    char input_map[CONFIG_LONG_MAX];
    char topic_maps[EVENT_USER][CONFIG_LONG_MAX]; /* by event type; empty: input_map */
    enum guarantee guarantee;
    enum quality_preset quality;
    bool trust_keys; /* a record's key is not compared with its visitor */
    enum framing framing;
    enum subject_naming subject_naming;
    bool auto_register; /* weft registers its output schemas; else it looks them up */
    int64_t threads;    /* of each worker */
    int64_t workers;
    int64_t partitions;
    int64_t replication_factor;
    int64_t commit_interval_ms;
    int64_t commit_min_ms;
    float commit_share; /* 0: no bound */
    int64_t early_retention_ms;
    int64_t catch_up_lag_ms, catch_up_wait_ms;
    int64_t batch_records_max;
    int64_t max_task_idle_ms;
    int64_t visitor_cache_bytes;
    int64_t queue_bytes;
    int64_t input_partitions; /* no key: of each input, as the broker says. 0: not known yet */
    int64_t store_cache_bytes;
    int64_t store_writes_bytes;
    int64_t schema_registry_timeout_ms;
    int64_t schema_registry_retry_max_ms;
    int64_t schema_registry_refusal_ms;
    int64_t session_timeout_ms;
    int64_t num_standby;
    int64_t rules_reload_ms, experiments_reload_ms;
    int64_t rankings_interval_ms;
    int64_t items_interval_ms;
    int64_t items_per_second; /* whose lists are made */
    int64_t catalogue_rescan_ms;
    int64_t model_save_ms;
    int64_t snapshot_interval_ms;
    int64_t metrics_interval_ms;
    char http_listen[CONFIG_TEXT_MAX];
    char http_token_read_file[CONFIG_LONG_MAX];
    char http_token_write_file[CONFIG_LONG_MAX];
    char http_token_admin_file[CONFIG_LONG_MAX];
    char http_tls_certificate_file[CONFIG_LONG_MAX];
    char http_tls_key_file[CONFIG_LONG_MAX];
    char http_cors_origins[CONFIG_LIST_MAX];
    enum access_log http_access_log;
    int64_t http_threads;
    int64_t http_connections_max;
    int64_t http_body_bytes;
    int64_t http_request_ms;
    int64_t http_idle_ms;
    bool serve_explain;
    int64_t serve_events_waiting_max;
    int64_t serve_events_timeout_ms;
    struct kafka_property kafka[CONFIG_KAFKA_MAX];
    size_t kafka_count;
    char kafka_values[CONFIG_KAFKA_BYTES_MAX]; /* texts with their ends, one after the other */
    size_t kafka_bytes;
    struct config_warnings warnings;
    struct settings chosen;   /* as the keys say; the keys write here */
    struct settings settings; /* as the steps get them: `chosen`, and what follows from it. Filled
                               * by config_finish() */
};

/* ---- the table of keys (config_keys.c) ---- */

enum config_group_name {
    CONFIG_PROCESS,
    CONFIG_TOPICS,
    CONFIG_INPUT,
    CONFIG_VISITORS,
    CONFIG_LISTS,
    CONFIG_RANKER,
    CONFIG_MODEL,
    CONFIG_CATALOGUE,
    CONFIG_RANKINGS,
    CONFIG_HTTP,
    CONFIG_PLACEMENTS,
    CONFIG_KAFKA,
    CONFIG_GROUPS,
};

struct config_group {
    const char *name;
    const char *summary;
    const char *pattern; /* help for keys that are not in the table; NULL: there are none */
};

extern const struct config_group config_groups[CONFIG_GROUPS];

enum config_type {
    CONFIG_TEXT, /* an array of char */
    CONFIG_INT64,
    CONFIG_UINT32,
    CONFIG_SIZE,
    CONFIG_FLOAT,   /* a whole number in a float */
    CONFIG_PERCENT, /* a whole number of percent as a share in a float */
    CONFIG_BOOL,    /* one of two `choices`: false, true */
    CONFIG_ENUM,    /* one of `choices`, by the enum's value */
};

/* A key: everything about it stands in its row. */
struct config_key {
    const char *name;
    enum config_group_name group;
    enum config_type type;
    const char *fallback; /* the default */
    const char *help;
    size_t offset;              /* of its field in struct config */
    int64_t min, max;           /* of numbers; of a text, `max` is its bytes */
    const char *const *choices; /* names of the values, NULL at the end; NULL for other types */
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

static inline bool config_key_is_number(const struct config_key *key)
{
    return key->type >= CONFIG_INT64 && key->type <= CONFIG_PERCENT;
}

/* Appends the keys of one group, or of all with CONFIG_GROUPS, for people: a heading for each
 * group, then "name=default" and the help for each key. */
void config_keys_text(enum config_group_name group, struct buffer *buffer);

/* ---- using it ---- */

/* How many letters to insert, delete or replace to make `b` of `a`: finds the nearest key. */
size_t config_distance(const char *a, const char *b);

/* All defaults. `config` needs no release. */
void config_init(struct config *config);
/* SKIP, with line number, key and what to do. */
enum verdict config_read_file(struct config *config, const char *path, struct error *error);
/* One key. A value under its former name is stored under its present one, and `config->warnings`
 * gets a sentence. */
enum verdict config_set(struct config *config, const char *name, const char *value,
                        struct error *error);
/* "key=value" */
enum verdict config_assign(struct config *config, const char *assignment, struct error *error);
/* Borrowed from the configuration, until a kafka.* key is set. */
static inline const char *config_kafka_value(const struct config *config, size_t index)
{
    return config->kafka_values + config->kafka[index].value_at;
}

/* Checks what only fits together and fills `settings`. It changes nothing else, so keys may be set
 * again after it, and then it is called again. SKIP, with what to do. */
enum verdict config_finish(struct config *config, struct error *error);

/* "<application.id>-<suffix>", a topic of the application. */
void config_topic(const struct config *config, const char *suffix, char *to, size_t size);

static inline bool config_exactly_once(const struct config *config)
{
    return config->guarantee == GUARANTEE_EXACTLY_ONCE;
}

#endif
