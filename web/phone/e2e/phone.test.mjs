// The phone in a real Chromium against the development gateway: what needs a browser and no telephone line.
// Build first: npm run build && npm run e2e
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { startGateway } from './gateway.mjs';
import { openBrowser, PhonePage } from './phone.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let gateway;
let browser;
let pages = [];

before(async () => {
  gateway = await startGateway();
  browser = await openBrowser({ toneHz: 440 });
});
after(async () => {
  await browser?.close();
  await gateway?.stop();
});

async function open(options) {
  const phone = await PhonePage.open(browser, gateway.url, options);
  pages.push(phone);
  return phone;
}

/** An agent at her phone, and away from it when the test is over. */
async function agent(t, user, options) {
  const phone = await open(options);
  t.after(async () => {
    assert.deepEqual(phone.errors, [], 'the page threw');
    await phone.close();
  });
  await phone.login(user, `demo-${user}`);
  await phone.registered();
  return phone;
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(what, condition, ms = 10_000) {
  const end = Date.now() + ms;
  while (Date.now() < end) {
    if (await condition()) return;
    await wait(50);
  }
  assert.fail(`waited ${ms} ms until ${what}`);
}

test('a wrong password is said in words', async (t) => {
  const phone = await open();
  t.after(() => phone.close());
  await phone.login('anna', 'nonsense');
  await phone.at('trouble').waitFor();
  assert.match((await phone.state()).troubleText, /Wrong user name or password/);
});

test('a customer rings with queue and match, and the focus is on Answer', async (t) => {
  const anna = await agent(t, 'anna');
  await gateway.dev('ring', { number: '+358400000001', queue: 'Asiakaspalvelu äö' });
  await anna.rings();
  await anna.page.waitForSelector('[data-testid="call-match"][data-count="1"]');
  const state = await anna.state();
  assert.equal(state.name, 'Maria Korhonen');
  assert.equal(state.number, '+358 400 000 001');
  assert.equal(state.queue, 'Asiakaspalvelu äö');
  assert.equal(state.focus, 'answer');
  assert.equal(state.links.length, 1);
  assert.match(await anna.at('announcement').textContent(), /Incoming call from Maria Korhonen, Asiakaspalvelu äö/);
  await anna.page.keyboard.press('Enter');
  await anna.phase('talking');
  await anna.hangUp();
  assert.equal((await anna.state()).focus, 'dismiss');
});

test('several matches are counted, none is an unknown caller, and a direct call says so', async (t) => {
  const anna = await agent(t, 'anna');
  await gateway.dev('ring', { number: '+358400000002', queue: 'Sales' });
  await anna.page.waitForSelector('[data-testid="call-match"][data-count="4"]');
  assert.match((await anna.state()).match, /3 contacts, 1 account/);
  await anna.decline();
  await anna.phase('over');
  await anna.at('dismiss').click();
  await gateway.dev('ring', { number: '+358400000003' });
  await anna.page.waitForSelector('[data-testid="call-match"][data-count="0"]');
  const state = await anna.state();
  assert.equal(state.match, 'Unknown caller');
  assert.equal(state.queue, 'Direct');
  await gateway.dev('hangup');
  await anna.phase('over');
});

test('two agents hear each other, on hold they do not, and digits arrive', async (t) => {
  const anna = await agent(t, 'anna');
  const bo = await agent(t, 'bo');
  await anna.dial('1002');
  await bo.rings();
  await anna.phase('alerting');
  assert.equal((await bo.state()).name, 'Anna Lindqvist');
  await bo.answer();
  await anna.phase('talking');

  for (const phone of [anna, bo]) await until('sound flows', async () => (await phone.heard(300)).db > -40);
  const heard = await bo.heard(1500);
  assert.ok(Math.abs(heard.hz - 440) < 5, `heard ${JSON.stringify(heard)}`);

  await anna.digits('1#');
  assert.equal((await anna.state()).digits, '1#');

  await anna.hold();
  await bo.waitFor('.cb-strip_calm', 'to be told of the hold');
  await until('nothing is heard on hold', async () => (await bo.heard(300)).db < -60);
  await anna.resume();
  await until('sound is back', async () => (await bo.heard(300)).db > -40);

  await anna.mute();
  await until('nothing is heard of a muted agent', async () => (await bo.heard(300)).db < -60);
  await anna.mute();
  await until('she is heard again', async () => (await bo.heard(300)).db > -40);

  await bo.hangUp();
  await anna.phase('over');
  await anna.at('dismiss').click();
  await anna.page.waitForSelector('[data-testid="recent-call"][data-outcome="out"]');
});

test('a colleague is found by name and called', async (t) => {
  const anna = await agent(t, 'anna');
  const bo = await agent(t, 'bo');
  await anna.at('dial-input').fill('virt');
  await anna.page.locator('[data-testid="directory-call"][data-id="bo"]').click();
  await bo.rings();
  assert.equal((await anna.state()).name, 'Bo Virtanen');
  await until('nobody is looked up among colleagues', async () => (await bo.at('call-match').count()) === 0);
  await anna.hangUp();
  await bo.phase('over');
});

test('S10: a call is offered at once, whatever gathering takes', async (t) => {
  const anna = await agent(t, 'anna');
  const started = Date.now();
  await anna.dial('+358401234567');
  await anna.phase('alerting');
  // 300 ms of these are the development gateway's own.
  assert.ok(Date.now() - started < 1_500, `took ${Date.now() - started} ms`);
  await anna.phase('talking');
  await anna.hangUp();
});

test('a second caller meets 486 while the agent speaks', async (t) => {
  const anna = await agent(t, 'anna');
  await gateway.dev('ring', { number: '+358400000001' });
  await anna.rings();
  await anna.answer();
  await gateway.dev('ring', { number: '+358400000002' });
  await wait(500);
  assert.equal((await anna.state()).number, '+358 400 000 001');
  assert.equal((await anna.state()).phase, 'talking');
  await anna.hangUp();
});

test('why a call failed is said in words', async (t) => {
  const anna = await agent(t, 'anna');
  for (const [number, words] of [
    ['+35840000000486', /Busy/],
    ['+35840000000404', /No such number/],
    ['+35840000000503', /All lines are busy/],
  ]) {
    await anna.dial(number);
    await anna.phase('over');
    assert.match((await anna.state()).troubleText, words);
    await anna.at('dismiss').click();
  }
  await anna.dial('123+4');
  await anna.at('trouble').waitFor();
  assert.equal((await anna.state()).trouble, 'bad-number');
});

test('without a microphone the call rings on and says what to do', async (t) => {
  // The fake device's browser allows everything; one without it asks, and a headless one is refused.
  const strict = await openBrowser({ microphone: false });
  t.after(() => strict.close());
  const phone = await PhonePage.open(strict, gateway.url, { denyMicrophone: true });
  await phone.login('anna', 'demo-anna');
  await phone.registered();
  await gateway.dev('ring', { number: '+358400000001' });
  await phone.rings();
  await phone.at('answer').click();
  await phone.at('trouble').waitFor();
  const state = await phone.state();
  assert.equal(state.phase, 'ringing');
  assert.match(state.trouble, /^microphone-(denied|missing)$/);
  await gateway.dev('hangup');
});

test('W7: a lost socket does not end the call, and the phone is registered again', async (t) => {
  const anna = await agent(t, 'anna');
  const bo = await agent(t, 'bo');
  await anna.dial('1002');
  await bo.rings();
  await bo.answer();
  await until('sound flows', async () => (await anna.heard(300)).db > -40);
  await gateway.dev('drop-sockets', { agent: 'anna' });
  await anna.lineState('down');
  assert.equal((await anna.state()).phase, 'talking');
  assert.ok((await anna.heard(500)).db > -40, 'the sound went on');
  await anna.registered();
  await anna.hold();
  await anna.resume();
  await anna.hangUp();
  await bo.phase('over');
});

test('M5: after a reload the page registers by itself and takes its call back, muted as it was', async (t) => {
  const anna = await agent(t, 'anna');
  const { id } = await gateway.dev('ring', { number: '+358400000001', queue: 'Sales' });
  await anna.rings();
  await anna.answer();
  await anna.mute();
  await wait(2_000);
  await anna.reload();
  await anna.registered();
  const awaited = await anna.state();
  assert.match(awaited.banner, /Getting your call back/);
  assert.equal(awaited.phase, 'returning');
  assert.equal(awaited.muted, true);
  assert.notEqual(awaited.timer, '0:00');
  await gateway.dev('ring', { id, number: '+358400000001', queue: 'Sales', auto: true });
  await anna.phase('talking');
  const state = await anna.state();
  assert.equal(state.muted, true);
  assert.equal(state.banner, '');
  assert.notEqual(state.timer, '0:00');
  await anna.hangUp();
});

test('a server that is gone is counted down to, and found again', async (t) => {
  const anna = await agent(t, 'anna');
  await gateway.dev('stop-listening', { ms: 3_000 });
  await anna.lineState('down');
  assert.match((await anna.state()).banner, /The server does not answer/);
  await anna.registered(20_000);
  assert.equal((await anna.state()).banner, '');
  // The events came back, too.
  await anna.at('availability').click();
  await anna.at('availability-busy').click();
  await anna.waitFor('[data-testid="availability"][data-type="busy"]', 'to be busy');
});

test('credentials that are refused are renewed', async (t) => {
  const anna = await agent(t, 'anna');
  await gateway.dev('refuse-registration', { status: 403 });
  await gateway.dev('drop-sockets');
  await anna.lineState('refused');
  await gateway.dev('refuse-registration', { status: 0 });
  await anna.registered(20_000);
});

test('a second tab of the same agent is no second phone, until it is asked to be', async (t) => {
  const anna = await agent(t, 'anna');
  const second = new PhonePage(await anna.page.context().newPage(), anna.url);
  await second.page.goto(anna.url);
  await second.login('anna', 'demo-anna');
  await second.waitFor('[data-testid="elsewhere"]', 'to be told of the other tab');
  await gateway.dev('ring', { number: '+358400000001' });
  await anna.rings();
  await anna.answer();
  // Not in the middle of a call.
  await second.at('take-over').click();
  await wait(500);
  assert.equal((await anna.state()).phase, 'talking');
  await anna.hangUp();
  await second.at('take-over').click();
  await second.registered();
  await anna.waitFor('[data-testid="elsewhere"]', 'to have stepped back');
  // When the phone's tab is closed, the other one is the phone.
  await second.page.close();
  await anna.registered();
});

test('every screen is accessible by the rules of axe', async (t) => {
  const anna = await agent(t, 'anna');
  const check = async (screen) => {
    // Animations end first: axe judges colours as they are.
    await wait(400);
    const { violations } = await anna.page.evaluate(async () => window.axe.run(document, { resultTypes: ['violations'] }));
    const told = violations.map((v) => `${v.id}: ${v.help}\n  ${v.nodes.map((n) => n.html.slice(0, 160)).join('\n  ')}`);
    assert.deepEqual(told, [], screen);
  };
  await anna.page.addScriptTag({ path: axe });
  await check('idle');
  await anna.at('availability').click();
  await check('availability');
  await anna.at('devices-open').click();
  await check('devices');
  await anna.page.keyboard.press('Escape');
  await gateway.dev('ring', { number: '+358400000002', queue: 'Sales' });
  await anna.page.waitForSelector('[data-testid="call-match"][data-count="4"]');
  await check('ringing');
  await anna.answer();
  await anna.digits('1');
  await check('talking');
  await anna.hold();
  await check('held');
  await anna.hangUp();
  await check('over');
});

test('a session that is over does not end the call', async (t) => {
  const anna = await agent(t, 'anna');
  await gateway.dev('ring', { number: '+358400000001' });
  await anna.rings();
  await anna.answer();
  await gateway.dev('forget-sessions');
  await anna.at('trouble').waitFor();
  const state = await anna.state();
  assert.equal(state.phase, 'talking');
  assert.equal(state.trouble, 'session-over');
  await anna.at('end').click();
  await anna.at('login-form').waitFor();
});

test('logging out ends the session in the tab', async (t) => {
  const anna = await agent(t, 'anna');
  await anna.at('devices-open').click();
  await anna.at('logout').click();
  await anna.at('login-form').waitFor();
  await anna.reload();
  await anna.at('login-form').waitFor();
});
