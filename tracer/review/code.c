#include "tracer/review/code.h"

#include <errno.h>
#include <stdlib.h>
#include <uthash.h>

#include "tracer/base/arena.h"

/* Functions at one address; compilers inline far less deeply. */
enum { INLINED_MAX = 256 };

/* The places of one address, linked. */
struct code_entry {
	uint64_t addr;
	unsigned index;
	struct code_place place;
	struct code_entry *next;
	UT_hash_handle hh; /* of the first one of its address */
};

struct code_map {
	struct arena arena;
	struct code_entry *entries;
};

struct code_map *code_map_new(void)
{
	return calloc(1, sizeof(struct code_map));
}

void code_map_free(struct code_map *map)
{
	if (!map)
		return;
	HASH_CLEAR(hh, map->entries);
	arena_free(&map->arena);
	free(map);
}

static const char *copy(struct arena *arena, const char *s)
{
	return s ? arena_strdup(arena, s) : NULL;
}

static struct code_entry *find_first(const struct code_map *map, uint64_t addr)
{
	struct code_entry *entry = NULL;

	if (map)
		HASH_FIND(hh, map->entries, &addr, sizeof(addr), entry);
	return entry;
}

static struct code_entry *find_entry(const struct code_map *map, uint64_t addr, unsigned index)
{
	struct code_entry *entry = find_first(map, addr);

	while (entry && entry->index != index)
		entry = entry->next;
	return entry;
}

static struct code_entry *new_entry(struct code_map *map, uint64_t addr, unsigned index)
{
	struct code_entry *first = find_first(map, addr),
			  *entry = arena_alloc(&map->arena, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->addr = addr;
	entry->index = index;
	if (first) {
		entry->next = first->next;
		first->next = entry;
	} else {
		HASH_ADD(hh, map->entries, addr, sizeof(entry->addr), entry);
	}
	return entry;
}

int code_map_add(struct code_map *map, uint64_t addr, unsigned index,
		 const struct code_place *place)
{
	struct code_entry *entry = find_entry(map, addr, index);

	if (index >= INLINED_MAX)
		return 0;
	if (!entry)
		entry = new_entry(map, addr, index);
	if (!entry)
		return -ENOMEM;
	entry->place = (struct code_place){
		.function = copy(&map->arena, place->function),
		.module = copy(&map->arena, place->module),
		.source = copy(&map->arena, place->source),
		.inlined = place->inlined,
	};
	return 0;
}

const struct code_place *code_map_find(const struct code_map *map, uint64_t addr, unsigned index)
{
	const struct code_entry *entry = find_entry(map, addr, index);

	return entry ? &entry->place : NULL;
}

const char *code_map_function(const struct code_map *map, uint64_t addr)
{
	for (unsigned i = 0; i < INLINED_MAX; i++) {
		const struct code_place *place = code_map_find(map, addr, i);

		if (!place)
			break;
		if (!place->inlined)
			return place->function;
	}
	return NULL;
}
