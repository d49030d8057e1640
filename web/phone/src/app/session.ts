import { Api, Refused } from '../api/client';
import { follow } from '../api/events';
import type { ServerEvent } from '../api/sse';
import type { AgentEvent, Availability, AvailabilityType, CallDetails, CallEvent, CallRecord, Colleague, GatewayEvent, Hello, Me } from '../api/types';
import { busy } from '../phone/call';
import { Phone } from '../phone/phone';
import { Store } from '../phone/store';
import { loginTrouble, requestFailed, sessionOver, sessionOverSoon, type Trouble } from '../phone/trouble';
import type { Place } from './address';
import type { Preferences } from './preferences';
import { type Tabs, takeTurns } from './tabs';

const TOKEN = 'cordboard.token';
/** Set while this tab is the phone, so that it is again after a reload, whatever its address. */
const DESK = 'cordboard.desk';
const RECENT = 50;
/** Pause before the first questions are asked again of a server that does not answer, milliseconds. */
const AGAIN_MS = 3_000;

/** An agent at work: who she is, her phone, her calls. */
export interface Work {
  me: Me;
  phone: Phone;
  calls: CallRecord[];
  colleagues: Colleague[];
  /** What the last request of hers met, other than on the phone. */
  trouble: Trouble | undefined;
  /** The gateway takes no new calls: it is about to go away. */
  draining: boolean;
}

/** A call in full, with the agents whose names it needs. */
export interface Details {
  call: CallDetails;
  colleagues: Colleague[];
}

export type SessionState =
  | { stage: 'login'; busy: boolean; trouble: Trouble | undefined }
  /** There is a token from before; the server is asked who we are. retrying: it did not answer. */
  | { stage: 'opening'; retrying: boolean }
  /** Another tab of this browser is this agent's phone. */
  | { stage: 'elsewhere'; name: string }
  /** The tab was opened on a call's details. It is no phone: it registers nothing and waits for no turn. */
  | { stage: 'reading'; me: Me }
  | { stage: 'work'; work: Work };

/** The agent's session with the gateway, from login to logout. The token lives in the tab and nowhere else. */
export class Session {
  readonly state: Store<SessionState>;
  private readonly api: Api;
  private following: AbortController | undefined;
  private tabs: Tabs | undefined;

  constructor(
    base: string,
    private readonly shelf: Storage,
    private readonly preferences: Preferences,
    private readonly address: Store<Place>,
    /** What the browser remembers over a crash. */
    private readonly lasting?: Storage,
  ) {
    this.api = new Api(base);
    this.api.token = shelf.getItem(TOKEN) ?? '';
    this.state = new Store<SessionState>(
      this.api.token === '' ? { stage: 'login', busy: false, trouble: undefined } : { stage: 'opening', retrying: false },
    );
    address.watch(() => this.moved());
    if (this.api.token !== '') void this.open();
  }

  async login(user: string, password: string): Promise<void> {
    this.state.set({ stage: 'login', busy: true, trouble: undefined });
    try {
      const login = await this.api.login(user, password);
      this.api.token = login.token;
      this.shelf.setItem(TOKEN, login.token);
    } catch (error) {
      const [status, wait] = error instanceof Refused ? [error.status, error.retryAfter] : [undefined, 0];
      this.state.set({ stage: 'login', busy: false, trouble: loginTrouble(status, wait) });
      return;
    }
    await this.open();
  }

  async logout(): Promise<void> {
    const { token } = this.api;
    this.leave(undefined);
    // The token is forgotten here whether or not the server hears of it.
    await this.api.logout().catch(() => undefined);
    if (this.api.token === token) this.api.token = '';
  }

  async setAvailability(type: AvailabilityType, minutes: number): Promise<void> {
    const before = this.work()?.me.availability;
    const until = minutes > 0 ? new Date(Date.now() + minutes * 60_000).toISOString() : undefined;
    const wanted: Availability = { type, since: new Date().toISOString(), ...(until === undefined ? {} : { until }) };
    this.changeMe({ availability: wanted });
    this.change({ trouble: undefined });
    try {
      await this.api.setAvailability({ type, ...(until === undefined ? {} : { until }) });
    } catch (error) {
      if (this.unauthorized(error)) return;
      if (before) this.changeMe({ availability: before });
      this.change({ trouble: requestFailed });
    }
  }

  /** All that is known of a call, and the names to tell it with. Throws what the API throws. */
  readonly details = async (id: string): Promise<Details> => {
    try {
      const [call, colleagues] = await Promise.all([this.api.call(id), this.api.colleagues().catch(() => [])]);
      return { call, colleagues };
    } catch (error) {
      this.unauthorized(error);
      throw error;
    }
  };

  /** Makes this tab the phone, unless the other one is on a call. */
  takeOver(): void {
    this.tabs?.ask();
  }

  dismissTrouble(): void {
    this.change({ trouble: undefined });
  }

  /** Finds out who we are and opens the phone. A server that does not answer is asked again; a 401 leads to the login. */
  private async open(): Promise<void> {
    const { token } = this.api;
    for (;;) {
      try {
        const me = await this.api.me();
        if (this.api.token === token) this.settle(me);
        return;
      } catch (error) {
        if (this.unauthorized(error) || this.api.token !== token) return;
        this.state.set({ stage: 'opening', retrying: true });
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      if (this.api.token !== token) return;
    }
  }

  private settle(me: Me): void {
    if (this.address.get().name === 'call' && this.shelf.getItem(DESK) === null) this.state.set({ stage: 'reading', me });
    else this.share(me);
  }

  /** A tab that only showed a call is asked for the phone. */
  private moved(): void {
    const state = this.state.get();
    if (state.stage !== 'reading' || this.address.get().name !== 'phone') return;
    this.state.set({ stage: 'opening', retrying: false });
    this.share(state.me);
  }

  /** One tab of the browser is the phone. */
  private share(me: Me): void {
    this.tabs = takeTurns(me.id, {
      mine: () => this.begin(me),
      elsewhere: () => {
        if (this.work()) this.shelf.removeItem(DESK);
        this.stop();
        this.state.set({ stage: 'elsewhere', name: me.name });
      },
      busy: () => busy(this.work()?.phone.state.get().call ?? null),
    });
  }

  private begin(me: Me): void {
    this.shelf.setItem(DESK, 'yes');
    const phone = new Phone(() => this.issue(), this.shelf, this.preferences.get(), undefined, this.lasting);
    this.state.set({ stage: 'work', work: { me, phone, calls: [], colleagues: [], trouble: undefined, draining: false } });
    this.openLine(phone);
    this.following = new AbortController();
    void follow(this.api, this.following.signal, {
      event: (event) => this.heard(event),
      opened: () => void this.refresh(),
      unauthorized: () => this.expire(),
    });
  }

  /** The very first credentials may fail like everything else; after that the line helps itself. */
  private openLine(phone: Phone): void {
    phone.open().catch((error: unknown) => {
      if (this.unauthorized(error) || this.work()?.phone !== phone) return;
      setTimeout(() => {
        if (this.work()?.phone === phone) this.openLine(phone);
      }, AGAIN_MS);
    });
  }

  private async issue() {
    try {
      return await this.api.sipCredentials();
    } catch (error) {
      this.unauthorized(error);
      throw error;
    }
  }

  private heard(event: ServerEvent): void {
    const data = parse(event.data);
    if (data === undefined) return;
    switch (event.name) {
      case 'hello': {
        const { availability, state, calls, draining } = data as Partial<Hello>;
        this.change({ draining: draining === true });
        this.changeMe({ ...(availability && { availability }), ...(state && { state }) });
        if (calls) this.work()?.phone.goingOn(calls);
        break;
      }
      case 'call':
        this.called(data as Partial<CallEvent>);
        break;
      case 'gateway':
        this.change({ draining: (data as Partial<GatewayEvent>).draining === true });
        break;
      case 'agent': {
        const { availability, state } = data as Partial<AgentEvent>;
        this.changeMe({ ...(availability && { availability }), ...(state && { state }) });
        break;
      }
    }
  }

  private called({ moment, record }: Partial<CallEvent>): void {
    const work = this.work();
    if (!work || !record) return;
    work.phone.told(record);
    // A call that goes on in the queue without us.
    if (moment === 'queued') work.phone.notComing(record.id);
    if (moment === 'over') this.change({ calls: [record, ...work.calls.filter((c) => c.id !== record.id)].slice(0, RECENT) });
  }

  /** What may have changed while nobody told us. */
  private async refresh(): Promise<void> {
    await Promise.all([this.refreshCalls(), this.refreshColleagues()]);
  }

  private async refreshColleagues(): Promise<void> {
    const me = this.work()?.me.id;
    try {
      const all = await this.api.colleagues();
      this.change({ colleagues: all.filter((c) => c.id !== me) });
    } catch (error) {
      this.unauthorized(error);
    }
  }

  private async refreshCalls(): Promise<void> {
    try {
      const calls = await this.api.calls(RECENT);
      // A call that goes on is on the screen already.
      this.change({ calls: calls.filter((c) => c.over !== undefined) });
    } catch (error) {
      // The list stays as it is; calls that end are added to it all the same.
      this.unauthorized(error);
    }
  }

  private unauthorized(error: unknown): boolean {
    if (!(error instanceof Refused && error.status === 401)) return false;
    this.expire();
    return true;
  }

  /** The gateway does not know the session any more. A call is not ended by that: the login waits for its end. */
  private expire(): void {
    const phone = this.work()?.phone;
    if (!phone || !busy(phone.state.get().call)) {
      if (this.api.token !== '') this.leave(sessionOver);
      this.api.token = '';
      return;
    }
    this.change({ trouble: sessionOverSoon });
    const unwatch = phone.state.watch(() => {
      if (busy(phone.state.get().call)) return;
      unwatch();
      if (this.work()?.phone === phone) this.expire();
    });
  }

  private leave(trouble: Trouble | undefined): void {
    this.shelf.removeItem(TOKEN);
    this.shelf.removeItem(DESK);
    this.stop();
    this.tabs?.leave();
    this.tabs = undefined;
    this.state.set({ stage: 'login', busy: false, trouble });
  }

  private stop(): void {
    this.following?.abort();
    this.following = undefined;
    this.work()?.phone.close();
  }

  private work(): Work | undefined {
    const state = this.state.get();
    return state.stage === 'work' ? state.work : undefined;
  }

  private change(part: Partial<Work>): void {
    const work = this.work();
    if (work) this.state.set({ stage: 'work', work: { ...work, ...part } });
  }

  private changeMe(part: Partial<Me>): void {
    const work = this.work();
    if (work) this.change({ me: { ...work.me, ...part } });
  }
}

function parse(data: string): unknown {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
