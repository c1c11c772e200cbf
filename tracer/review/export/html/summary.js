/*
 * What was recorded, and what the calls of each function add up to.
 */
const textOf = value => harmless(typeof value === 'object' && value ? JSON.stringify(value) : value);

class SummaryPanel {
	constructor(select) {
		this.select = select;
		this.element = make('div',
			{ class: 'panel scroll', id: 'panel-summary', role: 'tabpanel', tabindex: 0 });
	}

	load() {
		const isCut = number(trace.end.calls ?? 0) > trace.calls.length;

		this.element.replaceChildren(make('h2', {}, 'Functions'), this.functions(),
			isCut ? make('p', { class: 'faint' },
				`Of all ${plural(trace.end.calls, 'call')}, also those that are not on this page.`)
				: '',
			...this.lost(), make('h2', {}, 'Recording'), this.recording());
	}

	functions() {
		const titles = ['Function', 'Calls', 'Failed', 'Total', 'Average', 'p50', 'p99', 'Max', 'Module'];
		const link = id => trace.ids.has(String(id)) && id ? `#call=${id}` : null;
		const row = f => {
			const time = (ns, id) => make('td', { class: 'right' },
				f.timed ? (link(id) ? make('a', { href: link(id),
					title: `the slowest call, #${id}` }, formatDuration(number(ns)))
					: formatDuration(number(ns))) : '');
			const name = make('td', { class: 'name' }, textOf(f.function));

			name.style.paddingLeft = `${8 + 16 * Math.min(number(f.level), 16)}px`;
			return make('tr', {}, name, make('td', { class: 'right' }, withCommas(f.calls)),
				make('td', { class: 'right bad' }, number(f.errors) ? (link(f.failed)
					? make('a', { href: link(f.failed),
						title: `the first that failed, #${f.failed}` },
						`! ${withCommas(f.errors)}`) : `! ${withCommas(f.errors)}`) : ''),
				time(f.total_ns), time(f.timed ? Math.round(number(f.total_ns) / number(f.timed))
					: 0), time(f.p50_ns), time(f.p99_ns),
				time(f.max_ns, f.slowest),
					make('td', { class: 'faint', title: textOf(f.module) },
					lastPart(textOf(f.module))));
		};

		return make('table', { class: 'facts' },
			make('thead', {}, make('tr', {},
				...titles.map((title, i) => make('th', { class: i && i < 8 ? 'right' : '' }, title)))),
			make('tbody', {}, ...(trace.end.functions ?? []).map(row)));
	}

	lost() {
		const lost = trace.end.lost ?? [];

		if (!lost.length)
			return [];
		return [make('h2', {}, 'Lost events'), make('table', { class: 'facts' }, make('tbody', {},
			...lost.map(([probe, count, reason]) => make('tr', {}, make('td', {}, textOf(probe)),
				make('td', { class: 'right' }, withCommas(count)), make('td', {}, textOf(reason))))))];
	}

	/* How long threads were stopped by the recording itself. */
	held({ hits, stopped_ns, longest_stop_ns }) {
		if (![hits, stopped_ns, longest_stop_ns].every(n => typeof n === 'number') || !hits)
			return '';
		const perHit = formatDuration(Math.round(stopped_ns / hits));

		return `Threads were stopped for ${formatDuration(stopped_ns)} in all, ${perHit} per hit, `
			+ `${formatDuration(longest_stop_ns)} at most. Times include this.`;
	}

	recording() {
		const info = trace.info, end = trace.end;
		const target = info.target ?? {}, host = info.host ?? {}, summary = info.summary ?? {};
		const modules = Array.isArray(info.modules) ? info.modules : [];
		const rare = [['open', 'open at the end'], ['unwound', 'unwound'],
			['exited', 'ended with their thread'], ['orphans', 'returns without their entry']]
			.filter(([key]) => number(end[key]))
			.map(([key, what]) => `, ${withCommas(end[key])} ${what}`).join('');
		const facts = [
			['Target', target.comm && `${textOf(target.comm)}[${textOf(target.pid)}]  ${textOf(target.exe)}`],
			['Host', host.name && `${textOf(host.name)}, Linux ${textOf(host.kernel)}`],
			['When', `${formatDate(trace.first)}, for ${formatDuration(trace.last - trace.first)}`],
			['Ended', textOf(info.end) || 'not yet, or killed'],
			['Command', Array.isArray(info.command) && `virtrace ${info.command.map(textOf).join(' ')}`],
			['Calls', `${withCommas(end.calls_of_trace ?? 0)}, ${plural(end.lost_events ?? 0, 'event')} lost${rare}`],
			['Held', this.held(summary)],
			...modules.map(module => ['Module',
				`${textOf(module?.path)}  build-id ${textOf(module?.build_id)}, debug info: ${textOf(module?.debug)}`]),
			['virtrace', `${textOf(info.version)}, page made by ${textOf(trace.head.version)}`],
		];

		return make('table', { class: 'facts' }, make('tbody', {}, ...facts.filter(([, text]) => text)
			.map(([name, text]) => make('tr', {}, make('th', {}, name), make('td', {}, text)))));
	}
}
