import { EventEmitter } from 'node:events';
import type { RTCSession } from 'jssip/lib/RTCSession';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Leg, type LegEars } from './leg';

/** JsSIP's session as the leg sees it. */
class FakeSession extends EventEmitter {
  direction = 'incoming';
  established = true;
  onHold = false;
  sent: string[] = [];
  done: (() => void) | undefined;
  canInsertDTMF = true;
  connection = Object.assign(new EventTarget(), {
    iceConnectionState: 'connected',
    getSenders: () => [{ track: { kind: 'audio' }, dtmf: { canInsertDTMF: this.canInsertDTMF } }],
  });

  isEstablished = () => this.established;
  isOnHold = () => ({ local: this.onHold, remote: false });
  hold = (_options: unknown, done: () => void) => this.reinvite('hold', done, true);
  unhold = (_options: unknown, done: () => void) => this.reinvite('unhold', done, false);
  renegotiate = (options: { rtcOfferConstraints?: unknown }, done: () => void) =>
    this.reinvite(options.rtcOfferConstraints ? 'restart' : 'again', done, this.onHold);
  sendDTMF = (tone: string, { transportType }: { transportType: string }) => this.sent.push(`${transportType} ${tone}`);
  terminate = (options?: { status_code?: number }) => {
    this.sent.push(`terminate ${options?.status_code ?? ''}`.trim());
    this.emit('ended', { originator: 'local', cause: 'Terminated' });
  };

  ice(state: string) {
    this.connection.iceConnectionState = state;
    this.connection.dispatchEvent(new Event('iceconnectionstatechange'));
  }

  private reinvite(what: string, done: () => void, onHold: boolean): boolean {
    this.onHold = onHold;
    this.sent.push(what);
    this.done = done;
    return true;
  }
}

function setUp(reachable = true) {
  const session = new FakeSession();
  const state = { reachable };
  const caller = { id: '', name: '', number: '', queue: '', auto: false };
  const leg = new Leg('a', caller, session as unknown as RTCSession, () => state.reachable);
  const ears = { alerting: vi.fn(), answered: vi.fn(), ended: vi.fn(), held: vi.fn(), heldThere: vi.fn(), sound: vi.fn(), stream: vi.fn() } satisfies LegEars;
  leg.attach(ears);
  return { session, leg, ears, state };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('the candidates of a browser', () => {
  it('S10: are not waited for once there is a usable one', () => {
    const { session } = setUp();
    const ready = vi.fn();
    session.emit('icecandidate', { candidate: { candidate: 'candidate:1 1 udp 2122260223 10.0.0.1 50000 typ host' }, ready });
    expect(ready).toHaveBeenCalledOnce();
  });

  it('S10: are waited for half a second when the first one is of no use', () => {
    const { session } = setUp();
    const ready = vi.fn();
    session.emit('icecandidate', { candidate: { candidate: 'candidate:1 1 tcp 1518280447 10.0.0.1 9 typ host tcptype active' }, ready });
    vi.advanceTimersByTime(499);
    expect(ready).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ready).toHaveBeenCalled();
  });
});

describe('digits', () => {
  it('S5: go as RFC 4733 in the sound', () => {
    const { session, leg } = setUp();
    leg.digit('7');
    expect(session.sent).toEqual(['RFC2833 7']);
  });

  it('M2: go as INFO where telephone-event was not negotiated, and never into a dead socket', () => {
    const { session, leg, state } = setUp();
    session.canInsertDTMF = false;
    leg.digit('7');
    state.reachable = false;
    leg.digit('8');
    expect(session.sent).toEqual(['INFO 7']);
  });

  it('M1: last long enough for every trunk: 160 ms with 70 ms between', () => {
    const { session, leg } = setUp();
    const send = vi.spyOn(session, 'sendDTMF');
    leg.digit('7');
    expect(send).toHaveBeenCalledWith('7', expect.objectContaining({ duration: 160, interToneGap: 70 }));
  });
});

describe('hold', () => {
  it('is told when the gateway has agreed, not before', () => {
    const { session, leg, ears } = setUp();
    expect(leg.hold()).toBe(true);
    expect(ears.held).not.toHaveBeenCalled();
    session.done?.();
    expect(ears.held).toHaveBeenCalledWith(true);
  });

  it('M4: one re-INVITE at a time', () => {
    const { session, leg } = setUp();
    leg.hold();
    expect(leg.resume()).toBe(false);
    expect(session.sent).toEqual(['hold']);
    session.done?.();
    expect(leg.resume()).toBe(true);
  });

  it('W7: sends nothing into a dead socket, which would end the call', () => {
    const { session, leg } = setUp(false);
    expect(leg.hold()).toBe(false);
    session.ice('disconnected');
    vi.advanceTimersByTime(20_000);
    expect(session.sent).toEqual([]);
  });

  it('M4: asks again after 491 instead of ending the call, and gives up by telling the truth', () => {
    const { session, leg, ears } = setUp();
    leg.hold();
    // What JsSIP does with every refusal of a re-INVITE.
    const refuse = () => (session.terminate as (o: unknown) => void)({ cause: 'WebRTC Error', status_code: 500, reason_phrase: 'Hold Failed' });
    refuse();
    vi.advanceTimersByTime(2_000);
    expect(session.sent).toEqual(['hold', 'again']);
    session.done?.();
    expect(ears.held).toHaveBeenCalledWith(true);

    leg.resume();
    for (let i = 0; i < 4; i++) {
      refuse();
      vi.advanceTimersByTime(2_000);
    }
    expect(ears.held).toHaveBeenLastCalledWith(true);
    expect(ears.ended).not.toHaveBeenCalled();
    expect(session.sent).not.toContain('terminate 500');
  });
});

describe('a change of network', () => {
  it('restarts ICE while the socket is up, and again until sound is back', () => {
    const { session, ears } = setUp();
    session.ice('disconnected');
    expect(ears.sound).toHaveBeenCalledWith(true);
    vi.advanceTimersByTime(500);
    session.done?.();
    vi.advanceTimersByTime(4_000);
    expect(session.sent).toEqual(['restart', 'restart']);
    session.ice('connected');
    expect(ears.sound).toHaveBeenLastCalledWith(false);
    session.done?.();
    vi.advanceTimersByTime(60_000);
    expect(session.sent).toEqual(['restart', 'restart']);
  });

  it('is repaired as soon as the phone is registered again', () => {
    const { session, leg, state } = setUp(false);
    session.ice('disconnected');
    vi.advanceTimersByTime(1_000);
    state.reachable = true;
    leg.backOnline();
    expect(session.sent).toEqual(['restart']);
  });

  it('is not mended before there is a call: one that is given back rings before its phone is registered', () => {
    const { session, leg } = setUp();
    session.established = false;
    session.connection = null as unknown as typeof session.connection;
    leg.backOnline();
    expect(session.sent).toEqual([]);
  });

  it('finds a new way after a change of network, though ICE has not noticed, once', () => {
    const { session, leg } = setUp();
    leg.backOnline();
    expect(session.sent).toEqual([]);
    leg.networkChanged();
    leg.backOnline();
    expect(session.sent).toEqual(['restart']);
    session.done?.();
    leg.backOnline();
    expect(session.sent).toEqual(['restart']);
  });

  it('W7: does not end the call by ICE "failed", as JsSIP would, but after 30 s without sound', () => {
    const { session, ears } = setUp(false);
    session.ice('disconnected');
    (session.terminate as (o: unknown) => void)({ cause: 'RTP Timeout', status_code: 408 });
    expect(ears.ended).not.toHaveBeenCalled();
    vi.advanceTimersByTime(29_999);
    expect(ears.ended).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(session.sent).toEqual(['terminate 408']);
  });
});

describe('the end', () => {
  it('needs no words when somebody hung up, and some when not', () => {
    for (const [event, expected] of [
      [{ originator: 'remote', cause: 'Terminated' }, undefined],
      [{ originator: 'local', cause: 'Terminated' }, undefined],
      [{ originator: 'system', cause: 'Connection Error' }, 'call-failed'],
    ] as const) {
      const { session, ears } = setUp();
      session.emit('ended', event);
      expect((ears.ended.mock.lastCall?.[0] as { kind: string } | undefined)?.kind).toBe(expected);
    }
  });

  it('of a call that never came to be: giving up and declining are no trouble, a busy callee is', () => {
    for (const [direction, event, expected] of [
      ['outgoing', { originator: 'local', cause: 'Canceled', message: null }, undefined],
      ['incoming', { originator: 'remote', cause: 'Canceled', message: {} }, undefined],
      ['incoming', { originator: 'local', cause: 'Rejected', message: null }, undefined],
      ['outgoing', { originator: 'remote', cause: 'Busy', message: { status_code: 486 } }, 'Busy'],
      ['outgoing', { originator: 'remote', cause: 'SIP Failure Code', message: { status_code: 503 } }, 'All lines are busy'],
    ] as const) {
      const { session, ears } = setUp();
      session.direction = direction;
      session.emit('failed', event);
      expect((ears.ended.mock.lastCall?.[0] as { title: string } | undefined)?.title).toBe(expected);
    }
  });

  it('is told once', () => {
    const { session, ears } = setUp();
    session.emit('ended', { originator: 'remote', cause: 'Terminated' });
    session.emit('failed', { originator: 'remote', cause: 'Busy', message: null });
    expect(ears.ended).toHaveBeenCalledOnce();
  });
});
