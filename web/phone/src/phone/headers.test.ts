import { describe, expect, it } from 'vitest';
import { callerOf } from './headers';

function invite(headers: Record<string, string>, name: string | undefined, user: string | undefined) {
  return { getHeader: (n: string) => headers[n], from: { display_name: name, uri: { user } } };
}

describe('what an INVITE tells of the caller', () => {
  it('is the name and number of From, the id, and the queue in UTF-8', () => {
    const caller = callerOf(invite({ 'X-Cordboard-Call': '01abc', 'X-Cordboard-Queue': 'Asiakaspalvelu%20%C3%A4%C3%B6' }, 'Maria', '%2B358400000001'));
    expect(caller).toEqual({ id: '01abc', name: 'Maria', number: '+358400000001', queue: 'Asiakaspalvelu äö', auto: false });
  });

  it('prefers the asserted identity', () => {
    const caller = callerOf(invite({ 'P-Asserted-Identity': '"Korhonen, \\"Maria\\"" <sip:+358400000001@carrier.example;user=phone>' }, 'x', '999'));
    expect(caller).toMatchObject({ name: 'Korhonen, "Maria"', number: '+358400000001' });
    expect(callerOf(invite({ 'P-Asserted-Identity': '<tel:+358400000001>' }, undefined, '999'))).toMatchObject({ name: '', number: '+358400000001' });
  });

  it('knows a withheld number by all its names', () => {
    for (const user of ['anonymous', 'Anonymous', 'unknown', '', undefined])
      expect(callerOf(invite({}, 'Anonymous', user))).toMatchObject({ name: '', number: '' });
  });

  it('does not show a number twice', () => {
    expect(callerOf(invite({}, '+358400000001', '+358400000001')).name).toBe('');
  });

  it('strips what could dress a caller up, and bounds it', () => {
    const caller = callerOf(invite({ 'X-Cordboard-Queue': '%E0%A4%A' }, `\u202Eevil\u0007${'x'.repeat(500)}`, '1'));
    expect(caller.name).toMatch(/^evilx{196}$/);
    expect(caller.queue).toBe('%E0%A4%A');
  });

  it('answers by itself only on the exact word', () => {
    expect(callerOf(invite({ 'X-Cordboard-Answer': ' Auto ' }, '', '1')).auto).toBe(true);
    expect(callerOf(invite({ 'X-Cordboard-Answer': 'automatic' }, '', '1')).auto).toBe(false);
  });
});
