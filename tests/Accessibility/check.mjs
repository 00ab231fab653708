// Opens the pages of a folder in a headless Chromium, as their readers do: wide and narrow, light and dark, and on paper.
// Usage: node check.mjs <folder with pages> <Chromium> [<folder for pictures>]
// Prints a line for each check, and last "N passed, N failed". Exits with 1 where one failed or there was none.
import { readdirSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const [pages, executablePath, pictures] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve('axe-core');
const sizes = { desktop: 1280, phone: 390 };
let passed = 0;
let failed = 0;

function check(name, problems) {
  if (problems.length === 0) {
    passed += 1;
  } else {
    failed += 1;
    console.log(`FAILED ${name}\n  ${problems.join('\n  ')}`);
  }
}

// Whatever the page says to the console is a fault: a style that its policy forbids, for one.
async function open(browser, file, options, problems) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.on('console', message => problems.push(`it says: ${message.text()}`));
  page.on('request', request => {
    if (request.url() !== pathToFileURL(file).href) {
      problems.push(`it asks for ${request.url()}`);
    }
  });
  await page.goto(pathToFileURL(file).href);
  return page;
}

async function checkAsItIs(browser, file, name) {
  const problems = [];
  const page = await open(browser, file, { javaScriptEnabled: true }, problems);
  // The policy of the page lets its own style in, and no script.
  if (await page.evaluate(() => getComputedStyle(document.querySelector('h2')).borderBottomStyle) !== 'solid') {
    problems.push('its style is not applied');
  }
  if (await page.evaluate(() => document.scripts.length) > 0) {
    problems.push('it has scripts');
  }
  check(`${name} as it is`, problems);
  await page.context().close();
}

async function checkOnScreen(browser, file, name, size, colorScheme) {
  const problems = [];
  // axe-core is a script, which the policy of the page would forbid.
  const page = await open(browser, file, { viewport: { width: sizes[size], height: 900 }, colorScheme, bypassCSP: true }, problems);
  if (pictures) {
    await page.screenshot({ path: join(pictures, `${name}-${size}-${colorScheme}.png`), fullPage: !name.includes('many') });
  }
  problems.push(...await page.evaluate(() => {
    const wide = document.documentElement.scrollWidth > document.documentElement.clientWidth;
    const out = [...document.querySelectorAll('main *:not(thead, thead *)')].filter(e => {
      const box = e.getBoundingClientRect();
      return box.width > 0 && (box.right > innerWidth + 1 || box.left < -1);
    });
    return [...(wide ? ['it scrolls sideways'] : []), ...out.slice(0, 5).map(e => `cut at the edge: ${e.outerHTML.slice(0, 120)}`)];
  }));
  await page.addScriptTag({ path: axe });
  const result = await page.evaluate(() => axe.run(document));
  problems.push(...result.violations.map(v => `axe-core, ${v.impact}: ${v.help} (${v.nodes.length} times, ${v.nodes[0].html.slice(0, 120)})`));
  check(`${name}, ${size}, ${colorScheme}, ${result.passes.length} rules of axe-core`, problems);
  await page.context().close();
}

async function checkOnPaper(browser, file, name) {
  const problems = [];
  const page = await open(browser, file, { colorScheme: 'dark', bypassCSP: true }, problems);
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  problems.push(...await page.evaluate(() => {
    const found = [];
    if (getComputedStyle(document.body).backgroundColor !== 'rgb(255, 255, 255)') {
      found.push('it is printed dark');
    }
    for (const fold of document.querySelectorAll('details.printed')) {
      const table = fold.querySelector('table');
      if (table && !table.checkVisibility({ contentVisibilityAuto: true })) {
        found.push(`folded away on paper: ${fold.querySelector('summary').textContent}`);
      }
    }
    return found;
  }));
  const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: false, ...(pictures ? { path: join(pictures, `${name}.pdf`) } : {}) });
  const sheets = (pdf.toString('latin1').match(/\/Type\s*\/Page\b/g) ?? []).length;
  const a4 = (pdf.toString('latin1').match(/\/MediaBox\s*\[\s*0 0 59[456](\.\d+)? 84[123]/g) ?? []).length;
  if (sheets === 0 || a4 !== sheets) {
    problems.push(`${a4} of ${sheets} pages are A4`);
  }
  check(`${name} on ${sheets} pages`, problems);
  await page.context().close();
}

if (pictures) {
  mkdirSync(pictures, { recursive: true });
}
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
try {
  for (const entry of readdirSync(pages).filter(f => f.endsWith('.html')).sort()) {
    const file = resolve(pages, entry);
    const name = entry.replace(/\.html$/, '');
    await checkAsItIs(browser, file, name);
    for (const size of Object.keys(sizes)) {
      for (const scheme of ['light', 'dark']) {
        await checkOnScreen(browser, file, name, size, scheme);
      }
    }
    await checkOnPaper(browser, file, name);
  }
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
