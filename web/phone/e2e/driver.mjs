// One agent's phone in a real Chromium, driven over standard input by a test in another language. Each line is a command
// {"do": NAME, "with": [ARGUMENTS]} named like a method of PhonePage; each is answered by one line, {"is": RESULT} or
// {"failed": WHY}. The browser closes with the input.
//
//   node driver.mjs http://127.0.0.1:8080/phone/ 660
import { createInterface } from 'node:readline';
import { Profile } from './phone.mjs';

const [url, toneHz] = process.argv.slice(2);
const browser = new Profile(Number(toneHz));
let phone = await browser.open(url);

const commands = {
  login: (user, password) => phone.login(user, password),
  registered: () => phone.registered(20_000),
  rings: () => phone.rings(20_000),
  answer: () => phone.answer(20_000),
  phase: (name) => phone.phase(name, 20_000),
  dial: (number) => phone.dial(number),
  digits: (tones) => phone.digits(tones),
  hold: () => phone.hold(),
  resume: () => phone.resume(),
  hangUp: () => phone.hangUp(),
  decline: () => phone.decline(),
  matched: () => phone.waitFor('[data-testid="call-match"][data-count]:not([data-count=""])', 'the customer to be matched', 20_000),
  heard: (ms) => phone.heard(ms),
  statistics: () => phone.statistics(),
  state: () => phone.state(),
  errors: () => phone.errors,
  reload: () => phone.reload(),
  crash: () => browser.crash(),
  start: async () => {
    phone = await browser.open(url);
  },
  offline: (on) => phone.page.context().setOffline(on),
  kept: () => browser.kept('cordboard.call'),
  cutSocket: () => phone.cutSocket(),
  picture: (file, width, height) => phone.page.setViewportSize({ width, height }).then(() => phone.picture(file)),
};

try {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, with: args = [] } = JSON.parse(line);
    let answer;
    try {
      answer = { is: (await commands[name](...args)) ?? null };
    } catch (error) {
      answer = { failed: `${name}: ${error.message ?? error}` };
    }
    process.stdout.write(`${JSON.stringify(answer, (_, v) => (v === -Infinity ? -200 : v?.asElement ? null : v))}\n`);
  }
} finally {
  await browser.close();
}
