// C++: references, rvalue references, classes by value and as result, std::string, vector, member pointers, enum class
// build: gcc -O0; gcc -O2; clang -O0; clang -O2
// right: byref $ret = [7]
// right: byval after = [3]
// right: byval $ret = [14]
// right: rv $ret = [6]
// right: vec $ret = [1]
// right: color c = ["Blue"]
// right: color u = [120]
// right: color w = [121]
// right: color b = [true]
// right: color $ret = ["Blue"]
#include <string>
#include <vector>
struct Base { int id = 7; virtual ~Base() {} virtual int get(int x) { return id + x; } };
struct Mixin { long extra = 9; };
struct Derived : Base, Mixin { double d = 2.5; int get(int x) override { return id * x; } static int count; };
int Derived::count = 3;
namespace ns { template <class T> struct Box { T value; T take(const T &other) { value = other; return value; } }; }
struct NonTrivial { int v; NonTrivial(int x) : v(x) {} NonTrivial(const NonTrivial &o) : v(o.v + 100) {} ~NonTrivial() {} };
__attribute__((noinline)) int byref(const Derived &d, int &out, std::string &s, const std::string &cs) { out = d.id; s += "!"; return d.id; }
__attribute__((noinline)) int byval(NonTrivial n, std::string s, int after) { return n.v + s.size() + after; }
__attribute__((noinline)) NonTrivial ret(int x) { return NonTrivial(x); }
__attribute__((noinline)) std::string rets(int x) { return std::string(x, 'a'); }
__attribute__((noinline)) int rv(std::string &&s, Derived &&d) { return s.size(); }
__attribute__((noinline)) int vec(const std::vector<int> &v, int Derived::*pm, int (Derived::*pf)(int)) { return v[0]; }
enum class Color : unsigned char { Red = 1, Blue = 200 };
__attribute__((noinline)) Color color(Color c, char16_t u, wchar_t w, decltype(nullptr) n, bool b) { return c; }
int main() {
  Derived d; int out = 0; std::string s = "hello", c = "const";
  byref(d, out, s, c); byval(NonTrivial(5), s, 3); ret(4); rets(5); rv(std::move(s), Derived());
  ns::Box<int> b{1}; b.take(42); ns::Box<std::string> bs{"x"}; bs.take("yy");
  Base *p = &d; p->get(3); vec({1,2,3}, &Derived::id, &Derived::get); color(Color::Blue, u'x', L'y', nullptr, true);
  auto lam = [&](int k) { return k + out; }; lam(5);
  return 0; }
