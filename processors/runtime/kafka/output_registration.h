/* The ids under which a schema registry has the schemas of weft's output records, before the first
 * record is written.
 *
 *     auto.register.schemas=on    POST /subjects/SUBJECT/versions   registers what is missing
 *     auto.register.schemas=off   POST /subjects/SUBJECT            only looks it up
 *
 * A registry that is away, slow or busy, or refuses the credentials, is waited for, with a warning
 * each minute. */
#ifndef WEFT_KAFKA_OUTPUT_REGISTRATION_H
#define WEFT_KAFKA_OUTPUT_REGISTRATION_H

#include "processors/runtime/topology.h"

#include <stdatomic.h>

/* Gets the frames of output.framing: with single-object encoding at once, without a request. `stop`
 * ends the wait. FATAL: the registry refuses a schema or does not have it, with what to do.
 * Thread: main, before others use libcurl (registry_http.h). */
enum verdict output_registration(const struct config *config, const struct topology *topology,
                                 const atomic_bool *stop, struct output_frames *ret_frames,
                                 struct error *error);

#endif
