// One call as the agent sees it: a value and the events that change it. Pure; the browser is elsewhere.
import type { CallRecord, Match } from '../api/types';
import type { LiveCall } from './memory';
import type { Trouble } from './trouble';

/** Where the call stands. */
export type Phase =
  | 'ringing' // it rings here
  | 'answering' // the agent took it; the microphone and the sound path are being opened
  | 'calling' // we dialled; nothing rings yet
  | 'alerting' // it rings there
  | 'talking'
  | 'returning' // we talked; the connection was lost, and the gateway gives the call back
  | 'over';

/** Our side's hold: each change is a question to the gateway (re-INVITE) that takes a moment. */
export type Hold = 'no' | 'asking' | 'held' | 'resuming';

export interface Call {
  /** The phone's own name for this call, as long as the page lives. */
  key: string;
  /** The gateway's id of the call; empty until known (outbound calls learn it from the events). */
  id: string;
  direction: 'in' | 'out';
  phase: Phase;
  name: string;
  number: string;
  /** The queue it came through; empty: a direct call. */
  queue: string;
  match: Match | undefined;
  /** Between colleagues: there is nobody to look up. */
  internal: boolean;
  /** When it began to ring or was dialled, when it was answered, when it ended: milliseconds of the epoch; 0: not yet. */
  began: number;
  answered: number;
  over: number;
  muted: boolean;
  hold: Hold;
  /** The far side put us on hold. */
  heldThere: boolean;
  /** DTMF sent in this call. */
  digits: string;
  /** No sound passes though it should. */
  soundLost: boolean;
  /** Why it ended, when that needs saying; or why it could not be answered. */
  trouble: Trouble | undefined;
}

export type CallEvent =
  | { type: 'rang'; key: string; at: number; id: string; name: string; number: string; queue: string }
  | { type: 'dialled'; key: string; at: number; name: string; number: string }
  /** The call of before a reload is to come back. */
  | { type: 'awaited'; key: string; live: LiveCall }
  /** It is here, on the leg of this key. */
  | { type: 'given-back'; key: string; id: string; name: string; number: string }
  | { type: 'alerting'; key: string }
  | { type: 'answering'; key: string }
  | { type: 'answer-failed'; key: string; trouble: Trouble }
  | { type: 'answered'; key: string; at: number }
  | { type: 'hold-asked'; key: string }
  | { type: 'held'; key: string }
  | { type: 'resume-asked'; key: string }
  | { type: 'resumed'; key: string }
  | { type: 'held-there'; key: string; on: boolean }
  | { type: 'muted'; key: string; on: boolean }
  | { type: 'digit'; key: string; tone: string }
  | { type: 'sound'; key: string; lost: boolean }
  | { type: 'ended'; key: string; at: number; trouble: Trouble | undefined }
  | { type: 'dismissed'; key: string }
  | { type: 'told'; record: CallRecord };

/** What a call becomes by an event. Events of another call, and events that make no sense now, change nothing. */
export function after(call: Call | null, event: CallEvent): Call | null {
  switch (event.type) {
    case 'rang':
      if (busy(call)) return call;
      return { ...fresh(event.key, 'in', 'ringing', event.at), id: event.id, name: event.name, number: event.number, queue: event.queue };
    case 'dialled':
      if (busy(call)) return call;
      return { ...fresh(event.key, 'out', 'calling', event.at), name: event.name, number: event.number };
    case 'awaited':
      return busy(call) ? call : awaited(event.key, event.live);
    case 'given-back':
      if (call?.id !== event.id) return call;
      return {
        ...call,
        key: event.key,
        phase: 'returning',
        over: 0,
        hold: 'no',
        heldThere: false,
        soundLost: false,
        name: call.name === '' ? event.name : call.name,
        number: call.number === '' ? event.number : call.number,
        trouble: undefined,
      };
    case 'told':
      return call === null ? call : told(call, event.record);
    default:
      if (call?.key !== event.key) return call;
      return moved(call, event);
  }
}

/** Whether the agent's ear is taken: a call rings, is being set up, or is spoken on. */
export function busy(call: Call | null): call is Call {
  return call !== null && call.phase !== 'over';
}

/** Whether the two are connected. */
export function talking(call: Call | null): call is Call {
  return call?.phase === 'talking';
}

type OwnEvent = Exclude<CallEvent, { type: 'rang' | 'dialled' | 'awaited' | 'given-back' | 'told' }>;

function awaited(key: string, { id, direction, name, number, queue, answered, muted }: LiveCall): Call {
  return { ...fresh(key, direction, 'returning', answered), id, name, number, queue, answered, muted };
}

function moved(call: Call, event: OwnEvent): Call | null {
  if (event.type === 'dismissed') return call.phase === 'over' ? null : call;
  if (call.phase === 'over') return call;
  switch (event.type) {
    case 'alerting':
      return call.phase === 'calling' ? { ...call, phase: 'alerting' } : call;
    case 'answering':
      return call.phase === 'ringing' ? { ...call, phase: 'answering', trouble: undefined } : call;
    case 'answer-failed':
      return call.phase === 'answering' || call.phase === 'returning' ? { ...call, phase: 'ringing', trouble: event.trouble } : call;
    case 'answered':
      return call.phase === 'talking' ? call : { ...call, phase: 'talking', answered: event.at, trouble: undefined };
    case 'ended':
      return { ...call, phase: 'over', over: event.at, hold: 'no', soundLost: false, trouble: event.trouble };
    case 'hold-asked':
      return call.phase === 'talking' && call.hold === 'no' ? { ...call, hold: 'asking' } : call;
    case 'held':
      return call.phase === 'talking' ? { ...call, hold: 'held' } : call;
    case 'resume-asked':
      return call.hold === 'held' ? { ...call, hold: 'resuming' } : call;
    case 'resumed':
      return { ...call, hold: 'no' };
    case 'held-there':
      return { ...call, heldThere: event.on };
    case 'muted':
      return { ...call, muted: event.on };
    case 'digit':
      return call.phase === 'talking' ? { ...call, digits: call.digits + event.tone } : call;
    case 'sound':
      return { ...call, soundLost: event.lost };
  }
}

/**
 * What the gateway tells of a call over the event stream: its id, the queue, who the customer is. An outbound call has
 * no id in its own signalling and is recognised by what was dialled.
 */
function told(call: Call, record: CallRecord): Call {
  if (!ofThisCall(call, record)) return call;
  const match = record.match?.looked === true || (record.match?.people?.length ?? 0) > 0 ? record.match : call.match;
  const internal = record.direction === 'Internal';
  // The customer of an internal call is the one who was called: for her phone, that is nobody to show.
  const them = internal && call.direction === 'in' ? {} : record.customer;
  return {
    ...call,
    id: record.id,
    internal,
    name: call.name === '' ? (them.name ?? '') : call.name,
    number: call.number === '' ? (them.number ?? '') : call.number,
    queue: record.queue !== undefined && record.queue !== '' ? record.queue : call.queue,
    match,
  };
}

function ofThisCall(call: Call, record: CallRecord): boolean {
  if (call.id !== '') return call.id === record.id;
  if (call.direction === 'in' || record.direction === 'Inbound') return false;
  const began = Date.parse(record.started);
  // A record older than our own dialling belongs to an earlier call to the same number; clocks may differ a little.
  return digits(record.dialled ?? '').endsWith(digits(call.number).replace(/^0+/, '')) && began > call.began - 15_000;
}

function digits(number: string): string {
  return number.replace(/\D/g, '');
}

function fresh(key: string, direction: 'in' | 'out', phase: Phase, began: number): Call {
  return {
    key,
    id: '',
    direction,
    phase,
    name: '',
    number: '',
    queue: '',
    match: undefined,
    internal: false,
    began,
    answered: 0,
    over: 0,
    muted: false,
    hold: 'no',
    heldThere: false,
    digits: '',
    soundLost: false,
    trouble: undefined,
  };
}
