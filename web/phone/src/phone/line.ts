import { UA } from 'jssip';
import type { RTCSessionEvent, UAConfiguration } from 'jssip/lib/UA';
import type { RTCSession } from 'jssip/lib/RTCSession';
import { Refused } from '../api/client';
import type { SipCredentials } from '../api/types';
import { callerOf, type Invite } from './headers';
import { type Caller, Leg } from './leg';
import { SipSocket, socketAddress } from './socket';
import { registrationTrouble, type Trouble } from './trouble';

/** How the phone stands with the gateway. */
export type LineState =
  | { name: 'off' }
  | { name: 'connecting' }
  /** No connection; the next attempt is at retryAt (milliseconds of the epoch). */
  | { name: 'down'; retryAt: number }
  | { name: 'registering' }
  | { name: 'refused'; trouble: Trouble }
  | { name: 'ready' };

export interface LineEars {
  state(state: LineState): void;
  /** A call rings. It has to be taken, declined or refused as busy. */
  rang(leg: Leg): void;
}

/** What the line needs from the API; throws as the Api does. */
export type Issue = () => Promise<SipCredentials>;

/** Seconds; RFC 3261 section 10.2.1.1. */
const REGISTER_EXPIRES = 300;
/** How long before their end credentials are renewed, milliseconds. */
const RENEW_AHEAD_MS = 60_000;
/** First and longest pause before registering again after a refusal, milliseconds. */
const AGAIN_MS = { first: 1_000, longest: 15_000 };
/** Least time between two requests for credentials, milliseconds. */
const ISSUE_PAUSE_MS = 2_000;

/** The agent's line: a socket to the gateway and a registration on it, kept up until it is closed. */
export class Line {
  private ua: UA | undefined;
  private socket: SipSocket | undefined;
  private closed = false;
  private again: ReturnType<typeof setTimeout> | undefined;
  private renewal: ReturnType<typeof setTimeout> | undefined;
  private againMs = AGAIN_MS.first;
  private issuing: Promise<void> | undefined;
  private issuedAt = 0;
  private legs = 0;
  private ready = false;

  /** Seconds between attempts to connect. Fixed, so that a count-down is true; different in each tab, so that a gateway that starts again is not met by all phones at once. */
  private readonly retrySeconds = 1 + Math.floor(Math.random() * 4);

  constructor(
    private readonly issue: Issue,
    private readonly ears: LineEars,
    /** RFC 5626 instance id: the same phone after a reload (W7). */
    private readonly instance: string,
  ) {}

  /** Connects and registers. Errors of the API's first answer are the caller's; from then on the line helps itself. */
  async open(): Promise<void> {
    this.tell({ name: 'connecting' });
    const credentials = await this.issue();
    this.issuedAt = Date.now();
    if (this.isClosed()) return;
    this.begin(credentials);
    this.renewLater(credentials);
  }

  /** Unregisters and disconnects; calls end. */
  close(): void {
    this.closed = true;
    clearTimeout(this.again);
    clearTimeout(this.renewal);
    this.ua?.stop();
    this.ua = undefined;
    this.tell({ name: 'off' });
  }

  isReady(): boolean {
    return this.ready;
  }

  /** Tries at once, instead of when the pause is over: the agent asked, or the network is back. */
  hurry(): void {
    if (this.closed) return;
    if (this.socket?.isConnected() === true) this.ua?.register();
    // start() does nothing once started; its transport is not in the declarations.
    else (this.ua as (UA & { transport: { connect(): void } }) | undefined)?.transport.connect();
  }

  /** The network has changed: the socket may be dead without anyone saying so. */
  networkChanged(): void {
    this.socket?.drop();
  }

  /** Dials. The microphone's stream is sent from the first packet on. Undefined: not connected. */
  call(number: string, stream: MediaStream, show: Shown): Leg | undefined {
    if (!this.ua || !this.ready) return undefined;
    const session = this.ua.call(number, {
      mediaStream: stream,
      mediaConstraints: { audio: true, video: false },
      pcConfig: { iceServers: [] },
      extraHeaders: shownHeaders(show),
    });
    return session.data as Leg;
  }

  private begin(credentials: SipCredentials): void {
    this.socket = new SipSocket(socketAddress(credentials.ws_url, location.href));
    const ua = new UA(configuration(credentials, this.socket, this.instance, this.retrySeconds));
    this.ua = ua;
    ua.on('connecting', () => this.tell({ name: 'connecting' }));
    ua.on('connected', () => this.tell({ name: 'registering' }));
    ua.on('disconnected', () => this.disconnected());
    ua.on('registered', () => this.registered());
    ua.on('unregistered', () => {
      if (this.socket?.isConnected() === true) this.registerLater(undefined);
    });
    ua.on('registrationFailed', ({ response }: { response: { status_code: number } | null }) => {
      // Null when nothing was received, whatever the declaration says.
      this.registerLater(response?.status_code);
    });
    ua.on('newRTCSession', ({ originator, session, request }: RTCSessionEvent) => {
      const from: string = originator;
      const invite: Invite = request;
      if (from === 'local') this.dialled(session);
      else this.rang(session, invite);
    });
    ua.start();
  }

  private dialled(session: RTCSession): void {
    session.data = this.leg(session, { id: '', name: '', number: '', queue: '', auto: false });
  }

  private rang(session: RTCSession, invite: Invite): void {
    this.ears.rang(this.leg(session, callerOf(invite)));
  }

  private leg(session: RTCSession, caller: Caller): Leg {
    return new Leg(`call-${++this.legs}`, caller, session, () => this.ready);
  }

  private registered(): void {
    this.againMs = AGAIN_MS.first;
    clearTimeout(this.again);
    this.tell({ name: 'ready' });
  }

  private disconnected(): void {
    if (this.closed) return;
    this.tell({ name: 'down', retryAt: Date.now() + this.retrySeconds * 1000 });
    // The browser does not say why: perhaps the ticket in the address is no longer good.
    void this.renew();
  }

  private registerLater(status: number | undefined): void {
    if (this.closed || this.socket?.isConnected() !== true) return;
    this.tell({ name: 'refused', trouble: registrationTrouble(status) });
    clearTimeout(this.again);
    this.again = setTimeout(() => {
      void (status === 401 || status === 403 || status === 407 ? this.renew() : Promise.resolve()).then(() => {
        if (!this.isClosed()) this.ua?.register();
      });
    }, this.againMs);
    this.againMs = Math.min(this.againMs * 2, AGAIN_MS.longest);
  }

  /** Asks for new credentials, one request at a time and not too often; a failure waits for the next occasion. */
  private renew(): Promise<void> {
    if (this.issuing) return this.issuing;
    if (Date.now() - this.issuedAt < ISSUE_PAUSE_MS) return Promise.resolve();
    this.issuedAt = Date.now();
    this.issuing = this.issue()
      .then((credentials) => this.use(credentials))
      .catch((error: unknown) => {
        // A 401 is the session's end and has been told to the app by the issuer itself.
        if (!(error instanceof Refused && error.status === 401)) this.renewAt(10_000);
      })
      .finally(() => {
        this.issuing = undefined;
      });
    return this.issuing;
  }

  private use(credentials: SipCredentials): void {
    if (this.closed) return;
    this.ua?.set('authorization_user', credentials.authorization_user);
    this.ua?.set('password', credentials.password);
    this.socket?.aim(socketAddress(credentials.ws_url, location.href));
    this.renewLater(credentials);
  }

  private renewLater(credentials: SipCredentials): void {
    const left = Date.parse(credentials.expires_at) - Date.now();
    // Credentials that live shorter than that are renewed at half their time; a clock that is wrong asks once a minute.
    this.renewAt(Number.isFinite(left) ? Math.max(left - RENEW_AHEAD_MS, left / 2, 30_000) : RENEW_AHEAD_MS);
  }

  private renewAt(ms: number): void {
    clearTimeout(this.renewal);
    if (!this.closed) this.renewal = setTimeout(() => void this.renew(), Math.min(ms, 2 ** 31 - 1));
  }

  private tell(state: LineState): void {
    this.ready = state.name === 'ready';
    this.ears.state(state);
  }

  /** Read anew after an await. */
  private isClosed(): boolean {
    return this.closed;
  }
}

/** What JsSIP is told. */
export function configuration(credentials: SipCredentials, socket: SipSocket, instance: string, retrySeconds: number): UAConfiguration {
  return {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Socket is an interface that is declared as a class
    sockets: [socket],
    uri: credentials.uri,
    authorization_user: credentials.authorization_user,
    password: credentials.password,
    display_name: credentials.display_name,
    instance_id: instance,
    user_agent: 'Cordboard Phone',
    register: true,
    register_expires: REGISTER_EXPIRES,
    // With timers JsSIP refreshes every 45 s, and a refresh that meets a dead socket ends the call (S4, W7).
    session_timers: false,
    connection_recovery_min_interval: retrySeconds,
    connection_recovery_max_interval: retrySeconds,
    // How long it rings is the gateway's business.
    no_answer_timeout: 300,
  };
}

/** The number the callee sees: one of the agent's, "" for her default, "withheld" for none (RFC 3323 section 4.2). */
export type Shown = string;

export const WITHHELD: Shown = 'withheld';

export function shownHeaders(show: Shown): string[] {
  if (show === WITHHELD) return ['Privacy: id'];
  return /^\+?\d+$/.test(show) ? [`X-Cordboard-Display: ${show}`] : [];
}
