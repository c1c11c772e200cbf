/*
 * Where a value comes from, and where it goes: the same value elsewhere.
 *
 * This is a search, not a proof: what it finds is equal, and the page says no more than that.
 */
const MATCHES_MAX = 20, SEARCH_MAX = 20000;

/* Values that are everywhere prove nothing. */
function isTelling(value) {
	const integer = integerOf(value);

	if (integer !== null)
		return integer > 9n || integer < -9n;
	return !isNaN(numberOf(value)) || (stringOf(value) ?? '').length > 2;
}

/* When a call's values of a side were taken. */
const timeOf = (call, side) => side === 'entry' ? call.start : call.end;

/*
 * Places with the value: those it was at before `side` of `call`, latest first, or with `later` those
 * after, earliest first.  [{ call, path }]
 */
function sameValue(call, path, value, later) {
	const plain = withoutAddress(value), time = timeOf(call, path.side), sign = later ? 1 : -1;
	const places = [];

	for (const other of trace.calls)
		for (const side of ['entry', 'return'])
			if (!(other === call && side === path.side) && sign * (timeOf(other, side) - time) >= 0)
				places.push({ other, side });
	places.sort((a, b) => sign * (timeOf(a.other, a.side) - timeOf(b.other, b.side)));
	const matches = [];

	for (const { other, side } of places.slice(0, SEARCH_MAX))
		for (const candidate of pathsOf(other.probe)) {
			const found = candidate.side === side ? follow(other, candidate) : undefined;

			if (found !== undefined && withoutAddress(found) === plain)
				matches.push({ call: other, path: candidate });
			if (matches.length >= MATCHES_MAX)
				return matches;
		}
	return matches;
}
