#include "processors/runtime/kafka/letter.h"

#include "processors/runtime/kafka/size_budget.h"

#include <inttypes.h>
#include <stdio.h>

/* Room for all headers of a cut letter but the strings of its source. */
#define HEADERS_BYTES 800

static void add_header(struct letter *letter, const char *name, const char *value)
{
    letter->headers[letter->header_count++] = (struct edge_header){name, value};
}

static void describe_whole(struct bytes whole, char *bytes, char *hash)
{
    snprintf(bytes, LETTER_TEXT_BYTES_MAX, "%zu", whole.size);
    snprintf(hash, LETTER_TEXT_BYTES_MAX, "%016" PRIx64, bytes_hash(whole));
}

/* The key keeps half of the room at least, the value the rest. */
static void cut(const struct letter_source *source, size_t room, struct letter *letter)
{
    if (letter->key.size + letter->value.size <= room)
        return;
    if (letter->key.size > room / 2)
        letter->key.size = letter->value.size < room / 2 ? room - letter->value.size : room / 2;
    if (letter->value.size > room - letter->key.size)
        letter->value.size = room - letter->key.size;
    letter->cut = true;
    describe_whole(source->value, letter->value_bytes, letter->value_hash);
    describe_whole(source->key, letter->key_bytes, letter->key_hash);
}

static void tell_cut(const struct letter_source *source, struct letter *letter)
{
    bool value_cut = letter->value.size < source->value.size;
    bool key_cut = letter->key.size < source->key.size;
    char here[128] = "";
    if (value_cut)
        snprintf(here, sizeof here, "; the value of %zu bytes is cut at %zu", source->value.size,
                 letter->value.size);
    if (key_cut)
        snprintf(here + strlen(here), sizeof here - strlen(here),
                 "; the key of %zu bytes is cut at %zu", source->key.size, letter->key.size);
    snprintf(letter->message + strlen(letter->message),
             sizeof letter->message - strlen(letter->message), "%s", here);
    add_header(letter, "__weft.errors.truncated",
               !key_cut    ? "value"
               : value_cut ? "key,value"
                           : "key");
    if (value_cut) {
        add_header(letter, "__weft.errors.value.bytes", letter->value_bytes);
        add_header(letter, "__weft.errors.value.hash", letter->value_hash);
    }
    if (key_cut) {
        add_header(letter, "__weft.errors.key.bytes", letter->key_bytes);
        add_header(letter, "__weft.errors.key.hash", letter->key_hash);
    }
}

void letter_make(const struct letter_source *source, size_t bytes_max, struct letter *ret_letter)
{
    struct letter *letter = ret_letter;
    letter->key = source->key;
    letter->value = source->value;
    letter->header_count = 0;
    letter->cut = false;
    snprintf(letter->partition, sizeof letter->partition, "%" PRId32, source->partition);
    snprintf(letter->offset, sizeof letter->offset, "%" PRId64, source->offset);
    snprintf(letter->message, ERROR_MESSAGE_MAX, "%s", source->message);
    size_t headers =
        HEADERS_BYTES + strlen(source->topic) + strlen(source->step) + sizeof letter->message;
    cut(source, bytes_max > headers ? bytes_max - headers : 0, letter);
    add_header(letter, "__weft.errors.topic", source->topic);
    add_header(letter, "__weft.errors.partition", letter->partition);
    add_header(letter, "__weft.errors.offset", letter->offset);
    add_header(letter, "__weft.errors.step", source->step);
    add_header(letter, "__weft.errors.message", letter->message);
    if (letter->cut)
        tell_cut(source, letter);
}
