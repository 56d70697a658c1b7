// node browser.mjs MODULES OFFICE.html HOSTILE.html DIFF.html [FOLDER]: opens these pages in Chromium at two widths and in both themes;
// ends with 1 on any error of the console, any request, anything too wide, and where sorting, filtering or the figures under
// the pointer do not work. Screenshots go to the folder.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, office, hostile, diff, folder] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)('playwright-core');
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
});
const bad = [];
const expect = (what, got, wanted) => {
  const [a, b] = [got, wanted].map((value) => JSON.stringify(value));
  if (a !== b) bad.push(`${what}: ${a} instead of ${b}`);
};

const open = async (file, width, colorScheme, more = {}) => {
  const context = await browser.newContext({
    viewport: { width, height: 900 }, colorScheme, offline: true, reducedMotion: 'reduce', ...more,
  });
  const page = await context.newPage();
  page.on('console', (said) => { if (['error', 'warning'].includes(said.type())) bad.push(`console: ${said.text()}`); });
  page.on('pageerror', (error) => bad.push(`script: ${error.message}`));
  page.on('dialog', (dialog) => { bad.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (!/^(file|data):/.test(request.url())) bad.push(`request: ${request.url()}`); });
  await page.goto(pathToFileURL(file).href);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) bad.push(`${file} at ${width}: ${wide} pixels too wide`);
  return page;
};
const head = (page) => page.textContent('#services-t tbody tr:first-child th bdi');
const shown = (page, box) => page.locator(`${box}:visible`).count();

for (const width of [1280, 390]) {
  for (const theme of ['light', 'dark']) {
    const page = await open(office, width, theme);
    if (folder) await page.screenshot({ path: `${folder}/${width}-${theme}.png`, fullPage: true });
    expect('largest first', await head(page), 'mdns/udp');
    await page.click('#services-t th:has-text("Packets") button');
    expect('most packets', await head(page), 'ssh/tcp');
    expect('sorted down', await page.getAttribute('#services-t th:has-text("Packets")', 'aria-sort'), 'descending');
    await page.click('#services-t th:has-text("Packets") button');
    // Two packets: as many as igmp, ntp and snmp have; the refused one has one.
    expect('least packets', await head(page), 'refused/udp');
    await page.focus('#services-t th:has-text("Service") button');
    await page.keyboard.press('Enter');
    expect('by name', await head(page), 'arp');
    await page.fill('#services input[type=search]', 'MISMATCH');
    expect('filtered', [await shown(page, '#services-t tbody tr'), await head(page) !== ''], [1, true]);
    expect('told', await page.textContent('#services output'), '1 of 16');
    await page.fill('#services input[type=search]', '');
    expect('not filtered', await shown(page, '#services-t tbody tr'), 16);
    await page.fill('#dns-sd input[type=search]', 'calendar');
    expect('cards', await shown(page, '.card'), 1);
    await page.focus('.areas');
    await page.keyboard.press('Home');
    const first = await page.textContent('#readout');
    await page.keyboard.press('End');
    const last = await page.textContent('#readout');
    expect('figures by keys', [first.startsWith('21:24:24.5'), last.startsWith('21:24:35.5')], [true, true]);
    await page.hover('.areas', { position: { x: 1, y: 20 } });
    expect('figures by pointer', (await page.textContent('#readout')).startsWith('21:24:24.5'), true);
    await page.click('#time summary');
    expect('table of figures', await page.isVisible('#steps tbody tr:first-child'), true);
    await page.context().close();
  }
}
// The differences of mdns-announce.pcap and office.pcapng.
for (const width of [1280, 390]) {
  for (const theme of ['light', 'dark']) {
    const page = await open(diff, width, theme);
    if (folder) await page.screenshot({ path: `${folder}/diff-${width}-${theme}.png`, fullPage: true });
    const rows = '#services-t tbody tr';
    const all = await page.locator(rows).count();
    const first = () => page.textContent(`${rows}:first-child th bdi`);
    await page.click('#services-t th:has-text("What") button');
    expect('differences by name', await first(), 'arp');
    await page.click('#services-t th:has-text("What") button');
    expect('turned round', await first(), 'tls/tcp');
    await page.fill('#services input[type=search]', 'caldav');
    expect('differences filtered', await shown(page, rows), 1);
    await page.fill('#services input[type=search]', '');
    expect('differences not filtered', await shown(page, rows), all);
    await page.context().close();
  }
}
const told = await open(diff, 1280, 'light', { javaScriptEnabled: false });
expect('differences without script', [await shown(told, '#services-t tbody tr') > 10, await shown(told, 'input')], [true, 0]);
await told.pdf({ format: 'A4', printBackground: true });
await told.context().close();
// All of it can be read without a script, and printed.
const plain = await open(office, 1280, 'light', { javaScriptEnabled: false });
expect('without script', [await shown(plain, '#services-t tbody tr'), await shown(plain, 'input')], [16, 0]);
await plain.pdf({ format: 'A4', printBackground: true });
await plain.context().close();
const page = await open(hostile, 1280, 'light');
const elements = await page.evaluate(() => ['script', 'img', 'i', '[onclick]', '[onerror]', 'iframe'].map((name) => document.querySelectorAll(name).length));
expect('nothing of a stranger', elements, [1, 0, 0, 0, 0, 0]);
expect('as text', (await page.textContent('#dns-sd')).includes('<script>alert(1)</script>'), true);
await browser.close();
console.log(bad.length ? bad.join('\n') : 'no complaint');
process.exit(bad.length ? 1 : 0);
