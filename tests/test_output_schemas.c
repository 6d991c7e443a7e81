/* The schemas of the records that weft writes: what stands before a record, the subjects, and that
 * they read each record of a released version (BACKWARD_TRANSITIVE in a schema registry).
 * tests/released/VERSION/ has the schemas of each version. */
#include "schemas/output_schemas.h"
#include "schemas/byte_order.h"
#include "schemas/codec.h"
#include "schemas/ranking.h"
#include "tests/test.h"

#include <dirent.h>
#include <jansson.h>

/* ---- frames and subjects ---- */

static void test_frames(void)
{
    struct buffer record = {0};
    struct output_frames frames = output_frames_single();
    avro_put_frame(&record, &frames.of[SCHEMA_RANKING]);
    CHECK_INT(record.size, 10);
    CHECK(memcmp(record.at, "\xC3\x01", 2) == 0);
    CHECK(get_le(record.at + 2, 8) == schema_fingerprint("ranking"));
    struct avro_frame frame = avro_frame_confluent(0x01020304);
    buffer_clear(&record);
    avro_put_frame(&record, &frame);
    CHECK_BYTES(buffer_bytes(&record), bytes_of("\0\1\2\3\4", 5));
    buffer_release(&record);
}

/* A record is written again if its format, its framing or its id changes. */
static void test_versions(void)
{
    struct output_frames single = output_frames_single();
    struct avro_frame one = avro_frame_confluent(1), two = avro_frame_confluent(2);
    const uint64_t versions[] = {output_form_version(false, &single.of[SCHEMA_RANKING]),
                                 output_form_version(true, &single.of[SCHEMA_RANKING]),
                                 output_form_version(true, &one), output_form_version(true, &two)};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            CHECK(versions[i] != versions[k]);
    CHECK(output_form_version(false, &two) == 0);
}

static void check_subject(enum subject_naming naming, enum output_schema schema, const char *is)
{
    struct buffer subject = {0};
    output_subject(naming, "shop.lists", schema, &subject);
    CHECK_BYTES(buffer_bytes(&subject), bytes_text(is));
    buffer_release(&subject);
}

static void test_subjects(void)
{
    check_subject(SUBJECT_TOPIC, SCHEMA_RECOMMENDATION, "shop.lists-value");
    check_subject(SUBJECT_RECORD, SCHEMA_RECOMMENDATION, "weft.Recommendation");
    check_subject(SUBJECT_RECORD, SCHEMA_ITEM_LISTS, "weft.ItemLists");
    check_subject(SUBJECT_TOPIC_RECORD, SCHEMA_RANKING, "shop.lists-weft.Ranking");
}

/* ---- reading ---- */

/* A ranking in each form is the same JSON, field by field. */
static void test_reading(void)
{
    struct ranking_item item = {.item_id = bytes_text("i\"1"), .score = .5};
    const struct ranking ranking = {.kind = RANKING_VIEWED,
                                    .scope = SCOPE_BRAND,
                                    .name = bytes_text("Brand"),
                                    .offset = 7,
                                    .items = &item,
                                    .item_count = 1};
    const struct avro_frame frames[] = {avro_frame_single(1), avro_frame_confluent(77)};
    struct output_reader *reader = output_reader_new();
    struct buffer record = {0}, json = {0};
    ranking_write_json(&ranking, &record);
    CHECK(output_reader_json(reader, SCHEMA_RANKING, buffer_bytes(&record), &json, NULL) ==
          VERDICT_OK);
    CHECK_BYTES(buffer_bytes(&json), buffer_bytes(&record));
    json_t *is = json_loadb(json.at, json.size, 0, NULL);
    for (int i = 0; i < 2; i++) {
        buffer_clear(&record);
        buffer_clear(&json);
        ranking_write_avro(&ranking, &frames[i], &record);
        CHECK(output_reader_json(reader, SCHEMA_RANKING, buffer_bytes(&record), &json, NULL) ==
              VERDICT_OK);
        json_t *read = json_loadb(json.at, json.size, 0, NULL), *field;
        const char *name;
        CHECK(read != NULL);
        json_object_foreach(is, name, field) if (!json_is_array(field))
            CHECK_SAY(json_equal(field, json_object_get(read, name)), "%s", name);
        json_t *first = json_array_get(json_object_get(read, "items"), 0);
        CHECK(strcmp(json_string_value(json_object_get(first, "item_id")), "i\"1") == 0);
        json_decref(read);
        record.size--;
        CHECK(output_reader_json(reader, SCHEMA_RANKING, buffer_bytes(&record), &json, NULL) ==
              VERDICT_SKIP);
    }
    json_decref(is);
    buffer_release(&record);
    buffer_release(&json);
    output_reader_free(reader);
}

/* ---- released schemas ---- */

/* The rules of "Schema Resolution" (Avro 1.11 specification) for what weft's schemas use: records
 * with defaults, unions, arrays and types without a name. */
static bool resolves(json_t *reader, json_t *writer);

static const char *type_of(json_t *schema)
{
    if (json_is_string(schema))
        return json_string_value(schema);
    return json_is_array(schema) ? "union" : type_of(json_object_get(schema, "type"));
}

static json_t *field_named(json_t *record, const char *name)
{
    json_t *field;
    size_t i;
    json_array_foreach(json_object_get(record, "fields"), i,
                       field) if (strcmp(json_string_value(json_object_get(field, "name")), name) ==
                                  0) return field;
    return NULL;
}

static bool record_resolves(json_t *reader, json_t *writer)
{
    json_t *field;
    size_t i;
    json_array_foreach(json_object_get(reader, "fields"), i, field)
    {
        json_t *written = field_named(writer, json_string_value(json_object_get(field, "name")));
        if (written == NULL && json_object_get(field, "default") == NULL)
            return false;
        if (written && !resolves(json_object_get(field, "type"), json_object_get(written, "type")))
            return false;
    }
    return true;
}

/* Each branch that may have been written has one that reads it. */
static bool union_resolves(json_t *reader, json_t *writer)
{
    size_t branches = json_is_array(writer) ? json_array_size(writer) : 1;
    for (size_t i = 0; i < branches; i++) {
        json_t *written = json_is_array(writer) ? json_array_get(writer, i) : writer;
        size_t places = json_is_array(reader) ? json_array_size(reader) : 1, k = 0;
        while (k < places &&
               !resolves(json_is_array(reader) ? json_array_get(reader, k) : reader, written))
            k++;
        if (k == places)
            return false;
    }
    return true;
}

static bool resolves(json_t *reader, json_t *writer)
{
    if (json_is_array(reader) || json_is_array(writer))
        return union_resolves(reader, writer);
    const char *to = type_of(reader), *from = type_of(writer);
    if (strcmp(to, from) != 0)
        return (strcmp(to, "double") == 0 || strcmp(to, "float") == 0 || strcmp(to, "long") == 0) &&
               (strcmp(from, "int") == 0 || (strcmp(from, "long") == 0 && to[0] != 'l') ||
                (strcmp(from, "float") == 0 && to[0] == 'd'));
    if (strcmp(to, "array") == 0)
        return resolves(json_object_get(reader, "items"), json_object_get(writer, "items"));
    return strcmp(to, "record") != 0 || record_resolves(reader, writer);
}

/* Whether a reader with schema `newer` reads each record of `older`. */
static bool reads(struct bytes newer, struct bytes older)
{
    json_t *reader = json_loadb(newer.at, newer.size, 0, NULL);
    json_t *writer = json_loadb(older.at, older.size, 0, NULL);
    bool compatible = reader && writer && resolves(reader, writer);
    json_decref(reader);
    json_decref(writer);
    return compatible;
}

/* The file's text, which the caller releases; empty: there is no such file. */
static struct buffer read_file(const char *path)
{
    struct buffer text = {0};
    char part[4096];
    FILE *file = fopen(path, "r");
    for (size_t size; file && (size = fread(part, 1, sizeof part, file)) > 0;)
        buffer_append(&text, part, size);
    if (file)
        fclose(file);
    return text;
}

static int check_version(const char *version)
{
    int schemas = 0;
    for (int i = 0; i < OUTPUT_SCHEMAS; i++) {
        char path[300];
        snprintf(path, sizeof path, WEFT_SOURCE_DIR "/tests/released/%s/%s.avsc", version,
                 output_schema_names[i]);
        struct buffer text = read_file(path); /* absent: newer than this version */
        if (text.size > 0) {
            CHECK_SAY(reads(schema_text(output_schema_names[i]), buffer_bytes(&text)),
                      "%s.avsc does not read records of %s", output_schema_names[i], version);
            schemas++;
        }
        buffer_release(&text);
    }
    return schemas;
}

static void test_released(void)
{
    int versions = 0;
    DIR *folder = opendir(WEFT_SOURCE_DIR "/tests/released");
    CHECK(folder != NULL);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.') {
            CHECK(check_version(entry->d_name) > 0);
            versions++;
        }
    CHECK(versions > 0);
    if (folder)
        closedir(folder);
}

/* The check finds a change that readers do not survive. */
static void test_broken(void)
{
    const struct bytes older = bytes_text("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                          "{\"name\":\"a\",\"type\":\"string\"}]}");
    const struct bytes more = bytes_text("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                         "{\"name\":\"a\",\"type\":\"string\"},"
                                         "{\"name\":\"b\",\"type\":\"string\"}]}");
    const struct bytes other = bytes_text("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                          "{\"name\":\"a\",\"type\":\"long\"}]}");
    const struct bytes grown = bytes_text("{\"type\":\"record\",\"name\":\"R\",\"fields\":["
                                          "{\"name\":\"a\",\"type\":\"string\"},"
                                          "{\"name\":\"b\",\"type\":\"int\",\"default\":1}]}");
    CHECK(reads(older, older) && reads(older, more) && reads(grown, older));
    CHECK(!reads(more, older));  /* a new field without a default */
    CHECK(!reads(other, older)); /* another type */
}

int main(void)
{
    test_frames();
    test_versions();
    test_subjects();
    test_reading();
    test_released();
    test_broken();
    return test_done();
}
