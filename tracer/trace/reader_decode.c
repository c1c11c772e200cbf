#include "tracer/trace/reader_decode.h"

#include "symbols/schema.h"
#include "tracer/base/arena.h"
#include "tracer/base/err.h"
#include "tracer/base/utf8.h"
#include "tracer/trace/value.h"

#include <errno.h>
#include <string.h>

/**
 * Both halves walk a schema and its field (class) in lock step, in the shape that metadata.c gives
 * to each kind.  Classes are checked once, so that the walk over each event's fields has to look
 * only at what differs from event to event.
 *
 * An option is struct { [address;] status; variant value }.  Its statuses are options of the
 * variant in this order: of texts all seven and `bad`; of others `ok` and `cut` (or one for both),
 * `null`, `unreadable`, `optimized_out`, `bad`.  What was redacted has a number that metadata calls
 * `bad`: so metadata need not know that a copy of the trace will be.
 */

enum { TEXT_OPTIONS = 8, VALUE_OPTIONS = 6, NESTED_OPTIONS = 5 };

static bool mismatch(const struct schema *schema)
{
	err_set(-EBADMSG, "schema.json and metadata do not agree about '%s'",
		schema->name && *schema->name ? schema->name : schema->ctype ? schema->ctype : "?");
	return false;
}

static bool is_integer(const bt_field_class *class, bool is_signed, uint64_t bits)
{
	bt_field_class_type type = bt_field_class_get_type(class);
	bool right = is_signed ? type == BT_FIELD_CLASS_TYPE_SIGNED_INTEGER ||
					 type == BT_FIELD_CLASS_TYPE_SIGNED_ENUMERATION
			       : type == BT_FIELD_CLASS_TYPE_UNSIGNED_INTEGER ||
					 type == BT_FIELD_CLASS_TYPE_UNSIGNED_ENUMERATION;

	return right && bt_field_class_integer_get_field_value_range(class) == bits;
}

static bool is_struct(const bt_field_class *class, uint64_t n)
{
	return bt_field_class_get_type(class) == BT_FIELD_CLASS_TYPE_STRUCTURE &&
	       bt_field_class_structure_get_member_count(class) == n;
}

static const bt_field_class *member_class(const bt_field_class *class, uint64_t i)
{
	return bt_field_class_structure_member_borrow_field_class_const(
		bt_field_class_structure_borrow_member_by_index_const(class, i));
}

static const bt_field_class *option_class(const bt_field_class *class, uint64_t i)
{
	return bt_field_class_variant_option_borrow_field_class_const(
		bt_field_class_variant_borrow_option_by_index_const(class, i));
}

static bool is_array(const bt_field_class *class, uint64_t n)
{
	return bt_field_class_get_type(class) == BT_FIELD_CLASS_TYPE_STATIC_ARRAY &&
	       bt_field_class_array_static_get_length(class) == n;
}

static const bt_field_class *element_class(const bt_field_class *class)
{
	return bt_field_class_array_borrow_element_field_class_const(class);
}

/** struct { u16 n; element items[n] } */
static bool is_sequence(const bt_field_class *class)
{
	return is_struct(class, 2) && is_integer(member_class(class, 0), false, 16) &&
	       bt_field_class_get_type(member_class(class, 1)) ==
		       BT_FIELD_CLASS_TYPE_DYNAMIC_ARRAY_WITH_LENGTH_FIELD;
}

/** Options from `null` on of a variant where this is number `i`. */
static bool has_reasons(const bt_field_class *variant, uint64_t i)
{
	return is_struct(option_class(variant, i), 0) &&
	       is_struct(option_class(variant, i + 1), 1) &&
	       is_integer(member_class(option_class(variant, i + 1), 0), false, 64) &&
	       is_struct(option_class(variant, i + 2), 0);
}

static bool is_text(const bt_field_class *class)
{
	return is_struct(class, 2) && is_integer(member_class(class, 0), false, 32) &&
	       bt_field_class_get_type(member_class(class, 1)) == BT_FIELD_CLASS_TYPE_STRING;
}

/** struct { u16 n; u16 zero; u8 items[n] } */
static bool is_bytes(const bt_field_class *class)
{
	return is_struct(class, 3) && is_integer(member_class(class, 0), false, 16) &&
	       is_integer(member_class(class, 1), false, 16) &&
	       bt_field_class_get_type(member_class(class, 2)) ==
		       BT_FIELD_CLASS_TYPE_DYNAMIC_ARRAY_WITH_LENGTH_FIELD &&
	       is_integer(element_class(member_class(class, 2)), false, 8);
}

/** Members `first` and the next of a struct: status and variant. */
static bool is_option(const bt_field_class *class, uint64_t first,
		      const bt_field_class **variant_ret)
{
	if (!is_struct(class, first + 2) ||
	    (first == 1 && !is_integer(member_class(class, 0), false, 64)) ||
	    !is_integer(member_class(class, first), false, 8))
		return false;
	*variant_ret = member_class(class, first + 1);
	return bt_field_class_get_type(*variant_ret) ==
	       BT_FIELD_CLASS_TYPE_VARIANT_WITH_UNSIGNED_INTEGER_SELECTOR_FIELD;
}

static bool check_text_option(const bt_field_class *class, uint64_t first)
{
	const bt_field_class *variant;

	return is_option(class, first, &variant) &&
	       bt_field_class_variant_get_option_count(variant) == TEXT_OPTIONS &&
	       is_text(option_class(variant, 0)) && is_text(option_class(variant, 1)) &&
	       has_reasons(variant, 2) && is_bytes(option_class(variant, 5)) &&
	       is_bytes(option_class(variant, 6));
}

static bool check_option(const struct schema *target, const bt_field_class *class, uint64_t first)
{
	const bt_field_class *variant;

	if (!is_option(class, first, &variant))
		return mismatch(target);
	uint64_t n = bt_field_class_variant_get_option_count(variant);

	if (n != VALUE_OPTIONS && n != NESTED_OPTIONS)
		return mismatch(target);
	if (n == VALUE_OPTIONS && !decode_check(target, option_class(variant, 1)))
		return false;
	return has_reasons(variant, n - 4) ? decode_check(target, option_class(variant, 0))
					   : mismatch(target);
}

static bool check_members(const struct schema *s, const bt_field_class *class)
{
	if (!is_struct(class, s->n_members))
		return mismatch(s);
	for (uint32_t i = 0; i < s->n_members; i++)
		if (!decode_check(s->members[i], member_class(class, i)))
			return false;
	return true;
}

static bool is_float(const bt_field_class *class, uint32_t size)
{
	return bt_field_class_get_type(class) ==
	       (size == 4 ? BT_FIELD_CLASS_TYPE_SINGLE_PRECISION_REAL
			  : BT_FIELD_CLASS_TYPE_DOUBLE_PRECISION_REAL);
}

bool decode_check(const struct schema *s, const bt_field_class *class)
{
	bool good = false;

	switch (s->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
		good = is_integer(class, s->is_signed, 8ull * s->size);
		break;
	case SCHEMA_BOOL:
		good = is_integer(class, false, 8ull * s->size);
		break;
	case SCHEMA_FLOAT:
		good = is_float(class, s->size);
		break;
	case SCHEMA_FUNC:
		good = is_integer(class, false, 64);
		break;
	case SCHEMA_PTR:
		if (s->target)
			return check_option(s->target, class, 1);
		good = is_integer(class, false, 64);
		break;
	case SCHEMA_STRING:
		good = check_text_option(class, 1);
		break;
	case SCHEMA_TEXT:
		good = check_text_option(class, 0);
		break;
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		return check_members(s, class);
	case SCHEMA_ARRAY:
		if (is_array(class, s->stored))
			return decode_check(s->target, element_class(class));
		break;
	case SCHEMA_SEQUENCE:
		if (is_sequence(class))
			return decode_check(s->target, element_class(member_class(class, 1)));
		break;
	case SCHEMA_BYTES:
		good = is_array(class, s->size) && is_integer(element_class(class), false, 8);
		break;
	case SCHEMA_CAPTURE:
		return check_option(s->target, class, 0);
	}
	return good ? true : mismatch(s);
}

/* Values */

static const bt_field *member(const bt_field *field, uint64_t i)
{
	return bt_field_structure_borrow_member_field_by_index_const(field, i);
}

static uint64_t get_unsigned(const bt_field *field)
{
	return bt_field_integer_unsigned_get_value(field);
}

static void *alloc(struct arena *arena, size_t size)
{
	void *memory = arena_alloc(arena, size);

	if (!memory)
		err_set(-ENOMEM, "no memory");
	return memory;
}

/** Copy an array of single bytes. */
static int decode_bytes(const bt_field *array, struct arena *arena, struct value_node *ret)
{
	uint64_t n = bt_field_array_get_length(array);
	uint8_t *bytes = alloc(arena, n + 1);

	if (!bytes)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)get_unsigned(
			bt_field_array_borrow_element_field_by_index_const(array, i));
	ret->bytes = bytes;
	ret->len = n;
	return 0;
}

static int decode_text(const bt_field *text, struct value_node *ret)
{
	const bt_field *chars = member(text, 1);
	uint64_t len = bt_field_string_get_length(chars);

	/* babeltrace2 uses its fields again, and leaves in one of length 0 the text that was there. */
	ret->bytes = (const uint8_t *)(len ? bt_field_string_get_value(chars) : "");
	ret->len = len;
	/* babeltrace2 ends a text at a NUL, which the writer puts in none. */
	if (len != get_unsigned(member(text, 0)))
		return err_set(-EBADMSG, "the trace is damaged: a text has a NUL in it");
	if (!utf8_valid(ret->bytes, len))
		ret->status = ret->status == STATUS_CUT ? STATUS_BYTES_CUT : STATUS_BYTES;
	return 0;
}

static int bad_status(uint64_t status)
{
	return err_set(-EBADMSG, "the trace is damaged: status %d of a value is unknown",
		       (int)status);
}

/** Status and variant are members `first` and the next of `field`. */
static int decode_text_option(const bt_field *field, uint64_t first, struct arena *arena,
			      struct value_node *ret)
{
	uint64_t status = get_unsigned(member(field, first));
	const bt_field *option =
		bt_field_variant_borrow_selected_option_field_const(member(field, first + 1));

	ret->status = (enum status)status;
	switch (status) {
	case STATUS_OK:
	case STATUS_CUT:
		return decode_text(option, ret);
	case STATUS_BYTES:
	case STATUS_BYTES_CUT:
		return decode_bytes(member(option, 2), arena, ret);
	case STATUS_NULL:
	case STATUS_UNREADABLE:
	case STATUS_OPTIMIZED_OUT:
	case STATUS_REDACTED:
		return 0;
	default:
		return bad_status(status);
	}
}

/**
 * The same of a value; `*ret` becomes that value if it is there, otherwise only its status is set
 * (and where it is unreadable).
 */
static int decode_option(const struct schema *target, const bt_field *field, uint64_t first,
			 struct arena *arena, struct value_node *ret)
{
	uint64_t status = get_unsigned(member(field, first));
	const bt_field *option =
		bt_field_variant_borrow_selected_option_field_const(member(field, first + 1));
	int r;

	switch (status) {
	case STATUS_OK:
	case STATUS_CUT:
		r = decode_value(target, option, arena, ret);
		if (status == STATUS_CUT && ret->status == STATUS_OK)
			ret->status = STATUS_CUT;
		return r;
	case STATUS_UNREADABLE:
		ret->addr = get_unsigned(member(option, 0));
		break;
	case STATUS_NULL:
	case STATUS_OPTIMIZED_OUT:
	case STATUS_REDACTED:
		break;
	default:
		return bad_status(status);
	}
	ret->status = (enum status)status;
	return 0;
}

static int decode_pointer(const struct schema *s, const bt_field *field, struct arena *arena,
			  struct value_node *ret)
{
	struct value_node *target = alloc(arena, sizeof(*target));

	if (!target)
		return -ENOMEM;
	ret->addr = get_unsigned(member(field, 0));
	int r = decode_option(s->target, field, 1, arena, target);

	if (r == 0 && target->schema) {
		ret->items = target;
		ret->n = 1;
	} else {
		ret->status = target->status;
	}
	return r;
}

static int decode_members(const struct schema *s, const bt_field *field, struct arena *arena,
			  struct value_node *ret)
{
	struct value_node *items = alloc(arena, s->n_members * sizeof(*items));
	int r = items ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < s->n_members && r == 0; i++)
		r = decode_value(s->members[i], member(field, i), arena, &items[i]);
	ret->items = items;
	ret->n = s->n_members;
	return r;
}

static int decode_elements(const struct schema *s, const bt_field *array, struct arena *arena,
			   struct value_node *ret)
{
	uint64_t n = bt_field_array_get_length(array);
	struct value_node *items = alloc(arena, n * sizeof(*items));
	int r = items ? 0 : -ENOMEM;

	for (uint64_t i = 0; i < n && r == 0; i++)
		r = decode_value(s->target,
				 bt_field_array_borrow_element_field_by_index_const(array, i),
				 arena, &items[i]);
	ret->items = items;
	ret->n = n;
	return r;
}

int decode_value(const struct schema *s, const bt_field *field, struct arena *arena,
		 struct value_node *ret)
{
	ret->schema = s;
	switch (s->kind) {
	case SCHEMA_INT:
	case SCHEMA_CHAR:
	case SCHEMA_ENUM:
		ret->u = s->is_signed ? (uint64_t)bt_field_integer_signed_get_value(field)
				      : get_unsigned(field);
		return 0;
	case SCHEMA_BOOL:
		ret->u = get_unsigned(field);
		return 0;
	case SCHEMA_FLOAT:
		ret->real = s->size == 4 ? (double)bt_field_real_single_precision_get_value(field)
					 : bt_field_real_double_precision_get_value(field);
		return 0;
	case SCHEMA_FUNC:
		ret->addr = get_unsigned(field);
		return 0;
	case SCHEMA_PTR:
		if (s->target)
			return decode_pointer(s, field, arena, ret);
		ret->addr = get_unsigned(field);
		return 0;
	case SCHEMA_STRING:
		ret->addr = get_unsigned(member(field, 0));
		return decode_text_option(field, 1, arena, ret);
	case SCHEMA_TEXT:
		return decode_text_option(field, 0, arena, ret);
	case SCHEMA_STRUCT:
	case SCHEMA_UNION:
		return decode_members(s, field, arena, ret);
	case SCHEMA_ARRAY:
		return decode_elements(s, field, arena, ret);
	case SCHEMA_SEQUENCE:
		return decode_elements(s, member(field, 1), arena, ret);
	case SCHEMA_BYTES:
		return decode_bytes(field, arena, ret);
	case SCHEMA_CAPTURE:
		/* The content takes the place of the capture, see value.h. */
		return decode_option(s->target, field, 0, arena, ret);
	}
	return err_set(-EBADMSG, "the trace is damaged: a value of no kind");
}
