#include "tracer/record/info.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "symbols/function.h"
#include "symbols/module.h"
#include "symbols/plan.h"
#include "tracer/record/resolve.h"
#include "tracer/record/session.h"
#include "tracer/record/target.h"

static void add_string(struct json_object *object, const char *key, const char *text)
{
	json_object_object_add(object, key, json_object_new_string(text ? text : ""));
}

static void add_int(struct json_object *object, const char *key, uint64_t value)
{
	json_object_object_add(object, key, json_object_new_uint64(value));
}

static struct json_object *target_object(const struct info *info)
{
	struct json_object *object = json_object_new_object();
	char link[64], exe[4096];

	if (!info->pid)
		return object;
	add_int(object, "pid", (uint64_t)info->pid);
	add_string(object, "comm", info->comm);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)info->pid);
	ssize_t n = readlink(link, exe, sizeof(exe) - 1);

	if (n > 0) {
		exe[n] = '\0';
		add_string(object, "exe", exe);
	}
	if (info->report)
		add_int(object, "threads", info->report->engine.threads);
	return object;
}

static struct json_object *host_object(void)
{
	struct json_object *object = json_object_new_object();
	struct utsname uts;

	if (uname(&uts) == 0) {
		add_string(object, "name", uts.nodename);
		add_string(object, "kernel", uts.release);
	}
	return object;
}

static bool is_probed(const struct info *info, const struct module *module)
{
	for (size_t i = 0; i < info->bindings->n; i++)
		if (info->bindings->items[i].function->module == module)
			return true;
	return false;
}

static struct json_object *modules_array(const struct info *info)
{
	static const char *const levels[] = {
		[DEBUG_NONE] = "none",
		[DEBUG_SYMTAB] = "symbols",
		[DEBUG_DWARF] = "dwarf",
	};
	struct json_object *array = json_object_new_array();
	struct mapped_file *const *files;
	size_t n = info->modules ? module_set_files(info->modules, &files) : 0;

	for (size_t i = 0; i < n; i++) {
		struct module *module = files[i]->module;

		if (!module || !is_probed(info, module))
			continue;
		struct json_object *object = json_object_new_object();

		add_string(object, "path", files[i]->path);
		add_string(object, "build_id", module_build_id_hex(module));
		add_string(object, "debug", levels[module_debug_level(module)]);
		if (files[i]->deleted)
			json_object_object_add(object, "deleted", json_object_new_boolean(true));
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *limits_object(const struct limits *limits)
{
	struct json_object *object = json_object_new_object();

	add_int(object, "string", limits->string);
	add_int(object, "array", limits->array);
	add_int(object, "struct", limits->object);
	add_int(object, "depth", limits->depth);
	return object;
}

static struct json_object *summary_object(const struct session_report *report)
{
	struct json_object *object = json_object_new_object();

	add_int(object, "calls", report->calls);
	add_int(object, "hits", report->engine.hits);
	add_int(object, "lost", report->lost);
	add_int(object, "stopped_ns", report->engine.stopped_ns);
	add_int(object, "longest_stop_ns", report->engine.longest_stop_ns);
	return object;
}

static struct json_object *disarmed_array(const struct info *info)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < info->disarmed.n; i++) {
		struct json_object *object = json_object_new_object();

		add_string(object, "function", info->disarmed.items[i].function);
		add_string(object, "reason", info->disarmed.items[i].reason);
		json_object_array_add(array, object);
	}
	return array;
}

char *info_json(const struct info *info)
{
	struct json_object *root = json_object_new_object(), *command = json_object_new_array();

	add_string(root, "version", VERSION);
	for (char *const *arg = info->argv; *arg; arg++)
		json_object_array_add(command, json_object_new_string(*arg));
	json_object_object_add(root, "command", command);
	json_object_object_add(root, "target", target_object(info));
	json_object_object_add(root, "host", host_object());
	add_int(root, "start_ns", info->start_wall_ns);
	json_object_object_add(root, "modules", modules_array(info));
	json_object_object_add(root, "limits", limits_object(info->limits));
	if (info->disarmed.n)
		json_object_object_add(root, "disarmed", disarmed_array(info));
	if (info->report) {
		add_int(root, "end_ns", info->end_wall_ns);
		add_string(root, "end", info->report->reason);
		json_object_object_add(root, "summary", summary_object(info->report));
	}
	const char *text = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
	char *copy = text ? strdup(text) : NULL;

	json_object_put(root);
	return copy;
}
