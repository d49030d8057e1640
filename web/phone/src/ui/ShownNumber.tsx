import { useId } from 'react';
import type { Me } from '../api/types';
import { type Shown, WITHHELD } from '../phone/line';
import { showNumber } from '../phone/number';

interface Props {
  numbers: Me['display_numbers'];
  value: Shown;
  onChange: (value: Shown) => void;
}

/** Which number the callee sees. */
export function ShownNumber({ numbers, value, onChange }: Props) {
  const id = useId();
  if (numbers.length === 0) return null;
  return (
    <div className="cb-shown">
      <label htmlFor={id}>Show</label>
      <div className="slds-select_container">
        <select id={id} className="slds-select" data-testid="shown-number" value={value} onChange={(e) => onChange(e.target.value)}>
          <option value="">My default number</option>
          {numbers.map(({ number, label }) => (
            <option key={number} value={number}>
              {label === '' ? showNumber(number) : `${label} · ${showNumber(number)}`}
            </option>
          ))}
          <option value={WITHHELD}>No number</option>
        </select>
      </div>
    </div>
  );
}
