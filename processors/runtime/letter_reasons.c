#include "processors/runtime/letter_reasons.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- a reason ---- */

static size_t text_end(struct bytes text, size_t at)
{
    size_t end = at + 1;
    while (end < text.size && text.at[end] != text.at[at])
        end++;
    return end < text.size ? end + 1 : at; /* an apostrophe begins no text */
}

static bool is_digit(char c)
{
    return isdigit((unsigned char)c);
}

/* Appends the message up to the room, without what differs between letters of one cause. */
static size_t append_general(struct bytes text, char *to, size_t size, size_t room)
{
    for (size_t i = 0; i < text.size && size + 6 < room;) {
        char c = text.at[i];
        size_t end = c == '\'' || c == '"' ? text_end(text, i) : i;
        if (end > i) {
            size += (size_t)snprintf(to + size, room - size, "%c...%c", c, c);
            i = end;
        } else if (is_digit(c)) {
            while (i < text.size && is_digit(text.at[i]))
                i++;
            to[size++] = '#';
        } else {
            to[size++] = (unsigned char)c < 0x20 ? ' ' : c;
            i++;
        }
    }
    to[size] = '\0';
    return size;
}

void letter_reason(struct bytes step, struct bytes message, char *ret_reason)
{
    size_t step_bytes = step.size < LETTER_REASON_BYTES / 3 ? step.size : LETTER_REASON_BYTES / 3;
    int size = snprintf(ret_reason, LETTER_REASON_BYTES, "%.*s: ", (int)step_bytes,
                        step.at ? step.at : "");
    append_general(message, ret_reason, (size_t)size, LETTER_REASON_BYTES);
}

uint32_t letter_reasons_add(struct letter_reasons *reasons, const char *reason, uint64_t letters)
{
    uint32_t i = 0;
    while (i < reasons->count && strcmp(reasons->at[i].reason, reason) != 0)
        i++;
    if (i == LETTER_REASONS_MAX) {
        reasons->others += letters;
        return i;
    }
    if (i == reasons->count)
        snprintf(reasons->at[reasons->count++].reason, LETTER_REASON_BYTES, "%s", reason);
    reasons->at[i].count += letters;
    return i;
}

void letter_reasons_merge(struct letter_reasons *into, const struct letter_reasons *from)
{
    for (uint32_t i = 0; i < from->count; i++)
        letter_reasons_add(into, from->at[i].reason, from->at[i].count);
    into->others += from->others;
}

/* ---- the warning ---- */

#define SECOND_US 1000000
#define SHARE_MIN 100 /* a hundredth */
#define REASONS_TOLD 3
#define SECOND_WARNING_US (60 * (int64_t)SECOND_US)
#define NEXT_WARNING_US (600 * (int64_t)SECOND_US)
#define NOTHING_GOOD_US (60 * (int64_t)SECOND_US)

void letter_watch_add(struct letter_watch *watch, const struct letter_place *place, uint64_t read,
                      int64_t at_us, char *ret_reason)
{
    if (watch->began_us == 0) {
        watch->began_us = at_us;
        watch->before = read;
    }
    watch->letters++;
    letter_reason(bytes_text(place->step), bytes_text(place->message), ret_reason);
    uint32_t known = watch->reasons.count, at = letter_reasons_add(&watch->reasons, ret_reason, 1);
    if (at == known && at < LETTER_REASONS_MAX)
        snprintf(watch->examples[at], LETTER_EXAMPLE_BYTES, "%s [%d] offset %lld: %s", place->topic,
                 (int)place->partition, (long long)place->offset, place->message);
}

/* The next most frequent reason that is not `told`. */
static uint32_t next_reason(const struct letter_reasons *reasons, uint32_t told)
{
    uint32_t best = LETTER_REASONS_MAX;
    for (uint32_t i = 0; i < reasons->count; i++)
        if (!(told >> i & 1) &&
            (best == LETTER_REASONS_MAX || reasons->at[i].count > reasons->at[best].count))
            best = i;
    return best;
}

static void write_warning(const struct letter_watch *watch, uint64_t records, int64_t at_us,
                          struct buffer *warning)
{
    uint32_t told = 0;
    buffer_format(warning, "%.1f %% of %llu records in %.0f s are dead letters:",
                  100.0 * (double)watch->letters / (double)records, (unsigned long long)records,
                  (double)(at_us - watch->began_us) / SECOND_US);
    for (int i = 0; i < REASONS_TOLD; i++) {
        uint32_t at = next_reason(&watch->reasons, told);
        if (at == LETTER_REASONS_MAX)
            break;
        told |= 1u << at;
        buffer_format(warning, "%s %llu times \"%s\", such as %s", i ? ";" : "",
                      (unsigned long long)watch->reasons.at[at].count, watch->reasons.at[at].reason,
                      watch->examples[at]);
    }
    if (at_us - watch->good_us >= NOTHING_GOOD_US)
        buffer_format(warning, ". Nothing else was processed for %lld s",
                      (long long)((at_us - watch->good_us) / SECOND_US));
    buffer_text(warning, ". 'weft dead-letters' lists them; mend what sends them, or say where the "
                         "fields stand (input.map), then 'weft dead-letters --redrive' sends them "
                         "again");
}

static bool is_due(const struct letter_watch *watch, int64_t at_us)
{
    int64_t pause_us = watch->told < 2 ? SECOND_WARNING_US : NEXT_WARNING_US;
    return watch->told == 0 || at_us - watch->told_us >= pause_us;
}

void letter_watch_drop(struct letter_watch *watch)
{
    watch->began_us = 0;
    watch->letters = 0;
    watch->reasons = (struct letter_reasons){0};
}

bool letter_watch_look(struct letter_watch *watch, uint64_t read, uint64_t good, int64_t at_us,
                       struct buffer *ret_warning)
{
    if (good != watch->good || watch->good_us == 0) {
        watch->good = good;
        watch->good_us = at_us;
    }
    int64_t least_us = watch->letters >= LETTER_WINDOW_LETTERS ? SECOND_US : LETTER_WINDOW_US;
    if (watch->began_us == 0 || at_us - watch->began_us < least_us)
        return false;
    uint64_t records = read > watch->before ? read - watch->before : 1;
    bool many = watch->letters * SHARE_MIN > records, due = many && is_due(watch, at_us);
    if (due) {
        write_warning(watch, records, at_us, ret_warning);
        watch->told_us = at_us;
        watch->told++;
    } else if (!many) {
        watch->told = 0;
    }
    letter_watch_drop(watch);
    return due;
}
