/*
 * The value that was clicked: how it was over time, and where it was before.
 */

/* What is shown of it below its row. */
function valuePanel(call, { side, path, value }, actions) {
	const known = pathsOf(call.probe).find(p => p.path === path && p.side === side);
	const plain = withoutAddress(value), name = `#${call.id}.${path}`;
	const way = wayOf(call, side, path);
	const button = (text, title, onclick) => make('button', { type: 'button', title, onclick }, text);
	const copy = what => event => navigator.clipboard?.writeText(what)
		.then(() => { event.target.textContent = 'Copied'; });

	return [
		make('h3', {}, `${name} = ${shortened(plain, 200)}`),
		make('div', { class: 'bar' },
			button('Column', 'A column of the table with this value', () => actions.column(path)),
			button('Calls with it', 'Filter the table by this value',
				() => actions.filter(`${path}=${plain}`)),
			button('Copy value', 'All of it', copy(stringOf(value) ?? plain)),
			button('Copy name', name, copy(name))),
		asJson(value), known ? overTime(call, known) : null,
		way ? explanation(way) : explainCommand(name)].filter(Boolean);
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
