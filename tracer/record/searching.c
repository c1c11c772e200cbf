/*
 * Functions of libraries that are loaded while it records
 *
 *	IDLE ---files are new---> WANTED ---they are searched---> FOUND ---all probes are added---> IDLE
 *	     (tracer thread)             (symbols thread)               (tracer thread)
 *
 * The symbols thread does what takes as long as disks and debug information do: it opens the files, finds functions, makes
 * plans, reads code.  It is a thread of its own, as it is waited for (a thread of the target is held: probe/libraries.c), and each
 * other one may have to wait itself: the main thread for the terminal, the writer for the disk.  The state says whose the bindings
 * are, so the tracer thread needs no lock for them.  It is woken when the state is FOUND.
 *
 * What is mapped is noted by the tracer thread, at each dlopen and dlclose and before the loader can do the next one: that is /proc
 * and memory only, and so what is gone is known before other code can be at its place.  What was found in a library that has gone
 * meanwhile is not added.  Files that come while others are searched have the next turn.
 *
 * Other stops wait while probes are added: so that is done for a moment at a time, too.
 */
#include "symbols/function.h"
#include "tracer/base/err.h"
#include "tracer/base/log.h"
#include "tracer/record/session_state.h"
#include "tracer/record/target.h"

static const uint64_t add_for_ns = 2 * 1000 * 1000;

void *searching_main(void *arg)
{
	struct session *session = arg;

	log_keep(session->searcher_messages);
	session_block_signals();
	for (;;) {
		while (sem_wait(&session->search) < 0)
			;
		if (session->stop)
			break;
		pthread_mutex_lock(&session->symbols_lock);
		arming_search(session);
		pthread_mutex_unlock(&session->symbols_lock);
		session->search_state = SEARCH_FOUND;
		engine_wake(session->engine);
	}
	session->searched = true;
	sem_post(&session->news);
	return NULL;
}

static void start_search(struct session *session)
{
	session->search_state = SEARCH_WANTED;
	sem_post(&session->search);
}

/* Whether none is left. */
static bool add_found(struct session *session)
{
	size_t first = session->probes.n;
	int r = arming_add(session, session_now_ns() + add_for_ns);

	if (r < 0)
		log_warn("a library was loaded, but: %s", err_text());
	for (size_t i = first; i < session->probes.n; i++) {
		const struct function *function = session->probes.items[i]->binding.function;

		log_info("armed %s in %s, which was just loaded%s", function->name, module_name(function->module),
			 session->modules_are_late ? "; its first calls may be missing" : "");
	}
	return session->n_added == session->bindings.n;
}

bool search_modules(struct session *session, bool held)
{
	struct mapped_file *const *files;

	module_set_refresh(session->modules);
	arming_add_again(session);
	session->modules_are_late |= !held; /* of those being looked at */
	if (session->search_state == SEARCH_WANTED)
		return false;
	if (session->search_state == SEARCH_FOUND) {
		if (!add_found(session)) {
			engine_wake(session->engine);
			return false;
		}
		session->search_state = SEARCH_IDLE;
	}
	session->modules_are_late = !held;
	if (module_set_files(session->modules, &files) == session->n_searched)
		return true;
	start_search(session);
	return false;
}
