/* The two stores against each other and a sorted array. */
#include "state/store.h"
#include "tests/test.h"

#include <dirent.h>

/* A compaction that the end interrupts leaves a few bytes in RocksDB. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:librocksdb.so";
}

#define ROWS_MAX 4096

struct row {
    enum family family;
    char key[24];
    size_t key_size;
    uint32_t value;
};

/* Always right, and slow. */
struct naive {
    struct row rows[ROWS_MAX];
    size_t count;
};

static int compare(const struct row *row, enum family family, struct bytes key)
{
    if (row->family != family)
        return row->family < family ? -1 : 1;
    return bytes_compare(bytes_of(row->key, row->key_size), key);
}

static void naive_change(struct naive *naive, const struct store_change *change, uint32_t value)
{
    size_t count = 0;
    for (size_t i = 0; i < naive->count; i++) {
        const struct row *row = &naive->rows[i];
        bool gone = change->change == CHANGE_DELETE_PREFIX
                        ? row->family == change->family && row->key_size >= change->key.size &&
                              memcmp(row->key, change->key.at, change->key.size) == 0
                        : compare(row, change->family, change->key) == 0;
        if (!gone)
            naive->rows[count++] = *row;
    }
    naive->count = count;
    if (change->change != CHANGE_PUT || count == ROWS_MAX)
        return;
    size_t at = 0;
    while (at < count && compare(&naive->rows[at], change->family, change->key) < 0)
        at++;
    memmove(&naive->rows[at + 1], &naive->rows[at], (count - at) * sizeof naive->rows[0]);
    naive->rows[at] =
        (struct row){.family = change->family, .key_size = change->key.size, .value = value};
    memcpy(naive->rows[at].key, change->key.at, change->key.size);
    naive->count++;
}

/* Few bytes, so that keys meet and one is the start of another. */
static struct bytes random_key(struct random *random, char *to, size_t least)
{
    static const unsigned char letters[] = {0x00, 0x01, 'a', 0x7F, 0x80, 0xFE, 0xFF};
    size_t size = least + random_below(random, 4);
    for (size_t i = 0; i < size; i++)
        to[i] = (char)letters[random_below(random, sizeof letters)];
    return bytes_of(to, size);
}

static void random_change(struct random *random, struct store_batch *batch, struct naive *naive)
{
    char key[24], value[4000];
    struct store_change change = {.family = (enum family)random_below(random, FAMILIES)};
    uint32_t number = random_below(random, 1000000);
    change.key = random_key(random, key, 1);
    memset(value, (int)number, sizeof value);
    memcpy(value, &number, sizeof number);
    switch (random_below(random, 10)) {
    case 0:
        if (key[0] == (char)0xFF)
            key[0] = 'a'; /* see store.h */
        change.change = CHANGE_DELETE_PREFIX;
        batch_delete_prefix(batch, change.family, change.key);
        break;
    case 1:
    case 2:
        change.change = CHANGE_DELETE;
        batch_delete(batch, change.family, change.key);
        break;
    default:
        change.change = CHANGE_PUT;
        batch_put(batch, change.family, change.key,
                  bytes_of(value, sizeof number + number % (sizeof value - sizeof number)));
        break;
    }
    naive_change(naive, &change, number);
}

struct checker {
    struct store_visitor visitor;
    const struct naive *naive;
    enum family family;
    struct bytes prefix;
    size_t at;
    size_t rows;
    size_t stop_after; /* 0: never */
};

static void skip_others(struct checker *checker)
{
    const struct naive *naive = checker->naive;
    for (; checker->at < naive->count; checker->at++) {
        const struct row *row = &naive->rows[checker->at];
        if (row->family == checker->family && row->key_size >= checker->prefix.size &&
            memcmp(row->key, checker->prefix.at, checker->prefix.size) == 0)
            return;
    }
}

static enum verdict check_row(struct store_visitor *visitor, struct bytes key, struct bytes value,
                              struct error *error)
{
    struct checker *checker = (struct checker *)(void *)visitor;
    uint32_t number = 0;
    (void)error;
    skip_others(checker);
    CHECK(checker->at < checker->naive->count && value.size >= sizeof number);
    const struct row *row = &checker->naive->rows[checker->at++];
    memcpy(&number, value.at, sizeof number);
    CHECK_BYTES(key, bytes_of(row->key, row->key_size));
    CHECK_INT(number, row->value);
    CHECK_INT(value.size, 4 + number % 3996);
    return ++checker->rows == checker->stop_after ? VERDICT_RETRY : VERDICT_OK;
}

static void check_scan(struct store *store, const struct naive *naive, enum family family,
                       struct bytes prefix)
{
    struct checker checker = {
        .visitor.row = check_row, .naive = naive, .family = family, .prefix = prefix};
    CHECK(store->scan(store, family, prefix, &checker.visitor, NULL) == VERDICT_OK);
    skip_others(&checker);
    CHECK_INT(checker.at, naive->count); /* none is left */
    size_t rows = checker.rows;
    checker.at = checker.rows = 0;
    checker.stop_after = 1;
    CHECK(store->scan(store, family, prefix, &checker.visitor, NULL) ==
          (rows ? VERDICT_RETRY : VERDICT_OK));
    CHECK_INT(checker.rows, rows ? 1 : 0);
}

static void check_store(struct random *random, struct store *store, const struct naive *naive)
{
    struct buffer value = {0};
    char key[24];
    for (int family = 0; family < FAMILIES; family++) {
        check_scan(store, naive, (enum family)family, bytes_of("", 0));
        check_scan(store, naive, (enum family)family, random_key(random, key, 0));
    }
    for (int i = 0; i < 40; i++) {
        enum family family = (enum family)random_below(random, FAMILIES);
        struct bytes wanted = random_key(random, key, 1);
        const struct row *row = NULL;
        for (size_t k = 0; k < naive->count; k++)
            if (compare(&naive->rows[k], family, wanted) == 0)
                row = &naive->rows[k];
        buffer_clear(&value);
        buffer_text(&value, "kept");
        CHECK(store->get(store, family, wanted, &value, NULL) == (row ? VERDICT_OK : VERDICT_SKIP));
        CHECK(memcmp(value.at, "kept", 4) == 0); /* it appends */
        CHECK_INT(value.size - 4, row ? 4 + row->value % 3996 : 0);
    }
    buffer_release(&value);
}

static void open_disk(const char *path, bool read_only, struct store **ret_store)
{
    struct error error = {0};
    if (store_rocksdb_open(path, read_only, ret_store, &error) != VERDICT_OK) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
}

static void test_random(void)
{
    struct random random = random_from(71);
    char *folder = test_new_folder();
    struct naive *naive = memory_zero(1, sizeof *naive);
    struct store *memory = store_memory_new(), *disk;
    struct store_batch batch = {0};
    open_disk(folder, false, &disk);
    for (int i = 0; i < 300; i++) {
        for (uint32_t k = random_below(&random, 12); k > 0; k--)
            random_change(&random, &batch, naive);
        CHECK(memory->write(memory, &batch, NULL) == VERDICT_OK);
        CHECK(disk->write(disk, &batch, NULL) == VERDICT_OK);
        batch_clear(&batch);
        if (i % 10 == 0) {
            check_store(&random, memory, naive);
            check_store(&random, disk, naive);
        }
        if (i % 75 == 74) {
            if (i % 2)
                CHECK(disk->sync(disk, NULL) == VERDICT_OK);
            disk->free(disk);
            open_disk(folder, false, &disk);
        }
    }
    CHECK(naive->count > 50);
    check_store(&random, memory, naive);
    check_store(&random, disk, naive);
    struct store *reader; /* beside the one that writes */
    open_disk(folder, true, &reader);
    check_store(&random, reader, naive);
    struct error error = {0};
    batch_put(&batch, FAMILY_MODEL, bytes_text("x"), bytes_text("y"));
    CHECK(reader->write(reader, &batch, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "can't write to");
    reader->free(reader);
    CHECK(disk->write(disk, &batch, NULL) == VERDICT_OK);
    memory->free(memory);
    disk->free(disk);
    batch_release(&batch);
    free(naive);
    test_remove_folder(folder);
    free(folder);
}

static void test_order_in_batch(void)
{
    char *folder = test_new_folder();
    struct store *stores[2] = {store_memory_new(), NULL};
    open_disk(folder, false, &stores[1]);
    for (int i = 0; i < 2; i++) {
        struct store_batch batch = {0};
        struct buffer value = {0};
        batch_put(&batch, FAMILY_VISITOR, bytes_text("ab"), bytes_text("1"));
        batch_delete_prefix(&batch, FAMILY_VISITOR, bytes_text("a"));
        batch_put(&batch, FAMILY_VISITOR, bytes_text("ac"), bytes_text("2"));
        batch_put(&batch, FAMILY_VISITOR, bytes_text("ac"), bytes_text(""));
        batch_delete(&batch, FAMILY_VISITOR, bytes_text("never"));
        CHECK_INT(batch.count, 5);
        CHECK(stores[i]->write(stores[i], &batch, NULL) == VERDICT_OK);
        CHECK(stores[i]->get(stores[i], FAMILY_VISITOR, bytes_text("ab"), &value, NULL) ==
              VERDICT_SKIP);
        CHECK(stores[i]->get(stores[i], FAMILY_VISITOR, bytes_text("ac"), &value, NULL) ==
              VERDICT_OK);
        CHECK_INT(value.size, 0);
        CHECK(stores[i]->get(stores[i], FAMILY_MODEL, bytes_text("ac"), &value, NULL) ==
              VERDICT_SKIP);
        batch_release(&batch);
        buffer_release(&value);
        stores[i]->free(stores[i]);
    }
    test_remove_folder(folder);
    free(folder);
}

static void test_offsets(void)
{
    static const int64_t offsets[] = {0, 1, 255, 256, INT64_MAX};
    struct store *store = store_memory_new();
    struct store_batch batch = {0};
    int64_t offset = -7;
    CHECK(store_get_offset(store, OFFSETS_INPUT, "topic", 3, &offset, NULL) == VERDICT_SKIP);
    CHECK_INT(offset, -7);
    for (int i = 0; i < 5; i++) {
        batch_clear(&batch);
        batch_put_offset(&batch, OFFSETS_INPUT, "topic", i * 1000, offsets[i]);
        batch_put_offset(&batch, OFFSETS_CHANGELOG, "topic", i * 1000, 99);
        batch_put_offset(&batch, OFFSETS_INPUT, "topic2", i * 1000, 98);
        CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
        CHECK(store_get_offset(store, OFFSETS_INPUT, "topic", i * 1000, &offset, NULL) ==
              VERDICT_OK);
        CHECK_INT(offset, offsets[i]);
    }
    batch_clear(&batch);
    batch_delete_offset(&batch, OFFSETS_INPUT, "topic", 0);
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    CHECK(store_get_offset(store, OFFSETS_INPUT, "topic", 0, &offset, NULL) == VERDICT_SKIP);
    CHECK(store_get_offset(store, OFFSETS_CHANGELOG, "topic", 0, &offset, NULL) == VERDICT_OK);
    batch_clear(&batch);
    batch_put(&batch, FAMILY_OFFSETS, bytes_of("i\0\0\3\350topic", 10), bytes_text("short"));
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    struct error error = {0};
    CHECK(store_get_offset(store, OFFSETS_INPUT, "topic", 1000, &offset, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "the stored offset of topic [1000] is damaged");
    batch_release(&batch);
    store->free(store);
}

static void test_lock(void)
{
    char *folder = test_new_folder(), path[4200];
    struct store *store, *second = NULL;
    struct error error = {0};
    open_disk(folder, false, &store);
    CHECK(store_rocksdb_open(folder, false, &second, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "another process uses");
    CHECK_CONTAINS(error.message, "state.dir");
    CHECK(second == NULL);
    fflush(NULL);
    store->free(store);
    open_disk(folder, false, &store); /* free again */
    store->free(store);
    error_clear(&error);
    snprintf(path, sizeof path, "%s/none/none", folder);
    CHECK(store_rocksdb_open(path, true, &second, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "can't open");
    error_clear(&error); /* damaged: no manifest to find the tables by */
    snprintf(path, sizeof path, "%s/CURRENT", folder);
    FILE *file = fopen(path, "w");
    fputs("nonsense", file);
    fclose(file);
    CHECK(store_rocksdb_open(folder, false, &second, &error) == VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "can't open");
    CHECK(store_rocksdb_open(folder, true, &second, NULL) == VERDICT_FATAL);
    test_remove_folder(folder);
    free(folder);
}

static void write_rows(const char *folder, int from, int count)
{
    struct store *store;
    struct store_batch batch = {0};
    char key[32], value[400];
    open_disk(folder, false, &store);
    for (int i = from; i < from + count; i++) {
        snprintf(key, sizeof key, "key %d", i);
        memset(value, i, sizeof value);
        batch_put(&batch, FAMILY_VISITOR, bytes_text(key), bytes_of(value, sizeof value));
        batch_put_offset(&batch, OFFSETS_INPUT, "topic", 0, i + 1);
    }
    CHECK(store->write(store, &batch, NULL) == VERDICT_OK);
    CHECK(store->sync(store, NULL) == VERDICT_OK);
    batch_release(&batch);
    store->free(store);
}

struct row_counter {
    struct store_visitor visitor;
    int64_t rows;
};

static enum verdict count_row(struct store_visitor *self, struct bytes key, struct bytes value,
                              struct error *error)
{
    struct row_counter *counter = (struct row_counter *)(void *)self;
    char *text = memory_text(key);
    int number = atoi(text + 4);
    (void)error;
    free(text);
    CHECK_INT(value.size, 400);
    CHECK_INT((unsigned char)value.at[399], number & 0xFF);
    counter->rows++;
    return VERDICT_OK;
}

/* Opens a folder to which something was done: either what it holds is a state that there once was,
 * or it says so. Returns whether it could be opened. */
static bool check_whole_or_refused(const char *folder, int64_t written)
{
    struct store *store;
    struct error error = {0};
    int64_t offset = 0;
    struct row_counter counter = {.visitor.row = count_row};
    enum verdict verdict = store_rocksdb_open(folder, false, &store, &error);
    if (verdict == VERDICT_RETRY) {
        CHECK(error.message[0]);
        CHECK(store_rocksdb_remove(folder, NULL) == VERDICT_OK);
        write_rows(folder, 0, 1); /* new, and it works */
        return false;
    }
    CHECK_SAY(verdict == VERDICT_OK, "%s", error.message);
    verdict = store_get_offset(store, OFFSETS_INPUT, "topic", 0, &offset, NULL);
    if (verdict != VERDICT_FATAL)
        verdict = store->scan(store, FAMILY_VISITOR, bytes_of("", 0), &counter.visitor, NULL);
    if (verdict == VERDICT_FATAL)
        CHECK(store_rocksdb_condemned(folder));
    else
        CHECK_SAY(counter.rows == offset && offset <= written, "%lld rows, offset %lld",
                  (long long)counter.rows, (long long)offset);
    store->free(store);
    return true;
}

static void damage_file(struct random *random, const char *path)
{
    FILE *file = fopen(path, "r+b");
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    for (int i = 0; i < 8 && size > 0; i++) {
        long at = (long)random_below(random, (uint32_t)size);
        fseek(file, at, SEEK_SET);
        int byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ (1 << random_below(random, 8)), file);
    }
    fclose(file);
}

/* Bits flipped in a file, or a file gone: never a row that nobody wrote. */
static void test_damage(void)
{
    struct random random = random_from(72);
    int refused = 0;
    for (int round = 0; round < 24; round++) {
        char *folder = test_new_folder(), path[4400], names[64][256];
        size_t count = 0;
        write_rows(folder, 0, 40);
        write_rows(folder, 40, 60); /* opening it flushed the first ones to a table */
        write_rows(folder, 100, 50);
        DIR *dir = opendir(folder);
        for (struct dirent *entry; count < 64 && (entry = readdir(dir));)
            if (entry->d_name[0] != '.' && strncmp(entry->d_name, "LO", 2) != 0)
                snprintf(names[count++], sizeof names[0], "%s", entry->d_name);
        closedir(dir);
        snprintf(path, sizeof path, "%s/%s", folder, names[random_below(&random, (uint32_t)count)]);
        if (round % 2)
            damage_file(&random, path);
        else
            CHECK(remove(path) == 0);
        refused += !check_whole_or_refused(folder, 150);
        test_remove_folder(folder);
        free(folder);
    }
    CHECK_SAY(refused > 3, "%d", refused);
}

static void test_condemned(void)
{
    char *folder = test_new_folder();
    struct store *store;
    struct error error = {0};
    write_rows(folder, 0, 5);
    open_disk(folder, true, &store);
    store->condemn(store, "a reader may not");
    store->free(store);
    CHECK(!store_rocksdb_condemned(folder));
    open_disk(folder, false, &store);
    store->condemn(store, "nonsense was read");
    store->free(store);
    CHECK(store_rocksdb_condemned(folder));
    CHECK(store_rocksdb_open(folder, false, &store, &error) == VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "is damaged: nonsense was read");
    CHECK(store_rocksdb_remove(folder, NULL) == VERDICT_OK);
    CHECK(store_rocksdb_remove(folder, NULL) == VERDICT_OK);
    write_rows(folder, 0, 5);
    CHECK(!store_rocksdb_condemned(folder));
    test_remove_folder(folder);
    free(folder);
}

static char *unpack(const char *name)
{
    char *folder = test_new_folder(), command[9000];
    snprintf(command, sizeof command, "tar -C '%s' -xzf '%s/tests/fixtures/%s'", folder,
             WEFT_SOURCE_DIR, name);
    CHECK_INT(system(command), 0);
    return folder;
}

/* A folder of the last format that is read; it holds one visitor. */
static void test_former_format(void)
{
    char *folder = unpack("store-format-5.tar.gz");
    for (int round = 0; round < 3; round++) { /* read only, for writing, and once more */
        struct store *store;
        struct error error = {0};
        struct buffer value = {0};
        CHECK_SAY(store_rocksdb_open(folder, round == 0, &store, &error) == VERDICT_OK, "%s",
                  error.message);
        CHECK(store->get(store, FAMILY_VISITOR, bytes_of("\0\0v", 3), &value, &error) ==
              VERDICT_OK);
        CHECK(value.size > 0);
        buffer_release(&value);
        store->free(store);
    }
    test_remove_folder(folder);
    free(folder);
}

/* Folders of formats that are not read. */
static void test_formats(void)
{
    struct store *store;
    struct error error = {0};
    char *folder = unpack("store-format-1.tar.gz");
    CHECK(store_rocksdb_open(folder, true, &store, NULL) == VERDICT_FATAL);
    CHECK(store_rocksdb_open(folder, false, &store, &error) == VERDICT_RETRY);
    CHECK_CONTAINS(error.message, "has the older format 1, now it is 8");
    CHECK(store_rocksdb_remove(folder, NULL) == VERDICT_OK);
    write_rows(folder, 0, 3);
    test_remove_folder(folder);
    free(folder);
    folder = unpack("store-format-9.tar.gz");
    error_clear(&error);
    CHECK(store_rocksdb_open(folder, false, &store, &error) == VERDICT_FATAL);
    CHECK_CONTAINS(error.message, "has format 9, this weft knows 8");
    test_remove_folder(folder);
    free(folder);
}

int main(void)
{
    TEST_RUN(test_random);
    TEST_RUN(test_order_in_batch);
    TEST_RUN(test_offsets);
    TEST_RUN(test_lock);
    TEST_RUN(test_damage);
    TEST_RUN(test_condemned);
    TEST_RUN(test_former_format);
    TEST_RUN(test_formats);
    return test_done();
}
