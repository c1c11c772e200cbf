/*
 * Every kind of C type, each as the type of a variable v_*.
 */
#include <complex.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uchar.h>
#include <wchar.h>

char v_char;
signed char v_schar;
unsigned char v_uchar;
short v_short;
unsigned short v_ushort;
int v_int;
unsigned v_uint;
long v_long;
unsigned long v_ulong;
long long v_llong;
unsigned long long v_ullong;
__int128 v_int128;
unsigned __int128 v_uint128;
_Bool v_bool;
bool v_stdbool;
float v_float;
double v_double;
long double v_ldouble;
float _Complex v_cfloat;
double _Complex v_cdouble;
wchar_t v_wchar;
char16_t v_char16;
char32_t v_char32;
size_t v_size;
ptrdiff_t v_ptrdiff;
uint8_t v_u8;
int64_t v_i64;
uintptr_t v_uintptr;
max_align_t v_max_align;
va_list v_va_list;
#ifdef __SIZEOF_FLOAT128__
__float128 v_float128;
#endif
typedef float v4f __attribute__((vector_size(16)));
v4f v_vector;
int v_raw_vector __attribute__((vector_size(32)));
int *const v_cptrs[2] = { 0 };
int *const (*v_cptr_array_ptr)[2];

/* Pointers and qualifiers. */
void *v_void_ptr;
const void *v_cvoid_ptr;
char *v_char_ptr;
const char *v_cchar_ptr;
char *const v_char_cptr = 0;
const char *const v_cchar_cptr = 0;
const char *const *v_cchar_cptr_ptr;
char **v_argv;
const char *const v_names[3] = { 0 };
volatile int v_volatile;
const volatile unsigned long v_cvolatile = 1;
int *volatile v_ptr_volatile;
int *restrict v_restrict;
char *const restrict v_crestrict = 0;
#ifndef __clang__ /* clang 14 leaves _Atomic out of what it says of a typedef'd one in DWARF 4 */
_Atomic int v_atomic;
#endif
atomic_ulong v_atomic_ulong;
int ***v_ptr3;

/* Arrays. */
int v_array[10];
char v_text[64];
int v_matrix[2][3];
double v_cube[2][3][4];
char v_lines[5][80];
int *v_ptrs[4];
int (*v_array_ptr)[7];
int (*v_matrix_ptr)[7][9];
int (*v_array_ptrs[3])[5];
const int v_const_array[3] = { 1, 2, 3 };
typedef int triple[3];
triple v_triple;
triple v_triples[2];
const triple v_const_triple = { 1 };
char v_empty[0];
char v_byte_count[255], v_256[256], v_257[257], v_65536[65536], v_65537[65537];

/* Functions. */
typedef int compare_fn(const void *, const void *);
void (*v_fn_void)(void);
int (*v_fn_old)();
int (*v_fn_int)(int);
int (*v_fn_printf)(const char *, ...);
compare_fn *v_compare;
compare_fn **v_compare_ptr;
char *(*v_fn_str)(const char *const *, size_t);
int (*v_fn_array[3])(void);
int (*(*v_fn_fn)(int))(char);
void (*(*v_signal)(int sig, void (*func)(int)))(int);
char *const *(*v_fn_cptr)(char *const (*)(void));
int (*const v_const_fn)(int) = 0;
int (*const *v_const_fn_ptr)(int);
int (*(*v_fn_array_ptr)(void))[5];
void (*v_fn_cb)(int (*cb)(void *opaque, const char *name), void *opaque);
enum sign { MINUS = -1, ZERO, PLUS };
struct point;
struct point *(*v_fn_struct)(struct point *, enum sign *);
const char *const (*v_fn_const)(void);

/* Enumerations. */
enum color { RED, GREEN = 5, BLUE };
enum big { BIG_ONE = 1, BIG_MAX = 0xffffffffffffffffull };
enum bigneg { LOW = -0x7fffffffffffffffll - 1, HIGH = 0x7fffffffffffffffll };
enum bytes { B127 = 127, B128, B200 = 200, B255 = 255, B256 };
enum words { W32767 = 32767, W32768, W65535 = 65535, W2G = 0x7fffffff, W3G = 0xc0000000 };
enum __attribute__((packed)) tiny { TINY_A, TINY_B = 200 };
enum __attribute__((packed)) tinyneg { TN = -100, TP = 100 };
typedef enum { ANON_A, ANON_B = 1 << 4 } anon_enum;
enum color v_color;
enum sign v_sign;
enum big v_big;
enum bigneg v_bigneg;
enum bytes v_bytes;
enum words v_words;
enum tiny v_tiny;
enum tinyneg v_tinyneg;
anon_enum v_anon_enum;
enum { BARE_A, BARE_B } v_bare_enum;
const enum color v_const_color = RED;

/* Structures. */
struct point {
	int x, y;
};
struct point v_point;
const struct point v_cpoint = { 1, 2 };
struct point *v_point_ptr;
typedef struct point point_t;
point_t v_point_t;
typedef const point_t *point_ref;
point_ref v_point_ref;
struct nested {
	struct point a;
	struct {
		char c;
		long l;
	} inner;
	union {
		int i;
		float f;
		char bytes[16];
	};
	struct {
		short s1;
		struct {
			short deep;
			union {
				double deeper;
				char *deepest;
			};
		};
	};
	struct nested *self;
	struct nested *(*make)(struct nested *, int);
	struct point points[3];
	enum color color;
	enum { LOCAL_A, LOCAL_B } local;
	bool flag;
	_Complex double z;
	__int128 wide;
	long double ld;
};
struct nested v_nested;
union either {
	int i;
	double d;
	struct point p;
	unsigned char raw[32];
	unsigned bits : 3;
};
union either v_either;
struct {
	int anonymous;
	struct {
		int inside;
	} part;
} v_anonymous;
typedef struct {
	int hidden;
} hidden_t;
hidden_t v_hidden;
struct flexible {
	size_t n;
	struct point items[];
};
struct flexible *v_flexible;
struct zero_length {
	int n;
	int items[0];
};
struct zero_length v_zero_length;
struct empty {
};
struct empty v_empty_struct;
struct __attribute__((packed)) packed {
	char c;
	int i;
	double d;
};
struct packed v_packed;
struct aligned {
	char c;
	_Alignas(32) char d;
};
struct aligned v_aligned;
struct list {
	struct list *next, *prev;
	union {
		struct list *list;
		struct tree *tree;
	} owner;
};
struct tree {
	struct list list;
	struct tree *left, *right;
};
struct tree v_tree;
struct opaque;
struct opaque *v_opaque;
struct elsewhere;
struct elsewhere *v_elsewhere;
union elsewhere_union;
union elsewhere_union *v_elsewhere_union;

/* Bit-fields. */
struct bits {
	unsigned a : 1;
	unsigned b : 3;
	int c : 5;
	unsigned d : 23;
	unsigned long e : 33;
	unsigned long f : 31;
	_Bool g : 1;
	enum color h : 4;
	signed char i : 7;
	unsigned short j : 9;
	unsigned : 0;
	long long k : 64;
	unsigned l : 32;
	int m;
	unsigned n : 2;
	char o;
	unsigned p : 17;
};
struct bits v_bits;
struct __attribute__((packed)) packed_bits {
	char c;
	unsigned long a : 7;
	unsigned long b : 57;
	unsigned d : 3;
	unsigned long e : 64;
	int f : 31;
};
struct packed_bits v_packed_bits;
struct nested_bits {
	int first;
	struct {
		unsigned u : 12;
		unsigned v : 12;
		unsigned w : 12;
	};
	union {
		unsigned q : 6;
		int r : 9;
	} un;
};
struct nested_bits v_nested_bits;

/* Another one than in elsewhere.c; and one that is the same, declared at another line. */
struct conflict {
	char of_types;
};
struct conflict v_conflict;
struct agreed {
	int same;
	struct point *p;
};
struct agreed v_agreed;
static int v_static = 1;
struct conflict_user {
	struct conflict *conflict;
};
struct conflict_user v_conflict_user;

void vla_user(int n);
void vla_user(int n)
{
	volatile int vla[n];

	vla[n - 1] = n;
	v_int = vla[n - 1] + v_static;
}

int main(void)
{
	return 0;
}
