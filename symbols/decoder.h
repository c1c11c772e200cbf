/**
 * Decoders: what people want to see of an object, instead of all its members.
 *
 * A decoder goes by the name of a type: its typedef's or its tag, leading underscores apart, so that "virDomain" means
 * `virDomainPtr`, `virDomain *` and `struct _virDomain *`.  Wherever a pointer to that type is captured, it is
 * followed, and what is recorded behind it is not the object but a view of it: labelled C expressions over its
 * members (`name = def->name`).  `*p`, and objects that lie in others, stay what they are in C.
 *
 * Objects without fixed labels are read as JSON: trees of virJSONValue, and GHashTables.
 *
 * A view is all or nothing.  An object that has not all of the members, as libvirt's change from version to version,
 * is shown as if there were no decoder.
 */
#ifndef SYMBOLS_DECODER_H
#define SYMBOLS_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct limits;
struct schema;
struct type;

/** One label with an expression; the same label again is an alternative, for when the one before means nothing. */
struct decoder_item {
	const char *label, *source;
};

enum decoder_form {
	DECODER_VIEW,
	DECODER_JSON, /**< json_tree.h */
	DECODER_HASH, /**< hash_table.h */
};

struct decoder {
	const char *type;   /**< name, without leading underscores */
	const char *module; /**< pattern of files that may define a type others only declare; NULL: none */
	enum decoder_form form; /**< others than VIEW have no items */
	const char *origin; /**< where it was read, for people */
	struct decoder_item *items;
	size_t n, cap;
	const char *problem; /**< why it could not be used when it was last tried; NULL: it could */
	bool is_told;        /**< the user knows */
};

struct decoders {
	struct decoder *items;
	size_t n, cap;
	/** The definition of `struct TAG` in the files of that pattern; NULL if there is none.  May itself be NULL. */
	const struct type *(*define)(void *ctx, const char *files, const char *tag);
	/** The address of a function in them; 0 if there is none.  May be NULL, too. */
	uint64_t (*address)(void *ctx, const char *files, const char *function);
	void *ctx;
};

/** The decoder for objects of this type; NULL if there is none.  `decoders` may be NULL. */
struct decoder *decoder_find(const struct decoders *decoders, const struct type *type);

/**
 * Make the schema of a pointer (a type behind typedefs or not) to such an object.  0, -ENOENT if that cannot be
 * decoded (the decoder's `problem` says why), or an error.  It lives in `arena`, as does `problem`.
 */
int decoder_schema(const struct decoders *decoders, struct decoder *decoder, const struct type *pointer,
		   const struct limits *limits, struct arena *arena, struct schema **ret);

#endif
