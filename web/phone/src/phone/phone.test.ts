import { afterEach, beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import type { Caller, Leg, LegEars } from './leg';
import type { LineEars } from './line';
import { type LiveCall, rememberCall, type Shelf } from './memory';
import { type Parts, Phone } from './phone';

/** A leg that does what the test says. */
class FakeLeg {
  ears: LegEars | undefined;
  did: string[] = [];
  constructor(
    readonly key: string,
    readonly caller: Caller,
  ) {}
  attach(ears: LegEars) {
    this.ears = ears;
  }
  answer() {
    this.did.push('answer');
    this.ears?.answered();
  }
  decline(status: number) {
    this.did.push(`decline ${status}`);
    this.ears?.ended(undefined);
  }
  hangUp() {
    this.did.push('hangUp');
    this.ears?.ended(undefined);
  }
  abandon() {
    this.ears = undefined;
    this.did.push('abandon');
  }
  mute(on: boolean) {
    this.did.push(`mute ${on}`);
  }
  backOnline() {
    this.did.push('backOnline');
  }
  networkChanged() {
    this.did.push('networkChanged');
  }
}

function shelf(): Shelf {
  const map = new Map<string, string>();
  return { getItem: (k) => map.get(k) ?? null, setItem: (k, v) => void map.set(k, v), removeItem: (k) => void map.delete(k) };
}

let ears: LineEars;
let microphone: { open: () => Promise<MediaStream>; close: Mock<() => void>; choose: () => Promise<undefined> };
let placed: FakeLeg[];
let phones: Phone[];

const live: LiveCall = { id: 'id-1', direction: 'in', name: 'Maria', number: '+358400000001', queue: 'Sales', answered: 1, muted: false, seen: Date.now() };

function phone(kept = shelf(), lasting?: Shelf): Phone {
  const parts: Parts = {
    line: (_issue, lineEars) => {
      ears = lineEars;
      const call = () => {
        const leg = new FakeLeg('out', { id: '', name: '', number: '', queue: '', auto: false });
        placed.push(leg);
        return leg as unknown as Leg;
      };
      return { open: async () => Promise.resolve(), close: () => undefined, isReady: () => true, hurry: () => undefined, networkChanged: () => undefined, call };
    },
    microphone: () => microphone,
    speaker: () => ({ play: () => undefined, stop: () => undefined, choose: async () => Promise.resolve() }),
  };
  const p = new Phone(() => Promise.reject(new Error('not used')), kept, { microphone: '', speaker: '', show: '' }, parts, lasting);
  phones.push(p);
  ears.state({ name: 'ready' });
  return p;
}

function ring(part: Partial<Caller> = {}): FakeLeg {
  const leg = new FakeLeg(`in-${Math.random()}`, { id: 'id-1', name: 'Maria', number: '+358400000001', queue: 'Sales', auto: false, ...part });
  ears.rang(leg as unknown as Leg);
  return leg;
}

const settled = () => new Promise((resolve) => setTimeout(resolve));
const phase = (p: Phone) => p.state.get().call?.phase;

beforeEach(() => {
  placed = [];
  phones = [];
  microphone = { open: () => Promise.resolve({} as MediaStream), close: vi.fn<() => void>(), choose: () => Promise.resolve(undefined) };
  vi.stubGlobal('addEventListener', () => undefined);
  vi.stubGlobal('removeEventListener', () => undefined);
});
afterEach(() => {
  for (const p of phones) p.close();
  vi.unstubAllGlobals();
});

describe('a call that rings', () => {
  it('is answered with the microphone open, and ends with it closed', async () => {
    const p = phone();
    const leg = ring();
    expect(phase(p)).toBe('ringing');
    await p.answer();
    expect(phase(p)).toBe('talking');
    leg.ears?.ended(undefined);
    expect(phase(p)).toBe('over');
    expect(microphone.close).toHaveBeenCalled();
  });

  it('rings on without a microphone, says so, and can be answered later', async () => {
    const p = phone();
    const leg = ring();
    const works = microphone.open;
    microphone.open = () => Promise.reject(Object.assign(new Error(), { name: 'NotAllowedError' }));
    await p.answer();
    expect(phase(p)).toBe('ringing');
    expect(p.state.get().call?.trouble?.kind).toBe('microphone-denied');
    microphone.open = works;
    await p.answer();
    expect(leg.did).toEqual(['answer']);
  });

  it('is not answered when the caller left while the microphone was being opened', async () => {
    const p = phone();
    const leg = ring();
    let open: ((stream: MediaStream) => void) | undefined;
    microphone.open = () => new Promise((resolve) => (open = resolve));
    const answering = p.answer();
    leg.ears?.ended(undefined);
    open?.({} as MediaStream);
    await answering;
    expect(leg.did).toEqual([]);
    expect(phase(p)).toBe('over');
  });

  it('is refused as busy while another one is there', async () => {
    const p = phone();
    ring();
    await p.answer();
    const second = ring({ id: 'id-2' });
    expect(second.did).toEqual(['decline 486']);
    expect(p.state.get().call?.id).toBe('id-1');
  });

  it('is matched also when the events were faster than the INVITE', () => {
    const p = phone();
    const match = { looked: true, count: 1, people: [{ object: 'Contact', id: '003', name: 'Maria Korhonen' }] };
    const told = (id: string) => p.told({ id, direction: 'Inbound', customer: {}, started: '', talk_seconds: 0, wait_seconds: 0, match });
    told('id-1');
    for (let i = 0; i < 15; i++) told(`other-${i}`);
    ring();
    expect(p.state.get().call?.match).toEqual(match);
  });

  it('is declined as a person does it', () => {
    const p = phone();
    const leg = ring();
    p.decline();
    expect(leg.did).toEqual(['decline 603']);
    expect(phase(p)).toBe('over');
  });
});

describe('M5: a call that comes back after a reload', () => {
  it('is answered by itself, goes on with its time, and stays muted', async () => {
    const kept = shelf();
    rememberCall(kept, undefined, { ...live, answered: 12_345, muted: true, seen: Date.now() });
    const p = phone(kept);
    expect(p.state.get().returning).toBe(true);
    const leg = ring({ auto: true });
    await settled();
    expect(leg.did).toEqual(['answer', 'mute true']);
    expect(p.state.get()).toMatchObject({ returning: false, call: { phase: 'talking', answered: 12_345, muted: true } });
  });

  it('rings like any other when this tab did not have it: nobody opens an agent’s microphone from afar', async () => {
    const p = phone();
    const leg = ring({ auto: true });
    await settled();
    expect(leg.did).toEqual([]);
    expect(phase(p)).toBe('ringing');
  });

  it('is not expected when the gateway says that it is over', () => {
    const kept = shelf();
    const record = { id: 'id-1', direction: 'Inbound' as const, customer: {}, started: '', talk_seconds: 0, wait_seconds: 0 };
    rememberCall(kept, undefined, live);
    const p = phone(kept);
    p.goingOn([record]);
    expect(p.state.get().returning).toBe(true);
    p.told({ ...record, over: '2026-11-22T10:00:00Z' });
    expect(p.state.get().returning).toBe(false);
    rememberCall(kept, undefined, live);
    const another = phone(kept);
    another.goingOn([]);
    expect(another.state.get().returning).toBe(false);
  });

  it('is not expected for ever', () => {
    const kept = shelf();
    rememberCall(kept, undefined, { ...live, seen: Date.now() - 601_000 });
    expect(phone(kept).state.get().returning).toBe(false);
  });

  it('takes the place of its own dead leg when the gateway lost that first', async () => {
    const p = phone();
    const first = ring();
    await p.answer();
    const answered = p.state.get().call?.answered;
    const again = ring({ auto: true });
    await settled();
    expect(first.did).toEqual(['answer', 'abandon']);
    expect(again.did).toEqual(['answer']);
    expect(p.state.get().call).toMatchObject({ phase: 'talking', answered });
  });
});

describe('a call that is awaited', () => {
  it('stands there with its time and its customer, as reconnecting', () => {
    const kept = shelf();
    rememberCall(kept, undefined, live);
    const p = phone(kept);
    expect(p.state.get().call).toMatchObject({ phase: 'returning', answered: 1, name: 'Maria', queue: 'Sales' });
    const another = ring({ id: 'id-2' });
    expect(another.did).toEqual(['decline 486']);
  });

  it('is known to a browser that was started anew after a crash, without what is private', async () => {
    const lasting = shelf();
    rememberCall(shelf(), lasting, live);
    expect(lasting.getItem('cordboard.call')).not.toContain('358400000001');
    const p = phone(shelf(), lasting);
    expect(phase(p)).toBe('returning');
    const leg = ring({ auto: true });
    await settled();
    expect(leg.did).toEqual(['answer']);
    expect(p.state.get().call).toMatchObject({ phase: 'talking', answered: 1, name: 'Maria', number: '+358400000001' });
  });

  it('is declined when she does not want it any more', async () => {
    const kept = shelf();
    rememberCall(kept, undefined, live);
    const p = phone(kept);
    p.end();
    expect(phase(p)).toBe('over');
    const leg = ring({ auto: true });
    await settled();
    expect(leg.did).toEqual(['decline 603']);
  });

  it('is not taken back after she has hung up herself', async () => {
    const p = phone();
    ring();
    await p.answer();
    p.end();
    const leg = ring({ auto: true });
    await settled();
    expect(leg.did).toEqual(['decline 603']);
  });

  it('ends when the gateway has found somebody else', () => {
    const kept = shelf();
    rememberCall(kept, undefined, live);
    const p = phone(kept);
    p.notComing('id-2');
    expect(phase(p)).toBe('returning');
    p.notComing('id-1');
    expect(p.state.get()).toMatchObject({ returning: false, call: { phase: 'over', trouble: { kind: 'call-failed' } } });
  });

  it('rings when there is no microphone', async () => {
    const kept = shelf();
    rememberCall(kept, undefined, live);
    microphone.open = () => Promise.reject(Object.assign(new Error(), { name: 'NotAllowedError' }));
    const p = phone(kept);
    ring({ auto: true });
    await settled();
    expect(p.state.get().call).toMatchObject({ phase: 'ringing', trouble: { kind: 'microphone-denied' } });
  });

  it('goes on with its time when the dead leg was hung up before', async () => {
    const p = phone();
    const first = ring();
    await p.answer();
    const answered = p.state.get().call?.answered;
    first.ears?.ended(undefined);
    ring({ auto: true });
    await settled();
    expect(p.state.get().call).toMatchObject({ phase: 'talking', answered });
  });
});

describe('a call that is placed', () => {
  it('goes out cleaned up', async () => {
    const p = phone();
    await p.dial('+358 (0)40 123-4567', '', '');
    expect(p.state.get().call).toMatchObject({ phase: 'calling', number: '+358401234567' });
    placed[0]?.ears?.alerting(false);
    expect(phase(p)).toBe('alerting');
  });

  it('is not placed when it makes no sense, and says why', async () => {
    const p = phone();
    await p.dial('Maria', '', '');
    expect(p.state.get()).toMatchObject({ call: null, trouble: { kind: 'bad-number' } });
  });

  it('says why when there is no microphone', async () => {
    const p = phone();
    microphone.open = () => Promise.reject(Object.assign(new Error(), { name: 'NotFoundError' }));
    await p.dial('1002', '', '');
    expect(p.state.get().call).toMatchObject({ phase: 'over', trouble: { kind: 'microphone-missing' } });
    expect(placed).toEqual([]);
  });

  it('can be given up while the browser still asks for the microphone', async () => {
    const p = phone();
    let open: ((stream: MediaStream) => void) | undefined;
    microphone.open = () => new Promise((resolve) => (open = resolve));
    const dialling = p.dial('1002', '', '');
    p.end();
    open?.({} as MediaStream);
    await dialling;
    expect(placed).toEqual([]);
    expect(phase(p)).toBe('over');
  });
});
