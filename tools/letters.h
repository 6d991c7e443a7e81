/* The dead letters of an application: what the topic has, why, and which ones were sent again.
 *
 * Letters that are sent again leave a receipt in the same transaction: a record of the dead-letter
 * topic, in the letters' partition, with the header LETTERS_RECEIPT and the letters' offsets as
 * JSON: {"offsets":[12,13]}. So a run that is killed goes on where it was committed, and nothing is
 * sent twice. Thread: one. */
#ifndef WEFT_TOOLS_LETTERS_H
#define WEFT_TOOLS_LETTERS_H

#include "processors/runtime/kafka/client.h"
#include "processors/runtime/letter_reasons.h"

#define LETTERS_RECEIPT "__weft.redriven"

/* Why a letter is not sent again; LETTER_READY: it can be. */
enum letter_state {
    LETTER_READY,
    LETTER_SENT,     /* it was, and has a receipt */
    LETTER_RETURNED, /* the same record was sent again before, and was refused once more */
    LETTER_CUT,      /* it has only the head of its record */
    LETTER_TABLE,    /* a product or a user: the table's present row may be newer */
    LETTER_FOREIGN,  /* its topic is no input of this configuration */
    LETTER_STATES,
};

extern const char *const letter_state_names[LETTER_STATES];

struct letter_row {
    int32_t partition;
    int64_t offset;
    uint64_t hash; /* of topic, key and value */
    uint32_t reason;
    enum letter_state state;
    bool wanted; /* the filter has it */
};

struct letter_group {
    char reason[LETTER_REASON_BYTES];
    uint64_t counts[LETTER_STATES];
    int64_t first_ms, last_ms;
    char *example; /* where the first one came from, its message and the head of its value; owned */
};

/* Which letters count. Zeros: all. Texts are borrowed. */
struct letter_filter {
    const char *reason;         /* part of the reason */
    const char *topic;          /* the input */
    int64_t since_ms, until_ms; /* when the letter was written; 0: no bound */
    bool again;                 /* returned letters count as ready */
};

struct letters {
    struct letter_row *rows;     /* sorted by partition and offset */
    struct letter_group *groups; /* by the rows' reason */
    uint32_t count, capacity, group_count, group_capacity;
};

/* A letter with its headers, as the reader has it. Borrowed until its next call. */
struct letter_record {
    struct kafka_record record;
    struct bytes topic, partition, step, message; /* absent: no such header */
    bool receipt, cut;
};

/* Reads the next record of the topic. SKIP: there are no more. RETRY: the broker does not answer.
 */
enum verdict letters_next(struct partition_reader *reader, struct letter_record *ret_letter,
                          struct error *error);

/* Reads the whole topic, with a line of progress. SKIP: there is no such topic. RETRY: no answer,
 * or Ctrl-C. The caller releases what is returned, whatever the verdict. */
enum verdict letters_read(const struct config *config, const struct topology *topology,
                          const struct letter_filter *filter, struct letters *ret_letters,
                          struct error *error);
void letters_release(struct letters *letters);

/* The row of a letter; NULL: it came after letters_read(). */
const struct letter_row *letters_find(const struct letters *letters, int32_t partition,
                                      int64_t offset);

#endif
