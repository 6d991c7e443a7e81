/* Points at which a test build kills its own process, so that a crash can be put exactly where it
 * hurts most. Compiled in with the CMake option WEFT_FAILPOINTS only (preset `failpoints`, and the
 * sanitizers' presets); otherwise the calls are nothing, and so is the environment variable:
 *
 *     WEFT_FAIL_AT=POINT[:NTH[:stop]]
 *
 * kills the process with SIGKILL when it comes to POINT for the NTH time (default: the first), or
 * stops it there (SIGSTOP) until somebody continues it. The points, each named where it is called:
 *
 *     mid_flush       some outputs are delivered, some are not
 *     after_flush     outputs are delivered, the transaction is open
 *     after_offsets   the input offsets are in the transaction, which is not committed
 *     after_commit    the transaction is committed, the store knows nothing of it
 *     mid_batch       while the store writes the batch
 *     mid_restore     a row of the changelog was read back, but is not written yet
 *     mid_snapshot    part of a snapshot of the model is written */
#ifndef WEFT_RUNTIME_FAILPOINT_H
#define WEFT_RUNTIME_FAILPOINT_H

#ifdef WEFT_FAILPOINTS

/* Thread: any. */
void failpoint(const char *point);

/* The same, but at a random moment within `us_max` from here, in whatever the caller does next. */
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
