import type { CallRecord } from '../api/types';
import { after, busy, type Call, type CallEvent, talking } from './call';
import type { Leg } from './leg';
import { type Issue, Line, type LineEars, type LineState, type Shown } from './line';
import { forgetCall, GRACE_MS, instanceId, type LiveCall, rememberCall, rememberedCall, type Shelf } from './memory';
import { Microphone } from './microphone';
import { cleanNumber } from './number';
import { Speaker } from './speaker';
import { Store } from './store';
import { Tones } from './tones';
import { microphoneTrouble, notRegistered, notReturned, numberTrouble, soundBlocked, type Trouble } from './trouble';

export interface PhoneState {
  line: LineState;
  call: Call | null;
  /** What the agent has to know, until dismissed or mended. */
  trouble: Trouble | undefined;
  /** The gateway is giving back the call that this tab had before its reload. */
  returning: boolean;
}

export interface Preferences {
  /** Device ids; empty: what the system prefers. */
  microphone: string;
  speaker: string;
  /** The number to show to those who are called. */
  show: Shown;
}

/** What the phone is made of; tests put other things in. */
export interface Parts {
  line(issue: Issue, ears: LineEars, instance: string): Pick<Line, 'open' | 'close' | 'isReady' | 'hurry' | 'networkChanged' | 'call'>;
  microphone(device: string): Pick<Microphone, 'open' | 'close' | 'choose'>;
  speaker(blocked: (on: boolean) => void): Pick<Speaker, 'play' | 'stop' | 'choose'>;
}

const real: Parts = {
  line: (issue, ears, instance) => new Line(issue, ears, instance),
  microphone: (device) => new Microphone(device),
  speaker: (blocked) => new Speaker(blocked),
};

/** How soon the gateway notices that a phone was away, milliseconds. */
const NOTICED_MS = 5_000;

/** How many records of calls are remembered. */
const RECORDS = 20;

/** The agent's telephone: one line, one call at a time, a microphone, a speaker and a bell. No page needed. */
export class Phone {
  readonly state = new Store<PhoneState>({ line: { name: 'off' }, call: null, trouble: undefined, returning: false });
  readonly tones = new Tones();

  private readonly line: ReturnType<Parts['line']>;
  private readonly microphone: ReturnType<Parts['microphone']>;
  private readonly speaker: ReturnType<Parts['speaker']>;
  private leg: Leg | undefined;
  /** The last records the gateway told of, by id. */
  private readonly records = new Map<string, CallRecord>();
  /** The call before the reload, until it is back or given up. */
  private lost: LiveCall | undefined;
  /** The microphone, while a call is awaited. */
  private warm: Promise<MediaStream> | undefined;
  private expecting: ReturnType<typeof setTimeout> | undefined;
  /** What kind of network the machine is on, where the browser tells. */
  private network = connection()?.type;
  /** The call that she does not want back. */
  private givenUp = '';
  private readonly heartbeat: ReturnType<typeof setInterval>;

  constructor(
    issue: Issue,
    /** What the tab remembers over a reload … */
    private readonly shelf: Shelf,
    preferences: Preferences,
    parts: Parts = real,
    /** … and the browser over a crash; undefined: nothing. */
    private readonly lasting?: Shelf,
  ) {
    this.microphone = parts.microphone(preferences.microphone);
    this.speaker = parts.speaker((blocked) => this.trouble(blocked ? soundBlocked : undefined, 'sound-blocked'));
    if (preferences.speaker !== '') this.speaker.choose(preferences.speaker).catch(() => undefined);
    this.line = parts.line(issue, { state: (line) => this.lineChanged(line), rang: (leg) => this.rang(leg) }, instanceId(shelf));
    this.lost = rememberedCall(Date.now(), shelf, lasting);
    if (this.lost) this.expectReturn(this.lost);
    this.heartbeat = setInterval(() => this.remember(), 2_000);
    addEventListener('online', this.networkChanged);
    connection()?.addEventListener('change', this.connectionChanged);
    addEventListener('pagehide', this.remember);
  }

  /** Connects and registers. Throws what the API throws at the first attempt. */
  open(): Promise<void> {
    return this.line.open();
  }

  close(): void {
    removeEventListener('online', this.networkChanged);
    connection()?.removeEventListener('change', this.connectionChanged);
    removeEventListener('pagehide', this.remember);
    clearInterval(this.heartbeat);
    clearTimeout(this.expecting);
    this.leg?.hangUp();
    this.line.close();
    this.microphone.close();
    this.tones.close();
    forgetCall(this.shelf, this.lasting);
  }

  /** Calls a number as typed or pasted. */
  async dial(input: string, name: string, show: Shown): Promise<void> {
    if (busy(this.call())) return;
    this.trouble(undefined);
    const dialled = cleanNumber(input);
    if (!dialled.ok) this.trouble(numberTrouble(dialled.why));
    else if (!this.line.isReady()) this.trouble(notRegistered);
    else await this.place(dialled.number, name, show);
  }

  private async place(number: string, name: string, show: Shown): Promise<void> {
    const key = `dial-${Date.now()}`;
    this.notLost();
    this.tell({ type: 'dialled', key, at: Date.now(), name, number });
    let stream: MediaStream;
    try {
      stream = await this.microphone.open();
    } catch (error) {
      if (this.wanted(key)) this.fail(key, microphoneTrouble(error));
      return;
    }
    if (!this.wanted(key)) return;
    const leg = this.line.call(number, stream, show);
    if (leg) this.take(leg, key);
    else this.fail(key, notRegistered);
  }

  /** Takes the call that rings. */
  async answer(): Promise<void> {
    const { leg } = this;
    const call = this.call();
    if (!leg || call?.phase !== 'ringing') return;
    this.tones.stop();
    this.tell({ type: 'answering', key: call.key });
    try {
      const stream = await this.microphone.open();
      if (this.leg === leg) leg.answer(stream);
    } catch (error) {
      if (this.leg !== leg) return;
      this.tell({ type: 'answer-failed', key: call.key, trouble: microphoneTrouble(error) });
      this.tones.ring();
    }
  }

  decline(): void {
    if (this.call()?.phase === 'ringing') this.leg?.decline(603);
  }

  /** Ends whatever call there is: declines it, gives it up, or hangs up. */
  end(): void {
    const call = this.call();
    if (!busy(call)) return;
    if (call.phase === 'ringing') return this.decline();
    if (call.answered > 0) this.givenUp = call.id; // whatever the gateway makes of it, she does not want it back
    if (this.leg) this.leg.hangUp();
    else this.giveUp(call);
  }

  toggleMute(): void {
    const call = this.call();
    if (!talking(call) || !this.leg) return;
    this.leg.mute(!call.muted);
    this.tell({ type: 'muted', key: call.key, on: !call.muted });
    this.remember();
  }

  toggleHold(): void {
    const call = this.call();
    if (!talking(call) || !this.leg) return;
    if (call.hold === 'no' && this.leg.hold()) this.tell({ type: 'hold-asked', key: call.key });
    else if (call.hold === 'held' && this.leg.resume()) this.tell({ type: 'resume-asked', key: call.key });
  }

  /** Sends a DTMF tone: 0-9 * # A-D. */
  digit(tone: string): void {
    const call = this.call();
    this.tones.key(tone);
    if (!talking(call)) return;
    this.leg?.digit(tone);
    this.tell({ type: 'digit', key: call.key, tone });
  }

  /** Puts the ended call off the screen. */
  dismiss(): void {
    const call = this.call();
    this.trouble(undefined);
    if (call) this.tell({ type: 'dismissed', key: call.key });
  }

  dismissTrouble(): void {
    this.trouble(undefined);
  }

  /** Lets the agent hear how a call will ring. */
  ringOnce(): void {
    if (busy(this.call())) return;
    this.tones.ring();
    setTimeout(() => {
      if (!busy(this.call())) this.tones.stop();
    }, 2_500);
  }

  /** What the gateway says of a call. It may come before the call itself: the two take different connections. */
  told(record: CallRecord): void {
    this.records.delete(record.id);
    this.records.set(record.id, record);
    const [oldest] = this.records.keys();
    if (this.records.size > RECORDS && oldest !== undefined) this.records.delete(oldest);
    this.tell({ type: 'told', record });
    if (record.over !== undefined) this.notComing(record.id);
  }

  /** All calls of the agent that go on, by what the gateway knows now: one that is missing will not come back. */
  goingOn(records: readonly CallRecord[]): void {
    for (const record of records) this.told(record);
    const { lost } = this;
    if (!lost) return;
    const record = records.find(({ id }) => id === lost.id);
    if (!record) this.notComing(lost.id);
    // The gateway may not have noticed yet that we were away. One that does not say so soon has found somebody else.
    else if (record.away !== true) this.expectUntil(Date.now() + NOTICED_MS);
    else this.expectUntil(lost.seen + GRACE_MS);
  }

  /** The gateway has put the customer through to somebody else, or he has gone. */
  notComing(id: string): void {
    if (this.lost?.id !== id) return;
    const call = this.call();
    this.notLost();
    if (call?.phase === 'returning' && call.id === id && !this.leg) {
      this.microphone.close();
      this.tell({ type: 'ended', key: call.key, at: Date.now(), trouble: notReturned });
      this.tones.ended();
    }
  }

  tryNow(): void {
    this.line.hurry();
  }

  async useMicrophone(device: string): Promise<void> {
    try {
      const track = await this.microphone.choose(device);
      if (track) await this.leg?.useMicrophone(track);
    } catch (error) {
      this.trouble(microphoneTrouble(error));
    }
  }

  async useSpeaker(device: string): Promise<void> {
    await this.speaker.choose(device).catch(() => undefined);
  }

  private rang(leg: Leg): void {
    const mine = this.lost?.id ?? this.call()?.id ?? '';
    // The gateway may make this phone answer only for a call its agent had already taken: nobody else opens her microphone.
    const back = leg.caller.auto && mine !== '' && leg.caller.id === mine;
    if (back && leg.caller.id === this.givenUp) return leg.decline(603);
    if (back) return this.givenBack(leg);
    if (busy(this.call())) return leg.decline(486);

    const { id, name, number, queue } = leg.caller;
    this.trouble(undefined);
    this.tell({ type: 'rang', key: leg.key, at: Date.now(), id, name, number, queue });
    const record = this.records.get(id);
    if (record) this.tell({ type: 'told', record });
    this.take(leg, leg.key);
    this.tones.ring();
  }

  /** The gateway gives a call back: after a reload, or because it lost the old leg before we did. */
  private givenBack(leg: Leg): void {
    const call = this.call();
    if (call && call.id === leg.caller.id && call.answered > 0) {
      this.lost ??= live(call);
      this.leg?.abandon();
      this.leg = undefined;
    }
    const { id, name, number } = leg.caller;
    this.tell({ type: 'given-back', key: leg.key, id, name, number });
    this.take(leg, leg.key);
    void this.takeBack(leg);
  }

  private async takeBack(leg: Leg): Promise<void> {
    try {
      const stream = await (this.warm?.catch(() => this.microphone.open()) ?? this.microphone.open());
      if (this.leg === leg) leg.answer(stream);
    } catch (error) {
      if (this.leg !== leg) return;
      this.tell({ type: 'answer-failed', key: leg.key, trouble: microphoneTrouble(error) });
      this.tones.ring();
    }
  }

  private take(leg: Leg, key: string): void {
    this.leg = leg;
    leg.attach({
      alerting: (early) => {
        this.tell({ type: 'alerting', key });
        if (this.call()?.phase !== 'alerting') return;
        if (early) this.tones.stop();
        else this.tones.ringback();
      },
      answered: () => this.answered(leg, key),
      ended: (trouble) => this.ended(leg, key, trouble),
      held: (on) => this.tell({ type: on ? 'held' : 'resumed', key }),
      heldThere: (on) => this.tell({ type: 'held-there', key, on }),
      sound: (lost) => this.tell({ type: 'sound', key, lost }),
      stream: (stream) => this.speaker.play(stream),
    });
  }

  private answered(leg: Leg, key: string): void {
    this.tones.stop();
    const { lost } = this;
    const back = lost !== undefined && lost.id === leg.caller.id;
    this.tell({ type: 'answered', key, at: back ? lost.answered : Date.now() });
    if (back && lost.muted) {
      leg.mute(true);
      this.tell({ type: 'muted', key, on: true });
    }
    this.notLost();
    this.remember();
  }

  private ended(leg: Leg, key: string, trouble: Trouble | undefined): void {
    if (this.leg !== leg) return;
    const was = this.call();
    this.leg = undefined;
    this.microphone.close();
    this.speaker.stop();
    this.tell({ type: 'ended', key, at: Date.now(), trouble });
    if (was?.direction === 'out' && trouble) this.tones.busy();
    else if (talking(was)) this.tones.ended();
    else this.tones.stop();
    this.notLost();
    forgetCall(this.shelf, this.lasting);
  }

  /** Whether the call is still to be made: she may give up while the browser asks for the microphone. */
  private wanted(key: string): boolean {
    const call = this.call();
    return call?.key === key && busy(call);
  }

  /** She ends a call that is being dialled, or one that is not back yet: should it come, it is declined. */
  private giveUp(call: Call): void {
    this.notLost();
    this.microphone.close();
    this.tell({ type: 'ended', key: call.key, at: Date.now(), trouble: undefined });
  }

  /** A call that never left the phone. */
  private fail(key: string, trouble: Trouble): void {
    this.microphone.close();
    this.tell({ type: 'ended', key, at: Date.now(), trouble });
  }

  private lineChanged(line: LineState): void {
    this.change({ line });
    if (line.name !== 'ready') return;
    this.trouble(undefined, 'not-registered');
    this.leg?.backOnline();
  }

  private readonly networkChanged = (): void => {
    this.leg?.networkChanged();
    this.line.networkChanged();
    this.line.hurry();
  };

  /** The browser tells of every change of the round trip, too; what counts is Wi-Fi in the place of cellular. */
  private readonly connectionChanged = (): void => {
    const type = connection()?.type;
    if (type !== this.network) this.networkChanged();
    this.network = type;
  };

  private readonly remember = (): void => {
    const call = this.call();
    if (talking(call) && call.id !== '') rememberCall(this.shelf, this.lasting, live(call));
  };

  private expectReturn(lost: LiveCall): void {
    this.change({ returning: true });
    this.tell({ type: 'awaited', key: `lost-${lost.id}`, live: lost });
    // It was open before, and a browser that has just been started takes its time. What is wrong with it, takeBack says.
    this.warm = this.microphone.open();
    this.warm.catch(() => undefined);
    this.expectUntil(lost.seen + GRACE_MS);
  }

  private expectUntil(at: number): void {
    clearTimeout(this.expecting);
    const { lost } = this;
    if (lost) this.expecting = setTimeout(() => this.notComing(lost.id), at - Date.now());
  }

  /** No call is to come back, or it is back. */
  private notLost(): void {
    clearTimeout(this.expecting);
    this.lost = undefined;
    this.warm = undefined;
    if (!talking(this.call())) forgetCall(this.shelf, this.lasting);
    this.change({ returning: false });
  }

  private call(): Call | null {
    return this.state.get().call;
  }

  private tell(event: CallEvent): void {
    this.change({ call: after(this.call(), event) });
  }

  /** Sets the trouble, or clears it: any, or only that of one kind. */
  private trouble(trouble: Trouble | undefined, kind?: Trouble['kind']): void {
    const now = this.state.get().trouble;
    if (trouble === undefined && kind !== undefined && now?.kind !== kind) return;
    this.change({ trouble });
  }

  private change(part: Partial<PhoneState>): void {
    const now = this.state.get();
    const changed = (Object.keys(part) as (keyof PhoneState)[]).some((key) => !Object.is(now[key], part[key]));
    if (changed) this.state.set({ ...now, ...part });
  }
}

function live({ id, direction, name, number, queue, answered, muted }: Call): LiveCall {
  return { id, direction, name, number, queue, answered, muted, seen: Date.now() };
}

/** The machine's network, where the browser tells of it (https://wicg.github.io/netinfo). */
function connection(): (EventTarget & { type?: string }) | undefined {
  return (globalThis as { navigator?: { connection?: EventTarget & { type?: string } } }).navigator?.connection;
}
