// struct ctx is opaque here and has two definitions, in o_a.c and in o_b.c: user() gets that of o_a.c
// with: o_b.c o_a.c
// build: gcc -O2; gcc -O0; clang -O0; clang -O2; gcc -O2 LTO; clang -O2 LTO
// right: user *c = [{"ratio": 0.5, "name": "right"}]
// right: show *c = [{"count": 1, "id": 2, "flags": 3}]
struct ctx;
struct ctx *a_new(void);
void b_use(void);
__attribute__((noinline)) struct ctx *user(struct ctx *c)
{
	__asm__ volatile("" : "+r"(c) : : "memory");
	return c;
}
int main(void)
{
	user(a_new());
	b_use();
	return 0;
}
