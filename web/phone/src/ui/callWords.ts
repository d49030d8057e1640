// What the details of a call say: results, endings, outcomes, lengths and times in words.
import type { CallDetails, Colleague } from '../api/types';

type Ending = NonNullable<CallDetails['ending']>;

/** How a result is coloured: a conversation, none, or a call that goes on. */
export type Tone = 'good' | 'bad' | 'now';

/** "0.4 s", "7 s", "1 min 5 s", "1 h 2 min"; never negative. Tenths only under ten seconds. */
export function spoken(seconds: number): string {
  const exact = Math.max(0, seconds);
  if (exact > 0 && exact < 9.95) return `${Math.max(0.1, Math.round(exact * 10) / 10)} s`;
  const total = Math.round(exact);
  const [hours, minutes, rest] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  const parts = hours > 0 ? [`${hours} h`, part(minutes, 'min')] : minutes > 0 ? [`${minutes} min`, part(rest, 's')] : [`${rest} s`];
  return parts.filter((p) => p !== '').join(' ');
}

function part(n: number, unit: string): string {
  return n > 0 ? `${n} ${unit}` : '';
}

/** A moment for this reader: the time, with the date when it is not on the same day as `beside`. "" for none. */
export function moment(iso: string | undefined, locale: string, beside?: string): string {
  const at = new Date(iso ?? '');
  if (Number.isNaN(at.getTime())) return '';
  const same = beside !== undefined && new Date(beside).toDateString() === at.toDateString();
  return at.toLocaleString(locale, same ? { timeStyle: 'medium' } : { dateStyle: 'medium', timeStyle: 'medium' });
}

/** Seconds between two moments; undefined when one of them is unknown. */
export function between(from: string | undefined, to: string | undefined): number | undefined {
  const length = (Date.parse(to ?? '') - Date.parse(from ?? '')) / 1000;
  return Number.isNaN(length) ? undefined : length;
}

/** What became of the call, in a word or two. */
export function result(call: CallDetails): { text: string; tone: Tone } {
  const answered = filled(call.answered);
  if (!filled(call.over)) return { text: answered ? 'In conversation' : filled(call.queued) ? 'Waiting' : 'Going on', tone: 'now' };
  if (answered) return { text: 'Answered', tone: 'good' };
  return { text: unanswered(call), tone: 'bad' };
}

function unanswered({ ending, queued }: CallDetails): string {
  switch (ending?.reason) {
    case 'hungup':
    case 'cancelled':
      return filled(queued) && ending.by === 'customer' ? 'Abandoned in queue' : 'Cancelled';
    case 'no-answer':
      return 'No answer';
    case 'busy':
      return 'Busy';
    case 'declined':
      return 'Declined';
    case 'unreachable':
    case 'media-lost':
    case 'signal-lost':
      return 'Not reachable';
    case 'not-found':
      return 'No such number';
    case 'forbidden':
    case 'not-acceptable':
      return 'Refused';
    case 'overloaded':
      return 'Lines busy';
    case 'failed':
    case 'gateway-stopped':
      return 'Failed';
    default:
      return 'Not answered';
  }
}

/** How the call ended, as a sentence without its full stop; "" while it goes on. */
export function endingWords(ending: Ending | undefined, direction: CallDetails['direction']): string {
  if (ending === undefined) return '';
  const who = side(ending.by, direction);
  switch (ending.reason) {
    case 'hungup':
      return `${who} hung up`;
    case 'cancelled':
      return `${who} gave up before the answer`;
    case 'no-answer':
      return 'Nobody answered in time';
    case 'busy':
      return `${who} was on another call`;
    case 'declined':
      return `${who} declined the call`;
    case 'unreachable':
      return `${who} could not be reached`;
    case 'not-found':
      return 'The number leads nowhere';
    case 'forbidden':
      return 'The call was not allowed';
    case 'not-acceptable':
      return 'The two sides have no sound format in common';
    case 'taken-elsewhere':
      return 'It was answered on another phone';
    case 'transferred':
      return `${who} handed the call on`;
    case 'media-lost':
      return 'The sound was lost';
    case 'signal-lost':
      return `The connection to ${who.toLowerCase()} was lost`;
    case 'overloaded':
      return 'All lines were busy';
    case 'failed':
      return 'The far side refused the call';
    case 'gateway-stopped':
      return 'The gateway was stopped';
    default:
      return plain(ending.reason);
  }
}

/** Between two colleagues neither is the customer. */
function side(by: Ending['by'], direction: CallDetails['direction']): string {
  if (by === 'gateway') return 'The gateway';
  if (direction === 'Internal') return 'A colleague';
  return by === 'customer' ? 'The customer' : 'The agent';
}

/** What became of one attempt; no outcome: it was answered, or rings still. */
export function attemptWords(outcome: string | undefined): string {
  switch (outcome) {
    case undefined:
    case '':
      return 'Answered';
    case 'no-answer':
      return 'Did not answer';
    case 'busy':
      return 'Was on another call';
    case 'declined':
      return 'Declined';
    case 'unreachable':
      return 'Could not be reached';
    case 'hungup':
    case 'cancelled':
      return 'The caller gave up';
    case 'taken-elsewhere':
      return 'Somebody else answered first';
    case 'not-found':
      return 'No such number';
    case 'forbidden':
      return 'Not allowed';
    case 'not-acceptable':
      return 'No sound format in common';
    case 'media-lost':
    case 'signal-lost':
      return 'The connection was lost';
    case 'overloaded':
      return 'All lines were busy';
    case 'transferred':
      return 'Handed on';
    case 'gateway-stopped':
      return 'The gateway was stopped';
    case 'failed':
      return 'Refused';
    default:
      return plain(outcome);
  }
}

export const directionNames: Record<CallDetails['direction'], string> = {
  Inbound: 'Inbound',
  Outbound: 'Outbound',
  Internal: 'Between colleagues',
};

/** An agent's name; her id where the name is not known (she may have left); "" for nobody. */
export function agentName(id: string | undefined, colleagues: readonly Colleague[]): string {
  return colleagues.find((c) => c.id === id)?.name ?? id ?? '';
}

/** A word newer than this page is still a word. */
function plain(reason: string): string {
  return capital(reason.replaceAll('-', ' '));
}

/** With a capital letter in front, as the gateway's explanations are shown. */
export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function filled(text: string | undefined): boolean {
  return text !== undefined && text !== '';
}
