/**
 * A schema describes the bytes a plan makes: the one thing recording, the trace format and review
 * share.
 *
 * A schema is a tree.  The fetch program walks it over an object in the target and appends the
 * object's bytes to a capture; the metadata writer walks it to describe those bytes in CTF; the
 * reader walks it beside the decoded fields to give them their C meaning back.  No debug
 * information is needed to understand it.
 *
 * Encoding (little endian, no padding, each field byte aligned):
 *
 *	INT BOOL CHAR FLOAT ENUM   `size` bytes; bit-fields are widened to the size of their storage type
 *	PTR FUNC                   8 bytes, the address; with a `target`: + option(target)
 *	STRING                     8 bytes address + option(text)
 *	TEXT                       option(text); inline char[N], `count` = N, of which the first `stored` are looked at
 *	STRUCT UNION               the members one after the other (a union's overlap in memory, not here)
 *	ARRAY                      `stored` elements (the first of `count`)
 *	SEQUENCE                   u16 n, n elements: arrays whose length is known only at the hit
 *	BYTES                      `size` raw bytes (values CTF 1.8 has no class for: 128-bit integers, long double)
 *	CAPTURE                    option(target): a whole expression, which may be unavailable
 *
 *	option(x)   u8 status, then what the status says:  OK CUT: x;  UNREADABLE: u64 address;  BYTES,
 *	            BYTES_CUT (text only): bytes;  others: nothing
 *	text        u32 len, len bytes of valid UTF-8 without NUL          (STRING: its characters)
 *	bytes       u16 len, u16 0, len bytes                              (when they are not such text)
 *	            TEXT: trailing NULs of char[N] are not stored; CUT and BYTES_CUT if `stored` < `count` and no NUL
 *	            is among the stored ones
 */
#ifndef SYMBOLS_SCHEMA_H
#define SYMBOLS_SCHEMA_H

#include <stdbool.h>
#include <stdint.h>

struct expr;
struct json_source;

enum schema_kind {
	SCHEMA_INT,
	SCHEMA_BOOL,
	SCHEMA_CHAR,
	SCHEMA_FLOAT,
	SCHEMA_ENUM,
	SCHEMA_PTR,
	SCHEMA_FUNC,
	SCHEMA_STRING,
	SCHEMA_TEXT,
	SCHEMA_STRUCT,
	SCHEMA_UNION,
	SCHEMA_ARRAY,
	SCHEMA_SEQUENCE,
	SCHEMA_BYTES,
	SCHEMA_CAPTURE,
};

/** What became of a value.  The numbers are in traces: never change them. */
enum status {
	STATUS_OK = 0,
	STATUS_CUT = 1,           /**< there, but longer than the limit */
	STATUS_NULL = 2,          /**< a NULL pointer stood in the way */
	STATUS_UNREADABLE = 3,    /**< memory at the address could not be read */
	STATUS_OPTIMIZED_OUT = 4, /**< debug info has no location here */
	STATUS_BYTES = 5,         /**< text that is not UTF-8, as bytes */
	STATUS_BYTES_CUT = 6,
	STATUS_REDACTED = 7, /**< was there, and was taken out of a copy of the trace */
};

struct schema_enumerator {
	const char *name;
	int64_t value; /**< unsigned enums: the same 64 bits */
};

/* What is added here must be added to tracer/trace/schema_json.c, too. */
struct schema {
	enum schema_kind kind;
	const char *name;  /**< of a member or capture (the expression's text); NULL for others, "" anonymous */
	const char *ctype; /**< its C type as declared, for people: "qemuBlockStats **" */
	uint32_t size;     /**< bytes of the encoded scalar; for the others the size of the object in memory */
	bool is_signed;    /**< INT, CHAR, ENUM, BYTES that hold an integer */
	bool is_hex;       /**< INT that is an address or a mask; BYTES that are no number we can show */
	bool is_float;     /**< BYTES that hold an x87 long double */
	bool is_flags;     /**< ENUM whose enumerators are bits to be or-ed */
	bool is_complex;   /**< STRUCT of a complex number's parts */
	bool is_place;     /**< PTR, STRING: no pointer is stored there, but an array of unknown length starts */
	bool is_json;      /**< STRING: the text is made of a tree behind the pointer, and is JSON unless it is cut */
	bool is_cut;       /**< STRUCT, ARRAY: a limit left members or elements out */
	const char *view;  /**< STRUCT: the decoder that chose its members, which are CAPTUREs named by labels */

	const struct schema *target;   /**< PTR, ARRAY and SEQUENCE (element), CAPTURE */
	const struct schema **members; /**< STRUCT, UNION */
	uint32_t n_members;
	const struct schema_enumerator *enumerators; /**< ENUM */
	uint32_t n_enumerators;
	uint32_t count, stored; /**< ARRAY, TEXT; SEQUENCE: stored is the largest n; STRING: of bytes, if not 0 */

	/* Where a member is in the object it belongs to; of no meaning in a trace. */
	uint64_t offset;
	uint16_t bit_offset, bit_size; /**< bit-field if bit_size != 0; offset from the low bit at `offset` */
	uint32_t stride;               /**< ARRAY: bytes from element to element */
	/* How a decoder finds it; not in a trace at all. */
	const struct expr *expr;        /**< CAPTURE in a view: over the object */
	const struct json_source *json; /**< STRING that is JSON */
};

/** Largest encoding of a value of this schema in bytes, `string_limit` for text behind pointers. */
uint64_t schema_max_size(const struct schema *schema, uint32_t string_limit);

/** Whether every encoding has the same size; `*ret` is that size. */
bool schema_fixed_size(const struct schema *schema, uint64_t *ret);

#endif
