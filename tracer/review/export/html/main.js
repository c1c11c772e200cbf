/*
 * The page: what is selected, the views, the keys.
 */
const view = { selected: null, tab: null, tabs: [] };

const KEYS = [
	['/', 'filter the calls'], ['↑ ↓  j k', 'next, previous row'], ['Page Up/Down, Home, End', 'farther'],
	['1 2 3 4', 'calls, tree, summary, QMP messages if there are any'], ['u', 'the call that made this one'],
	['[ ]', 'the call before, after it of the same function and strings'],
	['+ −  or  w s', 'zoom the time line (wheel: at the mouse; with many threads Ctrl+wheel)'],
	['a d', 'move it (drag; Shift+wheel)'], ['0', 'all of it'],
	['z', 'zoom to the selected call (double click)'], ['← →', 'close, open a node of the tree'],
	['t', 'light, dark, as the system says'], ['Esc', 'leave the filter, clear it'], ['?', 'this help'],
];

const FILTERS = [
	['vda  "two words"  -vdb', 'the row has this text; has it not'],
	['duration>5ms', 'and <, <=, >=, =, !=; units ns, us, ms, s'],
	['$ret<0  info->allocation>=4096', 'recorded values, by their C expression or its last name'],
	['function~qemu*Block*  path~vd', 'a part of it'],
	['thread= tid= module= status= level= id=', 'facts of the call'],
];

function setHash(call) {
	const hash = `#call=${call.id}`;

	if (location.hash !== hash)
		history.replaceState(null, '', hash);
}

function select(call, { fromHash = false } = {}) {
	if (!call)
		return;
	view.selected = call;
	if (!fromHash)
		setHash(call);
	view.calls.showSelected(call);
	view.timeline.reveal(call);
	view.detail.show(call);
	document.title = `#${call.id} ${call.name} – ${textOf(trace.head.name)}`;
}

function followHash() {
	const match = /[#&]call=(\d+)/.exec(location.hash);
	const call = match && trace.ids.get(match[1]);

	if (call && call !== view.selected)
		select(call, { fromHash: true });
}

/* Views */

function openTab(name) {
	view.tab = name;
	for (const tab of view.tabs) {
		const isOpen = tab.name === name;

		tab.panel.element.hidden = !isOpen;
		tab.button.setAttribute('aria-selected', String(isOpen));
	}
	view.tabs.find(tab => tab.name === name).panel.list?.draw();
	if (name === 'calls')
		view.calls.showSelected(view.selected);
}

function addTab(name, title, panel) {
	const button = make('button', { type: 'button', role: 'tab', 'aria-controls': panel.element.id,
		onclick: () => openTab(name) }, title);

	document.querySelector('nav').append(button);
	byId('panels').append(panel.element);
	view.tabs.push({ name, button, panel });
}

function notes() {
	const { end } = trace, notes = [];

	if (number(end.calls ?? 0) > trace.calls.length)
		notes.push(`This page holds the first ${withCommas(trace.calls.length)} of ${plural(end.calls, 'call')}: `
			+ 'more is too much for a browser. Export others with --if, --function or --tid.');
	if (number(end.calls_of_trace ?? 0) > number(end.calls ?? 0))
		notes.push(`${withCommas(end.calls)} of ${plural(end.calls_of_trace, 'call')} in the trace were selected.`);
	if (end.note)
		notes.push(textOf(end.note));
	if (number(end.lost_events ?? 0))
		notes.push(`${plural(end.lost_events, 'event')} could not be recorded: see the summary.`);
	byId('notes').replaceChildren(...notes.map(text => make('div', {}, `! ${text}`)));
}

function head() {
	const target = trace.info.target ?? {}, host = trace.info.host ?? {};

	byId('title').textContent = textOf(trace.head.name);
	const facts = [target.comm ? `${textOf(target.comm)}[${textOf(target.pid)}]` : '',
		host.name ? `on ${textOf(host.name)}` : '', formatDate(trace.first),
		plural(trace.calls.length, 'call'), formatDuration(trace.last - trace.first)];

	byId('facts').textContent = facts.filter(Boolean).join('  ·  ');
	document.title = `${textOf(trace.head.name)} – virtrace`;
}

/* Light and dark */

function setTheme(theme) {
	if (theme)
		document.documentElement.dataset.theme = theme;
	else
		delete document.documentElement.dataset.theme;
	byId('theme').textContent = { light: '☀ Light', dark: '☾ Dark' }[theme] ?? '◐ Auto';
	try {
		localStorage.setItem('virtrace-theme', theme);
	} catch { /* a browser may not let files keep anything */ }
	view.timeline?.draw();
	view.detail?.draw();
}

function nextTheme() {
	const themes = ['', 'light', 'dark'];

	setTheme(themes[(themes.indexOf(document.documentElement.dataset.theme ?? '') + 1) % 3]);
}

function savedTheme() {
	try {
		return localStorage.getItem('virtrace-theme') ?? '';
	} catch {
		return '';
	}
}

/* Lines that can be dragged to give one side more room. */
function splitter(element, property, size) {
	element.addEventListener('pointerdown', event => {
		event.preventDefault();
		element.setPointerCapture(event.pointerId);
		const move = at => document.documentElement.style.setProperty(property, `${Math.round(size(at))}px`);

		element.addEventListener('pointermove', move);
		element.addEventListener('pointerup', () => element.removeEventListener('pointermove', move),
			{ once: true });
	});
}

function help() {
	const table = rows => make('table', { class: 'facts' }, make('tbody', {}, ...rows.map(([key, text]) =>
		make('tr', {}, make('th', {}, make('kbd', {}, key)), make('td', {}, text)))));

	byId('help').replaceChildren(make('h2', {}, 'Keys'), table(KEYS), make('h2', {}, 'Filters'), table(FILTERS),
		make('p', { class: 'faint' }, '! failed, or something is missing · ≠ differs from the call before · '
			+ '→ changed since entry'),
		make('form', { method: 'dialog' }, make('button', { autofocus: true }, 'Close')));
	byId('help').showModal();
}

/* Keys that work wherever the focus is, but in a field. */
function key(event) {
	const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && event.target.type !== 'checkbox';

	if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented || byId('help').open)
		return;
	if (isTyping) {
		if (event.key === 'Escape') {
			if (event.target === view.calls.filter && event.target.value)
				view.calls.setFilter('');
			else
				event.target.blur();
		}
		return;
	}
	const { selected } = view;
	const list = view.tabs.find(tab => tab.name === view.tab)?.panel.list;
	const act = {
		'/': () => { openTab('calls'); view.calls.filter.focus(); view.calls.filter.select(); },
		1: () => openTab('calls'), 2: () => openTab('tree'), 3: () => openTab('summary'),
		4: trace.qmp.length ? () => openTab('qmp') : null,
		j: () => list?.move(list.at + 1), k: () => list?.move(list.at - 1),
		ArrowDown: event.target === document.body && (() => list?.move(list.at + 1)),
		ArrowUp: event.target === document.body && (() => list?.move(list.at - 1)),
		u: () => select(selected?.up), '[': () => select(selected?.previous), ']': () => select(nextOf(selected)),
		t: nextTheme, '?': help,
	}[event.key];

	if (act) {
		event.preventDefault();
		act();
	} else {
		view.timeline.key(event);
	}
}

const nextOf = call => call && trace.calls.find(other => other.previous === call);

async function start() {
	const began = performance.now();

	setTheme(savedTheme());
	if (typeof DecompressionStream === 'undefined')
		throw new Error('this browser is too old: Chromium 103, Firefox 113, Safari 16.4 or later show it');
	byId('notes').textContent = 'Reading…';
	await readTrace(byId('data').textContent,
		n => { byId('notes').textContent = `Reading… ${plural(n, 'call')}`; });
	byId('data').remove();
	view.detail = new Detail(byId('detail'), {
		column: path => { openTab('calls'); view.calls.addColumn(path); },
		filter: text => { openTab('calls'); view.calls.setFilter(text); },
	});
	view.timeline = new Timeline(byId('timeline'), select);
	view.calls = new CallTable(select);
	view.tree = new TreePanel(select);
	view.summary = new SummaryPanel(select);
	view.qmp = new QmpPanel(select);
	addTab('calls', 'Calls', view.calls);
	addTab('tree', 'Tree', view.tree);
	addTab('summary', 'Summary', view.summary);
	if (trace.qmp.length)
		addTab('qmp', 'QMP', view.qmp);
	notes();
	head();
	for (const part of [view.timeline, view.calls, view.tree, view.summary, view.qmp])
		part.load();
	view.detail.draw();
	openTab('calls');
	splitter(byId('timeline-split'), '--timeline',
		event => Math.max(40, event.clientY - byId('timeline').getBoundingClientRect().top));
	splitter(byId('detail-split'), '--detail', event => Math.max(200, innerWidth - event.clientX));
	addEventListener('hashchange', followHash);
	addEventListener('keydown', key);
	matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => view.timeline.draw());
	byId('theme').addEventListener('click', nextTheme);
	byId('help-open').addEventListener('click', help);
	followHash();
	document.documentElement.dataset.ready = String(Math.round(performance.now() - began));
}

start().catch(error => {
	byId('notes').replaceChildren(make('div', {}, `! This page cannot be shown: ${error.message}`));
	document.documentElement.dataset.failed = error.message;
	console.error(error);
});
