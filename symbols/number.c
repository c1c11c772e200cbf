#include "symbols/number.h"

#include "symbols/type.h"

#include <string.h>

bool type_is_real(const struct type *bare)
{
	if (bare->kind != TYPE_FLOAT)
		return false;
	if (bare->size == 16)
		return !bare->name || !strstr(bare->name, "128");
	return bare->size == 4 || bare->size == 8;
}

unsigned __int128 number_extend(unsigned __int128 bits, unsigned n_bits, bool is_signed)
{
	unsigned shift = 128 - n_bits;

	if (!n_bits || n_bits >= 128)
		return bits;
	return is_signed ? (unsigned __int128)((__int128)(bits << shift) >> shift)
			 : bits << shift >> shift;
}

unsigned __int128 number_wrap(unsigned __int128 bits, const struct type *bare)
{
	return number_extend(bits, (unsigned)bare->size * 8, bare->is_signed);
}

struct number number_decode(const uint8_t *bytes, const struct type *bare)
{
	struct number number = { 0 };
	float narrow;
	double wide;

	if (!type_is_real(bare)) {
		memcpy(&number.bits, bytes, bare->size);
		number.bits = number_wrap(number.bits, bare);
	} else if (bare->size == 4) {
		memcpy(&narrow, bytes, sizeof(narrow));
		number.real = narrow;
	} else if (bare->size == 8) {
		memcpy(&wide, bytes, sizeof(wide));
		number.real = wide;
	} else {
		memcpy(&number.real, bytes, 10);
	}
	return number;
}

void number_encode(struct number number, const struct type *bare, uint8_t *bytes)
{
	float narrow = (float)number.real;
	double wide = (double)number.real;

	if (!type_is_real(bare)) {
		memcpy(bytes, &number.bits, bare->size);
	} else if (bare->size == 4) {
		memcpy(bytes, &narrow, sizeof(narrow));
	} else if (bare->size == 8) {
		memcpy(bytes, &wide, sizeof(wide));
	} else {
		memset(bytes, 0, 16);
		memcpy(bytes, &number.real, 10);
	}
}

long double number_round(long double real, const struct type *bare)
{
	return bare->size == 4	 ? (long double)(float)real
	       : bare->size == 8 ? (long double)(double)real
				 : real;
}
