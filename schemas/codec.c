#include "schemas/codec.h"

#include "schemas/avro.h"
#include "schemas/avro_json.h"
#include "schemas/byte_order.h"
#include "schemas/embedded.h"
#include "schemas/event_judge.h"
#include "schemas/json.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#define CONFLUENT_HEADER 5      /* bytes before the record */
#define SINGLE_OBJECT_HEADER 10 /* the same */

struct known_plan {
    uint64_t id; /* Confluent's id, or the fingerprint */
    bool confluent;
    enum event_type type;
    struct avro_plan *plan;   /* NULL: there is none; `why` has the reason */
    struct avro_shape *shape; /* instead, for records that go through a mapping */
    int64_t retry_ms;         /* when to fetch the schema again, monotonic; 0: at once */
    struct error why;
};

struct codec {
    struct schema_source *source;
    struct known_plan *plans;
    size_t plan_count;
    size_t latest[EVENT_TYPES];                  /* the plan of the last record of each type */
    const struct mapping *mappings[EVENT_TYPES]; /* NULL: weft's own records */
    bool all_kinds[EVENT_TYPES];                 /* see codec_set_all_kinds() */
    struct buffer json;                          /* of the Avro record at hand, for its mapping */
};

struct bytes schema_text(const char *name)
{
    for (size_t i = 0; embedded_schemas[i].name; i++)
        if (strcmp(embedded_schemas[i].name, name) == 0)
            return bytes_of(embedded_schemas[i].text, embedded_schemas[i].size);
    return bytes_of(NULL, 0);
}

uint64_t schema_fingerprint(const char *name)
{
    uint64_t fingerprint = 0;
    enum verdict verdict = avro_fingerprint(schema_text(name), &fingerprint, NULL);
    assert(verdict == VERDICT_OK);
    (void)verdict;
    return fingerprint;
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct known_plan *find_plan(struct codec *codec, uint64_t id, bool confluent,
                                    enum event_type type)
{
    size_t *latest = &codec->latest[type];
    for (size_t i = 0; i < codec->plan_count; i++) {
        size_t k = (*latest + i) % codec->plan_count;
        struct known_plan *known = &codec->plans[k];
        if (known->id == id && known->confluent == confluent && known->type == type) {
            *latest = k;
            return known;
        }
    }
    return NULL;
}

static struct known_plan *add_plan(struct codec *codec, uint64_t id, bool confluent,
                                   enum event_type type)
{
    struct known_plan *known = NULL;
    if (codec->plan_count < CODEC_PLANS_MAX) {
        known = &codec->plans[codec->plan_count++];
    } else { /* full, because wrong ids came: an id without a plan makes room */
        for (size_t i = 0; known == NULL && i < CODEC_PLANS_MAX; i++)
            if (codec->plans[i].plan == NULL && codec->plans[i].shape == NULL)
                known = &codec->plans[i];
        if (known == NULL) { /* or one that can be fetched again */
            size_t at = id % CODEC_PLANS_MAX;
            for (size_t i = 0; i < CODEC_PLANS_MAX && !codec->plans[at].confluent; i++)
                at = (at + 1) % CODEC_PLANS_MAX;
            known = &codec->plans[at];
            avro_plan_free(known->plan);
            avro_shape_free(known->shape);
        }
    }
    *known = (struct known_plan){.id = id, .confluent = confluent, .type = type};
    return known;
}

struct codec *codec_new(struct schema_source *source)
{
    struct codec *codec = memory_zero(1, sizeof *codec);
    codec->source = source;
    codec->plans = memory_zero(CODEC_PLANS_MAX, sizeof *codec->plans);
    for (int type = 0; type < EVENT_TYPES; type++) {
        enum verdict verdict =
            codec_learn(codec, (enum event_type)type, schema_text(event_type_names[type]), NULL);
        assert(verdict == VERDICT_OK);
        (void)verdict;
    }
    return codec;
}

void codec_free(struct codec *codec)
{
    if (codec == NULL)
        return;
    for (size_t i = 0; i < codec->plan_count; i++) {
        avro_plan_free(codec->plans[i].plan);
        avro_shape_free(codec->plans[i].shape);
    }
    buffer_release(&codec->json);
    free(codec->plans);
    free(codec);
}

/* Compiles a plan, or a shape if the records go through a mapping. */
static enum verdict compile_plan(const struct codec *codec, struct bytes schema,
                                 struct known_plan *known, struct error *error)
{
    if (codec->mappings[known->type])
        return avro_shape_new(schema, &known->shape, error);
    return avro_plan_new(schema, known->type, &known->plan, error);
}

enum verdict codec_learn(struct codec *codec, enum event_type type, struct bytes schema,
                         struct error *error)
{
    struct known_plan learned = {.type = type};
    enum verdict verdict = avro_fingerprint(schema, &learned.id, error);
    if (verdict == VERDICT_OK && find_plan(codec, learned.id, false, type) == NULL) {
        verdict = compile_plan(codec, schema, &learned, error);
        if (verdict == VERDICT_OK)
            *add_plan(codec, learned.id, false, type) = learned;
    }
    return verdict;
}

/* A schema that does not exist or can't be read is remembered too, so that not every record tries
 * again. */
static enum verdict fetch_plan(struct codec *codec, struct known_plan *known)
{
    struct buffer schema = {0};
    error_clear(&known->why);
    enum verdict verdict =
        codec->source->fetch(codec->source, (uint32_t)known->id, &schema, &known->why);
    if (verdict == VERDICT_OK)
        verdict = compile_plan(codec, buffer_bytes(&schema), known, &known->why);
    known->retry_ms = verdict == VERDICT_SKIP ? monotonic_ms() + codec->source->refusal_ms : 0;
    buffer_release(&schema);
    return verdict == VERDICT_SKIP ? VERDICT_OK : verdict;
}

static enum verdict confluent_plan(struct codec *codec, struct bytes bytes, enum event_type type,
                                   struct known_plan **ret_known, struct error *error)
{
    if (codec->source == NULL)
        return error_set(error, VERDICT_SKIP,
                         "the record is framed for a schema registry, but "
                         "schema.registry.url is not set");
    if (codec->all_kinds[type] && codec->mappings[type] == NULL)
        return error_set(error, VERDICT_SKIP,
                         "the record is framed for a schema registry, which does not say its kind; "
                         "set topics.events.map, or give each kind a topic");
    if (bytes.size < CONFLUENT_HEADER)
        return error_set(error, VERDICT_SKIP, "cut off in the schema id");
    uint32_t id = (uint32_t)get_be(bytes.at + 1, 4);
    struct known_plan *known = find_plan(codec, id, true, type);
    if (known == NULL)
        known = add_plan(codec, id, true, type);
    if (known->plan == NULL && known->shape == NULL && monotonic_ms() >= known->retry_ms &&
        fetch_plan(codec, known) == VERDICT_RETRY)
        return error_set(error, VERDICT_RETRY, "schema id %u: %s", id, known->why.message);
    *ret_known = known;
    return VERDICT_OK;
}

static enum verdict single_object_plan(struct codec *codec, struct bytes bytes,
                                       enum event_type type, struct known_plan **ret_known,
                                       struct error *error)
{
    int last = codec->all_kinds[type] ? EVENT_USER - 1 : (int)type;
    if (bytes.size < SINGLE_OBJECT_HEADER)
        return error_set(error, VERDICT_SKIP, "cut off in the schema's fingerprint");
    uint64_t fingerprint = get_le(bytes.at + 2, 8);
    *ret_known = NULL;
    for (int i = (int)type; i <= last && *ret_known == NULL; i++)
        *ret_known = find_plan(codec, fingerprint, false, (enum event_type)i);
    if (*ret_known == NULL)
        return error_set(error, VERDICT_SKIP,
                         "no %s schema has the fingerprint %016llx; put its .avsc file into "
                         "schemas.path",
                         event_type_names[type], (unsigned long long)fingerprint);
    return VERDICT_OK;
}

/* A mapping reads JSON, so the record is written as JSON first. */
static enum verdict map_avro(struct codec *codec, const struct known_plan *known,
                             struct bytes record, struct arena *arena, struct event *event,
                             struct error *error)
{
    buffer_clear(&codec->json);
    if (avro_write_json(known->shape, record, &codec->json, error) != VERDICT_OK)
        return VERDICT_SKIP;
    return mapping_decode(codec->mappings[known->type], known->type,
                          arena_copy(arena, buffer_bytes(&codec->json)), arena, event, error);
}

static enum verdict decode_avro(struct codec *codec, enum event_type type, struct bytes bytes,
                                struct arena *arena, struct event *event, struct error *error)
{
    struct known_plan *known = NULL;
    bool confluent = bytes.at[0] == 0;
    size_t header = confluent ? CONFLUENT_HEADER : SINGLE_OBJECT_HEADER;
    enum verdict verdict =
        (confluent ? confluent_plan : single_object_plan)(codec, bytes, type, &known, error);
    if (verdict != VERDICT_OK)
        return verdict;
    struct bytes record = bytes_of(bytes.at + header, bytes.size - header);
    if (known->shape)
        return map_avro(codec, known, record, arena, event, error);
    if (known->plan == NULL)
        return error_set(error, VERDICT_SKIP, "schema id %llu: %s", (unsigned long long)known->id,
                         known->why.message);
    if (known->type != type)
        event_init(event, known->type);
    return avro_decode(known->plan, record, arena, event, error);
}

void codec_set_mapping(struct codec *codec, enum event_type type, const struct mapping *mapping)
{
    codec->mappings[type] = mapping;
}

void codec_set_all_kinds(struct codec *codec, enum event_type type)
{
    codec->all_kinds[type] = true;
}

static enum verdict decode_typed_json(struct bytes json, struct arena *arena, struct event *event,
                                      struct error *error)
{
    struct bytes type;
    char quoted[BYTES_QUOTED_SIZE];
    if (json_text_field(json, "type", arena, &type, error) != VERDICT_OK)
        return VERDICT_SKIP;
    for (int i = 0; i < EVENT_USER; i++) {
        if (bytes_equal(type, bytes_text(event_type_names[i]))) {
            event_init(event, (enum event_type)i);
            return json_decode(json, arena, event, error);
        }
    }
    return error_set(error, VERDICT_SKIP,
                     "type is %s, not view, search, cart, purchase, impression or click",
                     bytes_quote(type, quoted));
}

static enum verdict decode_json(const struct codec *codec, enum event_type type, struct bytes json,
                                struct arena *arena, struct event *event, struct error *error)
{
    if (codec->mappings[type])
        return mapping_decode(codec->mappings[type], type, json, arena, event, error);
    if (codec->all_kinds[type])
        return decode_typed_json(json, arena, event, error);
    return json_decode(json, arena, event, error);
}

enum verdict codec_decode(struct codec *codec, enum event_type type, struct bytes bytes,
                          struct arena *arena, struct event *event, struct error *error)
{
    event_init(event, type);
    if (bytes.at == NULL)
        return error_set(error, VERDICT_SKIP, "a tombstone (no value) is not an event");
    if (bytes.size == 0)
        return error_set(error, VERDICT_SKIP, "the record is empty");
    if (event_judge_size(bytes.size, error) != VERDICT_OK)
        return VERDICT_SKIP;
    enum verdict verdict;
    unsigned char first = (unsigned char)bytes.at[0];
    if (first == 0x00 || (first == 0xC3 && bytes.size > 1 && bytes.at[1] == 0x01))
        verdict = decode_avro(codec, type, bytes, arena, event, error);
    else if (first == '{' || first == ' ' || first == '\t' || first == '\n' || first == '\r')
        verdict = decode_json(codec, type, bytes, arena, event, error);
    else
        verdict = error_set(error, VERDICT_SKIP, "neither JSON nor Avro: the first byte is 0x%02x",
                            first);
    return verdict == VERDICT_OK && !event->dropped ? event_check(event, error) : verdict;
}
