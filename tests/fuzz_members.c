/* Ids of a group's members, as a broker tells them, and the partitions that an instance would
 * inherit, against a naive search over all that may leave.
 *
 * The input: how many may be gone (1 byte), partitions (1 byte), then ids that end with a zero
 * byte. An id that ends with '+' gets a UUID, as the broker appends one. */
#include "processors/runtime/kafka/members.h"
#include "tests/fuzz.h"

#include <stdlib.h>

#define IDS_MAX 12
#define PARTITIONS_MAX 40
#define UUID "-01234567-89ab-cdef-0123-456789abcdef"

struct group {
    char *ids[IDS_MAX];
    size_t count;
    struct members members;
};

static void read_ids(struct group *group, const uint8_t *data, size_t size)
{
    while (size > 0 && group->count < IDS_MAX) {
        const uint8_t *end = memchr(data, 0, size);
        size_t length = end ? (size_t)(end - data) : size;
        struct buffer id = {0};
        bool marked = length > 0 && data[length - 1] == '+';
        buffer_append(&id, data, marked ? length - 1 : length);
        if (marked)
            buffer_text(&id, UUID);
        buffer_byte(&id, '\0');
        group->ids[group->count++] = id.at;
        size -= end ? length + 1 : length;
        data += end ? length + 1 : length;
    }
}

/* ---- the naive search ---- */

/* "shop-1" of "shop-1-0". */
static struct bytes instance_of(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash ? bytes_of(name, (size_t)(dash - name)) : bytes_text(name);
}

/* Who has the partition when the instances `left` and `also` are gone: member number; -1: none. */
static int owner_of(const struct members *members, struct bytes left, struct bytes also, int p,
                    int partitions)
{
    int present[IDS_MAX], count = 0;
    for (size_t i = 0; i < members->count; i++) {
        struct bytes instance = instance_of(members->names[i]);
        if (!(left.at && bytes_equal(instance, left)) && !(also.at && bytes_equal(instance, also)))
            present[count++] = (int)i;
    }
    for (int place = 0, next = 0; place < count; place++) {
        next += partitions / count + (place < partitions % count);
        if (p < next)
            return present[place];
    }
    return -1;
}

static bool has(const struct members *members, const char *instance, struct bytes left,
                struct bytes also, int p, int partitions)
{
    int owner = owner_of(members, left, also, p, partitions);
    return owner >= 0 && bytes_equal(instance_of(members->names[owner]), bytes_text(instance));
}

static bool wants(const struct members *members, const char *instance, int p, int partitions,
                  int gone)
{
    struct bytes own = bytes_text(instance), none = bytes_of(NULL, 0);
    if (has(members, instance, none, none, p, partitions))
        return false;
    if (gone > 2)
        return true;
    for (size_t i = 0; i < members->count && gone > 0; i++) {
        for (size_t k = 0; k < members->count; k++) {
            struct bytes left = instance_of(members->names[i]);
            struct bytes also = gone > 1 ? instance_of(members->names[k]) : none;
            if (!bytes_equal(left, own) && !(also.at && bytes_equal(also, own)) &&
                has(members, instance, left, also, p, partitions))
                return true;
        }
    }
    return false;
}

static void check_inheritance(const struct members *members, const char *instance, int partitions,
                              int gone)
{
    bool wanted[PARTITIONS_MAX];
    members_inherit(members, instance, partitions, gone, wanted);
    for (int p = 0; p < partitions; p++)
        FUZZ_CHECK(wanted[p] == wants(members, instance, p, partitions, gone));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct group group = {0};
    if (size < 2)
        return 0;
    int gone = data[0] % 4, partitions = 1 + data[1] % PARTITIONS_MAX;
    read_ids(&group, data + 2, size - 2);
    members_take(&group.members, (const char *const *)group.ids, group.count);
    FUZZ_CHECK(group.members.count <= group.count);
    for (size_t i = 0; i < group.members.count; i++) {
        const char *name = group.members.names[i];
        struct bytes instance = instance_of(name);
        char *text = memory_text(instance);
        FUZZ_CHECK(i == 0 || strcmp(group.members.names[i - 1], name) <= 0);
        FUZZ_CHECK(members_have(&group.members, name) && strlen(name) < CONFIG_TEXT_MAX);
        check_inheritance(&group.members, text, partitions, gone);
        free(text);
    }
    check_inheritance(&group.members, "nobody", partitions, gone);
    members_release(&group.members);
    for (size_t i = 0; i < group.count; i++)
        free(group.ids[i]);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    static const char ids[] = "a-0+\0a-1+\0b-0+\0c-0+\0no uuid\0shop-1-0+\0-+\0+";
    struct buffer seed = {0};
    for (int gone = 0; gone < 4; gone++) {
        buffer_clear(&seed);
        buffer_byte(&seed, (char)gone);
        buffer_byte(&seed, (char)(7 * gone + 5));
        buffer_append(&seed, ids, sizeof ids - (gone == 1 ? 20 : 0));
        sink->add(sink, buffer_bytes(&seed));
    }
    buffer_release(&seed);
}
