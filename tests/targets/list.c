// options: --depth 3
// probe: walk => *head
// probe: tree => *t
#include "target.h"

struct node { int value; struct node *next; const char *name; int *number; };
struct tree { struct tree *left, *right; void *data; struct node node; };

PROBED int walk(struct node *head)
{
	return head ? head->value++ : 0;
}

PROBED void tree(struct tree *t)
{
	t->node.value--;
}

int main(int argc, char **argv)
{
	static int number = 5;
	static struct node d = { 4, NULL, "d", NULL }, c = { 3, &d, "c", &number },
			   b = { 2, &c, "b", (int *)16 }, a = { 1, &b, "a", &number },
			   loop = { 9, &loop, "loop", NULL };
	static struct tree leaf = { NULL, NULL, &number, { 1, &d, "leaf", &number } },
			   left = { &leaf, NULL, NULL, { 0 } },
			   root = { &left, &leaf, &root, { 2, &loop, "root", NULL } };

	(void)argv;
	target_start(argc);
	walk(&a);
	walk(&d);
	walk(&loop);
	walk(NULL);
	tree(&root);
	tree(&leaf);
	return 0;
}
