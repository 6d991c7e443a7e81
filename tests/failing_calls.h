/* Calls that fail on demand: allocations, calls of RocksDB, calls on files, threads. The linker
 * puts these functions before the real ones (--wrap; tests/CMakeLists.txt has the list), in weft's
 * own code alone. Thread: one. */
#ifndef WEFT_TESTS_FAILING_CALLS_H
#define WEFT_TESTS_FAILING_CALLS_H

#include <setjmp.h>
#include <stdbool.h>

enum call_kind { CALLS_NONE, CALLS_ALLOCATION, CALLS_STORE, CALLS_FILE, CALLS_THREAD };

struct failing_calls {
    enum call_kind kind;  /* the calls that are counted, one of which fails; NONE: none */
    long nth;             /* fails, counted from 1; 0: none */
    bool lasts;           /* so do all after it */
    int code;             /* errno of a file's call or a thread's that fails */
    const char *message;  /* of a call of RocksDB that fails */
    bool applied;         /* a write of RocksDB happens before it fails */
    long count;           /* calls so far */
    const char *failed;   /* name of the first that failed; NULL: none did */
    sigjmp_buf *on_abort; /* where abort() jumps to; NULL: it ends the process */
};

extern struct failing_calls failing_calls;

#endif
