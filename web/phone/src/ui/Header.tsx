import type { Availability, AvailabilityType, Me } from '../api/types';
import type { LineState } from '../phone/line';
import { busy, type Call } from '../phone/call';
import { Icon } from './Icon';
import { initials } from './names';

export type Sheet = 'none' | 'availability' | 'devices';

interface Props {
  me: Me;
  line: LineState;
  call: Call | null;
  sheet: Sheet;
  onSheet: (sheet: Sheet) => void;
}

export const availabilityNames: Record<AvailabilityType, string> = {
  available: 'Available',
  busy: 'Busy',
  dnd: 'Do not disturb',
  offwork: 'Off work',
};

/** "Busy until 14:30", or without an end just "Busy". */
export function availabilityText({ type, until }: Availability): string {
  const name = availabilityNames[type];
  if (until === undefined || until === '') return name;
  const end = new Date(until);
  if (Number.isNaN(end.getTime())) return name;
  return `${name} until ${end.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })}`;
}

const lineNames: Record<LineState['name'], string> = {
  off: 'Off',
  connecting: 'Connecting',
  down: 'Not connected',
  registering: 'Connecting',
  refused: 'Not registered',
  ready: 'Ready',
};

export function Header({ me, line, call, sheet, onSheet }: Props) {
  const toggle = (wanted: Sheet) => () => onSheet(sheet === wanted ? 'none' : wanted);
  return (
    <header className="cb-header">
      <div className="cb-header__who">
        <span className="cb-avatar" aria-hidden="true">
          {initials(me.name)}
          <i className="cb-dot" data-line={line.name} />
        </span>
        <div className="cb-header__names">
          <span className="cb-header__name" data-testid="agent-name">
            {me.name}
          </span>
          <span className="cb-header__line">
            <span data-testid="line-state" data-state={line.name} role="status">
              {lineText(line, call)}
            </span>
            {me.extension !== '' && <span> · {me.extension}</span>}
          </span>
        </div>
      </div>
      <button
        type="button"
        className="cb-presence"
        data-testid="availability"
        data-type={me.availability.type}
        aria-expanded={sheet === 'availability'}
        aria-label={`Availability: ${availabilityText(me.availability)}. Change`}
        onClick={toggle('availability')}
      >
        <i className="cb-dot" data-presence={me.availability.type} />
        <span>{availabilityText(me.availability)}</span>
        <Icon name="chevrondown" />
      </button>
      <button
        type="button"
        className="slds-button cb-plain cb-plain_inverse"
        data-testid="devices-open"
        aria-expanded={sheet === 'devices'}
        aria-label="Devices and log out"
        title="Devices and log out"
        onClick={toggle('devices')}
      >
        <Icon name="settings" />
      </button>
    </header>
  );
}

function lineText(line: LineState, call: Call | null): string {
  if (line.name !== 'ready' || !busy(call)) return lineNames[line.name];
  return call.phase === 'ringing' ? 'Ringing' : 'On a call';
}
