/**
 * Decoders (symbols/decoder.h), from INI files: a section a type, a key a label.
 */
#ifndef RECORD_DECODERS_H
#define RECORD_DECODERS_H

#include "symbols/decoder.h"
#include "tracer/base/arena.h"

struct module_set;

struct decoder_set {
	struct decoders decoders;
	struct arena arena;
};

/** Read all files there are; of two decoders for a type the first counts.  -EINVAL names file and line. */
int decoder_set_load(struct decoder_set *set);

/** Let definitions be found in the files of a process. */
void decoder_set_use(struct decoder_set *set, struct module_set *modules);

/** Tell once of each that could not be used for a type that was met, and why. */
void decoder_set_tell(struct decoder_set *set);

void decoder_set_free(struct decoder_set *set);

#endif
