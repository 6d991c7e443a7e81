#include "processors/runtime/kafka/registry_answer.h"

#include "processors/runtime/kafka/faults.h"

#include <jansson.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 512 /* of a reference's name and of its subject */

enum verdict registry_judge(const struct registry_answer *answer, struct error *error)
{
    char advice[FAULT_ADVICE_BYTES_MAX];
    const struct fault_row *row = fault_find(FAULT_OF_REGISTRY, (int)answer->status);
    switch (row->fault) {
    case FAULT_NONE:
        return VERDICT_OK;
    case FAULT_RECORD:
        return error_set(error, VERDICT_SKIP, "the registry does not know it (%.200s)",
                         answer->url);
    default:
        return error_set(error, VERDICT_RETRY, "%.200s answers with status %ld%s", answer->url,
                         answer->status, fault_advice(row, advice));
    }
}

bool registry_has_error_code(const struct registry_answer *answer)
{
    json_t *json = json_loadb(answer->body.at ? answer->body.at : "", answer->body.size, 0, NULL);
    bool has = json_is_integer(json_object_get(json, "error_code"));
    json_decref(json);
    return has;
}

/* ---- a schema and its references ---- */

void schema_parts_init(struct schema_parts *parts)
{
    memset(parts, 0, sizeof *parts);
    parts->count = 1;
}

void schema_parts_release(struct schema_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        free(parts->at[i].name);
        free(parts->at[i].subject);
        free(parts->at[i].text);
    }
    parts->count = 0;
}

struct schema_part *schema_parts_missing(struct schema_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        if (parts->at[i].text == NULL)
            return &parts->at[i];
    return NULL;
}

static bool is_known(const struct schema_parts *parts, const char *subject, int64_t version)
{
    for (size_t i = 1; i < parts->count; i++)
        if (parts->at[i].version == version && strcmp(parts->at[i].subject, subject) == 0)
            return true;
    return false;
}

/* {"name": "shop.Item", "subject": "item", "version": 1} */
static enum verdict note_reference(struct schema_parts *parts, json_t *json, int depth,
                                   struct error *error)
{
    const char *name = json_string_value(json_object_get(json, "name"));
    const char *subject = json_string_value(json_object_get(json, "subject"));
    json_t *version = json_object_get(json, "version");
    if (name == NULL || subject == NULL || *subject == '\0' || !json_is_integer(version) ||
        strlen(name) > NAME_BYTES_MAX || strlen(subject) > NAME_BYTES_MAX)
        return error_set(error, VERDICT_SKIP,
                         "the schema has a reference without a name, a subject or a version");
    if (is_known(parts, subject, json_integer_value(version)))
        return VERDICT_OK;
    if (depth > REGISTRY_DEPTH_MAX)
        return error_set(error, VERDICT_SKIP,
                         "the schema's references are nested more than %d deep",
                         REGISTRY_DEPTH_MAX);
    if (parts->count == sizeof parts->at / sizeof parts->at[0])
        return error_set(error, VERDICT_SKIP, "the schema refers to more than %d others",
                         AVRO_REFERENCES_MAX);
    parts->at[parts->count++] = (struct schema_part){
        .name = memory_text(bytes_text(name)),
        .subject = memory_text(bytes_text(subject)),
        .version = json_integer_value(version),
        .depth = depth,
    };
    return VERDICT_OK;
}

static enum verdict take_schema(struct schema_parts *parts, struct schema_part *part, json_t *json,
                                const char *url, struct error *error)
{
    const char *text = json_string_value(json_object_get(json, "schema"));
    const char *type = json_string_value(json_object_get(json, "schemaType"));
    size_t i, size = json_string_length(json_object_get(json, "schema"));
    json_t *reference;
    if (text == NULL)
        return error_set(error, VERDICT_RETRY,
                         "%s answers without a schema; check that schema.registry.url is a schema "
                         "registry",
                         url);
    if (type && strcmp(type, "AVRO") != 0)
        return error_set(error, VERDICT_SKIP, "the schema is of type %.40s, not AVRO", type);
    if (parts->bytes + size > REGISTRY_ANSWER_BYTES_MAX)
        return error_set(error, VERDICT_SKIP,
                         "the schema and its references have more than %zu bytes",
                         REGISTRY_ANSWER_BYTES_MAX);
    json_array_foreach(json_object_get(json, "references"), i, reference)
    {
        enum verdict verdict = note_reference(parts, reference, part->depth + 1, error);
        if (verdict != VERDICT_OK)
            return verdict;
    }
    parts->bytes += size;
    part->text = memory_text(bytes_of(text, size));
    return VERDICT_OK;
}

enum verdict schema_parts_take(struct schema_parts *parts, struct schema_part *part,
                               const struct registry_answer *answer, struct error *error)
{
    enum verdict verdict = registry_judge(answer, error);
    if (verdict == VERDICT_SKIP && part->subject)
        error_clear(error); /* which schema is missing says more */
    if (verdict == VERDICT_SKIP && part->subject)
        return error_set(error, VERDICT_SKIP,
                         "it refers to version %lld of subject '%.100s', which the registry does "
                         "not know (%.120s)",
                         (long long)part->version, part->subject, answer->url);
    if (verdict != VERDICT_OK)
        return verdict;
    const struct bytes body = answer->body;
    json_t *json = json_loadb(body.at ? body.at : "", body.size, 0, NULL);
    verdict = take_schema(parts, part, json, answer->url, error);
    json_decref(json);
    return verdict;
}

enum verdict schema_parts_join(const struct schema_parts *parts, struct buffer *ret_schema,
                               struct error *error)
{
    struct avro_reference references[AVRO_REFERENCES_MAX];
    if (parts->count == 1) {
        buffer_text(ret_schema, parts->at[0].text);
        return VERDICT_OK;
    }
    for (size_t i = 1; i < parts->count; i++)
        references[i - 1] = (struct avro_reference){.name = bytes_text(parts->at[i].name),
                                                    .schema = bytes_text(parts->at[i].text)};
    return avro_join(bytes_text(parts->at[0].text), references, parts->count - 1, ret_schema,
                     error);
}

/* ---- registering ---- */

/* A status that speaks about this client or this moment, not about the schema. */
static bool may_pass(long status)
{
    return status == 401 || status == 403 || status == 407 || status == 408 || status == 425 ||
           status == 429;
}

/* {"error_code": 409, "message": "..."} */
static enum verdict refused(const struct registry_answer *answer, json_t *json, struct error *error)
{
    const char *message = json_string_value(json_object_get(json, "message"));
    return error_set(error, VERDICT_SKIP, "%.150s refuses the schema with status %ld: %.200s",
                     answer->url, answer->status, message ? message : "it gives no reason");
}

enum verdict registry_read_id(const struct registry_answer *answer, uint32_t *ret_id,
                              struct error *error)
{
    const struct bytes body = answer->body;
    json_t *json = json_loadb(body.at ? body.at : "", body.size, 0, NULL);
    json_t *id = json_object_get(json, "id");
    bool has_id = answer->status == 200 && json_is_integer(id) && json_integer_value(id) >= 0 &&
                  json_integer_value(id) <= UINT32_MAX;
    enum verdict verdict = VERDICT_OK;
    if (has_id)
        *ret_id = (uint32_t)json_integer_value(id);
    else if (json_object_get(json, "message") && answer->status >= 400 && answer->status < 500 &&
             !may_pass(answer->status))
        verdict = refused(answer, json, error);
    else if (answer->status == 200)
        verdict = error_set(error, VERDICT_RETRY,
                            "%s answers without an id; check "
                            "schema.registry.url",
                            answer->url);
    else
        verdict = registry_judge(answer, error);
    json_decref(json);
    return verdict;
}
