/*
 * The list of all QMP exchanges; a row selects the call that waited for the reply.
 */
class QmpPanel {
	constructor(select) {
		this.list = new List({
			label: 'QMP messages',
			row: (exchange, row) => this.fill(exchange, row),
			pick: ({ request, reply }) => select(request?.call ?? reply?.call),
		});
		this.element = make('div', { class: 'panel', id: 'panel-qmp', role: 'tabpanel' }, this.list.element);
	}

	load() {
		this.list.setColumns([
			{ title: 'Call', width: '70px', class: 'right' },
			{ title: 'Time', width: '116px' },
			{ title: 'Took', width: '82px', class: 'right' },
			{ title: 'Command', width: 'minmax(120px, 1.5fr)' },
			{ title: 'Id', width: '84px' },
			{ title: 'Request', width: 'minmax(80px, 1fr)' },
			{ title: 'Reply', width: 'minmax(80px, 1fr)' },
			{ title: 'Size', width: '80px', class: 'right' },
		]);
		this.list.setItems(trace.qmp);
	}

	fill(exchange, row) {
		const { name, id, request, reply, isEvent, isError } = exchange;
		const first = request ?? reply, took = request && reply ? reply.start - request.start : null;
		const cell = (text, name = '') => make('div',
			{ class: `cell ${name}`, role: 'cell', title: shortened(text, 1000) }, shortened(text, 300));

		if (isError)
			row.classList.add('failed');
		row.append(cell(`#${first.id}`, 'right faint'), cell(formatTime(first.start), 'faint'),
			cell(took === null ? '' : formatDuration(took), 'right'),
				cell(name || (isEvent ? 'event' : 'reply'), 'name'), cell(id, 'faint'),
			cell(harmless(request?.text), 'value'),
				cell((isError ? '! ' : '') + harmless(reply?.text), 'value result'),
			cell(reply ? messageSize(reply) : '', 'right'));
	}
}
