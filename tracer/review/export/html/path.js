/*
 * Paths: the C expressions that name values, as `info->allocation`, the same as in `report --if`.
 */
const PATHS_MAX = 4000, ELEMENTS_MAX = 16;

/* So that a member or an index may be written behind it. */
const asPostfix = text => /^(?:[\w$.[\]]|->)*$/.test(text) ? text : `(${text})`;

/* Name of a part of what `base` names: that of leaf.c, whose names the ways of values go by. */
function pathTo(base, part, isPointer) {
	if (part.name === '*')
		return `*${base}`;
	if (part.isElement)
		return asPostfix(base) + part.name;
	if (!part.name)
		return base; // a member of an anonymous one is a member of the outer
	if (isPointer)
		return `${asPostfix(base)}->${part.name}`;
	return base.startsWith('*') ? `${asPostfix(base.slice(1))}->${part.name}` : `${asPostfix(base)}.${part.name}`;
}

/* All values that calls of a probe can have: [{ path, last, side, steps }]; those at return first. */
function pathsOf(probe) {
	if (!probe.paths) {
		probe.paths = [];
		for (const side of ['return', 'entry'])
			for (const [i, index] of (trace.types[probe[side]]?.parts ?? []).entries())
				addPaths(probe.paths, side, trace.types[index].name, index, [i]);
	}
	return probe.paths;
}

function addPaths(paths, side, path, index, steps) {
	const type = typeOf(index);

	if (!type || paths.length >= PATHS_MAX || steps.length >= LEVELS_MAX)
		return;
	const isFollowed = type.kind === 'pointer' && type.parts.length > 0;
	const isStruct = type.kind === 'struct' || type.kind === 'union';
	const target = isFollowed ? typeOf(type.parts[0]) : null;

	if (!isStruct && !isElements(type))
		paths.push({ path, last: lastOf(path), side, steps });
	if (isFollowed && (target.kind === 'struct' || target.kind === 'union'))
		addMembers(paths, side, path, target, [...steps, 1], true);
	else if (isFollowed)
		addPaths(paths, side, `*${path}`, type.parts[0], [...steps, 1]);
	else if (isStruct)
		addMembers(paths, side, path, type, steps, false);
	else if (isElements(type))
		for (let i = 0; i < Math.min(ELEMENTS_MAX, type.count || ELEMENTS_MAX); i++)
			addPaths(paths, side, pathTo(path, { name: `[${i}]`, isElement: true }), type.parts[0],
				[...steps, i]);
}

function addMembers(paths, side, path, type, steps, isPointer) {
	for (const [i, index] of type.parts.entries()) {
		const name = trace.types[index]?.name ?? '';

		addPaths(paths, side, pathTo(path, { name }, isPointer), index, [...steps, i]);
	}
}

const lastOf = path => /[\w$]+(?:\[\d+\])*$/.exec(path)?.[0] ?? path;

/* How to get at the value a user means: by its path, or by the last name in it. */
function findPath(probe, name) {
	const paths = pathsOf(probe);

	return paths.find(p => p.path === name) ?? paths.find(p => p.last === name);
}

function follow(call, { side, steps }) {
	let value = side === 'entry' ? call.entry : call.ret;

	for (const step of steps) {
		if (!isList(value))
			return undefined;
		value = value[step];
	}
	return typeof value === 'number' ? undefined : isList(value) ? value[0] : value;
}

const found = new Map(); // probe -> name -> path or null

function pathIn(probe, name) {
	let names = found.get(probe);

	if (!names)
		found.set(probe, names = new Map());
	if (!names.has(name))
		names.set(name, findPath(probe, name) ?? null);
	return names.get(name);
}

/* The value of that name; undefined if the call has none. */
function valueIn(call, name) {
	const path = pathIn(call.probe, name);

	return path ? follow(call, path) : undefined;
}
