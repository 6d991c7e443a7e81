/* Points at which a test build kills its own process, so that tests can place a crash exactly. Only
 * builds with the CMake option WEFT_FAILPOINTS have them (the preset `failpoints` and the presets
 * of the sanitizers). In other builds the calls compile to nothing. The environment variable
 *
 *     WEFT_FAIL_AT=POINT[:NTH[:stop]]
 *
 * kills the process with SIGKILL when it comes to POINT for the NTH time (default: the first). With
 * `stop` it stops the process there (SIGSTOP), until a test continues it. The points are:
 *
 *     mid_flush       some outputs are delivered, some are not
 *     after_flush     outputs are delivered, the transaction is open
 *     after_offsets   the input offsets are in the transaction, which is not committed
 *     after_commit    the transaction is committed, the store is not written
 *     mid_batch       while the store writes the batch
 *     mid_restore     a row of the changelog is read back, but not written yet
 *     mid_snapshot    part of a snapshot of the model is written */
#ifndef WEFT_RUNTIME_FAILPOINT_H
#define WEFT_RUNTIME_FAILPOINT_H

#ifdef WEFT_FAILPOINTS

/* Thread: any. */
void failpoint(const char *point);

/* The same, but at a random moment within the next `us_max` microseconds. */
void failpoint_within(const char *point, unsigned us_max);

#else

static inline void failpoint(const char *point)
{
    (void)point;
}

static inline void failpoint_within(const char *point, unsigned us_max)
{
    (void)point;
    (void)us_max;
}

#endif

#endif
