import type { Colleague } from '../api/types';
import { availabilityText } from './Header';
import { Icon } from './Icon';

interface Props {
  colleagues: readonly Colleague[];
  text: string;
  disabled: boolean;
  onCall: (number: string, name: string) => void;
}

const MOST = 6;

/** Colleagues whose name has what was typed; a click calls. */
export function Directory({ colleagues, text, disabled, onCall }: Props) {
  const found = search(colleagues, text).slice(0, MOST);
  if (found.length === 0)
    return (
      <p className="cb-empty" data-testid="directory-empty">
        No colleague has that name.
      </p>
    );
  return (
    <ul className="cb-directory" data-testid="directory" aria-label="Colleagues">
      {found.map((c) => (
        <li key={c.id}>
          <button
            type="button"
            className="cb-choice"
            data-testid="directory-call"
            data-id={c.id}
            disabled={disabled}
            onClick={() => onCall(c.extension, c.name)}
          >
            <i className="cb-dot" data-presence={c.state === 'unreachable' ? 'offwork' : c.availability.type} />
            <span className="cb-choice__text">
              <strong>{c.name}</strong>
              <span>
                {c.extension} · {presence(c)}
              </span>
            </span>
            <Icon name="call" />
          </button>
        </li>
      ))}
    </ul>
  );
}

function presence({ state, availability }: Colleague): string {
  switch (state) {
    case 'unreachable':
      return 'Not logged in';
    case 'reserved':
    case 'ringing':
    case 'connected':
      return 'On a call';
    case 'wrapup':
      return 'Wrapping up';
    case 'idle':
      return availabilityText(availability);
  }
}

/** Every word typed begins a word of the name; letters with marks are found without them, too. */
export function search(colleagues: readonly Colleague[], text: string): Colleague[] {
  const words = plain(text).split(' ').filter((w) => w !== '');
  return colleagues.filter((c) => {
    const names = plain(c.name).split(/[ -]/);
    return words.every((w) => names.some((n) => n.startsWith(w)));
  });
}

function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().trim();
}
