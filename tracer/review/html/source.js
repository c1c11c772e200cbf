/*
 * The value that was clicked: how it was over time, and where else it is.
 *
 * It is looked for in the calls of the same tree only, and in the QMP replies that these waited for: what another
 * guest was told is never among them. This is a search, not a proof: what it finds is equal, and the page says no more.
 */
const MATCHES_MAX = 20, SEARCH_MAX = 20000;

/* 0, 1 and -1 are everywhere and lead nowhere. */
function isTelling(value) {
	const integer = integerOf(value);

	if (integer !== null)
		return integer > 1n || integer < -1n;
	return !isNaN(numberOf(value)) || (stringOf(value) ?? '').length > 0;
}

/* A value, or a part of JSON, that is the same number or text. */
function isSameText(a, b) {
	if (a === undefined || b === undefined)
		return false;
	const x = integerOf(a), y = integerOf(b);

	if (x !== null && y !== null)
		return x === y;
	const text = stringOf(a);

	return text !== null ? text === stringOf(b) : withoutAddress(a) === withoutAddress(b);
}

/* When a call's values of a side were taken. */
const timeOf = (call, side) => side === 'entry' ? call.start : call.end;

const rootOf = call => {
	let root = call;

	while (root.up)
		root = root.up;
	return root;
};

/* What was captured in a tree of calls, and what these were told: [{ call, time, side, path, value }] */
function* placesIn(root) {
	for (const call of trace.calls.slice(root.index, Math.min(root.after, root.index + SEARCH_MAX))) {
		for (const path of pathsOf(call.probe))
			yield { call, side: path.side, time: timeOf(call, path.side), path: path.path,
				value: follow(call, path) };
		for (const exchange of call.qmp ?? [])
			if (exchange.request?.call === call && exchange.reply)
				for (const line of exchange.reply.lines ?? [])
					yield { call, side: 'reply', time: exchange.reply.call.start,
						path: line.path, value: line.value, exchange };
	}
}

/* Where the value is before and after: the nearest first. */
function sameValue(call, path, value) {
	const time = timeOf(call, path.side);
	const places = [...placesIn(rootOf(call))].filter(place => isSameText(place.value, value)
		&& !(place.call === call && place.side === path.side));

	const isBefore = place => place.time < time || (place.time === time && place.call.index >= call.index);

	return {
		before: places.filter(isBefore).sort((a, b) => b.time - a.time || b.call.index - a.call.index),
		after: places.filter(place => !isBefore(place))
			.sort((a, b) => a.time - b.time || b.call.index - a.call.index),
	};
}

/* What is shown of it below its row. */
function valuePanel(call, picked, actions) {
	const path = picked && pathsOf(call.probe).find(p => p.path === picked.path && p.side === picked.side);
	const value = path && follow(call, path);

	if (value === undefined)
		return [];
	const plain = withoutAddress(value), name = `#${call.id}.${path.path}`;
	const button = (text, title, onclick) => make('button', { type: 'button', title, onclick }, text);
	const copy = what => event => navigator.clipboard?.writeText(what)
		.then(() => { event.target.textContent = 'Copied'; });

	return [
		make('h3', {}, `${name} = ${shortened(plain, 200)}`),
		make('div', { class: 'bar' },
			button('Column', 'A column of the table with this value', () => actions.column(path.path)),
			button('Calls with it', 'Filter the table by this value',
				() => actions.filter(`${path.path}=${plain}`)),
			button('Copy value', 'All of it', copy(stringOf(value) ?? plain)),
			button('Copy name', name, copy(name))),
		asJson(value), overTime(call, path), ...elsewhere(call, path, value)].filter(Boolean);
}

function asJson(value) {
	const text = jsonOf(value), lines = text ? jsonLines(text) : null;

	return lines ? jsonBlock(lines) : null;
}

/* A line of the values of all calls of this function with the same strings. */
function overTime(call, path) {
	const values = trace.calls.filter(other => other.key === call.key)
		.map(other => ({ call: other, value: withoutAddress(follow(other, path) ?? '') }))
		.filter(item => !isNaN(numberOf(item.value)));

	if (values.length < 3)
		return null;
	const further = sign => (best, item) => sign * compare(item.value, best.value) > 0 ? item : best;
	const extreme = sign => values.reduce(further(sign)).value;

	return make('div', { class: 'history' }, spark(values, call, numberOf(extreme(-1)), numberOf(extreme(1))),
		make('span', { class: 'faint' }, `${plural(values.length, 'call')}: ${extreme(-1)} … ${extreme(1)}`));
}

function elsewhere(call, path, value) {
	if (!isTelling(value))
		return [make('p', { class: 'faint' }, 'Too common a value to say where it comes from.')];
	const { before, after } = sameValue(call, path, value), root = rootOf(call);
	const notes = [before.length || after.length ? 'The same value is a match, not a proof.'
		: `It was not found again in ${root === call ? 'this call' : `#${root.id}`}.`];

	if (root.after - root.index > SEARCH_MAX)
		notes.push(`Only the first ${withCommas(SEARCH_MAX)} calls of #${root.id} were looked at.`);
	return [...matches('Where it was before, the latest first', call, before),
		...matches('Where it was after', call, after),
		...notes.map(note => make('p', { class: 'faint' }, note))];
}

function matches(title, call, places) {
	if (!places.length)
		return [];
	return [make('h4', {}, title), make('ol', { class: 'matches' },
		...places.slice(0, MATCHES_MAX).map(place => make('li', {},
		callLink(place.call, place.exchange ? place.path : `#${place.call.id}.${place.path}`),
		make('span', { class: 'faint' }, ` ${describe(call, place)}`)))),
	places.length > MATCHES_MAX ? make('p', { class: 'faint' },
		`and ${withCommas(places.length - MATCHES_MAX)} more`) : null].filter(Boolean);
}

function describe(call, { call: other, side, time, exchange }) {
	const waiter = other === call ? 'this call' : `#${other.id}`;
	const where = exchange ? `in QEMU's reply to ${exchange.name}, id ${exchange.reply.id}, which ${waiter} waited for`
		: `${side === 'entry' ? 'given to' : 'from'} ${other.name}`;

	return `${where}, ${formatTime(time)}, thread ${exchange ? exchange.reply.call.tid : other.tid}`;
}

/* A small picture of numbers over time. */
function spark(values, chosen, least, most) {
	const canvas = make('canvas', { class: 'spark', width: 480, height: 60, role: 'img',
		'aria-label': 'values over time' });
	const context = canvas.getContext('2d');
	const style = getComputedStyle(document.documentElement);
	const first = values[0].call.start, last = Math.max(first + 1, values.at(-1).call.start);
	const points = values.map(({ call, value }) => ({
		call,
		x: 3 + (call.start - first) / (last - first) * 474,
		y: most === least ? 30 : 55 - (numberOf(value) - least) / (most - least) * 50,
	}));

	context.strokeStyle = style.getPropertyValue('--faint');
	context.lineWidth = 1.5;
	context.beginPath();
	for (const { x, y } of points)
		context.lineTo(x, y);
	context.stroke();
	const at = points.find(point => point.call === chosen);

	if (at) {
		context.fillStyle = style.getPropertyValue('--accent');
		context.beginPath();
		context.arc(at.x, at.y, 4, 0, 2 * Math.PI);
		context.fill();
	}
	return canvas;
}
