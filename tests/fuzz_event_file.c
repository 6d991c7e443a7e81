/* A format (the first byte: 0 guessed) and an event file, plain, gzip or zstd. The cases of
 * tests/cases/files are seeds, each with its own format. */
#define FUZZ_MUTATIONS 100
#define FUZZ_CUT_STEP 9
#include "tests/fuzz.h"
#include "tools/events.h"
#include "tools/product_index.h"

#include <sys/mman.h>

#define READS_MAX 100000

static const char *const formats[] = {
    NULL,
    "weft",
    "rees46",
    "tsv",
    "sessions",
    "columns",
    "columns:visitor_id=customer,event_time=ts:s,item_id=sku,kind=what,kind.basket=cart add",
    "retailrocket",
    "yoochoose-clicks",
    "yoochoose-buys",
    "otto",
    "diginetica-views",
    "diginetica-purchases",
    "online-retail",
    "online-retail-ii",
    "hm",
    "instacart",
    "ga4",
    "segment",
    "snowplow",
    "google-retail",
};
#define FORMATS (sizeof formats / sizeof formats[0])

static const struct catalogue_limits limits = {.products_max = 1000};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_file *file;
    struct arena arena = {0};
    struct event event;
    struct error error = {0};
    char path[64];
    if (size == 0)
        return 0;
    int fd = memfd_create("events", 0);
    FUZZ_CHECK(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (event_file_open(path, formats[data[0] % FORMATS], &file, &error) != VERDICT_OK) {
        FUZZ_CHECK(error.message[0]);
        close(fd);
        return 0;
    }
    struct catalogue *catalogue = catalogue_new(&limits);
    for (int i = 0; i < READS_MAX; i++) {
        enum read read = event_file_next(file, &arena, &event, &error);
        if (read == READ_END || read == READ_FAILED)
            break;
        struct event product;
        if (read == READ_EVENT)
            FUZZ_CHECK(event_check(&event, NULL) == VERDICT_OK);
        if (event_file_product(file, &product)) {
            product_index_put(catalogue, &product, &arena);
            FUZZ_CHECK(product_index_put(catalogue, &product, &arena) == CATALOGUE_SAME);
        }
        if (read != READ_EVENT)
            FUZZ_CHECK(error.message[0]);
        arena_clear(&arena);
    }
    event_file_close(file);
    catalogue_free(catalogue);
    arena_release(&arena);
    close(fd);
    return 0;
}

/* The format that the name of a case begins with; 0: guessed. */
static size_t format_of(const char *name)
{
    for (size_t i = 1; i < FORMATS; i++) {
        size_t at = 0;
        while (formats[i][at] &&
               (formats[i][at] == name[at] || (formats[i][at] == '-' && name[at] == '_')))
            at++;
        if (formats[i][at] == '\0' && (name[at] == '\0' || name[at] == '_'))
            return i;
    }
    return strncmp(name, "columns_named", 13) == 0 ? 6 : 0;
}

static void add_cases(struct fuzz_sink *sink)
{
    static const char *const inputs[] = {"input", "input.gz", "input.zst"};
    static char bytes[4096];
    DIR *dir = opendir(WEFT_CASES_DIR "/files");
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        for (size_t i = 0; i < sizeof inputs / sizeof inputs[0]; i++) {
            char path[600];
            snprintf(path, sizeof path, WEFT_CASES_DIR "/files/%s/%s", entry->d_name, inputs[i]);
            FILE *file = fopen(path, "rb");
            if (file == NULL)
                continue;
            bytes[0] = (char)format_of(entry->d_name);
            size_t size = fread(bytes + 1, 1, sizeof bytes - 1, file);
            fclose(file);
            sink->add(sink, bytes_of(bytes, size + 1));
        }
    }
    closedir(dir);
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    static const char *const files[] = {
        "\1{\"type\":\"view\",\"event_id\":\"e\",\"visitor_id\":\"v\",\"event_time\":1700000000000,"
        "\"item\":{\"item_id\":\"i\"}}\n{\"type\":\"user\",\"user_id\":\"u\"}\r\n\n{\"type\":"
        "\"x\"}",
        "\2event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_"
        "session\n"
        "2019-10-01 00:00:00 UTC,view,1,2,a.b,x,35.79,5,s\n"
        "2019-10-01 00:00:01 UTC,remove_from_cart,1,2,,,,5,s\n",
        "\3ts_ms\tuser\tsession\tkind\titem\tcategory\tbrand\tprice\tqty\ttext\n"
        "1000\tu\ts\tpurchase\ti\tc\tb\t1."
        "5\t2\t\n2000\tu\ts\treturn\ti\tc\tb\t\t1e9\tx\n3000\tu\ts\tview\ti\tc\tb\t\t1e300\tx\n",
        "\4a b  c\td\n\n x \n",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        sink->add(sink, bytes_text(files[i]));
    add_cases(sink);
}
