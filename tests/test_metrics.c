/* The metrics' keys, their order and their numbers are a contract: compared byte by byte. */
#include "processors/runtime/metrics.h"
#include "tests/test.h"

static const char expected[] =
    "{\"time\":1700000000000,\"application_id\":\"shop\",\"instance_id\":\"shop-x\",\"event\":"
    "\"metrics\",\"uptime_s\":12.3,\"processed\":1,\"duplicates\":2,\"double_clicks\":3,\"late\":4,"
    "\"no_consent\":5,\"dropped\":6,\"dead_letters\":7,\"dead_letter_reasons\":{\"others\":0},"
    "\"read\":21,\"interactions\":10,\"reordered\":11,"
    "\"lists\":12,\"lists_same\":13,\"activities_out\":14,\"asked\":15,\"hits\":16,"
    "\"reciprocal_millionths\":17,\"weights\":18,\"erased\":19,\"order_lines_out\":20,\"times_"
    "ahead\":21,\"activities_cut\":22,\"lists_cut\":23,\"letters_cut\":24,"
    "\"clicks\":25,\"learned\":26,\"lists_deferred\":27,\"lists_early\":28,\"cart_items_out\":29,"
    "\"quarantined\":30,\"suspects\":31,\"released\":32,"
    "\"taken_back\":33,\"returns_unknown\":34,\"retractable_out\":35,"
    "\"shown_bytes\":20,\"quality\":{},"
    "\"products\":30,\"products_rejected\":31,\"products_refused\":32,\"attributes_out\":33,"
    "\"words_refused\":34,\"texts_cut\":35,\"catalogue_rereads\":36,\"commits\":40,\"aborts\":41,"
    "\"restored\":42,\"records_lost\":420,"
    "\"disk_waits\":48,\"lists_early_failed\":481,\"visitors_cached\":43,\"visitors_bytes\":44,"
    "\"workers_ready\":45,\"workers_"
    "behind\":451,\"lag_ms\":452,\"records_left\":453,\"lists_owed\":454,\"schemas_awaited\":46,"
    "\"schema_requests_failed\":47,\"items\":50,\"folded\":51,"
    "\"folded_offset\":52,\"saved_offset\":-53,\"snapshot_offset\":54,\"items_refused\":55,"
    "\"items_evicted\":550,"
    "\"row_entries_evicted\":56,\"queries_evicted\":57,\"query_entries_evicted\":58,"
    "\"channels_evicted\":59,\"channel_entries_evicted\":18446744073709551615,"
    "\"rankings_offset\":60,\"rankings_written\":61,\"rankings_same\":62,\"rankings_deleted\":63,"
    "\"rankings_scopes_out\":64,\"rankings_terms_out\":65,\"item_lists_offset\":66,"
    "\"item_lists_written\":67,\"item_lists_same\":68,\"item_lists_deleted\":69,"
    "\"item_lists_cut\":690,\"item_lists_left\":691,\"item_lists_lag_ms\":692,\"memory_resident\":"
    "70,"
    "\"memory_visitors\":71,\"memory_lists\":72,\"memory_model\":73,\"memory_sessions\":74,"
    "\"memory_queries\":75,\"memory_catalogue\":76,\"memory_search\":77,\"memory_batches\":78,"
    "\"memory_kafka\":79,\"memory_store_cache\":80,\"memory_store_writes\":81,"
    "\"memory_store_tables\":82,\"memory_free\":83,\"memory_other\":84}";

static void test_json(void)
{
    static struct placements placements;
    static struct metrics metrics;
    struct buffer text = {0};
    metrics = (struct metrics){
        .time_ms = 1700000000000,
        .application_id = "shop",
        .instance_id = "shop-x",
        .event = "metrics",
        .uptime_s = 12.34,
        .read = 21,
        .disk_waits = 48,
        .lists_early_failed = 481,
        .totals = {.commits = 40,
                   .aborts = 41,
                   .restored = 42,
                   .lost = 420,
                   .visitors_cached = 43,
                   .visitors_bytes = 44,
                   .ready_workers = 45,
                   .behind_workers = 451,
                   .lag_ms = 452,
                   .records_left = 453,
                   .lists_owed = 454,
                   .shown_bytes = 20},
        .placements = &placements,
        .catalogue = {.products = 30,
                      .rejected = 31,
                      .rereads = 36,
                      .counts = {.products_refused = 32,
                                 .attributes_out = 33,
                                 .words_refused = 34,
                                 .texts_cut = 35}},
        .registry = {.awaited = 46, .failed = 47},
        .model = {.items = 50,
                  .folded = 51,
                  .folded_offset = 52,
                  .saved_offset = -53,
                  .snapshot_offset = 54,
                  .items_refused = 55,
                  .items_evicted = 550,
                  .entries_evicted = 56,
                  .queries_evicted = 57,
                  .query_entries_evicted = 58,
                  .channels_evicted = 59,
                  .channel_entries_evicted = UINT64_MAX},
        .items = {.offset = 66,
                  .written = 67,
                  .same = 68,
                  .deleted = 69,
                  .cut = 690,
                  .left = 691,
                  .lag_ms = 692},
        .rankings = {.offset = 60,
                     .written = 61,
                     .same = 62,
                     .deleted = 63,
                     .scopes_out = 64,
                     .terms_out = 65},
    };
    placements_init(&placements);
    for (int i = 0; i < FATES; i++)
        metrics.totals.counts.fates[i] = (uint64_t)i + 1;
    for (int i = 0; i < COUNTERS; i++)
        metrics.totals.counts.counters[i] = (uint64_t)i + 10;
    metrics.memory.resident = 70;
    for (int i = 0; i < MEMORY_PARTS; i++)
        metrics.memory.parts[i] = (uint64_t)i + 71;
    metrics_write_json(&metrics, &text);
    CHECK_BYTES(buffer_bytes(&text), bytes_text(expected));
    buffer_release(&text);
}

/* Before the model and the catalogue are loaded their figures are 0, and no lock is taken. */
static void test_take(void)
{
    static struct run run;
    static struct config config;
    struct totals totals = {.commits = 7};
    struct metrics metrics;
    config_init(&config);
    CHECK(config_finish(&config, NULL) == VERDICT_OK);
    run.config = &config;
    run.model = model_new(&config.settings.model);
    run.catalogue = catalogue_new(&config.settings.catalogue);
    atomic_store(&run.folded_offset, 9);
    totals.counts.fates[FATE_LATE] = 3;
    totals.counts.fates[FATE_PROCESSED] = 4;
    model_lock_write(run.model);
    run.model->live_count = 0;
    run.model->folded = 11;
    metrics_take(&run, &totals, 0, true, &metrics);
    model_unlock_write(run.model);
    CHECK_TEXT(metrics.event, "stop");
    CHECK_TEXT(metrics.application_id, "weft");
    CHECK_INT(metrics.read, 7);
    CHECK_INT(metrics.totals.commits, 7);
    CHECK_INT(metrics.model.folded, 0);
    CHECK_INT(metrics.model.folded_offset, 9);
    atomic_store(&run.fold_ready, true);
    atomic_store(&run.catalogue_ready, true);
    metrics_take(&run, &totals, 0, false, &metrics);
    CHECK_TEXT(metrics.event, "metrics");
    CHECK_INT(metrics.model.folded, 11);
    model_free(run.model);
    catalogue_free(run.catalogue);
}

int main(void)
{
    TEST_RUN(test_json);
    TEST_RUN(test_take);
    return test_done();
}
