/**
 * A reply is hostile text of up to some megabytes: its depth is bounded by json-c's tokener, its size by the recording,
 * and the walk below by that depth. json-c brings a number that does not fit into 64 bits to the nearest that does: such
 * numbers cannot be told from the real ones, so the extremes are no leaves.
 */
#include "tracer/review/libvirt/qmp_reply.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracer/review/libvirt/qmp.h"

enum { REPLY_DEPTH_MAX = 64, PATH_MAX_LEN = 1024 };

struct qmp_reply {
	json_object *root;
};

struct qmp_reply *qmp_reply_new(const struct qmp_message *message)
{
	struct json_tokener *tokener = message->is_cut || message->len > INT32_MAX ? NULL
									     : json_tokener_new_ex(REPLY_DEPTH_MAX);
	struct qmp_reply *reply = tokener ? calloc(1, sizeof(*reply)) : NULL;

	if (reply)
		reply->root = json_tokener_parse_ex(tokener, message->text, (int)message->len);
	if (tokener)
		json_tokener_free(tokener);
	if (reply && json_object_is_type(reply->root, json_type_object))
		return reply;
	qmp_reply_free(reply);
	return NULL;
}

void qmp_reply_free(struct qmp_reply *reply)
{
	if (!reply)
		return;
	json_object_put(reply->root);
	free(reply);
}

static bool worth_of_json(json_object *value, struct worth *ret)
{
	if (json_object_is_type(value, json_type_string)) {
		*ret = (struct worth){
			.is_text = true,
			.text = (const uint8_t *)json_object_get_string(value),
			.len = (size_t)json_object_get_string_len(value),
		};
		return true;
	}
	if (!json_object_is_type(value, json_type_int))
		return false;
	int64_t number = json_object_get_int64(value);

	*ret = (struct worth){ .number = number };
	if (number == INT64_MAX) /* more than that is kept as unsigned */
		ret->number = json_object_get_uint64(value);
	return ret->number != INT64_MIN && ret->number != UINT64_MAX;
}

/* Where the walk is. */
struct walk {
	reply_visit_fn *visit;
	void *ctx;
	struct reply_leaf leaf;
	char path[PATH_MAX_LEN];
};

static void walk_value(struct walk *walk, json_object *value, size_t len);

static void walk_object(struct walk *walk, json_object *object, size_t len)
{
	const char *outer = walk->leaf.name;

	json_object_object_foreach(object, key, value) {
		int n = snprintf(walk->path + len, sizeof(walk->path) - len, "%s%s", len ? "." : "", key);

		walk->leaf.name = key;
		if (n >= 0 && len + (size_t)n < sizeof(walk->path))
			walk_value(walk, value, len + (size_t)n);
	}
	walk->leaf.name = outer;
}

static void walk_array(struct walk *walk, json_object *array, size_t len)
{
	struct reply_element *outer = walk->leaf.element;

	for (size_t i = 0; i < json_object_array_length(array); i++) {
		json_object *item = json_object_array_get_idx(array, i);
		struct reply_element element = { .object = item, .up = outer };
		int n = snprintf(walk->path + len, sizeof(walk->path) - len, "[%zu]", i);

		if (n < 0 || len + (size_t)n >= sizeof(walk->path))
			continue;
		if (json_object_is_type(item, json_type_object))
			walk->leaf.element = &element;
		walk_value(walk, item, len + (size_t)n);
		walk->leaf.element = outer;
	}
}

static void walk_value(struct walk *walk, json_object *value, size_t len)
{
	if (json_object_is_type(value, json_type_object)) {
		walk_object(walk, value, len);
	} else if (json_object_is_type(value, json_type_array)) {
		walk_array(walk, value, len);
	} else if (worth_of_json(value, &walk->leaf.worth)) {
		walk->path[len] = '\0';
		walk->visit(walk->ctx, &walk->leaf);
	}
}

void qmp_reply_visit(const struct qmp_reply *reply, reply_visit_fn *visit, void *ctx)
{
	struct reply_element whole = { .object = reply->root };
	struct walk walk = { .visit = visit, .ctx = ctx, .leaf = { .name = "", .element = &whole } };

	walk.leaf.path = walk.path;
	walk_value(&walk, reply->root, 0);
}

const char *qmp_element_shared(json_object *a, json_object *b, const char **value)
{
	json_object *other;

	json_object_object_foreach(a, key, mine) {
		if (!json_object_is_type(mine, json_type_string) || !json_object_get_string_len(mine) ||
		    !json_object_object_get_ex(b, key, &other) || !json_object_is_type(other, json_type_string) ||
		    strcmp(json_object_get_string(mine), json_object_get_string(other)) != 0)
			continue;
		*value = json_object_get_string(mine);
		return key;
	}
	return NULL;
}
