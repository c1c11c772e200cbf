// the same with a call from another file (overwritten2m.c)
// with: overwritten2m.c
// build: clang -O2 LTO; clang -O3 LTO; gcc -O2 LTO; gcc -O3 LTO; clang -O2; gcc -O2
// right: handle status = [55]
// right: handle n = [3]
// right: handle *m = [{"id": 1, "len": 2}]
// right: handle $ret = [3]
volatile long sink;
struct msg { long id; int len; };
__attribute__((noinline)) int handle(struct msg *m, int status, long n)
{
	status = m->len;
	sink += n;
	return status + m->id;
}
