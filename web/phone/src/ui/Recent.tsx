import type { CallRecord, Colleague, Party } from '../api/types';
import { showNumber } from '../phone/number';
import { clock, when } from '../phone/time';
import { Icon, type IconName } from './Icon';
import { shownName } from './names';
import { useNow } from './use';

interface Props {
  calls: readonly CallRecord[];
  me: string;
  colleagues: readonly Colleague[];
  onRedial: (number: string, name: string) => void;
  disabled: boolean;
  /** Where a call's details are. */
  link: (id: string) => string;
}

/** The last calls, newest first: to call again, or to read what happened. */
export function Recent({ calls, me, colleagues, onRedial, disabled, link }: Props) {
  const now = useNow(30_000);
  if (calls.length === 0)
    return (
      <p className="cb-empty" data-testid="recent-empty">
        No calls yet. They will be listed here.
      </p>
    );
  return (
    <ul className="cb-recent" data-testid="recent" aria-label="Last calls">
      {calls.map((record) => (
        <Row key={record.id} record={record} me={me} colleagues={colleagues} now={now} onRedial={onRedial} disabled={disabled} link={link} />
      ))}
    </ul>
  );
}

interface RowProps extends Omit<Props, 'calls'> {
  record: CallRecord;
  now: number;
}

function Row({ record, me, colleagues, now, onRedial, disabled, link }: RowProps) {
  const them = otherSide(record, me, colleagues);
  const number = them.number ?? '';
  const name = shownName(them.name ?? '', number, record.match);
  const { icon, kind, text, length } = outcome(record, me);
  const detail = [name === showNumber(number) ? '' : showNumber(number), record.queue ?? '', text].filter((part) => part !== '').join(' · ');
  return (
    <li className="cb-recent__row" data-testid="recent-call" data-id={record.id} data-outcome={kind}>
      <span className="cb-recent__icon" data-outcome={kind} title={title(kind)}>
        <Icon name={icon} />
      </span>
      <span className="cb-recent__text">
        <strong>{name}</strong>
        <span>{detail}</span>
      </span>
      <span className="cb-recent__side">
        <time dateTime={record.started}>{when(new Date(record.started), new Date(now))}</time>
        <span>{length}</span>
      </span>
      <a
        className="slds-button cb-plain"
        data-testid="recent-details"
        href={link(record.id)}
        aria-label={`Details of the call with ${name}`}
        title="Details"
      >
        <Icon name="info" />
      </a>
      <button
        type="button"
        className="slds-button cb-plain cb-recent__call"
        data-testid="recent-redial"
        aria-label={`Call ${name}`}
        disabled={disabled || number === ''}
        onClick={() => onRedial(number, name === showNumber(number) ? '' : name)}
      >
        <Icon name="call" />
      </button>
    </li>
  );
}

/** Who the agent spoke with: the customer, or the colleague on the other side of an internal call. */
export function otherSide(record: CallRecord, me: string, colleagues: readonly Colleague[]): Party {
  if (record.direction !== 'Internal' || record.customer.agent !== me) return record.customer;
  const caller = colleagues.find((c) => c.id === record.agent);
  return caller ? { name: caller.name, number: caller.extension } : {};
}

interface Outcome {
  icon: IconName;
  kind: 'in' | 'out' | 'missed';
  /** What became of it when nobody spoke. */
  text: string;
  /** How long they spoke; empty when they did not. */
  length: string;
}

/** What became of a call, from this agent's point of view. */
export function outcome(record: CallRecord, me: string): Outcome {
  const answered = record.answered !== undefined && record.answered !== '';
  const seconds = record.talk_seconds;
  const length = seconds > 0 ? clock(seconds * 1000) : '';
  const placed = record.direction === 'Outbound' || (record.direction === 'Internal' && record.agent === me);
  if (placed) return { icon: 'outbound', kind: 'out', text: answered ? '' : notReached(record.ending?.reason), length };
  if (answered) return { icon: 'incoming', kind: 'in', text: '', length };
  return { icon: 'missed', kind: 'missed', text: record.ending?.reason === 'declined' ? 'Declined' : 'Missed', length: '' };
}

function title(kind: Outcome['kind']): string {
  return kind === 'in' ? 'Inbound call' : kind === 'out' ? 'Outbound call' : 'Not answered';
}

function notReached(reason: string | undefined): string {
  switch (reason) {
    case 'busy':
      return 'Busy';
    case 'declined':
      return 'Declined';
    case 'not-found':
      return 'No such number';
    case 'cancelled':
      return 'Cancelled';
    default:
      return 'No answer';
  }
}
