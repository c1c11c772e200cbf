/**
 * C types, as debug information describes them.
 *
 * Types are immutable to their users, belong to their module's arena, and are made on demand: what
 * a pointer points at and what a struct holds is read when first asked for, so that looking at one
 * parameter does not load all of libvirt. A declaration (`struct x;`) is completed by a definition
 * of that name elsewhere in the module, as gdb does.
 */
#ifndef SYMBOLS_TYPE_H
#define SYMBOLS_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct arena;
struct module;

enum type_kind {
	TYPE_VOID,
	TYPE_INT,     /**< any integer; also char and wchar types */
	TYPE_CHAR,    /**< plain, signed or unsigned char (DW_ATE_*char): shown as characters, arrays as text */
	TYPE_BOOL,
	TYPE_FLOAT,   /**< float, double, long double (size 16, 80 bits used), _Float128 (named "_Float128") */
	TYPE_COMPLEX,
	TYPE_ENUM,
	TYPE_PTR,
	TYPE_STRUCT,
	TYPE_UNION,
	TYPE_ARRAY,   /**< one dimension; int a[2][3] is an array of arrays */
	TYPE_FUNC,
	TYPE_TYPEDEF,
	TYPE_QUAL,    /**< const, volatile, restrict, _Atomic: `name` is the qualifier */
	TYPE_UNKNOWN, /**< a tag we do not understand; `name` says which */
};

struct member {
	const char *name; /**< NULL for an anonymous struct or union */
	const struct type *type;
	uint64_t offset;         /**< bytes; for a bit-field where its storage's low bits are */
	unsigned bit_size;       /**< 0: no bit-field */
	unsigned bit_offset;     /**< from the low bit of the byte at `offset` */
	unsigned align;          /**< stated for this member (_Alignas); 0: none */
};

struct enumerator {
	const char *name;
	int64_t value;
};

struct type {
	enum type_kind kind;
	const char *name; /**< tag, typedef or base name; NULL if it has none */
	uint64_t size;    /**< bytes; 0 for void, flexible and incomplete types, and typedefs of such: ask type_strip() */
	bool is_signed;
	uint64_t count;    /**< ARRAY */
	bool is_flexible;  /**< ARRAY of no stated length: flexible member, or a VLA, whose length only the running program knows */
	bool is_vector;    /**< ARRAY that is a SIMD vector (__m128): passed in vector registers, unlike any C array */
	bool is_declaration; /**< STRUCT, UNION, ENUM without definition anywhere */
	struct module *module;
	uint64_t die; /**< offset of its DIE, for type.c */
};

/** What a PTR points at, an ARRAY holds, a TYPEDEF or QUAL names, a FUNC returns; void type if nothing. */
const struct type *type_target(const struct type *type);

/** Members of a struct or union in declaration order; returns how many. */
size_t type_members(const struct type *type, const struct member **ret);
size_t type_enumerators(const struct type *type, const struct enumerator **ret);
/** Parameter types of a FUNC; `*variadic` may be NULL. */
size_t type_params(const struct type *type, const struct type *const **ret, bool *variadic);

/** Behind typedefs and qualifiers; completes declarations. */
const struct type *type_strip(const struct type *type);
bool type_is_char_ptr(const struct type *type);   /**< pointer to char, by any name */
bool type_is_scalar(const struct type *type);     /**< int, char, bool, float, enum, pointer */
bool type_same(const struct type *a, const struct type *b); /**< same name and layout: also across modules */

/**
 * Find a member by name, also inside anonymous structs and unions.
 * `*ret` has the offset from the start of `type`.  0 or -ENOENT.
 */
int type_find_member(const struct type *type, const char *name, struct member *ret);

/** Derived types, in the module's arena. */
const struct type *type_pointer_to(const struct type *type);
/** Base types every C program has, whether or not its debug info mentions them. */
const struct type *type_basic(struct module *module, const char *name);

/**
 * Find a type as it is written in a cast: "qemuBlockStats", "struct _virDomain *", "unsigned long",
 * "enum x".  What the unit of the DIE `near` declares comes first (a function's `die`; 0: none):
 * one name may mean different types in different files. -ENOENT, -EINVAL or -EMLINK (different
 * definitions, and nothing to choose by) with a message.
 */
int type_find(struct module *module, uint64_t near, const char *spelling, const struct type **ret);

/** Names of types that resemble `name` most, for "did you mean"; returns how many of `max` were found. */
size_t type_similar(struct module *module, const char *name, const char **ret, size_t max);

/** C spelling of a type, of a declaration ("int (*cb)(void *)") if `name` is not NULL; in `arena`. */
const char *type_spell(const struct type *type, const char *name, struct arena *arena);

/** Print the definition with offsets and sizes, one member a line, holes marked (as pahole does). */
void type_print(const struct type *type, FILE *out);

#endif
