#include "tracer/review/value_diff.h"

#include <stdint.h>
#include <string.h>

#include "tracer/review/value_copy.h"
#include "tracer/review/value_path.h"
#include "tracer/trace/value.h"

struct diff {
	value_diff_fn *visit;
	void *ctx;
	bool differs, stopped;
	unsigned level;
};

static void compare(struct diff *diff, const char *path, const struct value_node *a,
		    const struct value_node *b);

static void found(struct diff *diff, const char *path, const struct value_node *a,
		  const struct value_node *b)
{
	diff->differs = true;
	if (!diff->visit || !diff->visit(diff->ctx, path, a, b))
		diff->stopped = true;
}

static bool is_there(const struct value_node *v)
{
	return v->schema->kind != SCHEMA_CAPTURE && v->status != STATUS_UNREADABLE &&
	       v->status != STATUS_OPTIMIZED_OUT && v->status != STATUS_REDACTED;
}

/* As a pointer, or because one stood in the way. */
static bool is_null(const struct value_node *v)
{
	bool is_pointer = v->schema->kind == SCHEMA_PTR || v->schema->kind == SCHEMA_FUNC ||
			  v->schema->kind == SCHEMA_STRING;

	return v->status == STATUS_NULL || (is_pointer && v->status == STATUS_OK && !v->addr);
}

static bool is_number(const struct value_node *v)
{
	switch (v->schema->kind) {
	case SCHEMA_INT:
	case SCHEMA_BOOL:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
	case SCHEMA_FLOAT:
		return true;
	default:
		return false;
	}
}

/* Exact: long double has 64 bits of mantissa. */
static long double number(const struct value_node *v)
{
	if (v->schema->kind == SCHEMA_FLOAT)
		return v->real;
	return v->schema->is_signed ? (long double)(int64_t)v->u : (long double)v->u;
}

static bool same_number(const struct value_node *a, const struct value_node *b)
{
	long double x = number(a), y = number(b);
	const char *p = a->schema->kind == SCHEMA_ENUM ? value_enumerator(a) : NULL;
	const char *q = b->schema->kind == SCHEMA_ENUM ? value_enumerator(b) : NULL;

	if (p && q)
		return !strcmp(p, q);
	return x == y || (x != x && y != y);
}

static bool is_text(const struct value_node *v)
{
	return v->schema->kind == SCHEMA_STRING || v->schema->kind == SCHEMA_TEXT;
}

static bool is_cut(const struct value_node *v)
{
	return v->status == STATUS_CUT || v->status == STATUS_BYTES_CUT;
}

/* How far the characters go: a TEXT may have more behind a NUL, which a STRING has not. */
static size_t text_length(const struct value_node *v, const struct value_node *other)
{
	return v->schema->kind == other->schema->kind ? v->len
						     : strnlen((const char *)v->bytes, v->len);
}

static bool same_text(const struct value_node *a, const struct value_node *b)
{
	size_t n = a->bytes ? text_length(a, b) : 0, m = b->bytes ? text_length(b, a) : 0;
	size_t shorter = n < m ? n : m;

	if (shorter && memcmp(a->bytes, b->bytes, shorter) != 0)
		return false;
	return n == m || (n < m ? is_cut(a) : is_cut(b));
}

static bool is_pointer(const struct value_node *v)
{
	return v->schema->kind == SCHEMA_PTR || v->schema->kind == SCHEMA_FUNC;
}

static bool is_object(const struct value_node *v)
{
	return v->schema->kind == SCHEMA_STRUCT || v->schema->kind == SCHEMA_UNION;
}

static bool is_list(const struct value_node *v)
{
	return v->schema->kind == SCHEMA_ARRAY || v->schema->kind == SCHEMA_SEQUENCE;
}

/* The member of that name: mostly it is at the same place. */
static const struct value_node *counterpart(const struct value_node *object, size_t i,
					    const char *name)
{
	const char *here = i < object->n ? object->schema->members[i]->name : NULL;

	return here && !strcmp(here, name) ? &object->items[i] : value_member(object, name);
}

/* `part`: `a`, or an anonymous member of it, whose members count as those of `a`. */
static void compare_members(struct diff *diff, const char *path, const struct value_node *part,
			    const struct value_node *b, unsigned level)
{
	char below[VALUE_PATH_MAX];

	for (size_t i = 0; i < part->n && !diff->stopped; i++) {
		const struct value_node *member = &part->items[i], *other;
		const char *name = part->schema->members[i]->name;

		if ((!name || !*name) && is_object(member) && level < VALUE_NESTING_MAX) {
			compare_members(diff, path, member, b, level + 1);
			continue;
		}
		other = name && *name ? counterpart(b, i, name) : NULL;
		if (!other)
			continue;
		value_path_member(below, path, false, name);
		compare(diff, below, member, other);
	}
}

static void compare_lists(struct diff *diff, const char *path, const struct value_node *a,
			  const struct value_node *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	char below[VALUE_PATH_MAX];

	for (size_t i = 0; i < n && !diff->stopped; i++) {
		value_path_element(below, path, i);
		compare(diff, below, &a->items[i], &b->items[i]);
	}
	if (a->n == b->n || diff->stopped)
		return;
	value_path_element(below, path, n);
	found(diff, below, a->n > n ? &a->items[n] : NULL, b->n > n ? &b->items[n] : NULL);
}

static void compare_pointers(struct diff *diff, const char *path, const struct value_node *a,
			     const struct value_node *b)
{
	char below[VALUE_PATH_MAX];

	if (!a->n || !b->n)
		return;
	value_path_target(below, path);
	compare(diff, below, &a->items[0], &b->items[0]);
}

static bool same_bytes(const struct value_node *a, const struct value_node *b)
{
	return a->len == b->len && (!a->len || !memcmp(a->bytes, b->bytes, a->len));
}

static void compare_there(struct diff *diff, const char *path, const struct value_node *a,
			  const struct value_node *b)
{
	bool same = false;

	if (is_object(a) && is_object(b)) {
		compare_members(diff, path, a, b, diff->level);
		return;
	}
	if (is_list(a) && is_list(b)) {
		compare_lists(diff, path, a, b);
		return;
	}
	if (is_pointer(a) && is_pointer(b)) {
		compare_pointers(diff, path, a, b);
		return;
	}
	if (is_number(a) && is_number(b))
		same = same_number(a, b);
	else if (is_text(a) && is_text(b))
		same = same_text(a, b);
	else if (a->schema->kind == SCHEMA_BYTES && b->schema->kind == SCHEMA_BYTES)
		same = same_bytes(a, b);
	if (!same)
		found(diff, path, a, b);
}

static void compare(struct diff *diff, const char *path, const struct value_node *a,
		    const struct value_node *b)
{
	if (diff->level >= VALUE_NESTING_MAX)
		return;
	diff->level++;
	if (is_null(a) || is_null(b)) {
		if (is_null(a) != is_null(b))
			found(diff, path, a, b);
	} else if (is_there(a) && is_there(b)) {
		compare_there(diff, path, a, b);
	} else if (is_there(a) || is_there(b) || a->status != b->status) {
		found(diff, path, a, b);
	}
	diff->level--;
}

bool value_diff(const char *name, const struct value_node *a, const struct value_node *b,
		value_diff_fn *visit, void *ctx)
{
	struct diff diff = { .visit = visit, .ctx = ctx };

	compare(&diff, name, a, b);
	return diff.differs;
}
