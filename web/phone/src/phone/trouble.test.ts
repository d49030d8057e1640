import { describe, expect, it } from 'vitest';
import { callTrouble, loginTrouble, microphoneTrouble, numberTrouble, registrationTrouble, type Trouble } from './trouble';

const named = (name: string) => Object.assign(new Error('x'), { name });

/** Every text there is, to be judged as an agent would. */
function all(): Trouble[] {
  const causes = ['Connection Error', 'Request Timeout', 'RTP Timeout', 'WebRTC Error', 'Dialog Error', 'something new'];
  const statuses = [300, 400, 403, 404, 408, 480, 484, 486, 488, 491, 500, 503, 600, 603, 604, 606, 699];
  return [
    ...['NotAllowedError', 'NotFoundError', 'OverconstrainedError', 'NotReadableError', 'InsecurePage', 'TypeError'].map((n) => microphoneTrouble(named(n))),
    microphoneTrouble(undefined),
    ...statuses.map((s) => callTrouble(s, 'SIP Failure Code')),
    ...causes.map((c) => callTrouble(undefined, c)),
    ...[undefined, 401, 403, 503].map(registrationTrouble),
    ...[undefined, 401, 429, 500].map((s) => loginTrouble(s, 30)),
    ...(['empty', 'letters', 'too-long'] as const).map(numberTrouble),
  ];
}

describe('words for what went wrong', () => {
  it('are short sentences without codes or the names of machines', () => {
    for (const { title, advice } of all()) {
      expect(title).toMatch(/^[A-Z][^.!]{3,45}$/);
      expect(advice).toMatch(/^[A-Z].{5,110}[.]$/);
      expect(`${title} ${advice}`).not.toMatch(/\b(SIP|ICE|INVITE|undefined|null|Error|[3-6]\d\d)\b/);
    }
  });

  it('tell a blocked microphone from a missing one, one in use, and a page that may not ask', () => {
    expect(microphoneTrouble(named('NotAllowedError')).kind).toBe('microphone-denied');
    expect(microphoneTrouble(named('NotFoundError')).kind).toBe('microphone-missing');
    expect(microphoneTrouble(named('NotReadableError')).kind).toBe('microphone-taken');
    expect(microphoneTrouble(named('InsecurePage')).kind).toBe('insecure-page');
    expect(microphoneTrouble('odd').kind).toBe('microphone-failed');
  });

  it('say why a call failed, from the answer and, without one, from the cause', () => {
    expect(callTrouble(486, 'Busy').title).toBe('Busy');
    expect(callTrouble(404, 'Not Found').title).toBe('No such number');
    expect(callTrouble(603, 'Rejected').title).toBe('Declined');
    expect(callTrouble(undefined, 'Connection Error').title).toBe('The connection was lost');
  });

  it('tell how long to wait when the server says so', () => {
    expect(loginTrouble(429, 30).advice).toContain('30 seconds');
    expect(loginTrouble(429, 0).advice).toContain('a minute');
    expect(loginTrouble(401, 0).kind).toBe('login-refused');
    expect(loginTrouble(undefined, 0).kind).toBe('server-gone');
  });
});
