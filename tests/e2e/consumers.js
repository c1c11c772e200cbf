/*
 * Opens exports with the programs they are made for, and prints what these found in them.
 *
 *	consumers.js speedscope FILE [PNG]   what speedscope saves of it, in its own file format
 *	consumers.js mermaid FILE [PNG]      the texts of the boxes, one a line, as JSON strings
 *	consumers.js xmind FILE              the content as JSON, if it is what Xmind's SDK makes
 *
 * NODE_PATH is where scripts/setup has installed package.json.
 */
const fs = require("fs");
const os = require("os");
const path = require("path");

const SPEEDSCOPE = path.join(path.dirname(require.resolve("speedscope/package.json")), "dist/release/index.html");
const MERMAID = path.join(path.dirname(require.resolve("mermaid/package.json")), "dist/mermaid.min.js");
const PATIENCE_MS = 60000;

async function withPage(use) {
	const { chromium } = require("playwright-core");
	const browser = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
	const page = await browser.newPage({ viewport: { width: 1400, height: 900 }, acceptDownloads: true });

	page.setDefaultTimeout(PATIENCE_MS);
	page.on("pageerror", (error) => fail(`the page throws ${error}`));
	page.on("dialog", (dialog) => fail(`the page says: ${dialog.message()}`));
	try {
		return await use(page);
	} finally {
		await browser.close();
	}
}

function fail(why) {
	console.error(why);
	process.exit(1);
}

/* As speedscope's own command does: a script that hands the file to the page. */
async function speedscope(file, png) {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), "speedscope-"));
	const script = path.join(dir, "load.js");
	const base64 = fs.readFileSync(file).toString("base64");

	fs.writeFileSync(script, `speedscope.loadFileFromBase64(${JSON.stringify(path.basename(file))}, "${base64}")`);
	const saved = await withPage(async (page) => {
		await page.goto(`file://${SPEEDSCOPE}#localProfilePath=${script}`);
		await page.waitForFunction((name) => document.title.includes(name), path.basename(file));
		if (png)
			await page.screenshot({ path: png });
		const download = page.waitForEvent("download");
		await page.keyboard.press("Control+s");
		return fs.readFileSync(await (await download).path(), "utf8");
	});
	fs.rmSync(dir, { recursive: true });
	return saved;
}

async function mermaid(file, png) {
	return await withPage(async (page) => {
		await page.goto("about:blank");
		await page.addScriptTag({ path: MERMAID });
		const texts = await page.evaluate(async (text) => {
			window.mermaid.initialize({ startOnLoad: false });
			document.body.innerHTML = (await window.mermaid.render("graph", text)).svg;
			if (document.querySelector("script:not([src])") && document.body.querySelector("script"))
				throw new Error("a name became a script");
			return [...document.querySelectorAll(".node .nodeLabel")].map((it) => it.innerText);
		}, fs.readFileSync(file, "utf8"));
		if (png)
			await page.screenshot({ path: png, fullPage: true });
		return texts.map((it) => JSON.stringify(it)).join("\n");
	});
}

async function xmind(file) {
	const zip = await require("jszip").loadAsync(fs.readFileSync(file), { checkCRC32: true });
	const read = async (name) => JSON.parse(await zip.file(name).async("string"));
	const { validator, Workbook } = require("xmind-model");
	const content = await read("content.json");
	const listed = Object.keys((await read("manifest.json"))["file-entries"]);

	for (const name of listed)
		if (!zip.file(name))
			fail(`the manifest lists ${name}, which is not there`);
	await read("metadata.json");
	const { status, errors } = validator(content);
	if (!status)
		fail(JSON.stringify(errors));
	const text = JSON.stringify(content);

	new Workbook(content).getSheets(); // adds to it
	return text + "\n";
}

const consumers = { mermaid, speedscope, xmind };
const [consumer, ...args] = process.argv.slice(2);

consumers[consumer](...args).then((text) => fs.writeSync(1, text), fail);
