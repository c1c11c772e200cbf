// debug info of lines only: it says nothing about parameters and results
// build: gcc -O2 -g1; gcc -O0 -g1; clang -O2 -g1
// says: no parameters, no $ret
// right: get_size name = []
#include <stdio.h>
struct info { long size; };
__attribute__((noinline)) int get_size(const char *name, struct info *info) { info->size = printf("%s\n", name); return 1; }
int main(void) { struct info info; return get_size("text", &info) != 1; }
