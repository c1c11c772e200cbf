/* As calls.c, in C++: what an object parameter is passed as depends on its class. */
#include <string.h>

extern "C" {
unsigned char seen[20][8192] __attribute__((aligned(64)));
unsigned char result[8192] __attribute__((aligned(64)));
int has_result;
long a_pair[2];
}

#define SEE(i, x) memcpy(seen[i], (const void *)&(x), sizeof(x))
#define NOINLINE extern "C" __attribute__((noinline))
#define CALL(name, ...)                                                                            \
	extern "C" void call_##name(void)                                                          \
	{                                                                                          \
		__auto_type value = t_##name(__VA_ARGS__);                                         \
		memcpy(result, &value, sizeof(value));                                             \
		has_result = 1;                                                                    \
	}

struct plain { long a, b; };
struct counted {
	long a, b;
	counted(long x, long y) : a(x), b(y) {}
	counted(const counted &other) : a(other.a), b(other.b) {}
	~counted() { a = 0; }
};

NOINLINE long t_scalars(int a, double b, const char *c, bool d) { SEE(0, a); SEE(1, b); SEE(2, c); SEE(3, d); return a; }
CALL(scalars, 1, 2.5, "three", true)
NOINLINE long t_plain(int a, plain maybe_b, int maybe_c) { SEE(0, a); SEE(1, maybe_b); SEE(2, maybe_c); return a; }
CALL(plain, 1, plain{ 2, 3 }, 4)
NOINLINE long t_counted(int a, counted maybe_b, int maybe_c) { SEE(0, a); SEE(1, maybe_b); SEE(2, maybe_c); return a; }
CALL(counted, 1, counted(2, 3), 4)
NOINLINE counted t_result(long maybe_a) { SEE(0, maybe_a); return counted(maybe_a, 2); }
extern "C" void call_result(void) { t_result(7); }
