#include "tracer/record/near.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "symbols/module.h"
#include "tracer/base/array.h"
#include "tracer/base/err.h"
#include "tracer/base/shell.h"
#include "tracer/base/similar.h"

enum { NEAR_MAX = 5 };

/* Ranking keeps only names, so who offered which is remembered here. */
struct offer {
	const char *name;
	struct module *module;
};

/* Users paste it behind -e. */
static void hint_one(int code, bool is_first, const struct offer *offer)
{
	char *text = NULL, *word = NULL;

	if (asprintf(&text, "%s!%s", module_name(offer->module), offer->name) >= 0)
		word = shell_quote(text);
	if (word)
		err_hint(code, "%s %s", is_first ? "did you mean" : "            ", word);
	free(word);
	free(text);
}

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
		hint_one(code, i == 0, offer);
	}
	array_free(&offers);
	return shown;
}
