// The details of a call in a real Chromium: what is told, and that reading it never touches the line.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { abandoned, answered, busy } from './calls.mjs';
import { startGateway } from './gateway.mjs';
import { openBrowser, PhonePage, widths } from './phone.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let gateway;
let browser;
const link = (id) => `${gateway.url}#/calls/${id}`;

before(async () => {
  gateway = await startGateway();
  browser = await openBrowser({ toneHz: 440 });
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

/** A page whose sockets are counted, closed with the test. */
async function open(t, url, { context, viewport } = {}) {
  const phone = context ? new PhonePage(await context.newPage(), url) : await PhonePage.open(browser, 'about:blank', { viewport });
  phone.sockets = 0;
  phone.page.on('websocket', () => phone.sockets++);
  await phone.page.goto(url);
  t.after(async () => {
    assert.deepEqual(phone.errors, [], 'the page threw');
    await phone.close();
  });
  return phone;
}

/** Anna at her phone, with a history. */
async function anna(t, options) {
  await gateway.dev('history', { calls: [answered, abandoned, busy] });
  const phone = await open(t, gateway.url, options);
  await phone.login('anna', 'demo-anna');
  await phone.registered();
  return phone;
}

const shown = (phone, id) => phone.waitFor(`[data-testid="details"][data-id="${id}"][data-state="shown"]`, 'the details');
const text = (phone, testid) => phone.at(testid).innerText();

async function look(phone) {
  await phone.page.addScriptTag({ path: axe });
  await phone.page.waitForTimeout(300);
  const { violations } = await phone.page.evaluate(async () => window.axe.run(document, { resultTypes: ['violations'] }));
  return violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => n.html.slice(0, 160)).join('\n  ')}`);
}

test('a link from Salesforce leads through the login to everything known of the call', async (t) => {
  await gateway.dev('history', { calls: [answered] });
  const reader = await open(t, link(answered.id));
  assert.match(await reader.page.locator('main').innerText(), /Log in to see the call/);
  await reader.login('anna', 'demo-anna');
  await shown(reader, answered.id);

  assert.equal(await text(reader, 'details-name'), 'Maria Korhonen');
  assert.equal(await text(reader, 'details-result'), 'Answered');
  const facts = await text(reader, 'details-facts');
  for (const fact of ['Inbound', '+358 400 000 001', '+358 293 000 100', 'Customer Service EN', '25 s', '5 min 12 s', 'Anna Lindqvist', 'The customer hung up', answered.id])
    assert.ok(facts.includes(fact), `${fact} is not in ${facts}`);
  assert.match(await text(reader, 'details-times'), /Started[^]*Entered the queue[^]*\+1 s[^]*First rang[^]*Answered[^]*\+26 s[^]*Over/);
  const attempts = await text(reader, 'details-attempts');
  assert.match(attempts, /Bo Virtanen[^]*Did not answer after 15 s[^]*idle the longest[^]*Anna Lindqvist[^]*Answered after 8.2 s[^]*only agent left/);
  assert.match(await text(reader, 'details-segments'), /Anna Lindqvist[^]*5 min 12 s · 41 s on hold/);
  assert.match(await text(reader, 'details-routing'), /Customer Service FI[^]*Flow Cordboard_Route_Call[^]*because the account speaks English[^]*queue "Customer Service EN"[^]*0.4 s/i);

  const person = reader.page.locator('[data-testid="details-match"] a');
  assert.equal(await person.getAttribute('target'), '_blank');
  assert.equal(await person.getAttribute('href'), answered.match.people[0].url);
  assert.deepEqual(await look(reader), []);
});

test('a tab with details is no phone: it opens no line and waits for no turn', async (t) => {
  const phone = await anna(t);
  const reader = await open(t, link(busy.id), { context: phone.page.context() });
  await reader.login('anna', 'demo-anna');
  await shown(reader, busy.id);
  assert.match(await text(reader, 'details-facts'), /was on another call \(SIP 486\)/);
  assert.equal(reader.sockets, 0, 'the reader opened a SIP socket');
  const locks = await reader.page.evaluate(() => navigator.locks.query());
  assert.deepEqual([locks.held.length, locks.pending.length], [1, 0]);

  await gateway.dev('ring', { number: '+358400000001' });
  await phone.rings();
  await phone.answer();
  assert.equal(await reader.at('call').count(), 0);
  await reader.reload();
  await shown(reader, busy.id);
  assert.equal((await phone.state()).phase, 'talking');
  await phone.hangUp();
  await phone.at('dismiss').click();

  // Asked for the phone, it follows the rule of one tab.
  await reader.at('to-phone').click();
  await reader.waitFor('[data-testid="elsewhere"]', 'to be told of the other tab');
  assert.equal(reader.sockets, 0);
  assert.equal((await phone.state()).line, 'ready');
});

test('a tab with details becomes the phone when asked and no other tab is', async (t) => {
  await gateway.dev('history', { calls: [answered] });
  const reader = await open(t, link(answered.id));
  await reader.login('anna', 'demo-anna');
  await shown(reader, answered.id);
  await reader.at('to-phone').click();
  await reader.registered();
  assert.equal(new URL(reader.page.url()).hash, '');
});

test('the list of last calls leads to the details and back on the same line', async (t) => {
  const phone = await anna(t);
  const row = phone.page.locator(`[data-testid="recent-call"][data-id="${answered.id}"] [data-testid="recent-details"]`);
  assert.equal(await row.getAttribute('aria-label'), 'Details of the call with Maria Korhonen');
  await row.click();
  await shown(phone, answered.id);
  assert.equal((await phone.state()).line, 'ready');
  await phone.at('to-phone').click();
  await phone.at('recent').waitFor();
  await phone.page.goBack();
  await shown(phone, answered.id);
  await phone.page.goForward();
  await phone.at('recent').waitFor();
  assert.equal(phone.sockets, 1, 'the line was opened anew');
});

test('a call that rings takes the stage from the details', async (t) => {
  const phone = await anna(t);
  await phone.at('recent-details').first().click();
  await shown(phone, answered.id);
  await gateway.dev('ring', { number: '+358400000002', queue: 'Sales' });
  await phone.rings();
  assert.equal(await phone.at('details').count(), 0);
  assert.equal(new URL(phone.page.url()).hash, '');
  assert.equal((await phone.state()).focus, 'answer');
  await phone.decline();
  await phone.phase('over');
});

test('a running call goes on while details are read, also of itself', async (t) => {
  const phone = await anna(t);
  const { id } = await gateway.dev('ring', { number: '+358400000001', queue: 'Sales' });
  await phone.rings();
  await phone.answer();
  for (const call of [answered.id, id]) {
    await phone.page.evaluate((to) => (location.hash = `#/calls/${to}`), call);
    await shown(phone, call);
    assert.match(await text(phone, 'details'), /You are on a call/);
  }
  assert.equal(await text(phone, 'details-result'), 'In conversation');
  await phone.at('to-phone').click();
  await phone.phase('talking');
  assert.equal((await phone.state()).callId, id);
  assert.equal((await phone.state()).line, 'ready');
  assert.equal(phone.sockets, 1);

  // What goes on is read again: the end is seen without a click.
  await phone.page.evaluate((to) => (location.hash = `#/calls/${to}`), id);
  await shown(phone, id);
  await gateway.dev('hangup');
  await phone.page.locator('[data-testid="details-result"]', { hasText: 'Answered' }).waitFor();
});

test('the phone’s tab, reloaded on details, is the phone again', async (t) => {
  const phone = await anna(t);
  await phone.at('recent-details').first().click();
  await shown(phone, answered.id);
  await phone.reload();
  await phone.registered();
  await shown(phone, answered.id);
});

test('M5: a call comes back to a page that was reloaded on details', async (t) => {
  const phone = await anna(t);
  const { id } = await gateway.dev('ring', { number: '+358400000001', queue: 'Sales' });
  await phone.rings();
  await phone.answer();
  await phone.page.evaluate((to) => (location.hash = `#/calls/${to}`), id);
  await shown(phone, id);
  // The tab writes down every second that it is on the call.
  await phone.page.waitForTimeout(2_000);
  await phone.reload();
  await phone.registered();
  await gateway.dev('ring', { id, number: '+358400000001', queue: 'Sales', auto: true });
  await phone.page.getByText('You are on a call').or(phone.page.locator('[data-testid="call"][data-phase="talking"]')).waitFor();
  if ((await phone.at('to-phone').count()) > 0) await phone.at('to-phone').click();
  await phone.phase('talking');
  await phone.hangUp();
});

test('what cannot be shown is said in words', async (t) => {
  const reader = await open(t, link('01hxsomebodyelses'));
  await reader.login('anna', 'demo-anna');
  const trouble = (kind) => reader.waitFor(`[data-testid="trouble"][data-kind="${kind}"]`, kind);
  await trouble('no-such-call');
  assert.match((await reader.state()).troubleText, /no such call, or you had no part in it/);
  assert.deepEqual(await look(reader), []);

  await reader.page.evaluate(() => (location.hash = '#/calls/..%2Fme'));
  await trouble('no-such-call');

  await gateway.dev('history', { calls: [answered] });
  await reader.page.route('**/api/v1/calls/*', (route) => route.abort());
  await reader.page.evaluate((id) => (location.hash = `#/calls/${id}`), answered.id);
  await trouble('server-gone');
  await reader.page.unroute('**/api/v1/calls/*');
  await reader.at('details-again').click();
  await shown(reader, answered.id);

  // The session is over: the login says so, keeps the address, and leads back.
  await gateway.dev('forget-sessions');
  await reader.page.evaluate((id) => (location.hash = `#/calls/${id}`), busy.id);
  await trouble('session-over');
  assert.equal(new URL(reader.page.url()).hash, `#/calls/${busy.id}`);
  await gateway.dev('history', { calls: [busy] });
  await reader.login('anna', 'demo-anna');
  await shown(reader, busy.id);
});

for (const [name, viewport] of Object.entries({ ...widths, narrow: { width: 320, height: 480 } }))
  test(`nothing is wider than the page: ${name}`, async (t) => {
    const phone = await anna(t, { viewport });
    const wider = () =>
      phone.page.evaluate(() =>
        [...document.querySelectorAll('.cb-desk *')]
          .filter((e) => e.closest('.slds-assistive-text') === null && e.getBoundingClientRect().right > document.querySelector('.cb-desk').getBoundingClientRect().right + 1)
          .map((e) => e.outerHTML.slice(0, 120)),
      );
    assert.deepEqual(await wider(), []);
    for (const { id } of [answered, abandoned, busy]) {
      await phone.page.evaluate((to) => (location.hash = `#/calls/${to}`), id);
      await shown(phone, id);
      assert.deepEqual(await wider(), []);
    }
  });
