#include "tracer/cmd/near.h"

#include "symbols/module.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/similar.h"

enum { NEAR_MAX = 5 };

/* Ranking keeps only names, so who offered which is remembered here. */
struct offer {
	const char *name;
	struct module *module;
};

size_t near_hints(int code, const char *name, struct module *const *modules, size_t n, near_source *source)
{
	struct similar similar = { .wanted = name };
	ARRAY(struct offer) offers = { 0 };

	for (size_t i = 0; i < n; i++) {
		const char *names[NEAR_MAX];
		size_t more = modules[i] ? source(modules[i], name, names, NEAR_MAX) : 0;

		for (size_t k = 0; k < more; k++) {
			struct offer *offer = array_push(&offers);

			if (!offer)
				break;
			*offer = (struct offer){ names[k], modules[i] };
			similar_offer(&similar, names[k]);
		}
	}
	size_t shown = similar.n < NEAR_MAX ? similar.n : NEAR_MAX;

	for (size_t i = 0; i < shown; i++) {
		const struct offer *offer = offers.items;

		while (offer->name != similar.names[i])
			offer++;
		err_hint(code, "%s %s!%s", i ? "            " : "did you mean", module_name(offer->module),
			 offer->name);
	}
	array_free(&offers);
	return shown;
}
