/*
 * The selected call: where it stands, its values, what changed, and the value that was clicked.
 */

/* Names of members that count bytes, for people. */
const SIZES = /bytes|capacity|allocation|physical|offset|size|length|memory/i;
const OPEN_LEVELS = 3, PARTS_SHOWN = 100, MADE_SHOWN = 50, WAY_SHOWN = 40, TEXT_SHOWN = 2000;

const callLink = (call, text) => make('a', { href: `#call=${call.id}`, class: 'call' },
	text ?? `#${call.id} ${call.name}`);

class Detail {
	constructor(element, actions) {
		this.element = element;
		this.actions = actions; // { column(path), filter(text) }
		this.folds = new Map(); // path -> whether it is open, kept from call to call
		this.limits = new Map();
		this.onlyChanged = false;
		this.picked = null;      // { side, path } of the value that was clicked
		this.sought = null;      // where it came from in a reply: marked there, also in the calls looked at next
	}

	show(call) {
		this.call = call;
		this.limits.clear();
		this.draw();
		this.element.scrollTop = 0;
		this.element.querySelector('.json .same')?.scrollIntoView({ block: 'center' });
	}

	draw() {
		const { call } = this;

		if (!call) {
			this.element.replaceChildren(make('p', { class: 'faint hint' },
				'No call is selected. Choose one in the time line or in the table; ? shows the keys.'));
			return;
		}
		const top = this.element.scrollTop;

		this.element.replaceChildren(...[this.title(), this.facts(), this.way(), ...this.values(),
			this.qmp(), this.made(), this.backtrace()].filter(Boolean));
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
		const facts = [formatDuration(call.duration), formatTime(call.start, 9),
			`thread ${call.tid} ${call.threadName}`,
			lastPart(probe.module), probe.source, call.returnSource && `returned at ${call.returnSource}`];

		return make('p', { class: 'facts-line', title: probe.prototype }, facts.filter(Boolean).join('  ·  '));
	}

	/* The calls that this one is within. */
	way() {
		const ways = [];

		let up = this.call.up;

		if (this.call.partOf !== null)
			return this.wayOfPart();

		for (; up && ways.length < WAY_SHOWN; up = up.up)
			ways.unshift(' › ', callLink(up));
		return ways.length ? make('p', { class: 'way' }, up ? 'in … › ' : 'in ', ...ways.slice(1)) : null;
	}

	/* A call that makes more calls than fit in memory comes behind them, if the page holds it at all. */
	wayOfPart() {
		const maker = trace.ids.get(this.call.partOf);

		return make('p', { class: 'way' }, 'in ', maker ? callLink(maker) : `#${this.call.partOf}`);
	}

	/* Values */

	values() {
		const { call } = this, before = call.previous;
		const rows = [];

		for (const [side, title] of [['return', 'At return'], ['entry', 'At entry']]) {
			const values = this.sideOf(call, side), indexes = this.shownAt(side);

			if (!values || !indexes.length)
				continue;
			rows.push(make('tr', { class: 'side' }, make('th', { colspan: 3 }, title)));
			for (const [i, index] of indexes)
				this.addRows(rows, { path: trace.types[index].name, name: trace.types[index].name, side, level: 0,
					type: typeOf(index), value: values[i],
					old: before ? this.sideOf(before, side)?.[i] : undefined,
					entry: side === 'return' ? this.atEntry(trace.types[index].name) : undefined });
		}
		if (!rows.length)
			return [make('p', { class: 'faint' }, 'No values were recorded of this call.')];
		const changed = make('input', { type: 'checkbox',
			onchange: () => { this.onlyChanged = changed.checked; this.draw(); } });

		changed.checked = this.onlyChanged;
		return [make('div', { class: 'bar' }, before
			? make('span', { title: 'The call before it of the same function, with the same strings at entry' },
				'Compared with ', callLink(before, `#${before.id}`),
					`, ${formatDuration(call.start - before.start)} earlier`)
			: make('span', { class: 'faint' }, 'The first call of this function with these strings.'),
		before ? make('label', {}, changed, 'only what changed') : null),
		make('table', { class: 'values' },
			make('colgroup', {}, ...['c-name', 'c-value', 'c-old']
				.map(name => make('col', { class: name }))),
			make('thead', {}, make('tr', {}, make('th', {}, 'Name'), make('th', {}, 'Value'),
				make('th', {}, before ? `In #${before.id}` : ''))),
			make('tbody', {}, ...rows))];
	}

	/* [place, type] of the captures of a side; what is also there at return is shown there. */
	shownAt(side) {
		const { call } = this;
		const later = side === 'entry' && isList(call.ret) ? namesAt(call.probe, 'return') : [];
		const parts = trace.types[call.probe[side]]?.parts ?? [];

		return [...parts.entries()].filter(([, index]) => !later.includes(trace.types[index].name));
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
		return this.folds.get(`${row.side} ${row.path}`)
			?? (row.level < OPEN_LEVELS && !isElements(row.type) && itemsOf(row.value)[0] <= PARTS_SHOWN);
	}

	addRows(rows, row) {
		const hasParts = isList(row.value), isOpen = hasParts && this.isOpen(row);
		const differs = row.old !== undefined && !isSame(row.value, row.old, row.type);

		if (this.onlyChanged && !differs)
			return;
		rows.push(this.row(row, hasParts, isOpen, differs));
		if (this.isPicked(row))
			rows.push(make('tr', {}, make('td', { colspan: 3, class: 'picked' },
				...valuePanel(this.call, row, this.actions))));
		if (isOpen && row.level < LEVELS_MAX)
			this.addParts(rows, row);
	}

	addParts(rows, row) {
		const follows = isPointer(row.value, row.type);
		const parts = partsOf(row.value, row.type);
		const list = follows && isList(row.value[1]) ? row.value[1] : row.value;
		const other = value => isList(value) ? partsOf(value, row.type) : [];
		const old = other(row.old), entry = other(row.entry), limit = this.limits.get(row.path) ?? PARTS_SHOWN;
		const note = (text, onclick) => rows.push(make('tr', {}, make('td', { colspan: 3, class: 'faint more' },
			onclick ? make('button', { type: 'button', onclick }, text) : text)));

		for (const [i, part] of parts.slice(0, limit).entries())
			this.addRows(rows, { ...part, path: pathTo(row.path, part, follows), side: row.side,
				level: row.level + 1,
				old: old[i]?.value, entry: entry[i]?.value });
		if (parts.length > limit)
			note(`show more of ${withCommas(parts.length)}`,
				() => { this.limits.set(row.path, limit + 10 * PARTS_SHOWN); this.draw(); });
		const left = follows && !isList(row.value[1]) ? undefined : itemsOf(list)[1];

		if (left !== undefined)
			note(left ? `… ${withCommas(left)} more, not recorded` : '… more, not recorded');
	}

	row(row, hasParts, isOpen, differs) {
		const fold = () => { this.folds.set(`${row.side} ${row.path}`, !isOpen); this.draw(); };
		const mark = hasParts ? make('button', { type: 'button', class: 'fold', 'aria-expanded': String(isOpen),
			'aria-label': row.path, onclick: fold }, isOpen ? '▾' : '▸') : make('span', { class: 'fold' });
		const name = make('td', { class: 'name', title: `${row.type.ctype}  ${row.path}` },
			make('div', {}, mark, make('span', {}, row.name || '(anonymous)')));
		const pick = () => {
			const wasPicked = this.isPicked(row);

			this.picked = wasPicked ? null : { side: row.side, path: row.path };
			this.sought = wasPicked ? null : this.replyOf(row);
			this.draw();
		};
		const value = make('td', { class: 'value' }, hasParts
			? make('span', { class: 'faint' }, this.partsText(row, isOpen))
			: make('button', { type: 'button', class: this.isPicked(row) ? 'pick on' : 'pick',
				title: shortened(row.value, TEXT_SHOWN), onclick: pick }, ...this.valueText(row)));

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
		const text = [shortened(withoutAddress(row.value), TEXT_SHOWN),
			size ? make('span', { class: 'faint' }, `  ${size}`) : null];

		if (row.entry !== undefined && !isList(row.entry) && !isSame(row.entry, row.value, row.type))
			text.unshift(make('span', { class: 'was', title: 'at entry' },
				`${withoutAddress(row.entry)} → `));
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

		return [make('span', { class: isCount ? 'delta faint' : '' },
			`≠ ${isList(row.old) ? briefly(row.old, row.type, 40) : withoutAddress(row.old)}`),
			isCount ? make('span', { class: 'delta' },
				` ${now > then ? '+' : '−'}${withCommas(now > then ? now - then : then - now)}`)
				: null].filter(Boolean);
	}

	/* The step of a value's way that is in a reply. */
	replyOf({ side, path }) {
		return wayOf(this.call, side, path)?.steps.find(step => step.kind === 'reply') ?? null;
	}

	/* The exchange with QEMU that it waited for, or received a message of. */
	qmp() {
		const exchange = this.call.qmp;

		return exchange ? make('details', { class: 'qmp', open: true }, make('summary', {}, exchangeTitle(exchange)),
			...['request', 'reply'].flatMap(side => this.message(exchange, side))) : null;
	}

	message(exchange, side) {
		const message = exchange[side];

		if (!message)
			return [];
		const isOwn = message.id === this.call.id;
		const where = isOwn ? 'in this call'
			: `in ${message.tid === this.call.tid ? 'this thread' : `thread ${message.tid}`}, `;
		const isSought = side === 'reply' && this.sought && exchange.request?.id === this.sought.call.id;

		return [make('p', { class: 'faint' },
			`${exchange.isEvent ? 'event' : side}, ${messageSize(message)}, ${formatTime(message.start)} ${where}`,
			isOwn ? null : message.call ? callLink(message.call) : `#${message.id}, which is not in this page`),
		this.messageText(message, isSought ? this.sought.path : null)];
	}

	messageText({ text }, sought) {
		const lines = jsonLines(text);

		return lines ? jsonBlock(lines, sought)
			: make('pre', { class: 'json' }, shortened(harmless(text), TEXT_SHOWN));
	}

	made() {
		const made = [...this.call.made()];

		if (!made.length)
			return null;
		return make('details', { open: true }, make('summary', {}, `Made ${plural(made.length, 'call')}`),
			make('ul', { class: 'plain' },
				...made.slice(0, MADE_SHOWN).map(call => make('li', {}, callLink(call),
				make('span', { class: 'faint' },
					`  ${formatDuration(call.duration)}  ${resultOf(call).slice(0, 60)}`))),
			made.length > MADE_SHOWN ? make('li', { class: 'faint' },
				`… ${withCommas(made.length - MADE_SHOWN)} more`) : null));
	}

	backtrace() {
		const lines = [];

		for (const index of this.call.stack ?? []) {
			const { address, functions } = trace.places[index];

			for (const { name, module, source, isInlined } of functions.length ? functions
				: [{ name: address, module: '', source: '' }])
				lines.push(make('li', {}, make('span', { class: 'name' }, name),
					make('span', { class: 'faint' },
						`  ${source} ${lastPart(module)}${isInlined ? ' (inlined)' : ''}`)));
		}
		return lines.length ? make('details', { open: true }, make('summary', {}, 'Called from'),
			make('ol', { class: 'plain' }, ...lines)) : null;
	}
}

