// Takes pictures of every screen of the phone against the development gateway, for human eyes: npm run look
import { fileURLToPath } from 'node:url';
import { abandoned, answered, busy } from './calls.mjs';
import { startGateway } from './gateway.mjs';
import { openBrowser, PhonePage, widths } from './phone.mjs';

const folder = fileURLToPath(new URL('./pictures/', import.meta.url));
const only = process.argv[2];
const gateway = await startGateway();
const browser = await openBrowser();
const minutes = (n) => new Date(Date.now() - n * 60_000).toISOString();
const past = (id, direction, number, name, ago, talk, extra = {}) => ({
  id,
  direction,
  customer: { number, name },
  agent: 'anna',
  started: minutes(ago),
  over: minutes(ago - 1),
  ...(talk > 0 ? { answered: minutes(ago), talk_seconds: talk } : {}),
  ...extra,
});
await gateway.dev('history', {
  calls: [
    past('a', 'Inbound', '+358400000001', '', 4, 312, { queue: 'Customer Service EN', match: { looked: true, count: 1, people: [{ object: 'Contact', id: 'x', name: 'Maria Korhonen' }] } }),
    past('b', 'Outbound', '+4915112345678', '', 37, 0, { ending: { reason: 'busy' } }),
    past('c', 'Inbound', '+46701234567', 'Elin Berg', 95, 0, { queue: 'Sales' }),
    past('d', 'Internal', '1002', 'Bo Virtanen', 260, 45),
    past('e', 'Inbound', '', '', 1500, 80),
    past('f', 'Outbound', '+358293000999', '', 3000, 1220),
  ],
});

try {
  for (const [name, viewport] of Object.entries(widths)) {
    if (only && only !== name) continue;
    const phone = await PhonePage.open(browser, gateway.url, { viewport });
    const picture = (what) => phone.picture(`${folder}${name}-${what}.png`);
    const settle = () => phone.page.waitForTimeout(250);
    await picture('1-login');
    await phone.login('anna', 'wrong');
    await phone.at('trouble').waitFor();
    await picture('2-login-wrong');
    await phone.login('anna', 'demo-anna');
    await phone.registered();
    await phone.at('recent').waitFor();
    await picture('3-ready');
    await phone.at('availability').click();
    await settle();
    await picture('4-availability');
    await phone.page.keyboard.press('Escape');
    await phone.at('devices-open').click();
    await phone.page.waitForTimeout(1200);
    await picture('5-devices');
    await phone.page.keyboard.press('Escape');
    const { id: call } = await gateway.dev('ring', { number: '+358400000001', queue: 'Customer Service EN' });
    await phone.rings();
    await phone.page.waitForSelector('[data-testid="call-match"][data-count="1"]');
    await settle();
    await picture('6-ringing-one');
    await phone.answer();
    await phone.page.waitForTimeout(1200);
    await picture('7-talking');
    await phone.digits('12*#');
    await picture('8-digits');
    await phone.at('keypad-toggle').click();
    await phone.hold();
    await settle();
    await picture('9-held');
    await phone.resume();
    await phone.page.waitForTimeout(2_100); // the tab writes down which call it is on
    await phone.reload();
    await phone.registered();
    await phone.phase('returning');
    await picture('9-reconnecting');
    await gateway.dev('ring', { id: call, number: '+358400000001', queue: 'Customer Service EN', auto: true });
    await phone.phase('talking');
    await gateway.dev('hangup');
    await phone.phase('over');
    await picture('10-over');
    await phone.at('dismiss').click();
    await gateway.dev('ring', { number: '+358400000002', queue: 'Sales' });
    await phone.page.waitForSelector('[data-testid="call-match"][data-count="4"]');
    await picture('11-ringing-several');
    await phone.decline();
    await phone.at('dismiss').click();
    await gateway.dev('ring', { number: '+358400000003' });
    await phone.page.waitForSelector('[data-testid="call-match"][data-count="0"]');
    await picture('12-ringing-none');
    await gateway.dev('hangup');
    await phone.phase('over');
    await picture('13-missed');
    await phone.at('dismiss').click();
    await phone.dial('+35840000000486');
    await phone.phase('alerting');
    await picture('14-calling');
    await phone.phase('over');
    await picture('15-busy');
    await phone.at('dismiss').click();
    await gateway.dev('stop-listening', { ms: 6000 });
    await phone.lineState('down');
    await settle();
    await picture('16-server-gone');
    await phone.registered(20_000);
    await gateway.dev('history', { calls: [answered, abandoned, busy] });
    for (const [i, { id }] of [answered, abandoned, busy].entries()) {
      await phone.page.evaluate((to) => (location.hash = `#/calls/${to}`), id);
      await phone.page.waitForSelector(`[data-testid="details"][data-id="${id}"][data-state="shown"]`);
      await picture(`${17 + i}-details`);
      if (i === 0) await phone.page.locator('.cb-main').evaluate((main) => main.scrollTo(0, main.scrollHeight));
      if (i === 0) await picture('17-details-end');
    }
    if (phone.errors.length > 0) console.error(name, phone.errors);
    await phone.close();
  }
} finally {
  await browser.close();
  await gateway.stop();
}
