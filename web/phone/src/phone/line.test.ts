import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { configuration, shownHeaders, WITHHELD } from './line';
import { instanceId } from './memory';
import { SipSocket, socketAddress } from './socket';

const credentials = { uri: 'sip:1001@gateway', authorization_user: '1001', password: 'x', ws_url: '/sip', expires_at: '', display_name: 'Anna' };
const socket = new SipSocket(new URL('wss://gateway/sip'));

describe('what JsSIP is told', () => {
  const told = configuration(credentials, socket, '01234567-0123-4123-8123-0123456789ab', 3);

  it('S4: no session timers', () => {
    expect(told.session_timers).toBe(false);
  });

  it('W7: the same instance after a reload, and a short pause before connecting again', () => {
    const shelf = new Map<string, string>();
    const storage = { getItem: (k: string) => shelf.get(k) ?? null, setItem: (k: string, v: string) => void shelf.set(k, v), removeItem: (k: string) => void shelf.delete(k) };
    const instance = instanceId(storage);
    expect(instance).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(instanceId(storage)).toBe(instance);
    expect(told.connection_recovery_min_interval).toBe(told.connection_recovery_max_interval);
    expect(told.connection_recovery_max_interval).toBeLessThanOrEqual(5);
  });

  it('S8: registers for 300 s; JsSIP raises anything under 10 s', () => {
    expect(told.register_expires).toBe(300);
  });

  it('is accepted by JsSIP', async () => {
    const { default: JsSIP } = (await import('jssip')) as unknown as { default: typeof import('jssip') };
    expect(() => new JsSIP.UA(told)).not.toThrow();
  });
});

describe('S9: JsSIP', () => {
  it('is pinned at a version that numbers the ACK of a re-INVITE rightly (3.13.8 or later)', () => {
    const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { dependencies: Record<string, string> };
    expect(dependencies['jssip']).toMatch(/^\d+\.\d+\.\d+$/);
    const { version } = createRequire(import.meta.url)('jssip/package.json') as { version: string };
    expect(version).toBe(dependencies['jssip']);
    const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
    expect(major * 1e6 + minor * 1e3 + patch).toBeGreaterThanOrEqual(3_013_008);
  });
});

describe('every version', () => {
  it('is pinned exactly, and the lock file names no registry', () => {
    const read = (name: string) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>;
    for (const version of Object.values({ ...dependencies, ...devDependencies })) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(read('package-lock.json')).not.toContain('"resolved"');
  });
});

describe('the address of the socket', () => {
  it.each([
    ['/sip', 'https://gateway.example/phone/', 'wss://gateway.example/sip'],
    ['/sip', 'http://127.0.0.1:8080/phone/', 'ws://127.0.0.1:8080/sip'],
    ['wss://sip.example/sip?ticket=a', 'https://gateway.example/phone/', 'wss://sip.example/sip?ticket=a'],
  ])('%s on %s is %s', (given, page, address) => {
    expect(socketAddress(given, page).href).toBe(address);
  });

  it('may change between two connects', () => {
    const s = new SipSocket(new URL('ws://a:1/sip?ticket=1'));
    s.aim(new URL('ws://a:1/sip?ticket=2'));
    expect(s.url).toBe('ws://a:1/sip?ticket=2');
    expect(s.sip_uri).toBe('sip:a:1;transport=ws');
  });
});

describe('the number shown to the callee', () => {
  it('goes in a header; withheld is RFC 3323 privacy; what is no number goes nowhere', () => {
    expect(shownHeaders('+358293000100')).toEqual(['X-Cordboard-Display: +358293000100']);
    expect(shownHeaders(WITHHELD)).toEqual(['Privacy: id']);
    expect(shownHeaders('')).toEqual([]);
    expect(shownHeaders('1\r\nVia: x')).toEqual([]);
  });
});
