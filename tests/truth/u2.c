// a parameter with a name in UTF-8
// build: gcc -O1 -fno-inline; clang -O0; gcc -O0
// right: ok a == [3]
// right: size länge == [4]
// right: ok $ret == [3]
// right: size $ret == [5]
int ok(int a) { return a; }
int size(int länge) { return länge + 1; }
int main(void) { return ok(3) + size(4) - 8; }
