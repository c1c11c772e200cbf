/*
 * Small helpers to make elements, and a list that only has elements for the rows in sight.
 */

/* make('div', { class: 'x', title: '…', onclick: f }, child, …): texts are text, never markup. */
function make(tag, attributes = {}, ...children) {
	const element = document.createElement(tag);

	for (const [name, value] of Object.entries(attributes)) {
		if (name.startsWith('on'))
			element.addEventListener(name.slice(2), value);
		else if (name === 'class')
			element.className = value;
		else if (value !== null && value !== undefined && value !== false)
			element.setAttribute(name, value === true ? '' : value);
	}
	element.append(...children.filter(child => child !== null && child !== undefined));
	return element;
}

const byId = id => document.getElementById(id);

const ROW_HEIGHT = 24, OVERSCAN = 8;

/*
 * options: label; row(item, element) fills a row; pick(item) when one is chosen;
 * columns: [{ title, width, class, sort, hint }].
 */
class List {
	constructor(options) {
		this.options = options;
		this.items = [];
		this.at = -1; // index of the current row
		this.head = make('div', { class: 'list-head', role: 'row' });
		this.rows = make('div', { class: 'list-rows', role: 'rowgroup' });
		this.scroller = make('div', { class: 'list-body', role: 'rowgroup', tabindex: 0,
			'aria-label': options.label, onscroll: () => this.draw(),
				onkeydown: event => this.key(event) }, this.rows);
		this.element = make('div', { class: 'list', role: 'table', 'aria-label': options.label }, this.head,
			this.scroller);
		this.rows.addEventListener('click', event => this.click(event));
		new ResizeObserver(() => this.draw()).observe(this.scroller);
	}

	setColumns(columns, sorted) {
		this.columns = columns;
		this.element.style.setProperty('--columns', columns.map(column => column.width).join(' '));
		this.head.replaceChildren(...columns.map(column => {
			const isSorted = column.id && sorted?.column === column.id;
			const direction = isSorted ? (sorted.down ? 'descending' : 'ascending') : null;
			const mark = isSorted ? (sorted.down ? ' ▼' : ' ▲') : '';

			return make('div', { class: `cell ${column.class ?? ''}`, role: 'columnheader',
				'aria-sort': direction },
				column.sort ? make('button',
					{ type: 'button', title: column.hint ?? 'Sort', onclick: column.sort },
					column.title + mark) : column.title,
				column.remove && make('button',
					{ type: 'button', class: 'remove', title: 'Remove this column',
					onclick: column.remove }, '×'));
		}));
	}

	setItems(items, current) {
		this.items = items;
		this.at = current === undefined ? -1 : items.indexOf(current);
		this.element.setAttribute('aria-rowcount', items.length);
		this.rows.style.height = `${items.length * ROW_HEIGHT}px`;
		this.draw();
	}

	draw() {
		const top = this.scroller.scrollTop, height = this.scroller.clientHeight;
		const from = Math.max(0, Math.floor(top / ROW_HEIGHT) - OVERSCAN);
		const to = Math.min(this.items.length, Math.ceil((top + height) / ROW_HEIGHT) + OVERSCAN);
		const rows = [];

		for (let i = from; i < to; i++) {
			const row = make('div', { class: 'list-row', role: 'row', 'aria-rowindex': i + 1, 'data-row': i,
				'aria-selected': String(i === this.at) });

			row.style.top = `${i * ROW_HEIGHT}px`;
			this.options.row(this.items[i], row);
			rows.push(row);
		}
		this.head.style.paddingRight = `${this.scroller.offsetWidth - this.scroller.clientWidth}px`;
		this.rows.replaceChildren(...rows);
	}

	/* Make a row the current one, in sight. */
	show(index) {
		this.at = index;
		if (index >= 0) {
			const top = index * ROW_HEIGHT, height = this.scroller.clientHeight;

			if (top < this.scroller.scrollTop)
				this.scroller.scrollTop = top;
			else if (top + ROW_HEIGHT > this.scroller.scrollTop + height)
				this.scroller.scrollTop = top + ROW_HEIGHT - height;
		}
		this.draw();
	}

	move(to) {
		const index = Math.max(0, Math.min(this.items.length - 1, to));

		if (!this.items.length)
			return;
		this.show(index);
		this.options.pick(this.items[index]);
	}

	click(event) {
		const row = event.target.closest('[data-row]');

		if (row && !event.target.closest('button, a'))
			this.move(Number(row.dataset.row));
	}

	key(event) {
		const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_HEIGHT) - 1);
		const to = { ArrowDown: this.at + 1, ArrowUp: this.at - 1, PageDown: this.at + page,
			PageUp: this.at - page,
			Home: 0, End: this.items.length - 1, j: this.at + 1, k: this.at - 1 }[event.key];

		if (event.ctrlKey || event.altKey || event.metaKey)
			return;
		if (to !== undefined) {
			event.preventDefault();
			event.stopPropagation();
			this.move(to);
		} else if (this.at >= 0 && this.options.key?.(event.key, this.items[this.at])) {
			event.preventDefault();
			event.stopPropagation();
		}
	}
}
