/*
 * Where a value was before, in the words of `virtrace explain`: all of it was found out when the page was made, and stands
 * behind the calls of each tree (html_ways.h). Nothing is searched for here.
 */

/* A call that is not in the page, as far as a way tells of it. */
function otherCall([id, name, tid, thread, entered, ended, qmp]) {
	const since = time => Number(BigInt(time) - trace.base);
	const exchange = ([name, id, call, tid, time]) => ({ name: harmless(name), id: harmless(id),
		reply: { id: String(call), call: trace.ids.get(String(call)) ?? null, tid, start: since(time) } });

	return { id: String(id), name: harmless(name), tid, threadName: harmless(thread), start: since(entered),
		end: since(ended), qmp: qmp && exchange(qmp) };
}

/* The ways of the tree that a call is of, read when they are first wanted: { of, steps, ends, others }, or null. */
function waysOf(call) {
	let root = call;

	while (root.up)
		root = root.up;
	if (typeof root.ways === 'string') {
		const { of, steps, ends, others } = JSON.parse(root.ways).ways;

		root.ways = { of: new Map(of.map(([id, entry, ret]) => [String(id), { entry, return: ret }])), steps, ends,
			others: new Map(others.map(otherCall).map(other => [other.id, other])) };
	}
	return root.ways;
}

const matchIn = (ways, [kind, id, path, trust, reasons]) => ({ kind, path, trust, reasons,
	call: trace.ids.get(String(id)) ?? ways.others.get(String(id)) ?? { id: String(id), name: '' } });

/* { steps: [{ kind, call, path, trust, reasons, rivals, more }], end } of a value, newest first; null: the page has none. */
function wayOf(call, side, path) {
	const ways = waysOf(call), values = ways?.of.get(call.id)?.[side];

	if (!values || !Object.hasOwn(values, path))
		return null;
	const numbers = values[path], match = record => matchIn(ways, record);

	return {
		steps: numbers.slice(0, -1).map(i => ways.steps[i])
			.map(step => ({ ...match(step), rivals: step[5].map(match), more: step[6] })),
		end: ways.ends[numbers.at(-1)],
	};
}

/* A link, if the page has the call. */
const linkTo = (call, text) => trace.ids.get(call.id) === call ? callLink(call, text) : text;

/* "info->capacity at the return of #1 virDomainGetBlockInfo", as children of an element. */
function placeOf({ kind, call, path }) {
	const link = linkTo(call, harmless(path));

	if (kind !== 'reply')
		return [link, ` at the ${kind} of #${call.id} ${call.name}`];
	return [link, ` of the reply to QMP ${call.qmp?.name}${call.qmp?.id ? `, id ${call.qmp.id}` : ''}`];
}

function whenOf({ kind, call }) {
	const reply = kind === 'reply' ? call.qmp?.reply : null;

	if (call.start === undefined)
		return []; // of more calls than are told of
	if (!reply)
		return [`${formatTime(kind === 'entry' ? call.start : call.end)} thread ${call.tid} ${call.threadName}`];
	return [`${formatTime(reply.start)} received by thread ${reply.tid} in `, messageLink(reply),
		`, waited for by thread ${call.tid} in `, linkTo(call, `#${call.id}`)];
}

const trustOf = ({ trust, reasons }) => make('span', {},
	make('span', { class: trust.endsWith('likely') ? '' : 'bad' }, trust),
	`: ${['same value', ...reasons.map(harmless)].join(', ')}`);

function stepOf(step) {
	const line = (name, ...children) => make('div', { class: name }, ...children);

	return make('li', {}, line('', '<- ', ...placeOf(step)), line('faint', ...whenOf(step)), line('', trustOf(step)),
		...step.rivals.map(rival => line('rival', make('span', { class: 'faint' }, 'or '), ...placeOf(rival), '; ',
			trustOf(rival))),
		step.more ? line('rival faint', `or ${step.more} more`) : null);
}

/* What the command says below the place and the value itself. */
function explanation(way) {
	const { steps, end } = way;

	return make('div', { class: 'explain' }, make('ol', {}, ...steps.map(stepOf)),
		make('p', {}, `${steps.length ? 'End' : 'Nothing'}: ${harmless(end)}.`),
		steps.length ? make('p', { class: 'faint' }, 'These are matches of values, not proof.') : null);
}

/* For a value that would have taken too long, or whose tree is not all in the page: who can tell it. */
function explainCommand(name) {
	const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;

	return make('div', { class: 'explain' }, make('p', { class: 'faint' },
		'Where it was before is not in this page: there are too many places to look at. This tells it:'),
	make('p', {}, make('code', {}, `virtrace explain ${quoted(harmless(trace.head.name))} ${quoted(name)}`)));
}
