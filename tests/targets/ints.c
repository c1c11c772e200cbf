// probe: chars a, b, c => $ret
// probe: shorts a, b, c, d => $ret
// probe: words a, b, c, d, e => $ret
// probe: longs a, b, c, d, e, f => $ret
// probe: wide a, b, copy => $ret, *copy
// probe: wide_unsigned a => $ret, wide_copy
// probe: truth yes, no, *odd => $ret
// probe: fixed a, b, c, d, e => $ret
// gdb 13 looks for 128-bit results in memory.
// same: wide $ret = *copy
// same: wide_unsigned $ret = wide_copy
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "target.h"

PROBED char chars(char a, signed char b, unsigned char c)
{
	HAPPENS();
	return (char)(a + b + c);
}

PROBED short shorts(short a, unsigned short b, signed char c, unsigned char d)
{
	HAPPENS();
	return (short)(a + b + c + d);
}

PROBED unsigned words(int a, unsigned b, short c, unsigned short d, char e)
{
	HAPPENS();
	return a + b + c + d + e;
}

PROBED long long longs(long a, unsigned long b, long long c, unsigned long long d, size_t e,
		       ssize_t f)
{
	HAPPENS();
	return (long long)(a + b + c + d + e + f);
}

PROBED __int128 wide(__int128 a, unsigned __int128 b, __int128 *copy)
{
	*copy = a + (__int128)b;
	return *copy;
}

unsigned __int128 wide_copy;

PROBED unsigned __int128 wide_unsigned(unsigned __int128 a)
{
	wide_copy = ~a;
	return wide_copy;
}

PROBED bool truth(bool yes, _Bool no, const bool *odd)
{
	HAPPENS();
	return yes && !no && odd;
}

PROBED int64_t fixed(int8_t a, uint8_t b, uint16_t c, int32_t d, uint64_t e)
{
	HAPPENS();
	return (int64_t)(a * b + c + d) - (int64_t)e;
}

int main(int argc, char **argv)
{
	static const int values[] = { 0,   1,   -1,  'A',     '\n',    '\'', '\\',
				      127, 128, 255, INT_MIN, INT_MAX, 0x1b };
	static const bool on = true;
	static __int128 copy;

	(void)argv;
	target_start(argc);
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		int v = values[i];
		__int128 big = ((__int128)v << 70) + v;

		chars((char)v, (signed char)v, (unsigned char)v);
		shorts((short)v, (unsigned short)v, (signed char)v, (unsigned char)v);
		words(v, v, (short)v, (unsigned short)v, (char)v);
		longs(v, v, (long long)v << 30, (unsigned long long)v << 33, v, v);
		wide(big, big, &copy);
		wide_unsigned(big);
		truth(v & 1, v & 2, v ? &on : NULL);
		fixed((int8_t)v, (uint8_t)v, (uint16_t)v, v, v);
	}
	return 0;
}
