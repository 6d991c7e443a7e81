/* A file of the shop's rules. */
#include "processors/recommend/lists/merchandising.h"
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct merchandising_rules rules = {0};
    struct error error = {0};
    if (merchandising_rules_parse(bytes_of(data, size), &rules, &error) != VERDICT_OK) {
        FUZZ_CHECK(strncmp(error.message, "line ", 5) == 0 && rules.count == 0);
        return 0;
    }
    FUZZ_CHECK(rules.count <= MERCHANDISING_RULES_MAX);
    for (uint32_t i = 0; i < rules.count; i++) {
        const struct merchandising_rule *rule = &rules.at[i];
        FUZZ_CHECK(rule->line > 0 && rule->from_ms < rule->to_ms);
        FUZZ_CHECK((rule->what >= 0) == (rule->text != NULL));
        FUZZ_CHECK(rule->text == NULL || bytes_utf8(bytes_of(rule->text, rule->text_size)));
        FUZZ_CHECK(rule->placement_count == 0 ||
                   merchandising_rule_applies(rule, rule->placements[0], rule->from_ms));
    }
    merchandising_rules_release(&rules);
    return 0;
}

void fuzz_seeds(struct fuzz_sink *sink)
{
    static const char *const texts[] = {
        "exclude brand \"Maison \\\"Lise\" placement home placement email\n# x\n\n",
        "pin item M00012 at 1 placement home from 2026-12-01 to 2026-12-24T18:00\n",
        "boost category \"Women > Dresses\" by 1.5\nbury attribute a=b by 3 # y\n",
        "limit brand 4\r\ndiversity 0.3 placement home\nrepurchase category Food after 3d",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        sink->add(sink, bytes_text(texts[i]));
}
