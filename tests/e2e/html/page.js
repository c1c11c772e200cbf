/*
 * Looks at one page in Chromium, as html.sh tells: node page.js NAME TRACE PAGE JSONL.
 *
 * Prints "ok WHAT" and "not ok WHAT". The expected values are computed here from the JSON Lines,
 * not by code of the page; where values were before is what `virtrace explain` says.
 */
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const { chromium } = require('playwright-core');

const [, , name, trace, file, jsonl] = process.argv;
const url = `file://${file}`;
/* Numbers above 2^53 as text. */
const exact = text => text.replace(/([:[,])(-?\d{16,})(?=[,\]}])/g, '$1"$2"');
const calls = fs.readFileSync(jsonl, 'utf8').trimEnd().split('\n').map(line => JSON.parse(exact(line)));
const faults = []; // what the page must not do

function ok(what, holds, detail = '') {
	console.log(`${holds ? 'ok' : 'not ok'} ${name}: ${what}`);
	if (!holds)
		console.log(`# ${String(detail).replace(/\n/g, '\n# ')}`);
}

function same(what, actual, expected) {
	const a = JSON.stringify(actual), b = JSON.stringify(expected);

	ok(what, a === b, `got      ${a?.slice(0, 600)}\nexpected ${b?.slice(0, 600)}`);
}

async function open(browser, options = {}, hash = '') {
	const context = await browser.newContext({ viewport: { width: 1366, height: 768 }, offline: true, ...options });
	const page = await context.newPage();

	page.on('request', request => request.url().startsWith('file://') && request.url().split('#')[0] === url
		|| request.url() === 'data:,' || faults.push(`request: ${request.url()}`));
	page.on('console', message => ['error', 'warning'].includes(message.type())
		&& faults.push(`console: ${message.text()}`));
	page.on('pageerror', error => faults.push(`error: ${error.stack}`));
	page.on('dialog', dialog => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
	const began = Date.now();

	await page.goto(url + hash);
	await page.waitForFunction(() => document.documentElement.dataset.ready
		?? document.documentElement.dataset.failed);
	page.openedIn = Date.now() - began;
	return page;
}

const picture = (page, what) => process.env.PICTURES
	? page.screenshot({ path: `${process.env.PICTURES}/${name}-${what}.png` }) : null;

/* Rows of the table in sight, a list of their cells each. */
const rows = page => page.$$eval('#panel-calls .list-row',
	elements => elements.map(row => [...row.children].map(cell => cell.textContent)));
const ids = async page => (await rows(page)).map(cells => cells[0]);
const count = page => page.$eval('#panel-calls .list', list => Number(list.getAttribute('aria-rowcount')));
const numbers = list => list.map(call => `#${call.id}`);
const title = page => page.$eval('#detail h2', element => element.textContent);
/* All that was begun has been drawn: scrolling is told to the page before the next frame. */
const settle = page => page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));

/* A link changes the address; the page hears of that some time later, as the browser likes. */
const arrives = (page, id) => page.waitForFunction(
	start => document.querySelector('#detail h2')?.textContent.startsWith(start), `#${id} `);
const leadsTo = (page, id) => arrives(page, id).then(() => true, () => false);

async function follow(page, id) {
	await page.evaluate(hash => { location.hash = hash; }, `#call=${id}`);
	await arrives(page, id);
}

async function filter(page, text) {
	await page.keyboard.press('/');
	await page.keyboard.type(text);
	await page.keyboard.press('Enter');
	await settle(page);
}

async function noFilter(page) {
	await page.keyboard.press('/');
	await page.keyboard.press('Escape');
	await page.keyboard.press('Escape');
	await settle(page);
}

/* Which of the first rows are the calls expected, in that order. */
async function expectRows(page, what, expected) {
	same(`${what}: how many`, await count(page), expected.length);
	await page.$eval('#panel-calls .list-body', body => { body.scrollTop = 0; });
	await settle(page);
	const shown = await ids(page);

	same(`${what}: which`, shown, numbers(expected.slice(0, shown.length)));
}

const pathOf = call => call.entry.path ?? call.entry.disk;
const stats = call => call.return['**retstats'];

/* The table, filters, order */
async function table(page) {
	await expectRows(page, 'all calls', calls);
	const first = (await rows(page))[0];

	same('a row has thread and function', first.slice(3, 5), [calls[0].thread, calls[0].function]);
	same('a row has the time to the microsecond', first[1],
		new Date(Math.floor(calls[0].time_ns / 1e6)).toISOString().slice(11, 23)
		+ String(calls[0].time_ns).slice(-6, -3));
	ok('a row has the arguments', first[5] === `domain->name="${calls[0].entry['domain->name']}", disk="${calls[0].entry.disk}"`, first[5]);
	await page.focus('#panel-calls .list-body');
	await page.keyboard.press('End');
	await settle(page);
	same('the last row', (await ids(page)).at(-1), numbers(calls).at(-1));
	await page.keyboard.press('Home');

	await filter(page, 'vdb');
	await expectRows(page, 'filter: a word', calls.filter(call => pathOf(call) === 'vdb'));
	await noFilter(page);
	await filter(page, '-vdb function~qemu*Gather duration>2ms');
	await expectRows(page, 'filter: not a word, a pattern, a duration', calls.filter(call => pathOf(call) !== 'vdb'
		&& call.function === 'qemuDomainBlocksStatsGather' && call.duration_ns > 2e6));
	await noFilter(page);
	await filter(page, '(*retstats)->wr_bytes>=700000 path=vda');
	await expectRows(page, 'filter: recorded values',
		calls.filter(call => stats(call)?.wr_bytes >= 700000 && pathOf(call) === 'vda'));
	await noFilter(page);
	await filter(page, '$ret<0');
	await expectRows(page, 'filter: what failed', calls.filter(call => call.return.$ret < 0));
	await noFilter(page);
	await page.click('text=failed');
	await expectRows(page, 'the box for what failed', calls.filter(call => call.return.$ret < 0));
	await page.click('text=failed');

	await page.click('.list-head >> text=Duration');
	const slowest = [...calls].sort((a, b) => b.duration_ns - a.duration_ns || a.id - b.id);

	await expectRows(page, 'order: slowest first', slowest);
	await page.click('.list-head >> text=Duration');
	await expectRows(page, 'order: fastest first',
		[...calls].sort((a, b) => a.duration_ns - b.duration_ns || a.id - b.id));
	await page.click('.list-head >> text=#');
	await expectRows(page, 'order: as they were made', calls);
}

/* The selected call */
async function detail(page) {
	const call = calls.filter(other => stats(other))[20];
	const before = calls.filter(other => stats(other) && pathOf(other) === pathOf(call)
		&& other.id < call.id).at(-1);

	await follow(page, call.id);
	same('a link selects', await title(page), `#${call.id} ${call.function}`);
	const values = await page.$$eval('.values tbody tr', lines => lines.filter(line => line.children.length === 3)
		.map(line => [...line.children].map(cell => cell.textContent)));
	const byName = Object.fromEntries(values.map(([key, value, old]) => [key, [value.split('  ')[0], old]]));
	const difference = n => n > 0 ? `+${n}` : n < 0 ? `−${-n}` : '';
	const expected = Object.fromEntries(Object.entries(stats(call)).map(([key, value]) => [key,
		[String(value), value === stats(before)[key] ? '='
			: `≠ ${stats(before)[key]} ${difference(value - stats(before)[key]).replace(/\B(?=(\d{3})+$)/g, ',')}`]]));

	for (const [key, value] of Object.entries(expected))
		same(`value and change of ${key}`, byName[key], value);
	same('the call it is compared with', await page.textContent('#detail .bar a'), `#${before.id}`);
	same('the calls it is within', await page.$$eval('.way a', links => links.map(link => link.textContent)),
		[`#${call.id - 2} virDomainGetBlockInfo`, `#${call.id - 1} qemuDomainGetBlockInfo`]);
	same('the backtrace', await page.$$eval('#detail details li', items => items.map(item => item.textContent)),
		call.backtrace.map(place => `${place.function}  ${place.source} ${place.module}`));

	await page.click(`.pick[title="${stats(call).wr_bytes}"]`);
	same('a value that was clicked', await page.textContent('.picked h3'),
		`#${call.id}.(*retstats)->wr_bytes = ${stats(call).wr_bytes}`);
	await picture(page, 'value');
	await page.click('.picked >> text=Column');
	await page.click('.list-head >> text=wr_bytes');
	const ordered = calls.filter(other => stats(other)).sort((a, b) => stats(a).wr_bytes - stats(b).wr_bytes
		|| a.id - b.id);

	await page.$eval('#panel-calls .list-body', body => { body.scrollTop = 0; });
	await settle(page);
	same('a column of a value, in order', (await ids(page)).slice(0, 20), numbers(ordered.slice(0, 20)));
	await picture(page, 'column');
	await page.click('.remove');
	await page.keyboard.press('u');
	same('u goes to the caller', await title(page), `#${call.id - 1} qemuDomainGetBlockInfo`);
}

async function otherViews(page) {
	await page.keyboard.press('2');
	const tree = await page.$$eval('#panel-tree .list-row',
		lines => lines.map(line => [line.children[0].textContent, line.children[1].textContent]));
	const named = [...new Set(calls.map(call => call.function))];
	const commas = n => String(n).replace(/\B(?=(\d{3})+$)/g, ',');

	same('the tree', tree.map(([text, n]) => [text.replace(/^[▾▸]/, ''), n]),
		named.map(text => [text, commas(calls.filter(call => call.function === text).length)]));
	await picture(page, 'tree');
	await page.keyboard.press('3');
	same('the summary', await page.$$eval('#panel-summary table:first-of-type tbody tr',
		lines => lines.map(line => [...line.children].slice(0, 2).map(cell => cell.textContent))),
		named.map(text => [text, commas(calls.filter(call => call.function === text).length)]));
	await picture(page, 'summary');
	await page.keyboard.press('?');
	ok('? opens the help', await page.$eval('#help', help => help.open));
	await picture(page, 'help');
	await page.keyboard.press('Escape');
	await page.keyboard.press('1');
}

async function timeline(page) {
	const call = calls[0];
	const view = () => page.evaluate('[view.timeline.from, view.timeline.to]');

	await follow(page, call.id);
	await page.keyboard.press('0');
	const whole = await view();

	await page.keyboard.press('+');
	const closer = await view();

	ok('+ zooms in', closer[1] - closer[0] < whole[1] - whole[0]);
	await page.keyboard.press('0');
	same('0 shows all', await view(), whole);
	await page.keyboard.press('z');
	const box = await page.locator('#timeline canvas').boundingBox();

	await page.mouse.click(box.x + 150 + (box.width - 150) / 2, box.y + 22 + 4 + 24);
	await settle(page);
	same('a click on a bar selects its call', await title(page), '#2 qemuDomainGetBlockInfo');
	await page.mouse.move(box.x + 150 + (box.width - 150) / 2, box.y + 22 + 4 + 8);
	ok('the mouse shows what a bar is', (await page.textContent('#tip')).startsWith('#1 virDomainGetBlockInfo'));
	await page.mouse.wheel(0, -400);
	await settle(page);
	await picture(page, 'timeline');
	await page.keyboard.press('0');
}

/* How bright the background is, 0 to 1. */
const brightness = page => page.evaluate(() => {
	const [r, g, b] = getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number);
	return (r + g + b) / 765;
});

async function themes(browser, page) {
	ok('light', await brightness(page) > 0.9);
	await page.emulateMedia({ colorScheme: 'dark' });
	ok('dark, as the system says', await brightness(page) < 0.2);
	await picture(page, 'dark');
	await page.keyboard.press('t');
	ok('light, as the user says', await brightness(page) > 0.9);
	await page.keyboard.press('t');
	await page.emulateMedia({ colorScheme: 'light' });
	ok('dark, as the user says', await brightness(page) < 0.2);
}

/* The policy of the page: what would be let through if something found its way in? */
async function policy(browser) {
	const before = faults.length;
	const page = await open(browser);
	const wanted = ['connect-src', 'img-src', 'script-src-attr', 'script-src-elem'];

	await page.evaluate(async () => {
		window.blocked = new Set();
		document.addEventListener('securitypolicyviolation',
			event => window.blocked.add(event.effectiveDirective));
		const script = document.createElement('script');

		script.textContent = 'window.ran = 1';
		document.body.append(script);
		document.body.insertAdjacentHTML('beforeend',
			'<img src="x:" onerror="window.ran = 2"><a id="evil" href="javascript:window.ran=3">x</a>');
		document.getElementById('evil').click();
		await fetch('http://127.0.0.1:9/').catch(() => {});
	});
	await page.waitForFunction(list => list.every(directive => window.blocked.has(directive)),
		wanted).catch(() => {});
	same('script and requests that are not of the page are blocked',
		await page.evaluate(() => [window.ran ?? null, [...window.blocked].sort()]), [null, wanted]);
	faults.length = before; // they were wanted
}

async function ordinary(browser) {
	const page = await open(browser);

	await picture(page, 'light');
	await table(page);
	await detail(page);
	await otherViews(page);
	await timeline(page);
	await themes(browser, page);
	const linked = await open(browser, {}, '#call=5');

	same('a link from outside selects', await title(linked), `#5 ${calls[4].function}`);
	await policy(browser);
}

/* What `virtrace explain` says: its first line, and those of the way. */
function explained(what) {
	const { stdout, stderr } = spawnSync(process.env.VIRTRACE, ['explain', trace, what], { encoding: 'utf8' });
	const [first, , ...lines] = stdout.trimEnd().split('\n');

	return { first, lines: stdout ? lines.map(line => line.trim().replace(/ +/g, ' '))
		: [`Nothing: ${stderr.trim().replace('virtrace: ', '')}.`] };
}

/* The same of the value that was clicked; its name and value as #ID.EXPR = VALUE. */
const shown = page => page.$eval('.picked', panel => ({
	first: panel.querySelector('h3').textContent,
	lines: [...panel.querySelectorAll('.explain li > div, .explain p')].map(line => line.textContent.trim()),
}));

/* How many values of a call are shown: what was captured at return too is not shown again at entry. */
const leaves = value => value && typeof value === 'object'
	? Object.values(value).reduce((sum, part) => sum + leaves(part), 0) : 1;
const shownOf = call => leaves(call.return) + leaves(Object.fromEntries(Object.entries(call.entry)
	.filter(([key]) => !Object.hasOwn(call.return, key))));

/* Every value of every call, against the command. */
async function everyWay(page, wanted) {
	const ways = [];
	let n = 0, agree = true;

	for (const call of wanted) {
		await follow(page, call.id);
		if (await page.$('.pick.on'))
			await page.click('.pick.on');
		for (let i = 0; i < await page.locator('.pick').count(); i++) {
			await page.locator('.pick').nth(i).click();
			const { first, lines } = await shown(page);
			const name = first.split(' = ')[0], command = explained(name);

			if (JSON.stringify(lines) !== JSON.stringify(command.lines)) {
				same(`the way of ${name}`, lines, command.lines);
				agree = false;
			}
			if (command.first && !first.includes('QMP'))
				same(`${name} itself`, first, command.first.replace(/^(.*) at the \w+ of #(\d+) .* = (.*)$/, '#$2.$1 = $3'));
			ways.push(lines.join('\n'));
			await page.locator('.pick').nth(i).click();
			n++;
		}
	}
	same('every value was asked for', n, wanted.reduce((sum, call) => sum + shownOf(call), 0));
	ok('and was before where the command says', agree);
	ok('none is said to be proved', ways.every(way => !way.includes('<-')
		|| way.endsWith('These are matches of values, not proof.')));
	return ways;
}

/* Messages are joined with the calls that waited for them, by what a reader of the trace would say. */
async function qmp(browser) {
	const page = await open(browser);
	const asked = calls.filter(call => call.function === 'qemuMonitorSend');
	const replyTo = call => calls.find(other => other.function === 'qemuMonitorJSONIOProcessLine'
		&& other.entry.mon === call.entry.mon
		&& JSON.parse(other.entry.line).id === JSON.parse(call.entry['msg->txBuffer']).id);

	await page.keyboard.press('4');
	same('all exchanges', await page.$$eval('#panel-qmp .list-row',
		lines => lines.map(line => [...line.children].map(cell => cell.textContent))
		.map(([id, , , command, number, request, reply]) => [id, command, number, request, reply])),
	asked.map(call => [`#${call.id}`, 'query-blockstats', JSON.parse(call.entry['msg->txBuffer']).id,
		call.entry['msg->txBuffer'].trimEnd(), `${replyTo(call).entry.line.slice(0, 300)}…`]));
	await picture(page, 'list');
	await page.keyboard.press('1');
	const ways = await everyWay(page, calls), some = pattern => ways.some(way => pattern.test(way));

	ok('among them one that went through a call to a reply', some(/at the return of[^]*of the reply to QMP/));
	ok('one with a rival', some(/^or return\[1\]\.parent\.stats\.wr_highest_offset/m));
	ok('one that is nowhere else', some(/^Nothing: no earlier place has it/));
	ok('one that proves nothing', some(/^Nothing: 0, 1 and -1 prove nothing/));

	const last = asked.at(-1), outer = calls.findLast(call => call.return['*info']);
	const texts = () => page.$$eval('.json',
		blocks => blocks.map(block => [...block.children].map(line => line.textContent).join('\n')));

	await follow(page, outer.id);
	await page.click(`.pick[title="${outer.return['*info'].allocation}"]`);
	await picture(page, 'way');
	await page.emulateMedia({ colorScheme: 'dark' });
	await picture(page, 'way-dark');
	await page.emulateMedia({ colorScheme: 'light' });
	await page.click('.explain li:last-child > div:first-child a');
	ok('the place in the reply leads to the call that waited for it', await leadsTo(page, last.id), await title(page));
	const [request, reply] = await texts();

	same('the request, as it was', JSON.parse(request), JSON.parse(last.entry['msg->txBuffer']));
	same('the reply, as it was', JSON.parse(reply), JSON.parse(replyTo(last).entry.line));
	ok('the reply: all digits', reply.includes('"big": 18446744073709551615'), reply);
	ok('the reply: a value a line', reply.includes('\n          "wr_highest_offset"'), reply);
	same('the place in the reply is marked', await page.$$eval('.json .same', lines => lines.map(line => line.title)),
		['return[0].parent.stats.wr_highest_offset']);
	await picture(page, 'messages');
	await page.click('.qmp a.call');
	ok('from there to the call that received it', await leadsTo(page, replyTo(last).id), await title(page));
	same('which has the same messages', await texts(), [request, reply]);
	await page.click('.qmp a.call');
	ok('and back', await leadsTo(page, last.id), await title(page));
}

/* A page of one call with all that it made: what another thread received for it is there, too. */
async function ticket(browser) {
	const page = await open(browser);
	const [outer] = calls, gather = calls.find(call => call.parent === outer.id);
	const asked = calls.find(call => call.parent === gather.id);

	same('no more calls than were wanted', await ids(page), numbers([outer, gather, asked]));
	await everyWay(page, [outer, gather, asked]);
	await follow(page, asked.id);
	ok('the reply is there', (await page.textContent('.json >> nth=1')).includes('wr_highest_offset'));
	ok('and it is said that its receiver is not', (await page.textContent('.qmp')).includes('which is not in this page'));
}

/* A page of an inner call: its ways go through calls that are not there. */
async function inner(browser) {
	const page = await open(browser), [outer, gather, asked] = calls;

	await everyWay(page, [gather, asked]);
	await follow(page, gather.id);
	if (await page.$('.pick.on'))
		await page.click('.pick.on');
	await page.click('.pick[title*="vda"]');
	ok('a place in a call that is not in the page', (await shown(page)).lines[0] === `<- path at the entry of #${outer.id} ${outer.function}`);
	same('is no link', await page.$$eval('.explain a', links => links.length), 0);
}

async function hostile(browser) {
	const page = await open(browser);

	same('all calls', await count(page), calls.length);
	for (const key of ['2', '3', '1']) {
		await page.keyboard.press(key);
		await settle(page);
		await picture(page, key);
	}
	await page.focus('#panel-calls .list-body');
	for (let i = 0; i < 40; i++)
		await page.keyboard.press('ArrowDown');
	for (const id of ['7', '8', '18446744073709551615', '3099', '10000']) {
		await follow(page, id);
		ok(`call ${id}`, true);
		for (const value of (await page.$$('#detail .pick')).slice(0, 3)) {
			await value.click().catch(() => {});
			await settle(page);
		}
	}
	await follow(page, '7');
	ok('the largest number keeps its digits', (await page.textContent('.values')).includes('18446744073709551615'));
	await follow(page, '3099');
	await page.locator('tr', { has: page.getByText('toString', { exact: true }) }).locator('.pick').first().click();
	same('where thousands of places have a value, the command is named that looks', await page.textContent('.picked code'),
		"virtrace explain 'hostile' '#3099.toString'");
	await picture(page, 'many');
	await page.keyboard.press('End');
	await filter(page, 'constructor~script __proto__=7 toString>1 "</script>"');
	await noFilter(page);
	await page.mouse.move(400, 110);
	await settle(page);
	await picture(page, 'all');
	same('no element was made of the trace', await page.evaluate(() => [document.querySelectorAll('script, img, iframe, object').length, window.hacked ?? null]), [1, null]);
	ok('nothing hides or turns its neighbours',
		!/[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u2066-\u2069]/.test(await page.textContent('body')));
}

async function large(browser) {
	const page = await open(browser);
	const notes = await page.textContent('#notes');

	console.log(`# ${name}: ${calls.length} calls, ${(fs.statSync(file).size / 2 ** 20).toFixed(1)} MiB, opened in ${page.openedIn} ms`);
	same('all calls, or as many as are said', await count(page), Math.min(calls.length, 100000));
	ok('what is left out is said', calls.length <= 100000 ? notes === ''
		: notes.includes('holds the first 100,000 of 100,'), notes);
	await page.click('.list-head >> text=Duration');
	await settle(page);
	await page.keyboard.press('0');
	await picture(page, 'light');
}

(async () => {
	const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ['--no-sandbox'] });

	try {
		await ({ calls: ordinary, qmp, ticket, inner, hostile }[name] ?? large)(browser);
		same('no request, no error, no dialog', faults, []);
	} finally {
		await browser.close();
	}
})().catch(error => {
	ok('the test runs to its end', false, error.stack);
	process.exitCode = 1;
});
