/* The meaning of errors from outside: one table tells a passing fault from a bad record. The
 * callers do what the table says and decide nothing themselves.
 *
 *     passing   the broker, the network or the registry fails: wait, then try again, for ever
 *     record    the record itself is bad: an input goes to the dead letters
 *     too large an output does not fit its topic: ask for the topic's limit again, then cut
 *               (size_budget.h)
 *     fenced    another producer or member has taken over: start again from the last commit
 *     setup     rights or settings: the process ends and says what to mend
 *
 * An error of Kafka that the table does not know is passing. A store that can't be read or written
 * is no matter of this table: it ends the process (state/store.h), and the next start restores what
 * is missing. Names no librdkafka. Thread: any. */
#ifndef WEFT_KAFKA_FAULTS_H
#define WEFT_KAFKA_FAULTS_H

#include <stddef.h>

enum fault {
    FAULT_NONE,
    FAULT_PASSING,
    FAULT_RECORD,
    FAULT_TOO_LARGE,
    FAULT_FENCED,
    FAULT_SETUP,
};

/* Where the code comes from. */
enum fault_source {
    FAULT_OF_KAFKA,    /* librdkafka's code; 0: no error */
    FAULT_OF_REGISTRY, /* an HTTP status; 0: no answer */
    FAULT_OF_DECODING, /* enum verdict of a decoder */
};

struct fault_row {
    enum fault_source source;
    int code;
    enum fault fault;
    const char *advice; /* what a person can do; NULL: nothing but wait */
};

/* The row of an error. Never NULL: each source has a row for all other codes. */
const struct fault_row *fault_find(enum fault_source source, int code);

/* "; " and the advice for appending to a message; "" where there is none. `to` has room for
 * FAULT_ADVICE_BYTES_MAX. Returns `to`. */
#define FAULT_ADVICE_BYTES_MAX 200
const char *fault_advice(const struct fault_row *row, char *to);

/* Why there is no connection, by the code and the text of librdkafka's error. */
enum refusal {
    REFUSAL_NONE,        /* it passes: a broker or the network is away */
    REFUSAL_OF_LOGIN,    /* the user or the password */
    REFUSAL_OF_TLS,      /* a certificate, ours or theirs */
    REFUSAL_OF_PROTOCOL, /* security.protocol is another than the listener's; brokers that stop may
                          * look so for a moment */
    REFUSAL_OF_NAME,     /* no machine has the name in bootstrap.servers */
};

enum refusal fault_refusal(int code, const char *text);

/* All rows in their order, for tests. */
extern const struct fault_row fault_rows[];
extern const size_t fault_row_count;

#endif
