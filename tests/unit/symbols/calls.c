/*
 * Functions that remember what they were passed, for test_loc.c and test_abi.c.  Every t_NAME has a call_NAME; parameters whose
 * name starts with "maybe" may be optimized away, all others must be found at entry.  maybe_1 is not looked at, but is 1.
 * Of lost_x clang -O2 says nothing in the debug information.
 */
#include <complex.h>
#include <string.h>
#include <emmintrin.h>

unsigned char seen[20][8192] __attribute__((aligned(64)));
unsigned char result[8192] __attribute__((aligned(64)));
int has_result;

#define SEE(i, x) memcpy(seen[i], &(x), sizeof(x))
#define CALL(name, ...)                                                                            \
	void call_##name(void)                                                                     \
	{                                                                                          \
		__auto_type value = t_##name(__VA_ARGS__);                                         \
		memcpy(result, &value, sizeof(value));                                             \
		has_result = 1;                                                                    \
	}
#define NOINLINE __attribute__((noinline))

enum color { RED, GREEN = 7, BLUE = -3 };
typedef unsigned short port;
struct one { char c; };
struct pair { long a, b; };
struct mixed { int a; float b; double c; };
struct dmixed { double a; long b; };
struct floats { float a, b, c, d; };
struct three_floats { float a, b, c; };
struct packed { char c; long l; } __attribute__((packed));
struct odd { char c[3]; };
struct odd11 { char c[11]; };
struct bits { unsigned a : 3; int b : 13; unsigned long c : 40; unsigned d : 8; };
struct big { long a, b, c; char text[20]; };
struct nested { struct { short x, y; } p; union { int i; float f; } u; void *ptr; };
struct with_ld { long double x; };
struct with_i128 { __int128 x; };
struct aligned16 { long a; long b; } __attribute__((aligned(16)));
struct aligned32 { long a[4]; } __attribute__((aligned(32)));
struct array2 { int v[2][2]; };
struct dbl { double d; };
struct padded { int a; char b; };
union u_if { int i; float f; };
union u_dl { double d; long l[2]; };
union u_ldi { long double x; int i; };
struct holes { char a; int b; char c; double d; } ;
struct vec { __m128 v; };

NOINLINE int t_ints(int a, unsigned b, long c, char d, short e, _Bool f, unsigned long long g, signed char h, port i,
		    enum color j)
{
	SEE(0, a); SEE(1, b); SEE(2, c); SEE(3, d); SEE(4, e); SEE(5, f); SEE(6, g); SEE(7, h); SEE(8, i); SEE(9, j);
	return a + d;
}
CALL(ints, -1, 4000000000u, -5000000000l, 'x', -300, 1, ~0ull, -7, 65535, BLUE)

NOINLINE unsigned char t_small(unsigned char a, unsigned short b)
{
	SEE(0, a); SEE(1, b);
	return a + b;
}
CALL(small, 200, 60000)

NOINLINE double t_reals(float a, double b, int c, float d, double e, float f, double g, float h, double i, double j, float k)
{
	SEE(0, a); SEE(1, b); SEE(2, c); SEE(3, d); SEE(4, e); SEE(5, f); SEE(6, g); SEE(7, h); SEE(8, i); SEE(9, j);
	SEE(10, k);
	return a + j;
}
CALL(reals, 1.5f, -2.25, 3, 4.f, 5., 6.f, 7., 8.f, 9., 10., 11.f)

NOINLINE float t_float(float a) { SEE(0, a); return a * 2; }
CALL(float, 3.25f)

NOINLINE long double t_long_double(long double a, int b, long double c) { SEE(0, a); SEE(1, b); SEE(2, c); return a * c; }
CALL(long_double, 1.0L / 3, 5, 1e4000L)

NOINLINE __int128 t_int128(__int128 a, int b, unsigned __int128 c)
{
	SEE(0, a); SEE(1, b); SEE(2, c);
	return a - 1;
}
CALL(int128, ((__int128)1 << 100) + 5, 7, ~(unsigned __int128)0)

/* clang before 18 puts the halves of `maybe_f` into r9 and onto the stack */
NOINLINE int t_int128_edge(int a, int b, int c, int d, int e, __int128 maybe_f, int maybe_g, __int128 maybe_h)
{
	SEE(0, a); SEE(1, b); SEE(2, c); SEE(3, d); SEE(4, e); SEE(5, maybe_f); SEE(6, maybe_g); SEE(7, maybe_h);
	return a;
}
CALL(int128_edge, 1, 2, 3, 4, 5, ((__int128)6 << 64) + 66, 7, ((__int128)8 << 64) + 88)

NOINLINE void *t_pointers(const char *a, void *b, int (*c)(int), char **d)
{
	SEE(0, a); SEE(1, b); SEE(2, c); SEE(3, d);
	return d;
}
CALL(pointers, "text", &seen, 0, (char **)&result)

NOINLINE struct one t_one(struct one a) { SEE(0, a); a.c++; return a; }
CALL(one, (struct one){ 'q' })
NOINLINE struct pair t_pair(int x, struct pair a, struct pair b, struct pair c)
{
	SEE(0, x); SEE(1, a); SEE(2, b); SEE(3, c);
	return (struct pair){ c.a, a.b };
}
CALL(pair, 1, (struct pair){ 2, 3 }, (struct pair){ 4, 5 }, (struct pair){ 6, 7 })
NOINLINE struct mixed t_mixed(struct mixed lost_a, struct dmixed b) { SEE(0, lost_a); SEE(1, b); lost_a.b = 2; return lost_a; }
CALL(mixed, (struct mixed){ 1, 2.5f, 3.5 }, (struct dmixed){ 4.5, 5 })
NOINLINE struct dmixed t_dmixed(struct dmixed a, double b) { SEE(0, a); SEE(1, b); a.b++; return a; }
CALL(dmixed, (struct dmixed){ 4.5, 5 }, 6.5)
NOINLINE struct floats t_floats(struct floats lost_a, struct three_floats lost_b) { SEE(0, lost_a); SEE(1, lost_b); lost_a.d = 9; return lost_a; }
CALL(floats, (struct floats){ 1, 2, 3, 4 }, (struct three_floats){ 5, 6, 7 })
NOINLINE struct three_floats t_three(struct three_floats lost_a) { SEE(0, lost_a); lost_a.c = 1; return lost_a; }
CALL(three, (struct three_floats){ 5, 6, 7 })
NOINLINE struct packed t_packed(struct packed a, int b) { SEE(0, a); SEE(1, b); a.l++; return a; }
CALL(packed, (struct packed){ 'c', 1234567890123 }, 4)
NOINLINE struct odd t_odd(struct odd a, struct odd11 b) { SEE(0, a); SEE(1, b); a.c[0]++; return a; }
CALL(odd, (struct odd){ "abc" }, (struct odd11){ "hello world" })
NOINLINE struct bits t_bits(struct bits a) { SEE(0, a); a.a = 2; return a; }
CALL(bits, (struct bits){ 5, -77, 123456789012, 200 })
NOINLINE struct big t_big(int x, struct big a, int y) { SEE(0, x); SEE(1, a); SEE(2, y); a.a = y; return a; }
CALL(big, 1, (struct big){ 2, 3, 4, "five" }, 6)
NOINLINE struct nested t_nested(struct nested a) { SEE(0, a); a.p.x = 3; return a; }
CALL(nested, (struct nested){ { 1, 2 }, { .f = 3.5f }, &seen })
NOINLINE struct with_ld t_with_ld(struct with_ld a, struct with_i128 b) { SEE(0, a); SEE(1, b); a.x *= 2; return a; }
CALL(with_ld, (struct with_ld){ 1.25L }, (struct with_i128){ (__int128)-5 })
NOINLINE struct with_i128 t_with_i128(struct with_i128 a) { SEE(0, a); a.x *= 3; return a; }
CALL(with_i128, (struct with_i128){ (__int128)1 << 90 })
NOINLINE struct aligned16 t_aligned(int a, struct aligned16 b, struct aligned32 c, int d, int e, int f, int g, int h,
				    struct aligned16 i)
{
	SEE(0, a); SEE(1, b); SEE(2, c); SEE(3, d); SEE(4, e); SEE(5, f); SEE(6, g); SEE(7, h); SEE(8, i);
	return i;
}
CALL(aligned, 1, (struct aligned16){ 2, 3 }, (struct aligned32){ { 4, 5, 6, 7 } }, 8, 9, 10, 11, 12, (struct aligned16){ 13, 14 })
NOINLINE struct array2 t_array2(struct array2 a) { SEE(0, a); a.v[1][1] = 0; return a; }
CALL(array2, (struct array2){ { { 1, 2 }, { 3, 4 } } })
NOINLINE struct dbl t_dbl(struct dbl a) { SEE(0, a); a.d = -a.d; return a; }
CALL(dbl, (struct dbl){ 2.5 })
NOINLINE struct padded t_padded(struct padded a) { SEE(0, a); a.b = 'z'; return a; }
CALL(padded, (struct padded){ 77, 'y' })
NOINLINE union u_if t_union(union u_if a, union u_dl b, union u_ldi c) { SEE(0, a); SEE(1, b); SEE(2, c); a.i++; return a; }
CALL(union, (union u_if){ .f = 1.5f }, (union u_dl){ .l = { 1, 2 } }, (union u_ldi){ .i = 5 })
NOINLINE union u_dl t_union_dl(union u_dl a) { SEE(0, a); a.l[1]++; return a; }
CALL(union_dl, (union u_dl){ .l = { 1, 2 } })
NOINLINE struct holes t_holes(struct holes a) { SEE(0, a); a.c = 1; return a; }
CALL(holes, (struct holes){ 1, 2, 3, 4.5 })

NOINLINE float complex t_cfloat(float complex lost_a) { SEE(0, lost_a); return lost_a * 2; }
CALL(cfloat, 1.5f + 2.5f * I)
NOINLINE double complex t_cdouble(double complex a, double b) { SEE(0, a); SEE(1, b); return a + b; }
CALL(cdouble, 1.5 + 2.5 * I, 3)
NOINLINE long double complex t_cldouble(int a, long double complex b) { SEE(0, a); SEE(1, b); return b; }
CALL(cldouble, 9, 1.5L + 2.5L * I)

NOINLINE __m128 t_vector(int a, __m128 b, float c) { SEE(0, a); SEE(1, b); SEE(2, c); return b; }
CALL(vector, 1, (__m128){ 1, 2, 3, 4 }, 5)
NOINLINE struct vec t_vec(struct vec a, float b) { SEE(0, a); SEE(1, b); return a; }
CALL(vec, (struct vec){ { 1, 2, 3, 4 } }, 5)

NOINLINE _Bool t_bool(_Bool a) { SEE(0, a); return !a; }
CALL(bool, 0)
NOINLINE enum color t_enum(enum color a) { SEE(0, a); return a; }
CALL(enum, GREEN)
NOINLINE void t_void(int a) { SEE(0, a); }
void call_void(void) { t_void(3); }

NOINLINE int t_many(int a, int b, int c, int d, int e, int f, char g, short h, long i, struct pair j, struct one k, double l)
{
	SEE(0, a); SEE(1, b); SEE(2, c); SEE(3, d); SEE(4, e); SEE(5, f); SEE(6, g); SEE(7, h); SEE(8, i); SEE(9, j);
	SEE(10, k); SEE(11, l);
	return g;
}
CALL(many, 1, 2, 3, 4, 5, 6, 'g', -8, 9, (struct pair){ 10, 11 }, (struct one){ 'k' }, 12.5)

NOINLINE int t_variadic(int a, const char *b, ...) { SEE(0, a); SEE(1, b); return a; }
CALL(variadic, 5, "x", 6.5, 7)

/* Debug information at the first instruction may already say what the first statement assigns. */
NOINLINE int t_reassigned(int a, int b, int c)
{
	SEE(0, a); SEE(1, b); SEE(2, c);
	a = 5; b = c; c = 0;
	*(volatile int *)result = a + b + c;
	return a;
}
CALL(reassigned, 1, 2, 3)
NOINLINE long t_advanced(long a, const char *b)
{
	SEE(0, a); SEE(1, b);
	a++; b += 2;
	*(volatile long *)result = a + *b;
	return a;
}
CALL(advanced, 41, "abcdef")
NOINLINE int t_swapped(int a, int b)
{
	SEE(0, a); SEE(1, b);
	int t = a; a = b; b = t;
	*(volatile int *)result = a - b;
	return a;
}
CALL(swapped, 3, 4)

/* Kept in memory, or in a preserved register, for the whole function. */
NOINLINE void touch(void *p) { __asm__ volatile("" : : "r"(p) : "memory"); }
NOINLINE int t_addressed(int a, struct pair b) { SEE(0, a); SEE(1, b); touch(&a); touch(&b); return a; }
CALL(addressed, 8, (struct pair){ 9, 10 })
NOINLINE int t_across(int a, int b, char *c)
{
	SEE(0, a); SEE(1, b); SEE(2, c);
	touch(c); touch(c + b);
	return a + b;
}
CALL(across, 5, 6, "across")

/* Static: the compiler may change them.  V hides constants, which would make clones. */
static volatile int zero;
#define V(x) ((x) + zero)
static NOINLINE int t_static(int a, struct pair lost_b, char *c) { SEE(0, a); SEE(1, lost_b); SEE(2, c); return a * 2; }
CALL(static, V(21), (struct pair){ V(22), 23 }, "static" + zero)
static NOINLINE int t_static_unused(int maybe_1, int b, int c) { SEE(1, b); SEE(2, c); return b * 2; }
CALL(static_unused, V(1), V(2), V(3))
static NOINLINE int t_static_unused2(int a, int maybe_2, int c, int maybe_4, char d)
{
	SEE(0, a); SEE(2, c); SEE(4, d);
	return a * c;
}
CALL(static_unused2, V(1), V(2), V(3), V(4), V('e'))
static NOINLINE int t_static_late(int maybe_1, int maybe_b, int c)
{
	SEE(1, maybe_b); SEE(2, c);
	touch(&maybe_b);
	return c;
}
CALL(static_late, V(1), V(2), V(3))
static NOINLINE int t_static_member(struct pair *maybe_p, int maybe_b) { SEE(1, maybe_b); *(volatile int *)result = maybe_b; return (int)maybe_p->a + maybe_b; }
struct pair a_pair = { 31, 32 };
CALL(static_member, &a_pair + zero, V(33))
static NOINLINE int t_static_constant(int maybe_a, int b) { SEE(0, maybe_a); SEE(1, b); return maybe_a * b; }
CALL(static_constant, 51, V(52))
static NOINLINE int t_static_reassigned(int maybe_a, int maybe_b)
{
	SEE(0, maybe_a); SEE(1, maybe_b);
	maybe_a = maybe_b; maybe_b = 0;
	*(volatile int *)result = maybe_a + maybe_b;
	return maybe_a;
}
void call_static_reassigned(void) { for (int i = 3; i < 4 + has_result; i++) *(volatile int *)seen[19] = t_static_reassigned(i, i + 1); }

/* Not prototyped: a float comes as a double. */
NOINLINE int t_old(a, maybe_b, c) int a; float maybe_b; char c; { SEE(0, a); SEE(1, maybe_b); SEE(2, c); return a; }
CALL(old, 5, 6.5f, 'c')

/* Another ABI. */
NOINLINE __attribute__((ms_abi)) int t_microsoft(int maybe_a, double maybe_b, long maybe_c, char maybe_d, int maybe_e)
{
	SEE(0, maybe_a); SEE(1, maybe_b); SEE(2, maybe_c); SEE(3, maybe_d); SEE(4, maybe_e);
	return maybe_a;
}
CALL(microsoft, 1, 2.5, 3, 'd', 5)
NOINLINE __attribute__((ms_abi)) int t_microsoft_one(char *maybe_a) { SEE(0, maybe_a); return *maybe_a; }
CALL(microsoft_one, "a")
#ifdef __clang__
NOINLINE __attribute__((regcall)) int t_regcall(int maybe_a, double maybe_b, long maybe_c) { SEE(0, maybe_a); SEE(1, maybe_b); SEE(2, maybe_c); return maybe_a; }
CALL(regcall, 1, 2.5, 3)
#endif
