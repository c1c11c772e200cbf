/**
 * Joining QMP messages
 *
 * Of a message no more is needed here than a few members of its outermost object, so it is not parsed as JSON: a scan
 * over strings and brackets finds them, also in a text that was cut.
 *
 *	{"execute": "query-blockstats", "id": "libvirt-12"}    request
 *	{"return": [...], "id": "libvirt-12"}                  reply; so is one with "error"
 *	{"event": "STOP", ...}                                 event
 *
 * A request WAITS under the key (monitor, id) from the entry of the call that sent it to that call's end. A reply goes
 * to the one that waits under its key. libvirt sends one request at a time to a monitor, so where a reply was cut
 * before its id it goes to the one that waits for this monitor. If several wait under one key (the monitor was not
 * captured, or the trace is made up) the reply goes to none of them: a wrong join is worse than none.  A request that was cut
 * before its id is the one that the monitor's next reply is to.
 *
 * Who sends and does not wait has ended when the reply comes.  The last requests are remembered under their keys, so it is named
 * all the same, and under their ids alone, to tell a reply whose request is not in the trace from one that only lacks its monitor.
 */
#include "tracer/review/libvirt/qmp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/base/hash.h"
#include "tracer/review/calls.h"
#include "tracer/trace/value.h"

enum {
	ID_MAX = 64,             /* bytes of an id; libvirt's are short */
	NAME_MAX = 128,          /* of a command */
	LINES_MAX = 1000,        /* messages in one text */
	WAITING_SEARCHED = 1000, /* for who waits for a reply without an id */
	SENT_MAX = 4096,         /* keys of requests that are remembered */
};

enum head_kind { HEAD_NONE, HEAD_REQUEST, HEAD_REPLY, HEAD_ERROR, HEAD_EVENT };

/* What is known of a message after the scan. */
struct head {
	enum head_kind kind;
	char name[NAME_MAX];
	char id[ID_MAX];
};

/* Who waits for a reply; `key` "": anybody's of this monitor. */
struct waiting {
	char key[ID_MAX + 32];
	struct qmp_exchange *first;
	unsigned n;
	UT_hash_handle hh;
};

/* A request that was sent and not answered yet; the same key again, and nobody knows whose reply comes. */
struct sent {
	char key[ID_MAX + 32], name[NAME_MAX];
	uint64_t call;
	unsigned n;
	UT_hash_handle hh;
};

struct qmp_joiner {
	struct waiting *waiting;
	struct sent *sent; /* in the order of their first requests */
};

/* The scan. */

struct scan {
	const char *at, *end;
};

static void skip_space(struct scan *scan)
{
	while (scan->at < scan->end && strchr(" \t\r\n,:", *scan->at) && *scan->at)
		scan->at++;
}

/* A string, without its quotes; false if none begins here or it does not end. */
static bool scan_string(struct scan *scan, const char **ret, size_t *len)
{
	const char *p = scan->at;

	if (p == scan->end || *p != '"')
		return false;
	for (*ret = ++p; p < scan->end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	if (p >= scan->end)
		return false;
	*len = (size_t)(p - *ret);
	scan->at = p + 1;
	return true;
}

/* Any value: up to where its brackets are closed, or to the end of the text. */
static void skip_value(struct scan *scan)
{
	const char *s;
	size_t len, depth = 0;

	while (scan->at < scan->end) {
		char c = *scan->at;

		if (c == '"') {
			if (!scan_string(scan, &s, &len))
				scan->at = scan->end;
			if (!depth)
				return;
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		if (!depth && (c == ',' || c == '}' || c == ']'))
			return;
		scan->at++;
		if ((c == '}' || c == ']') && !--depth)
			return;
	}
}

static bool is_word(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && !memcmp(s, word, len);
}

/* A string value. Another value, or a text too long for anything known, is left out. */
static void scan_text(struct scan *scan, char *buf, size_t size)
{
	const char *s;
	size_t len;

	if (!scan_string(scan, &s, &len))
		skip_value(scan);
	else if (len < size)
		snprintf(buf, size, "%.*s", (int)len, s);
}

static struct head scan_head(const char *text, size_t len)
{
	struct scan scan = { text, text + len };
	struct head head = { HEAD_NONE, "", "" };
	const char *key;
	size_t n;

	skip_space(&scan);
	if (scan.at == scan.end || *scan.at++ != '{')
		return head;
	for (skip_space(&scan); scan_string(&scan, &key, &n); skip_space(&scan)) {
		skip_space(&scan);
		if (is_word(key, n, "execute") || is_word(key, n, "event")) {
			head.kind = key[1] == 'x' ? HEAD_REQUEST : HEAD_EVENT;
			scan_text(&scan, head.name, sizeof(head.name));
		} else if (is_word(key, n, "id")) {
			scan_text(&scan, head.id, sizeof(head.id));
		} else {
			if (is_word(key, n, "return") || is_word(key, n, "error"))
				head.kind = key[0] == 'r' ? HEAD_REPLY : HEAD_ERROR;
			skip_value(&scan);
		}
	}
	return head;
}

/* Exchanges. */

static struct qmp_exchange *exchange_new(const struct head *head)
{
	size_t name = strlen(head->name) + 1, id = strlen(head->id) + 1;
	struct qmp_exchange *exchange = calloc(1, sizeof(*exchange) + name + id);

	if (!exchange)
		return NULL;
	exchange->name = memcpy(exchange + 1, head->name, name);
	exchange->id = memcpy((char *)(exchange + 1) + name, head->id, id);
	exchange->is_event = head->kind == HEAD_EVENT;
	exchange->holds = 1;
	return exchange;
}

void qmp_release(struct qmp_exchange *exchange)
{
	if (!exchange || --exchange->holds)
		return;
	free((char *)exchange->request.text);
	free((char *)exchange->reply.text);
	free(exchange);
}

static int set_message(struct qmp_message *message, const struct call *call, const char *text, size_t len, bool is_cut)
{
	char *copy = malloc(len + 1);

	message->text = copy;
	if (!copy)
		return -ENOMEM;
	memcpy(copy, text, len);
	copy[len] = '\0';
	message->len = len;
	message->is_cut = is_cut;
	message->call = call->id;
	message->time_ns = call->entered_ns;
	message->tid = call->tid;
	return 0;
}

/* Requests that were sent. */

static void make_key(char key[static ID_MAX + 32], const struct call *call, const char *id)
{
	const struct value_node *mon = call_capture(call->entry, "mon");

	snprintf(key, ID_MAX + 32, "%llx %s", mon ? (unsigned long long)mon->addr : 0, id);
}

static struct sent *find_sent(struct qmp_joiner *joiner, const char *key)
{
	struct sent *sent;

	HASH_FIND_STR(joiner->sent, key, sent);
	return sent;
}

static void forget_sent(struct qmp_joiner *joiner, struct sent *sent)
{
	if (!sent)
		return;
	HASH_DEL(joiner->sent, sent);
	free(sent);
}

static int note_sent(struct qmp_joiner *joiner, const char *key, const struct head *head, uint64_t call)
{
	struct sent *sent = find_sent(joiner, key);

	if (!sent) {
		if (HASH_COUNT(joiner->sent) >= SENT_MAX)
			forget_sent(joiner, joiner->sent);
		sent = calloc(1, sizeof(*sent));
		if (!sent)
			return -ENOMEM;
		snprintf(sent->key, sizeof(sent->key), "%s", key);
		HASH_ADD_STR(joiner->sent, key, sent);
		if (!hash_added(sent)) {
			free(sent);
			return -ENOMEM;
		}
	}
	snprintf(sent->name, sizeof(sent->name), "%s", head->name);
	sent->call = call;
	sent->n++;
	return 0;
}

/* Under its key, and under its id alone: no key begins as that does. */
static int remember(struct qmp_joiner *joiner, const struct call *call, const struct head *head)
{
	char key[ID_MAX + 32];

	if (!head->id[0])
		return 0;
	make_key(key, call, head->id);
	int r = note_sent(joiner, key, head, call->id);

	snprintf(key, sizeof(key), "any %s", head->id);
	return r < 0 ? r : note_sent(joiner, key, head, call->id);
}

/* Who waits. */

static struct waiting *find_waiting(struct qmp_joiner *joiner, const struct call *call, const char *id)
{
	struct waiting *waiting;
	char key[ID_MAX + 32];

	make_key(key, call, id);
	HASH_FIND_STR(joiner->waiting, key, waiting);
	return waiting;
}

static int wait_for_reply(struct qmp_joiner *joiner, const struct call *call, struct qmp_exchange *exchange)
{
	struct waiting *waiting = find_waiting(joiner, call, exchange->id);

	if (!waiting) {
		waiting = calloc(1, sizeof(*waiting));
		if (!waiting)
			return -ENOMEM;
		make_key(waiting->key, call, exchange->id);
		HASH_ADD_STR(joiner->waiting, key, waiting);
		if (!hash_added(waiting)) {
			free(waiting);
			return -ENOMEM;
		}
	}
	exchange->next = waiting->first;
	if (exchange->next)
		exchange->next->prev = exchange;
	exchange->waiting = waiting;
	waiting->first = exchange;
	waiting->n++;
	return 0;
}

void qmp_ended(struct qmp_joiner *joiner, struct qmp_exchange *exchange)
{
	struct waiting *waiting = exchange->waiting;

	if (!waiting)
		return;
	*(exchange->prev ? &exchange->prev->next : &waiting->first) = exchange->next;
	if (exchange->next)
		exchange->next->prev = exchange->prev;
	exchange->waiting = NULL;
	exchange->next = exchange->prev = NULL;
	if (--waiting->n)
		return;
	HASH_DEL(joiner->waiting, waiting);
	free(waiting);
}

/* The only one that waits for anything of this monitor; NULL if there are several. */
static struct waiting *only_waiting(struct qmp_joiner *joiner, const struct call *call)
{
	struct waiting *found = NULL, *waiting, *next;
	char key[ID_MAX + 32];
	unsigned left = WAITING_SEARCHED;

	make_key(key, call, "");
	HASH_ITER(hh, joiner->waiting, waiting, next) {
		if (!left--)
			return NULL;
		if (strncmp(waiting->key, key, strlen(key)) != 0)
			continue;
		if (found)
			return NULL;
		found = waiting;
	}
	return found;
}

static bool is_cut_before_its_id(const struct qmp_exchange *exchange)
{
	return exchange->request.is_cut && !exchange->id[0];
}

/* Whose reply this is; NULL if nobody's, or it cannot be told. */
static struct qmp_exchange *find_sender(struct qmp_joiner *joiner, const struct call *call, const struct head *head,
					bool is_cut)
{
	struct waiting *exact = head->id[0] ? find_waiting(joiner, call, head->id) : NULL;
	struct waiting *waiting = exact || (!head->id[0] && !is_cut) ? exact : only_waiting(joiner, call);

	if (!waiting || waiting->n != 1)
		return NULL;
	return waiting == exact || !head->id[0] || is_cut_before_its_id(waiting->first) ? waiting->first : NULL;
}

/* A reply that nobody waits for: who sent the request, or why that is not known. */
static struct qmp_exchange *exchange_alone(struct qmp_joiner *joiner, const struct call *call, struct head head)
{
	const struct value_node *mon = call_capture(call->entry, "mon");
	char key[ID_MAX + 32], any[ID_MAX + 32], none[ID_MAX + 32];

	make_key(key, call, head.id);
	snprintf(any, sizeof(any), "any %s", head.id);
	snprintf(none, sizeof(none), "0 %s", head.id);
	struct sent *sent = head.id[0] ? find_sent(joiner, key) : NULL, *other = head.id[0] ? find_sent(joiner, any) : NULL;
	bool is_known = sent && sent->n == 1;

	if (is_known)
		snprintf(head.name, sizeof(head.name), "%s", sent->name);
	struct qmp_exchange *exchange = exchange_new(&head);

	if (exchange && is_known)
		exchange->request.call = sent->call;
	else if (exchange)
		exchange->is_unclear = sent || (other && (!mon || find_sent(joiner, none)));
	return exchange;
}

static void was_answered(struct qmp_joiner *joiner, const struct call *call, const char *id)
{
	char key[ID_MAX + 32];

	make_key(key, call, id);
	forget_sent(joiner, find_sent(joiner, key));
	snprintf(key, sizeof(key), "any %s", id);
	struct sent *any = find_sent(joiner, key);

	if (any && !--any->n)
		forget_sent(joiner, any);
}

/* Messages of a call. */

static int on_request(struct qmp_joiner *joiner, const struct call *call, const struct head *head, const char *text,
		      size_t len, bool is_cut, struct qmp_exchange **ret)
{
	struct qmp_exchange *exchange = exchange_new(head);
	int r = exchange ? set_message(&exchange->request, call, text, len, is_cut) : -ENOMEM;

	if (!r)
		r = wait_for_reply(joiner, call, exchange);
	if (!r)
		r = remember(joiner, call, head);
	if (r < 0)
		qmp_release(exchange);
	else
		*ret = exchange;
	return r;
}

static int on_received(struct qmp_joiner *joiner, const struct call *call, const struct head *head, const char *text,
		       size_t len, bool is_cut, struct qmp_exchange **ret)
{
	struct qmp_exchange *exchange = head->kind == HEAD_EVENT ? NULL : find_sender(joiner, call, head, is_cut);

	if (exchange)
		exchange->holds++;
	else
		exchange = head->kind == HEAD_EVENT ? exchange_new(head) : exchange_alone(joiner, call, *head);
	int r = exchange ? set_message(&exchange->reply, call, text, len, is_cut) : -ENOMEM;

	if (r < 0) {
		qmp_release(exchange);
		return r;
	}
	exchange->is_error = head->kind == HEAD_ERROR;
	if (exchange->request.call)
		was_answered(joiner, call, exchange->id);
	qmp_ended(joiner, exchange);
	*ret = exchange;
	return 0;
}

static int on_message(struct qmp_joiner *joiner, const struct call *call, const char *text, size_t len, bool is_cut,
		      struct qmp_exchange **ret)
{
	struct head head = scan_head(text, len);
	struct qmp_exchange *exchange = NULL;
	int r;

	if (head.kind == HEAD_NONE)
		return 0;
	r = head.kind == HEAD_REQUEST ? on_request(joiner, call, &head, text, len, is_cut, &exchange)
				      : on_received(joiner, call, &head, text, len, is_cut, &exchange);
	if (r < 0)
		return r;
	/* Of several messages a reply counts most. */
	if (*ret && exchange->is_event) {
		qmp_release(exchange);
		return 0;
	}
	if (*ret)
		qmp_ended(joiner, *ret);
	qmp_release(*ret);
	*ret = exchange;
	return 0;
}

/* Messages stand one a line. */
static int on_text(struct qmp_joiner *joiner, const struct call *call, const struct value_node *value,
		   struct qmp_exchange **ret)
{
	const char *at = (const char *)value->bytes, *end = at + value->len;
	int r = 0;

	for (unsigned n = 0; at < end && n < LINES_MAX && !r; n++) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);

		r = on_message(joiner, call, at, len && at[len - 1] == '\r' ? len - 1 : len,
			       !stop && value->status == STATUS_CUT, ret);
		at += len + 1;
	}
	return r;
}

static bool may_be_message(const struct value_node *value)
{
	bool is_text = value->schema->kind == SCHEMA_STRING || value->schema->kind == SCHEMA_TEXT;

	return is_text && (value->status == STATUS_OK || value->status == STATUS_CUT) && value->len &&
	       value->bytes[0] == '{';
}

const struct value_node *qmp_text(const struct call *call)
{
	for (size_t i = 0; call->entry && i < call->entry->n; i++) {
		const struct value_node *value = &call->entry->items[i];

		if (may_be_message(value) && scan_head((const char *)value->bytes, value->len).kind != HEAD_NONE)
			return value;
	}
	return NULL;
}

int qmp_entered(struct qmp_joiner *joiner, const struct call *call, struct qmp_exchange **ret)
{
	const struct value_node *value = qmp_text(call);

	*ret = NULL;
	return value ? on_text(joiner, call, value, ret) : 0;
}

bool qmp_is_sender(const struct qmp_exchange *exchange, const struct call *call)
{
	return exchange->request.text && exchange->request.call == call->id;
}

struct qmp_joiner *qmp_joiner_new(void)
{
	return calloc(1, sizeof(struct qmp_joiner));
}

void qmp_joiner_free(struct qmp_joiner *joiner)
{
	struct waiting *waiting, *next;
	struct qmp_exchange *exchange;

	if (!joiner)
		return;
	HASH_ITER(hh, joiner->waiting, waiting, next) {
		for (exchange = waiting->first; exchange; exchange = exchange->next)
			exchange->waiting = NULL;
		HASH_DEL(joiner->waiting, waiting);
		free(waiting);
	}
	while (joiner->sent)
		forget_sent(joiner, joiner->sent);
	free(joiner);
}
