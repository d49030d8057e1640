import { type ClipboardEvent, type KeyboardEvent, type ReactNode, type SubmitEvent, useEffect, useRef } from 'react';
import { cleanNumber } from '../phone/number';
import { Icon } from './Icon';

const keys: readonly [string, string, string][] = [
  ['1', '', '1'],
  ['2', 'ABC', '2'],
  ['3', 'DEF', '3'],
  ['4', 'GHI', '4'],
  ['5', 'JKL', '5'],
  ['6', 'MNO', '6'],
  ['7', 'PQRS', '7'],
  ['8', 'TUV', '8'],
  ['9', 'WXYZ', '9'],
  ['*', '', 'star'],
  ['0', '+', '0'],
  ['#', '', 'hash'],
];

/** What a screen reader would not say by itself. */
const names: Partial<Record<string, string>> = { '*': 'star', '#': 'hash' };

/** How long 0 is held for a plus, milliseconds. */
const LONG_PRESS = 450;

interface KeysProps {
  onKey: (key: string) => void;
  /** Holding 0 down gives a plus. */
  plus?: boolean;
}

/** Twelve keys. Each is a button; real digit keys are the owner's business. */
export function Keys({ onKey, plus = false }: KeysProps) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const long = useRef(false);

  const down = (key: string) => {
    long.current = false;
    if (!plus || key !== '0') return;
    timer.current = setTimeout(() => {
      long.current = true;
      onKey('+');
    }, LONG_PRESS);
  };
  const click = (key: string) => {
    clearTimeout(timer.current);
    if (!long.current) onKey(key);
    long.current = false;
  };

  return (
    <div className="cb-keys" data-testid="keypad" role="group" aria-label="Keypad">
      {keys.map(([key, letters, id]) => (
        <button
          key={key}
          type="button"
          className="cb-key"
          data-testid={`key-${id}`}
          aria-label={names[key]}
          onPointerDown={() => down(key)}
          onPointerLeave={() => clearTimeout(timer.current)}
          onClick={() => click(key)}
        >
          <span>{key}</span>
          <small aria-hidden="true" data-letters={letters} />
        </button>
      ))}
    </div>
  );
}

interface DialerProps {
  number: string;
  onNumber: (number: string) => void;
  onCall: (number: string) => void;
  onTone: (key: string) => void;
  /** What the call button calls when the field is empty. */
  last: string;
  disabled: boolean;
  /** Stands in the place of the keypad: who was found by name. */
  found?: ReactNode;
}

/** The number field, the keypad and the call button. */
export function Dialer({ number, onNumber, onCall, onTone, last, disabled, found }: DialerProps) {
  const field = useRef<HTMLInputElement>(null);

  const press = (key: string) => {
    onTone(key);
    onNumber(number + key);
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    // As on every phone: the call button with nothing typed brings the last number back.
    if (number === '' && last !== '') onNumber(last);
    else onCall(number);
  };
  const paste = (event: ClipboardEvent) => {
    const pasted = cleanNumber(event.clipboardData.getData('text'));
    if (!pasted.ok || number !== '') return;
    event.preventDefault();
    onNumber(pasted.number);
  };
  const keydown = (event: KeyboardEvent) => {
    if (/^[\d*#]$/.test(event.key) && !event.ctrlKey && !event.metaKey) onTone(event.key);
    if (event.key === 'Escape') onNumber('');
  };

  return (
    <form className="cb-dialer" onSubmit={submit}>
      <div className="cb-dialer__field">
        <input
          ref={field}
          className="cb-dialer__input"
          data-testid="dial-input"
          aria-label="Number or colleague to call"
          placeholder="Number or colleague"
          autoComplete="off"
          spellCheck={false}
          value={number}
          onChange={(e) => onNumber(e.target.value)}
          onPaste={paste}
          onKeyDown={keydown}
        />
        {number !== '' && (
          <button
            type="button"
            className="slds-button cb-plain"
            aria-label="Delete the last digit"
            data-testid="dial-clear"
            onClick={() => {
              onNumber(number.slice(0, -1));
              field.current?.focus();
            }}
          >
            <Icon name="backspace" />
          </button>
        )}
      </div>
      {found || <Keys onKey={press} plus />}
      <button className="cb-round cb-round_call" type="submit" data-testid="dial-call" disabled={disabled} aria-label={number === '' ? 'Call: bring back the last number' : `Call ${number}`}>
        <Icon name="call" />
        <span>Call</span>
      </button>
    </form>
  );
}

interface TonesProps {
  digits: string;
  onKey: (key: string) => void;
}

/** The keypad during a call: each key sends its tone, also from the keyboard. */
export function ToneKeys({ digits, onKey }: TonesProps) {
  useEffect(() => {
    const typed = (event: globalThis.KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !/^[\d*#]$/.test(event.key)) return;
      if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
      onKey(event.key);
    };
    addEventListener('keydown', typed);
    return () => removeEventListener('keydown', typed);
  }, [onKey]);
  return (
    <div className="cb-tones">
      <output className="cb-tones__sent" data-testid="digits-sent" aria-label="Digits sent">
        {digits.slice(-18)}
      </output>
      <Keys onKey={onKey} />
    </div>
  );
}
