/*
 * The call tree: calls with the same way from an outermost function are one node.
 */
class TreeNode {
	constructor(probe, up) {
		this.probe = probe;
		this.up = up;
		this.level = up ? up.level + 1 : -1;
		this.made = new Map(); // probe -> node
		this.calls = this.failed = this.open = 0;
		this.total = this.self = this.max = 0;
		this.slowest = null;
		this.isOpen = true;
	}

	add(call) {
		this.calls++;
		this.failed += call.failed;
		this.open += call.isOpen;
		const duration = call.duration ?? 0;

		this.total += duration;
		this.self += duration;
		if (this.up.probe)
			this.up.self -= duration;
		if (!this.slowest || duration > this.max) {
			this.max = duration;
			this.slowest = call;
		}
	}

	get children() {
		return [...this.made.values()].sort((a, b) => b.total - a.total);
	}
}

class TreePanel {
	constructor(select) {
		this.list = new List({
			label: 'Call tree',
			row: (node, row) => this.fill(node, row),
			pick: node => select(node.slowest),
			key: (key, node) => this.key(key, node),
		});
		this.element = make('div', { class: 'panel', id: 'panel-tree', role: 'tabpanel' },
			make('div', { class: 'bar' },
				make('button', { type: 'button', onclick: () => this.openAll(true) }, 'Open all'),
				make('button', { type: 'button', onclick: () => this.openAll(false) }, 'Close all'),
				make('span', { class: 'faint' },
					'Calls with the same callers, added up. A row selects its slowest call.')),
			this.list.element);
	}

	load() {
		const nodes = []; // of the calls that the one looked at is within

		this.root = new TreeNode(null, null);
		this.nodes = [];
		for (const call of trace.calls) {
			const up = call.level ? nodes[call.level - 1] : this.root;
			let node = up.made.get(call.probe);

			if (!node) {
				up.made.set(call.probe, node = new TreeNode(call.probe, up));
				this.nodes.push(node);
			}
			nodes[call.level] = node;
			node.add(call);
		}
		this.total = [...this.root.made.values()].reduce((sum, node) => sum + node.total, 0);
		this.list.setColumns([
			{ title: 'Function', width: 'minmax(200px, 3fr)' },
			{ title: 'Calls', width: '64px', class: 'right' },
			{ title: 'Failed', width: '58px', class: 'right' },
			{ title: 'Total', width: '76px', class: 'right' },
			{ title: '', width: '70px' },
			{ title: 'Self', width: '76px', class: 'right' },
			{ title: 'Average', width: '76px', class: 'right' },
			{ title: 'Slowest', width: '76px', class: 'right' },
		]);
		this.refresh();
	}

	refresh(current) {
		const rows = [], todo = this.root.children.reverse();

		while (todo.length) {
			const node = todo.pop();

			rows.push(node);
			if (node.isOpen)
				todo.push(...node.children.reverse());
		}
		this.list.setItems(rows, current);
	}

	openAll(isOpen) {
		for (const node of this.nodes)
			node.isOpen = isOpen;
		this.refresh();
	}

	open(node, isOpen) {
		node.isOpen = isOpen;
		this.refresh(node);
	}

	key(key, node) {
		if (key === 'ArrowRight' || (key === 'Enter' && !node.isOpen))
			this.open(node, true);
		else if (key === 'ArrowLeft' && (!node.isOpen || !node.made.size) && node.up.probe)
			this.list.move(this.list.items.indexOf(node.up));
		else if (key === 'ArrowLeft' || key === 'Enter')
			this.open(node, false);
		else
			return false;
		return true;
	}

	fill(node, row) {
		const cell = (text, name = 'right') => make('div', { class: `cell ${name}`, role: 'cell' }, text);
		const name = make('div', { class: 'cell name', role: 'cell', title: node.probe.module });
		const bar = make('div', { class: 'share', title: 'share of the whole time' });
		const ended = node.calls - node.open;

		name.style.paddingLeft = `${6 + 16 * Math.min(node.level, 24)}px`;
		name.append(node.made.size ? make('button',
			{ type: 'button', class: 'fold', tabindex: -1, 'aria-label': node.isOpen ? 'close' : 'open',
			onclick: () => this.open(node, !node.isOpen) }, node.isOpen ? '▾' : '▸')
				: make('span', { class: 'fold' }),
		make('span', { class: 'dot' }), node.probe.name);
		name.querySelector('.dot').style.background = colourOf(node.probe);
		bar.append(make('div'));
		bar.firstChild.style.width = `${this.total ? 100 * node.total / this.total : 0}%`;
		bar.firstChild.style.background = colourOf(node.probe);
		row.append(name, cell(withCommas(node.calls)),
			cell(node.failed ? `! ${withCommas(node.failed)}` : '', 'right bad'),
			cell(formatDuration(node.total)), make('div', { class: 'cell', role: 'cell' }, bar),
				cell(formatDuration(Math.max(0, node.self))),
			cell(ended ? formatDuration(Math.round(node.total / ended)) : ''),
				cell(ended ? formatDuration(node.max) : ''));
	}
}
