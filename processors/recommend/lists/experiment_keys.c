#include "processors/recommend/lists/experiment_keys.h"

#include <stdio.h>

const char *const experiment_keys[] = {
    "placements.*.generators",
    "placements.*.filters",
    "placements.*.length",
    "placements.*.diversity.percent",
    "list.brand.max",
    "list.diversity.percent",
    "list.price.min",
    "list.gender.percent",
    "list.age.group.percent",
    "list.newcomers",
    "list.newcomers.channel",
    "explore.percent",
    "explore.clicks",
    "generators.off",
    "cart.ranker",
};
const size_t experiment_key_count = sizeof experiment_keys / sizeof *experiment_keys;

/* Starts of keys that can't vary, and why. */
static const struct {
    const char *start, *why;
} refused_keys[] = {
    {"placements.*.context", "it decides which lists there are, and metrics count by them"},
    {"placements.*.when", "it decides which lists there are, and metrics count by them"},
    {"placements.*.while", "it decides which lists there are, and metrics count by them"},
    {"ranker.", "it changes what is learned, for everybody"},
    {"learning", "it changes what is learned, for everybody"},
    {"quality", "it changes what is learned, for everybody"},
    {"goals", "it changes what is learned, for everybody"},
    {"weight.", "it changes what is learned, for everybody"},
    {"price.band", "it changes what is learned, for everybody"},
    {"cart.learn.", "it changes what is learned, for everybody"},
    {"items.", "it changes the model, which is one for everybody"},
    {"cooccurrence.", "it changes the model, which is one for everybody"},
    {"popularity.", "it changes the model, which is one for everybody"},
    {"vectors.", "it changes the model, which is one for everybody"},
    {"neighbours.", "it changes the model, which is one for everybody"},
    {"queries.", "it changes the model, which is one for everybody"},
    {"channels.", "it changes the model, which is one for everybody"},
};

struct bytes experiment_key_placement(const char *key)
{
    static const char start[] = "placements.";
    const char *name = key + sizeof start - 1;
    if (strncmp(key, start, sizeof start - 1) != 0)
        return bytes_of(NULL, 0);
    size_t size = strcspn(name, ".");
    return size > 0 && name[size] == '.' ? bytes_of(name, size) : bytes_of(NULL, 0);
}

static bool is_key(const char *pattern)
{
    for (size_t i = 0; i < experiment_key_count; i++)
        if (strcmp(experiment_keys[i], pattern) == 0)
            return true;
    return false;
}

static enum verdict refuse(const struct shop_line *line, const char *pattern, const char *key)
{
    char what[200];
    for (size_t i = 0; i < sizeof refused_keys / sizeof *refused_keys; i++)
        if (strncmp(pattern, refused_keys[i].start, strlen(refused_keys[i].start)) == 0) {
            snprintf(what, sizeof what,
                     "a variant can't set this key, since %s; leave it out:", refused_keys[i].why);
            return shop_line_wrong(line, what, key);
        }
    return shop_line_wrong_name(line,
                                "a variant can set only keys that shape lists (deploy/"
                                "experiments.example has them), not",
                                pattern, experiment_keys, experiment_key_count);
}

enum verdict experiment_key_check(const struct shop_line *line, const char *key)
{
    char pattern[SHOP_WORD_MAX + 3];
    struct bytes placement = experiment_key_placement(key);
    if (placement.at)
        snprintf(pattern, sizeof pattern, "placements.*%s", placement.at + placement.size);
    else
        snprintf(pattern, sizeof pattern, "%s", key);
    return is_key(pattern) ? VERDICT_OK : refuse(line, pattern, key);
}
