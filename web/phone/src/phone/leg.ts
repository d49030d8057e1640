import type { OutgoingEvent, RTCSession } from 'jssip/lib/RTCSession';
import type { DTMF_TRANSPORT } from 'jssip/lib/Constants';
import { isUsable, patience } from './ice';
import { callTrouble, type Trouble } from './trouble';

/** Who hears what happens to a leg. */
export interface LegEars {
  /** The far side is being alerted; early: it sends its own sound already, so we make no ringing tone. */
  alerting(early: boolean): void;
  answered(): void;
  /** The call is over; the trouble says why where that needs saying. Called exactly once. */
  ended(trouble: Trouble | undefined): void;
  /** The answer to hold() and resume(). */
  held(on: boolean): void;
  heldThere(on: boolean): void;
  sound(lost: boolean): void;
  /** What is to be heard. */
  stream(stream: MediaStream): void;
}

/** What the gateway says of a call in the INVITE itself. */
export interface Caller {
  /** The gateway's id of the call; empty when it gave none. */
  id: string;
  name: string;
  number: string;
  queue: string;
  /** Answer by itself: the gateway gives a call back that this phone had before. */
  auto: boolean;
}

const RESTART_PAUSE_MS = 4_000;
/** How long a call may be without a sound path before it is given up, milliseconds. The gateway waits as long. */
const SOUND_PATIENCE_MS = 30_000;
const REOFFERS = 3;

/** One call's signalling and sound: JsSIP's session, with its sharp edges taken off. */
export class Leg {
  private ears: LegEars | undefined;
  private over = false;
  private restart: ReturnType<typeof setTimeout> | undefined;
  private patience: ReturnType<typeof setTimeout> | undefined;
  private reoffers = 0;
  /** The network has changed: the way of the sound may be dead though ICE has not noticed yet. */
  private moved = false;
  /** A hold, a resume or an ICE restart that is waiting for its answer. */
  private reoffering: (() => void) | undefined;

  constructor(
    readonly key: string,
    readonly caller: Caller,
    private readonly session: RTCSession,
    /** Whether a request could be sent now. A request on a dead socket ends the call (JsSIP onTransportError). */
    private readonly reachable: () => boolean,
  ) {
    this.keepAlive();
    this.listen();
  }

  /** Where events go from now on. */
  attach(ears: LegEars): void {
    this.ears = ears;
  }

  answer(stream: MediaStream): void {
    this.session.answer({ mediaStream: stream, pcConfig: { iceServers: [] } });
  }

  /** Refuses a call that rings: 486 because the agent is busy, 603 because she said no (RFC 3261 sections 21.4.24, 21.6.2). */
  decline(status: 486 | 603): void {
    if (!this.over) this.session.terminate({ status_code: status });
  }

  hangUp(): void {
    if (!this.over) this.session.terminate();
  }

  /** Leaves without a word to the gateway, which has already put another leg in this one's place. */
  abandon(): void {
    this.ears = undefined;
    this.hangUp();
  }

  hold(): boolean {
    return this.reoffer(() => this.ears?.held(true), (done) => this.session.hold({}, done));
  }

  resume(): boolean {
    return this.reoffer(() => this.ears?.held(false), (done) => this.session.unhold({}, done));
  }

  mute(on: boolean): void {
    if (on) this.session.mute({ audio: true });
    else this.session.unmute({ audio: true });
  }

  /** Plays a DTMF tone to the far side: RFC 4733 in the sound stream where that was negotiated, else SIP INFO. */
  digit(tone: string): void {
    const rtp = this.audioSender()?.dtmf?.canInsertDTMF === true;
    const transport: string = rtp ? 'RFC2833' : 'INFO';
    if (!rtp && !this.reachable()) return;
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the enum exists in the declarations only
    this.session.sendDTMF(tone, { duration: 160, interToneGap: 70, transportType: transport as DTMF_TRANSPORT });
  }

  /** Takes another microphone into the call; nothing is negotiated. */
  async useMicrophone(track: MediaStreamTrack): Promise<void> {
    const sender = this.audioSender();
    if (sender?.track) track.enabled = sender.track.enabled;
    await sender?.replaceTrack(track);
  }

  /** The phone is registered again: what waited for that goes on. */
  backOnline(): void {
    // A call that is given back rings before the phone knows that it is registered; there is no sound to mend yet.
    if (this.session.isEstablished() && (this.moved || this.soundState() !== 'up')) this.restartSound();
  }

  /** The machine has another network. As soon as the phone is registered again, the sound looks for a new way. */
  networkChanged(): void {
    this.moved = true;
  }

  private listen(): void {
    const s = this.session;
    s.on('icecandidate', ({ candidate, ready }) => {
      // Gathering may take 10-40 s (JsSIP #940). The gateway is ICE-lite: it learns our addresses from our checks, so
      // one usable candidate is enough, and after a while none is needed.
      if (isUsable(candidate)) ready();
      else setTimeout(ready, patience);
    });
    s.on('peerconnection', ({ peerconnection }) => this.watch(peerconnection));
    // An outgoing session has its connection before anyone can listen for it.
    const connection = s.connection as RTCPeerConnection | null | undefined;
    if (connection) this.watch(connection);
    // Our own 180 to a caller comes by as progress too, without a response.
    s.on('progress', (e: Partial<OutgoingEvent>) => {
      if (e.response) this.ears?.alerting(e.response.body !== '');
    });
    s.on('accepted', () => this.ears?.answered());
    s.on('confirmed', () => this.ears?.answered());
    s.on('hold', (e) => this.farHold(e.originator, true));
    s.on('unhold', (e) => this.farHold(e.originator, false));
    s.on('ended', (e) => this.end(endTrouble(e.originator, e.cause)));
    s.on('failed', (e) => this.end(failTrouble(s.direction, e.originator, statusOf(e.message), e.cause)));
  }

  private farHold(originator: string, on: boolean): void {
    if (originator === 'remote') this.ears?.heldThere(on);
  }

  private watch(connection: RTCPeerConnection): void {
    connection.addEventListener('track', (e) => {
      this.ears?.stream(e.streams[0] ?? new MediaStream([e.track]));
    });
    connection.addEventListener('iceconnectionstatechange', () => this.soundChanged());
  }

  private soundState(): 'new' | 'up' | 'lost' {
    switch (this.session.connection.iceConnectionState) {
      case 'connected':
      case 'completed':
        return 'up';
      case 'disconnected':
      case 'failed':
        return 'lost';
      case 'new':
      case 'checking':
      case 'closed':
        return 'new';
    }
  }

  private soundChanged(): void {
    switch (this.soundState()) {
      case 'up':
        clearTimeout(this.restart);
        clearTimeout(this.patience);
        this.restart = this.patience = undefined;
        this.ears?.sound(false);
        break;
      case 'lost':
        this.ears?.sound(true);
        this.patience ??= setTimeout(() => this.giveUpSound(), SOUND_PATIENCE_MS);
        this.restart ??= setTimeout(() => this.restartSound(), 500);
        break;
      case 'new':
        break;
    }
  }

  /** After a change of network: new candidates on both sides (RFC 8839 section 4.4.1), while the socket is there. */
  private restartSound(): void {
    clearTimeout(this.restart);
    this.restart = undefined;
    if (this.over || (!this.moved && this.soundState() === 'up')) return;
    this.restart = setTimeout(() => this.restartSound(), RESTART_PAUSE_MS);
    if (!this.session.isEstablished()) return;
    this.moved = false;
    this.reoffer(() => undefined, (done) => this.session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, done));
  }

  private giveUpSound(): void {
    if (this.over || this.soundState() === 'up') return;
    this.session.terminate({ status_code: 408, reason_phrase: 'Media Lost' });
  }

  /** Sends one re-INVITE at a time, and none into a dead socket. False: not now. */
  private reoffer(answered: () => void, send: (done: () => void) => boolean): boolean {
    if (this.over || this.reoffering || !this.reachable()) return false;
    this.reoffers = 0;
    this.reoffering = answered;
    const sent = send(() => this.reofferDone());
    if (!sent) this.reoffering = undefined;
    return sent;
  }

  private reofferDone(): void {
    const answered = this.reoffering;
    this.reoffering = undefined;
    answered?.();
  }

  /**
   * JsSIP ends a call for two things that a call survives: ICE "failed", which a restart repairs, and a re-INVITE that
   * was refused, as by 491 when both sides sent one (RFC 3261 section 14.1). Both go through its terminate().
   */
  private keepAlive(): void {
    const session = this.session;
    const terminate = session.terminate.bind(session);
    session.terminate = (options) => {
      if (session.isEstablished() && options?.cause === 'RTP Timeout') return;
      if (session.isEstablished() && options?.cause === 'WebRTC Error' && this.reoffering) {
        this.reofferAgain();
        return;
      }
      terminate(options);
    };
  }

  private reofferAgain(): void {
    if (++this.reoffers > REOFFERS) {
      // Hold did not come about: tell the agent what is true, that the far side may hear her.
      this.reoffering = undefined;
      const onHold = this.session.isOnHold().local;
      this.ears?.held(!onHold);
      return;
    }
    // RFC 3261 section 14.1: between 2.1 and 4 s for the owner of the Call-ID, 0 to 2 s for the other.
    const owner = (this.session.direction as string) === 'outgoing';
    const pause = owner ? 2_100 + Math.random() * 1_900 : Math.random() * 2_000;
    setTimeout(() => {
      if (!this.over && this.reachable()) this.session.renegotiate({}, () => this.reofferDone());
    }, pause);
  }

  private audioSender(): RTCRtpSender | undefined {
    const connection = this.session.connection as RTCPeerConnection | null;
    return connection?.getSenders().find((sender) => sender.track?.kind === 'audio');
  }

  private end(trouble: Trouble | undefined): void {
    if (this.over) return;
    this.over = true;
    clearTimeout(this.restart);
    clearTimeout(this.patience);
    this.ears?.ended(trouble);
  }
}

/** An established call that ended needs words only when nobody hung up. */
function endTrouble(originator: string, cause: string): Trouble | undefined {
  if (cause === 'Terminated' || originator === 'local') return undefined;
  return callTrouble(undefined, cause);
}

/** A call that never came to be: declining and giving up are no trouble, nor is a caller who left before the answer. */
function failTrouble(direction: string, originator: string, status: number | undefined, cause: string): Trouble | undefined {
  if (cause === 'Canceled') return undefined;
  if (cause === 'Rejected' && originator === 'local') return undefined;
  if (direction === 'incoming' && (cause === 'No Answer' || cause === 'Expires')) return undefined;
  return callTrouble(status, cause);
}

function statusOf(message: unknown): number | undefined {
  if (typeof message !== 'object' || message === null || !('status_code' in message)) return undefined;
  return typeof message.status_code === 'number' ? message.status_code : undefined;
}
