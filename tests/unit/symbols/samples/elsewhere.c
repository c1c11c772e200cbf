/* Definitions of what other units only declare, and different types of one name. */
struct elsewhere {
	int defined;
	char *here;
};
struct elsewhere v_defined;
union elsewhere_union {
	int i;
	long l;
};
union elsewhere_union v_defined_union;

struct conflict {
	long of_elsewhere;
	int more;
};
struct conflict v_conflict_elsewhere;
struct agreed {
	int same;
	struct point *p;
};
struct agreed v_agreed_elsewhere;
static int v_static = 2;
int *v_use_static(void);
int *v_use_static(void)
{
	return &v_static;
}
