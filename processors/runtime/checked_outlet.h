/* The outlet that steps emit to. It passes on what the step's row declares; another output is
 * FATAL. Thread: one at a time. */
#ifndef WEFT_RUNTIME_CHECKED_OUTLET_H
#define WEFT_RUNTIME_CHECKED_OUTLET_H

#include "processors/runtime/topology.h"

struct checked_outlet {
    struct outlet outlet; /* first: a step hands it back */
    struct outlet *next;  /* borrowed */
    const struct topology *topology;
    uint32_t step_topics[STEPS_MAX]; /* that each step of the visitors stage declares, as bits */
    size_t running;                  /* the step whose function runs now */
};

/* All pointers are borrowed. */
void checked_outlet_init(struct checked_outlet *outlet, const struct topology *topology,
                         struct outlet *next);

/* For a step that ended a record. SKIP: its row declares the topic of the fate, or there is none.
 * FATAL, with the error: it does not. */
enum verdict checked_outlet_fate(const struct checked_outlet *outlet, enum fate fate,
                                 struct error *error);

#endif
