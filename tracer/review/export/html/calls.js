/*
 * The table of calls: filters, columns, order.
 */
class CallTable {
	constructor(select) {
		this.select = select;
		this.extra = []; // names of values that have a column
		this.sorted = { column: 'id', down: false };
		this.list = new List({
			label: 'Calls',
			row: (call, row) => this.fill(call, row),
			pick: call => select(call),
		});
		this.filter = make('input', { type: 'search', id: 'filter', spellcheck: 'false', autocomplete: 'off',
			placeholder: 'Filter ( / )', 'aria-label': 'Filter',
				title: 'vda   duration>5ms   $ret<0   info->allocation>=4096   (? tells more)',
				oninput: () => this.later(),
			onkeydown: event => this.filterKey(event) });
		this.functions = make('select', { 'aria-label': 'Function', onchange: () => this.refresh() });
		this.threads = make('select', { 'aria-label': 'Thread', onchange: () => this.refresh() });
		this.failed = make('input', { type: 'checkbox', onchange: () => this.refresh() });
		this.changed = make('input', { type: 'checkbox', onchange: () => this.refresh() });
		this.count = make('span', { class: 'count', role: 'status' });
		this.element = make('div', { class: 'panel', id: 'panel-calls', role: 'tabpanel' },
			make('div', { class: 'bar' }, this.filter, this.functions, this.threads,
				make('label', { title: 'Returned a negative number or NULL' }, this.failed, 'failed'),
				make('label', { title: 'Returned something else than the call before it (same function, same strings)' },
					this.changed, 'changed'),
				this.count),
			this.list.element);
	}

	load() {
		const fill = (element, all, entries) => element.replaceChildren(make('option', { value: '' }, all),
			...entries.map(([value, text]) => make('option', { value }, text)));

		fill(this.functions, 'all functions', trace.probes.map(probe => [probe.index, probe.name]));
		fill(this.threads, 'all threads',
			trace.threads.map(thread => [thread.tid, `${thread.tid} ${thread.name}`]));
		this.refresh();
	}

	columns() {
		const sort = id => () => this.sort(id);
		const column = (id, title, width, more) => ({ id, title, width, sort: sort(id), ...more });

		return [
			column('id', '#', '62px', { class: 'right' }),
			column('time', 'Time', '116px'),
			column('duration', 'Duration', '82px', { class: 'right' }),
			...this.threadColumn(column),
			column('function', 'Function', 'minmax(120px, 2fr)'),
			...this.extra.map(name => column(`=${name}`, lastOf(name), 'minmax(80px, 1fr)',
				{ class: 'right', hint: name,
				remove: () => this.removeColumn(name) })),
			column('arguments', 'Arguments', 'minmax(70px, 1.2fr)'),
			column('result', 'Result', 'minmax(70px, 1.4fr)'),
		];
	}

	threadColumn(column) {
		return trace.threads.length > 1 ? [column('thread', 'Thread', '86px')] : [];
	}

	addColumn(name) {
		if (!this.extra.includes(name))
			this.extra.push(name);
		this.refresh();
	}

	removeColumn(name) {
		this.extra = this.extra.filter(other => other !== name);
		if (this.sorted.column === `=${name}`)
			this.sorted = { column: 'id', down: false };
		this.refresh();
	}

	sort(column) {
		this.sorted = { column, down: this.sorted.column === column ? !this.sorted.down
			: column === 'duration' };
		this.refresh();
	}

	/* What the calls are ordered by. */
	sortKey() {
		const { column } = this.sorted;

		return {
			id: call => call.index,
			time: call => call.start,
			duration: call => call.duration ?? Infinity,
			thread: call => `${call.threadName} ${call.tid}`,
			function: call => call.name,
			arguments: argumentsOf,
			result: resultOf,
		}[column] ?? (call => valueIn(call, column.slice(1)));
	}

	/* In order; calls without a value come last, equal ones as they were made. */
	inOrder(calls) {
		const key = this.sortKey(), sign = this.sorted.down ? -1 : 1;
		const isValue = this.sorted.column.startsWith('=');
		const order = (a, b) => isValue ? compare(a, b) : a < b ? -1 : a > b ? 1 : 0;

		return calls.map(call => ({ call, key: key(call) }))
			.sort((a, b) => (a.key === undefined) - (b.key === undefined)
				|| (a.key === undefined ? 0 : sign * order(a.key, b.key))
					|| a.call.index - b.call.index)
			.map(item => item.call);
	}

	wanted() {
		const matches = parseFilter(this.filter.value);
		const probe = this.functions.value, tid = this.threads.value;

		return trace.calls.filter(call => (probe === '' || call.probe.index === Number(probe))
			&& (tid === '' || call.tid === Number(tid)) && (!this.failed.checked || call.failed)
			&& (!this.changed.checked || hasChanged(call)) && matches(call));
	}

	refresh() {
		const isByTime = this.sorted.column === 'id' && !this.sorted.down;
		const calls = isByTime ? this.wanted() : this.inOrder(this.wanted());

		this.isNested = isByTime && calls.length === trace.calls.length;
		this.list.setColumns(this.columns(), this.sorted);
		this.list.setItems(calls, view.selected ?? undefined);
		this.count.textContent = calls.length === trace.calls.length ? plural(calls.length, 'call')
			: `${withCommas(calls.length)} of ${plural(trace.calls.length, 'call')}`;
	}

	/* While somebody types. */
	later() {
		clearTimeout(this.timer);
		this.timer = setTimeout(() => this.refresh(), 120);
	}

	filterKey(event) {
		if (event.key === 'ArrowDown' || event.key === 'Enter') {
			event.preventDefault();
			clearTimeout(this.timer);
			this.refresh();
			this.list.scroller.focus();
			if (this.list.at < 0)
				this.list.move(0);
		}
	}

	setFilter(text) {
		this.filter.value = text;
		this.functions.value = this.threads.value = '';
		this.failed.checked = this.changed.checked = false;
		this.refresh();
	}

	showSelected(call) {
		this.list.show(call ? this.list.items.indexOf(call) : -1);
	}

	fill(call, row) {
		const cell = (text, name = '') => make('div',
			{ class: `cell ${name}`, role: 'cell', title: text.length > 12 ? text : null }, text);
		const name = cell(call.name, 'name');

		if (this.isNested)
			name.style.paddingLeft = `${6 + 12 * Math.min(call.level, 16)}px`;
		name.prepend(make('span', { class: 'dot' }));
		name.firstChild.style.background = colourOf(call.probe);
		if (call.failed)
			row.classList.add('failed');
		row.append(cell(`#${call.id}`, 'right faint'), cell(formatTime(call.start), 'faint'),
			cell(formatDuration(call.duration), 'right'),
			...this.threadColumn(() => cell(call.threadName || String(call.tid), 'faint')), name,
			...this.extra.map(column => cell(withoutAddress(valueIn(call, column) ?? ''), 'right value')),
			cell(argumentsOf(call), 'value'),
				cell((call.failed ? '! ' : '') + resultOf(call), 'value result'));
	}
}
