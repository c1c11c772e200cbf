#include "tracer/base/number.h"

#include <stdio.h>
#include <string.h>

#include "tracer/base/cexpr.h"

/* ---- types */

/* System V ABI AMD64 supplement, figure 3.1. */
static const struct {
	const char *name;
	struct number_type type; /* size, is_signed, is_real, is_bool */
} basics[] = {
	{ "_Bool", { 1, false, false, true } },
	{ "char", { 1, true, false, false } },
	{ "signed char", { 1, true, false, false } },
	{ "unsigned char", { 1, false, false, false } },
	{ "short", { 2, true, false, false } },
	{ "unsigned short", { 2, false, false, false } },
	{ "int", { 4, true, false, false } },
	{ "unsigned int", { 4, false, false, false } },
	{ "long", { 8, true, false, false } },
	{ "unsigned long", { 8, false, false, false } },
	{ "long long", { 8, true, false, false } },
	{ "unsigned long long", { 8, false, false, false } },
	{ "__int128", { 16, true, false, false } },
	{ "unsigned __int128", { 16, false, false, false } },
	{ "float", { 4, true, true, false } },
	{ "double", { 8, true, true, false } },
	{ "long double", { 16, true, true, false } },
};

static const struct {
	const char *name, *basic;
} standard[] = {
	{ "bool", "_Bool" },       { "int8_t", "signed char" },     { "int16_t", "short" },           { "int32_t", "int" },
	{ "int64_t", "long" },     { "uint8_t", "unsigned char" },  { "uint16_t", "unsigned short" }, { "uint32_t", "unsigned int" },
	{ "ssize_t", "long" },     { "uint64_t", "unsigned long" }, { "intptr_t", "long" },           { "uintptr_t", "unsigned long" },
	{ "ptrdiff_t", "long" },   { "size_t", "unsigned long" },
};

enum { MANY = 3 };

/* How often each word stands there. */
enum word { WORD_SIGNED, WORD_UNSIGNED, WORD_SHORT, WORD_LONG, WORD_INT, WORD_OTHER, WORD_CONST, WORD_VOLATILE, N_WORDS };
static const char *const words_counted[N_WORDS] = { "signed", "unsigned", "short", "long", "int", NULL, "const", "volatile" };
static const char *const words_other[] = { "char", "float", "double", "_Bool", "__int128" };

static const char *other_word(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(words_other) / sizeof(words_other[0]); i++)
		if (strlen(words_other[i]) == len && !memcmp(words_other[i], word, len))
			return words_other[i];
	return NULL;
}

static int counted_word(const char *word, size_t len)
{
	for (int i = 0; i < N_WORDS; i++)
		if (words_counted[i] && strlen(words_counted[i]) == len && !memcmp(words_counted[i], word, len))
			return i;
	return -1;
}

bool number_is_word(const char *word)
{
	size_t len = strlen(word);
	int counted = counted_word(word, len);

	return (counted >= 0 && counted < WORD_CONST) || other_word(word, len);
}

static const char *find_basic(const char *name, struct number_type *ret)
{
	for (size_t i = 0; i < sizeof(basics) / sizeof(basics[0]); i++) {
		if (!strcmp(basics[i].name, name)) {
			*ret = basics[i].type;
			return basics[i].name;
		}
	}
	return NULL;
}

/* 6.7.2: which of these words go together, and the name that stands in `basics`. */
static const char *basic_of_words(const unsigned n[N_WORDS], const char *other, struct number_type *ret)
{
	static const char *const longs[] = { "", "long", "long long" };
	const char *core = other ? other : n[WORD_LONG] ? "" : n[WORD_SHORT] ? "short" : "int";
	bool is_int128 = other && !strcmp(other, "__int128");
	const char *sign = n[WORD_UNSIGNED] ? "unsigned " : n[WORD_SIGNED] && other && !is_int128 ? "signed " : "";
	char name[64];

	if (n[WORD_LONG] > 2 || n[WORD_SHORT] > 1 || n[WORD_INT] > 1 || n[WORD_OTHER] > 1 || n[WORD_SIGNED] + n[WORD_UNSIGNED] > 1 ||
	    (n[WORD_LONG] && n[WORD_SHORT]) || (other && (n[WORD_INT] || n[WORD_SHORT])))
		return NULL;
	snprintf(name, sizeof(name), "%s%s%s%s", sign, longs[n[WORD_LONG]], n[WORD_LONG] && core[0] ? " " : "", core);
	return find_basic(name, ret);
}

const char *number_type_named(const char *words, struct number_type *ret)
{
	unsigned n[N_WORDS] = { 0 }, all = 0;
	const char *other = NULL;

	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++)
		if (!strcmp(standard[i].name, words))
			return find_basic(standard[i].basic, ret);
	for (const char *at = words + strspn(words, " "); *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		const char *is_other = other_word(at, len);
		int word = is_other ? WORD_OTHER : counted_word(at, len);

		if (word < 0)
			return NULL;
		other = is_other ? is_other : other;
		n[word] += n[word] < MANY;
		all += word < WORD_CONST;
		at += len;
	}
	return all ? basic_of_words(n, other, ret) : NULL;
}

struct number_type number_promoted(struct number_type type, unsigned bit_size)
{
	if (type.is_real)
		return type;
	bool fits_int = bit_size ? bit_size < 32 || (bit_size == 32 && type.is_signed) : type.size < 4;

	if (fits_int)
		return number_int;
	type.is_bool = false;
	return type;
}

struct number_type number_common(struct number_type a, struct number_type b)
{
	if (a.is_real || b.is_real)
		return !a.is_real || (b.is_real && b.size > a.size) ? b : a;
	uint8_t size = a.size > b.size ? a.size : b.size;
	bool is_unsigned = (!a.is_signed && a.size == size) || (!b.is_signed && b.size == size);

	return (struct number_type){ .size = size, .is_signed = !is_unsigned };
}

struct number_type number_of_enumerator(int64_t value, struct number_type whole)
{
	bool fits_int = whole.is_signed ? value == (int32_t)value : (uint64_t)value <= INT32_MAX;

	return fits_int ? number_int : whole;
}

/* ---- values */

unsigned __int128 number_extend(unsigned __int128 bits, unsigned n_bits, bool is_signed)
{
	unsigned shift = 128 - n_bits;

	if (!n_bits || n_bits >= 128)
		return bits;
	return is_signed ? (unsigned __int128)((__int128)(bits << shift) >> shift) : bits << shift >> shift;
}

unsigned __int128 number_wrap(unsigned __int128 bits, struct number_type type)
{
	return number_extend(bits, type.size * 8u, type.is_signed);
}

struct number number_decode(const uint8_t *bytes, struct number_type type)
{
	struct number number = { 0 };
	float narrow;
	double wide;

	if (!type.is_real) {
		memcpy(&number.bits, bytes, type.size);
		number.bits = number_wrap(number.bits, type);
	} else if (type.size == 4) {
		memcpy(&narrow, bytes, sizeof(narrow));
		number.real = narrow;
	} else if (type.size == 8) {
		memcpy(&wide, bytes, sizeof(wide));
		number.real = wide;
	} else {
		memcpy(&number.real, bytes, 10);
	}
	return number;
}

void number_encode(struct number number, struct number_type type, uint8_t *bytes)
{
	float narrow = (float)number.real;
	double wide = (double)number.real;

	if (!type.is_real) {
		memcpy(bytes, &number.bits, type.size);
	} else if (type.size == 4) {
		memcpy(bytes, &narrow, sizeof(narrow));
	} else if (type.size == 8) {
		memcpy(bytes, &wide, sizeof(wide));
	} else {
		memset(bytes, 0, 16);
		memcpy(bytes, &number.real, 10);
	}
}

static long double round_to(long double real, unsigned size)
{
	return size == 4 ? (long double)(float)real : size == 8 ? (long double)(double)real : real;
}

bool number_is_true(struct number number, struct number_type type)
{
	return type.is_real ? number.real != 0 : number.bits != 0;
}

/* NaN does not fit, either. */
static bool real_to_integer(struct number *number, struct number_type to)
{
	if (!(number->real > -0x1p127L && number->real < 0x1p127L))
		return false;
	number->bits = (unsigned __int128)(__int128)number->real;
	return number_wrap(number->bits, to) == number->bits;
}

bool number_convert(struct number *number, struct number_type from, struct number_type to)
{
	if (to.is_bool) {
		number->bits = number_is_true(*number, from);
		return true;
	}
	if (!to.is_real && from.is_real)
		return real_to_integer(number, to);
	if (!to.is_real) {
		number->bits = number_wrap(number->bits, to);
		return true;
	}
	if (!from.is_real)
		number->real = from.is_signed ? (long double)(__int128)number->bits : (long double)number->bits;
	number->real = round_to(number->real, to.size);
	return true;
}

/* ---- operators */

bool number_unary(int op, struct number *number, struct number_type type)
{
	if (op == '-') {
		number->real = -number->real;
		number->bits = number_wrap(-number->bits, type);
	} else if (op == '~') {
		number->bits = number_wrap(~number->bits, type);
		return !type.is_real;
	}
	return true;
}

#define REAL_OPERATION(type, a, op, b)                                                                                 \
	((op) == '+'   ? (type)(a) + (type)(b)                                                                         \
	 : (op) == '-' ? (type)(a) - (type)(b)                                                                         \
	 : (op) == '*' ? (type)(a) * (type)(b)                                                                         \
		       : (type)(a) / (type)(b))

/* In the type itself: rounding twice would not be what C does. */
static bool calculate_real(int op, long double a, long double b, unsigned size, struct number *ret)
{
	if (op != '+' && op != '-' && op != '*' && op != '/')
		return false;
	if (size == 4)
		ret->real = REAL_OPERATION(float, a, op, b);
	else if (size == 8)
		ret->real = REAL_OPERATION(double, a, op, b);
	else
		ret->real = REAL_OPERATION(long double, a, op, b);
	return true;
}

static unsigned __int128 divide(int op, unsigned __int128 a, unsigned __int128 b, bool is_signed)
{
	if (is_signed && b == -(unsigned __int128)1) /* the least number divided by -1 would trap */
		return op == '/' ? -a : 0;
	if (is_signed)
		return (unsigned __int128)(op == '/' ? (__int128)a / (__int128)b : (__int128)a % (__int128)b);
	return op == '/' ? a / b : a % b;
}

static unsigned __int128 shift_right(unsigned __int128 a, unsigned n, bool is_signed)
{
	return is_signed ? (unsigned __int128)((__int128)a >> n) : a >> n;
}

static bool calculate_integer(int op, unsigned __int128 a, unsigned __int128 b, struct number_type type, struct number *ret)
{
	unsigned __int128 bits;

	if (((op == '/' || op == '%') && !b) || ((op == OP_SHL || op == OP_SHR) && b >= type.size * 8u))
		return false;
	switch (op) {
	case '+': bits = a + b; break;
	case '-': bits = a - b; break;
	case '*': bits = a * b; break;
	case '&': bits = a & b; break;
	case '|': bits = a | b; break;
	case '^': bits = a ^ b; break;
	case '/':
	case '%': bits = divide(op, a, b, type.is_signed); break;
	case OP_SHL: bits = a << (unsigned)b; break;
	case OP_SHR: bits = shift_right(a, (unsigned)b, type.is_signed); break;
	default: return false;
	}
	ret->bits = number_wrap(bits, type);
	return true;
}

bool number_calculate(int op, struct number a, struct number b, struct number_type type, struct number *ret)
{
	*ret = (struct number){ 0 };
	return type.is_real ? calculate_real(op, a.real, b.real, type.size, ret) : calculate_integer(op, a.bits, b.bits, type, ret);
}

bool number_order_holds(int op, int order)
{
	switch (op) {
	case OP_EQ: return order == 0;
	case OP_NE: return order != 0;
	case '<': return order < 0;
	case '>': return order > 0;
	case OP_LE: return order <= 0;
	default: return order >= 0;
	}
}

bool number_compare(int op, struct number a, struct number b, struct number_type type)
{
	if (type.is_real && (a.real != a.real || b.real != b.real)) /* NaN is unlike anything */
		return op == OP_NE;
	if (type.is_real)
		return number_order_holds(op, (a.real > b.real) - (a.real < b.real));
	if (type.is_signed)
		return number_order_holds(op, ((__int128)a.bits > (__int128)b.bits) - ((__int128)a.bits < (__int128)b.bits));
	return number_order_holds(op, (a.bits > b.bits) - (a.bits < b.bits));
}

/* ---- truths and texts */

int truth_both(int op, int a, int b)
{
	int deciding = op == OP_OR;

	if (a == deciding || b == deciding)
		return deciding;
	return a < 0 || b < 0 ? -1 : !deciding;
}

int truth_not(int a)
{
	return a < 0 ? a : !a;
}

/* A text as one asks it byte by byte: -1 where it is not known any more, 0 behind its end. */
static int byte_at(const char *text, size_t len, bool ends, size_t i)
{
	return i < len ? (unsigned char)text[i] : ends ? 0 : -1;
}

int text_compare(int op, const char *a, size_t a_len, bool a_ends, const char *b, size_t b_len, bool b_ends)
{
	for (size_t i = 0;; i++) {
		int x = byte_at(a, a_len, a_ends, i), y = byte_at(b, b_len, b_ends, i);

		if (x < 0 || y < 0)
			return -1;
		if (x != y || !x)
			return number_order_holds(op, (x > y) - (x < y));
	}
}
