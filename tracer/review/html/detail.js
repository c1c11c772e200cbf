/*
 * The selected call: where it stands, its values, what changed, and the value that was clicked.
 */
/* Names of members that count bytes, for people. */
const SIZES = /bytes|capacity|allocation|physical|offset|size|length|memory/i;
const OPEN_LEVELS = 3, PARTS_SHOWN = 100, MADE_SHOWN = 50;

const callLink = (call, text) => make('a', { href: `#call=${call.id}`, class: 'call' }, text ?? `#${call.id} ${call.name}`);

class Detail {
	constructor(element, actions) {
		this.element = element;
		this.actions = actions; // { column(path), filter(text) }
		this.folds = new Map(); // path -> whether it is open, kept from call to call
		this.limits = new Map();
		this.onlyChanged = false;
	}

	show(call) {
		this.call = call;
		this.limits.clear();
		this.draw();
		this.element.scrollTop = 0;
	}

	draw() {
		const { call } = this;

		if (!call) {
			this.element.replaceChildren(make('p', { class: 'faint hint' }, 'No call is selected. Choose one in the time line or in the table; ? shows the keys.'));
			return;
		}
		const top = this.element.scrollTop;

		this.element.replaceChildren(...[this.title(), this.facts(), this.way(), ...this.values(), this.made(), this.backtrace()].filter(Boolean));
		this.element.scrollTop = top;
	}

	title() {
		const { call } = this;

		const dot = make('span', { class: 'dot' });

		dot.style.background = colourOf(call.probe);
		return make('h2', {}, dot, make('span', { class: 'faint' }, `#${call.id} `), call.name,
			call.failed ? make('span', { class: 'bad' }, ' ! failed') : null,
			call.status === 'returned' ? null : make('span', { class: 'bad' }, ` ${call.status}`));
	}

	facts() {
		const { call } = this, { probe } = call;
		const facts = [formatDuration(call.duration), formatTime(call.start, 9), `thread ${call.tid} ${call.threadName}`,
			lastPart(probe.module), probe.source, call.returnSource && `returned at ${call.returnSource}`];

		return make('p', { class: 'facts-line', title: probe.prototype }, facts.filter(Boolean).join('  ·  '));
	}

	/* The calls that this one is within. */
	way() {
		const ways = [];

		for (let up = this.call.up; up && ways.length < 20; up = up.up)
			ways.unshift(callLink(up), ' › ');
		return ways.length ? make('p', { class: 'way' }, 'in ', ...ways.slice(0, -1)) : null;
	}

	/* Values */

	values() {
		const { call } = this, before = call.previous;
		const rows = [];

		for (const [side, title] of [['return', 'At return'], ['entry', 'At entry']]) {
			const values = side === 'return' ? call.ret : call.entry;

			const indexes = this.shownAt(side);

			if (!isList(values) || !indexes.length)
				continue;
			rows.push(make('tr', { class: 'side' }, make('th', { colspan: 3 }, title)));
			for (const [i, index] of indexes)
				this.addRows(rows, { path: trace.types[index].name, name: trace.types[index].name, side, steps: [i], level: 0,
					type: typeOf(index), value: values[i], old: before ? this.sideOf(before, side)?.[i] : undefined,
					entry: side === 'return' ? this.atEntry(trace.types[index].name) : undefined });
		}
		if (!rows.length)
			return [make('p', { class: 'faint' }, 'No values were recorded of this call.')];
		const changed = make('input', { type: 'checkbox', onchange: () => { this.onlyChanged = changed.checked; this.draw(); } });

		changed.checked = this.onlyChanged;
		return [make('div', { class: 'bar' }, before
			? make('span', { title: 'The call before it of the same function, with the same strings at entry' },
				'Compared with ', callLink(before, `#${before.id}`), `, ${formatDuration(call.start - before.start)} earlier`)
			: make('span', { class: 'faint' }, 'The first call of this function with these strings.'),
		before ? make('label', {}, changed, 'only what changed') : null),
		make('table', { class: 'values' }, make('colgroup', {}, ...['c-name', 'c-value', 'c-old'].map(name => make('col', { class: name }))),
			make('thead', {}, make('tr', {}, make('th', {}, 'Name'), make('th', {}, 'Value'),
				make('th', {}, before ? `In #${before.id}` : ''))),
			make('tbody', {}, ...rows))];
	}

	/* [place, type] of the captures of a side; what is also there at return is shown there. */
	shownAt(side) {
		const { call } = this, later = side === 'entry' && isList(call.ret) ? namesAt(call.probe, 'return') : [];

		return [...(trace.types[call.probe[side]]?.parts ?? []).entries()].filter(([, index]) => !later.includes(trace.types[index].name));
	}

	sideOf(call, side) {
		const values = side === 'return' ? call.ret : call.entry;

		return isList(values) ? values : undefined;
	}

	/* What was captured under the same name at entry. */
	atEntry(name) {
		const i = namesAt(this.call.probe, 'entry').indexOf(name);

		return i >= 0 && isList(this.call.entry) ? this.call.entry[i] : undefined;
	}

	isPicked(row) {
		return this.picked?.side === row.side && this.picked.path === row.path;
	}

	isOpen(row) {
		return this.folds.get(`${row.side} ${row.path}`) ?? (row.level < OPEN_LEVELS && !isElements(row.type) && itemsOf(row.value)[0] <= PARTS_SHOWN);
	}

	addRows(rows, row) {
		const hasParts = isList(row.value), isOpen = hasParts && this.isOpen(row);
		const differs = row.old !== undefined && !isSame(row.value, row.old, row.type);

		if (this.onlyChanged && !differs)
			return;
		rows.push(this.row(row, hasParts, isOpen, differs));
		if (this.isPicked(row))
			rows.push(make('tr', {}, make('td', { colspan: 3, class: 'picked' }, ...this.valuePanel())));
		if (isOpen && row.level < LEVELS_MAX)
			this.addParts(rows, row);
	}

	addParts(rows, row) {
		const follows = isPointer(row.value, row.type);
		const parts = partsOf(row.value, row.type), list = follows && isList(row.value[1]) ? row.value[1] : row.value;
		const other = value => isList(value) ? partsOf(value, row.type) : [];
		const old = other(row.old), entry = other(row.entry), limit = this.limits.get(row.path) ?? PARTS_SHOWN;
		const note = (text, onclick) => rows.push(make('tr', {}, make('td', { colspan: 3, class: 'faint more' },
			onclick ? make('button', { type: 'button', onclick }, text) : text)));

		for (const [i, part] of parts.slice(0, limit).entries())
			this.addRows(rows, { ...part, path: pathTo(row.path, part, follows), side: row.side, level: row.level + 1,
				old: old[i]?.value, entry: entry[i]?.value });
		if (parts.length > limit)
			note(`show more of ${withCommas(parts.length)}`, () => { this.limits.set(row.path, limit + 10 * PARTS_SHOWN); this.draw(); });
		const left = follows && !isList(row.value[1]) ? undefined : itemsOf(list)[1];

		if (left !== undefined)
			note(left ? `… ${withCommas(left)} more, not recorded` : '… more, not recorded');
	}

	row(row, hasParts, isOpen, differs) {
		const fold = () => { this.folds.set(`${row.side} ${row.path}`, !isOpen); this.draw(); };
		const name = make('td', { class: 'name', title: `${row.type.ctype}  ${row.path}` }, make('div', {}, hasParts
			? make('button', { type: 'button', class: 'fold', 'aria-expanded': String(isOpen), 'aria-label': row.path, onclick: fold }, isOpen ? '▾' : '▸')
			: make('span', { class: 'fold' }), make('span', {}, row.name || '(anonymous)')));
		const pick = () => { this.picked = this.isPicked(row) ? null : { side: row.side, path: row.path }; this.draw(); };
		const value = make('td', { class: 'value' }, hasParts ? make('span', { class: 'faint' }, this.partsText(row, isOpen))
			: make('button', { type: 'button', class: this.isPicked(row) ? 'pick on' : 'pick', title: row.value, onclick: pick }, ...this.valueText(row)));

		name.style.paddingLeft = `${4 + 14 * Math.min(row.level, 12)}px`;
		return make('tr', { class: differs ? 'changed' : '' }, name, value,
			make('td', { class: 'old' }, ...this.oldText(row, hasParts, differs)));
	}

	/* Beside what can be opened: its type once it is open. */
	partsText(row, isOpen) {
		const address = isPointer(row.value, row.type) ? `${row.value[0]} ` : '';

		return address + (isOpen ? row.type.ctype : briefly(row.value, row.type, 100));
	}

	valueText(row) {
		const size = row.type.kind === 'int' && SIZES.test(row.name) ? formatSize(row.value) : '';
		const text = [withoutAddress(row.value), size ? make('span', { class: 'faint' }, `  ${size}`) : null];

		if (row.entry !== undefined && !isList(row.entry) && !isSame(row.entry, row.value, row.type))
			text.unshift(make('span', { class: 'was', title: 'at entry' }, `${withoutAddress(row.entry)} → `));
		return text.filter(Boolean);
	}

	/* The value in the call before, and by how much it differs. */
	oldText(row, hasParts, differs) {
		if (row.old === undefined || (hasParts && isList(row.old)))
			return [differs ? '≠' : ''];
		if (!differs)
			return [make('span', { class: 'faint' }, '=')];
		const now = integerOf(row.value), then = integerOf(row.old);
		const isCount = now !== null && then !== null && row.type.kind === 'int' && !/^0x/.test(row.value);

		return [make('span', { class: isCount ? 'delta faint' : '' }, `≠ ${isList(row.old) ? briefly(row.old, row.type, 40) : withoutAddress(row.old)}`),
			isCount ? make('span', { class: 'delta' }, ` ${now > then ? '+' : '−'}${withCommas(now > then ? now - then : then - now)}`) : null].filter(Boolean);
	}

	/* The value that was clicked: through time, and where else it is */

	valuePanel() {
		const { call, picked } = this;
		const path = picked && pathsOf(call.probe).find(p => p.path === picked.path && p.side === picked.side);
		const value = path && follow(call, path);

		if (value === undefined)
			return [];
		const plain = withoutAddress(value);
		const name = `#${call.id}.${path.path}`;
		const button = (text, title, onclick) => make('button', { type: 'button', title, onclick }, text);
		const copy = what => event => navigator.clipboard?.writeText(what).then(() => { event.target.textContent = 'Copied'; });

		return [
			make('h3', {}, `${name} = ${plain}`),
			make('div', { class: 'bar' },
				button('Column', 'A column of the table with this value', () => this.actions.column(path.path)),
				button('Calls with it', 'Filter the table by this value', () => this.actions.filter(`${path.path}=${plain}`)),
				button('Copy value', plain, copy(stringOf(value) ?? plain)),
				button('Copy name', name, copy(name))),
			this.history(path), ...this.elsewhere(path, value)].filter(Boolean);
	}

	/* A line of the values of all calls of this function with the same strings. */
	history(path) {
		const { call } = this;
		const values = trace.calls.filter(other => other.key === call.key)
			.map(other => ({ call: other, value: withoutAddress(follow(other, path) ?? '') }))
			.filter(item => !isNaN(numberOf(item.value)));

		if (values.length < 3)
			return null;
		const extreme = sign => values.reduce((best, item) => sign * compare(item.value, best.value) > 0 ? item : best).value;

		return make('div', { class: 'history' }, spark(values, call, numberOf(extreme(-1)), numberOf(extreme(1))),
			make('span', { class: 'faint' }, `${plural(values.length, 'call')}: ${extreme(-1)} … ${extreme(1)}`));
	}

	elsewhere(path, value) {
		if (!isTelling(value))
			return [make('p', { class: 'faint' }, 'Too common a value to say where it comes from.')];
		const before = sameValue(this.call, path, value, false), after = sameValue(this.call, path, value, true);

		return [...this.matches('Where it was before, the latest first', before), ...this.matches('Where it was after', after),
			make('p', { class: 'faint' }, before.length + after.length ? 'The same value is a match, not a proof.' : 'No other call has this value.')];
	}

	matches(title, matches) {
		if (!matches.length)
			return [];
		return [make('h4', {}, title), make('ol', { class: 'matches' }, ...matches.map(({ call, path }) => make('li', {},
			callLink(call, `#${call.id}.${path.path}`),
			make('span', { class: 'faint' }, ` ${path.side === 'entry' ? 'given to' : 'from'} ${call.name}, ${this.relation(call)}`)))),
		matches.length >= MATCHES_MAX ? make('p', { class: 'faint' }, 'There may be more.') : ''];
	}

	relation(other) {
		const { call } = this;

		if (other === call)
			return 'this call';
		if (other.index > call.index && other.index < call.after)
			return 'made by this call';
		if (call.index > other.index && call.index < other.after)
			return 'which this call is within';
		return `${formatDuration(Math.abs(call.start - other.start))} ${call.start > other.start ? 'before' : 'after'}, ${other.tid === call.tid ? 'same thread' : `thread ${other.tid}`}`;
	}

	made() {
		const made = [...this.call.made()];

		if (!made.length)
			return null;
		return make('details', { open: true }, make('summary', {}, `Made ${plural(made.length, 'call')}`),
			make('ul', { class: 'plain' }, ...made.slice(0, MADE_SHOWN).map(call => make('li', {}, callLink(call),
				make('span', { class: 'faint' }, `  ${formatDuration(call.duration)}  ${resultOf(call).slice(0, 60)}`))),
			made.length > MADE_SHOWN ? make('li', { class: 'faint' }, `… ${withCommas(made.length - MADE_SHOWN)} more`) : null));
	}

	backtrace() {
		const lines = [];

		for (const index of this.call.stack ?? []) {
			const { address, functions } = trace.places[index];

			for (const { name, module, source, isInlined } of functions.length ? functions : [{ name: address, module: '', source: '' }])
				lines.push(make('li', {}, make('span', { class: 'name' }, name),
					make('span', { class: 'faint' }, `  ${source} ${lastPart(module)}${isInlined ? ' (inlined)' : ''}`)));
		}
		return lines.length ? make('details', { open: true }, make('summary', {}, 'Called from'), make('ol', { class: 'plain' }, ...lines)) : null;
	}
}

/* A small picture of numbers over time. */
function spark(values, chosen, least, most) {
	const canvas = make('canvas', { class: 'spark', width: 480, height: 60, role: 'img', 'aria-label': 'values over time' });
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
