/*
 * JSON that was recorded, as lines to look at. It is never parsed to numbers: all digits stay.
 */
const JSON_TOKEN = /"[^"\\]*(?:\\[^][^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null|[{}[\],:]/y;
const JSON_LEVELS_MAX = 500, JSON_LINES_SHOWN = 200;

/* [{ indent, text, path, value }], `value` of those that are a number, a text, …; null if it is no JSON. */
function jsonLines(text) {
	const lines = [], levels = [];
	let line = null, key = null, expects = 'value';

	const path = () => levels.map(level => level.isArray ? `[${level.n}]` : level.key === null ? ''
		: `.${level.key}`).join('').replace(/^\./, '');
	const start = what => {
		line ??= { indent: levels.length, text: '', path: '' };
		line.text += what;
	};
	const end = () => {
		if (line)
			lines.push(line);
		line = null;
	};

	for (let at = 0; at < text.length;) {
		JSON_TOKEN.lastIndex = at;
		const token = JSON_TOKEN.exec(text)?.[0];
		const level = levels.at(-1);

		if (token === undefined) {
			if (!/\s/.test(text[at]))
				return null;
			at++;
			continue;
		}
		at += token.length;
		if (token === '{' || token === '[') {
			if (expects !== 'value' || levels.length >= JSON_LEVELS_MAX)
				return null;
			start(token);
			end();
			levels.push({ isArray: token === '[', n: 0, key: null });
			expects = token === '[' ? 'value' : 'key';
		} else if (token === '}' || token === ']') {
			if (!level || level.isArray !== (token === ']'))
				return null;
			end();
			levels.pop();
			start(token);
			expects = 'comma';
		} else if (token === ',') {
			if (!level || expects !== 'comma')
				return null;
			start(token);
			end();
			level.n++;
			expects = level.isArray ? 'value' : 'key';
		} else if (token === ':') {
			if (expects !== 'colon')
				return null;
			start(': ');
			expects = 'value';
		} else if (expects === 'key') {
			level.key = parseOr(token, token);
			start(token);
			expects = 'colon';
		} else if (expects === 'value') {
			start(token);
			line.path = path();
			line.value = token;
			expects = 'comma';
		} else {
			return null;
		}
	}
	end();
	return levels.length || expects !== 'comma' ? null : lines;
}

/* What may be JSON in a value: a string, or a tree that was recorded as JSON; else null. */
function jsonOf(value) {
	const text = stringOf(value) ?? withoutAddress(value);

	return /^\s*[{[]/.test(text) ? text : null;
}

/* JSON to look at; the value with the path that is sought is marked, and among those shown at first. */
function jsonBlock(lines, sought) {
	const isSame = line => line.value !== undefined && line.path === sought;
	const element = line => make('div', { class: isSame(line) ? 'same' : '', title: line.path || null },
		'  '.repeat(line.indent) + harmless(line.text));
	const n = Math.max(JSON_LINES_SHOWN, lines.findIndex(isSame) + 20);
	const more = make('button', { type: 'button', onclick: () => more.replaceWith(...lines.slice(n).map(element)) },
		`show all ${plural(lines.length, 'line')}`);

	return make('pre', { class: 'json' }, ...lines.slice(0, n).map(element), lines.length > n ? more : null);
}
