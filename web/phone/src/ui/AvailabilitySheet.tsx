import { useId, useState } from 'react';
import type { Availability, AvailabilityType } from '../api/types';
import { availabilityNames } from './Header';
import { Sheet } from './Sheet';

interface Props {
  availability: Availability;
  onChoose: (type: AvailabilityType, minutes: number) => void;
  onClose: () => void;
}

/** What each type lets through. */
const choices: { type: AvailabilityType; means: string }[] = [
  { type: 'available', means: 'Queue calls and direct calls' },
  { type: 'busy', means: 'Queue calls and direct calls, shown as busy' },
  { type: 'dnd', means: 'No calls' },
  { type: 'offwork', means: 'Direct calls only' },
];

const durations = [
  { minutes: 0, text: 'Until I change it' },
  { minutes: 15, text: 'For 15 minutes' },
  { minutes: 30, text: 'For 30 minutes' },
  { minutes: 60, text: 'For 1 hour' },
  { minutes: 240, text: 'For 4 hours' },
];

export function AvailabilitySheet({ availability, onChoose, onClose }: Props) {
  const [minutes, setMinutes] = useState(0);
  const id = useId();
  return (
    <Sheet title="Availability" testid="availability-menu" onClose={onClose}>
      <div className="cb-choices" role="radiogroup" aria-label="Availability">
        {choices.map(({ type, means }) => (
          <button
            key={type}
            type="button"
            role="radio"
            aria-checked={availability.type === type}
            className="cb-choice"
            data-testid={`availability-${type}`}
            onClick={() => {
              onChoose(type, minutes);
              onClose();
            }}
          >
            <i className="cb-dot" data-presence={type} />
            <span className="cb-choice__text">
              <strong>{availabilityNames[type]}</strong>
              <span>{means}</span>
            </span>
          </button>
        ))}
      </div>
      <div className="slds-form-element">
        <label className="slds-form-element__label" htmlFor={id}>
          How long
        </label>
        <div className="slds-select_container">
          <select
            id={id}
            className="slds-select"
            data-testid="availability-until"
            value={minutes}
            onChange={(e) => setMinutes(Number(e.target.value))}
          >
            {durations.map((d) => (
              <option key={d.minutes} value={d.minutes}>
                {d.text}
              </option>
            ))}
          </select>
        </div>
      </div>
    </Sheet>
  );
}
