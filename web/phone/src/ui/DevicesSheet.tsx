import { useEffect, useId, useState } from 'react';
import type { Preferences as Values } from '../phone/phone';
import { type Device, type Devices, listDevices, measure } from '../phone/microphone';
import { microphoneTrouble, type Trouble } from '../phone/trouble';
import { Icon } from './Icon';
import { Notice } from './Notice';
import { canNotify, notifyAllowed } from './notify';
import { Sheet } from './Sheet';

interface Props {
  values: Values;
  onChange: (part: Partial<Values>) => void;
  onRing: () => void;
  onLogout: () => void;
  onClose: () => void;
}

/** The headset: which one, whether it hears something; and the way out. */
export function DevicesSheet({ values, onChange, onRing, onLogout, onClose }: Props) {
  const { devices, level, trouble } = useMicrophone(values.microphone);
  const [notify, setNotify] = useState(notifyAllowed);
  return (
    <Sheet title="Devices" testid="devices" onClose={onClose}>
      {trouble && <Notice trouble={trouble} />}
      <Choice
        label="Microphone"
        testid="microphone-select"
        devices={devices.microphones}
        value={values.microphone}
        onChange={(microphone) => onChange({ microphone })}
      />
      <div className="cb-level" data-testid="level" role="meter" aria-label="Microphone level" aria-valuenow={Math.round(level * 100)} aria-valuemin={0} aria-valuemax={100}>
        <i style={{ transform: `scaleX(${level})` }} />
      </div>
      {devices.speakers.length > 0 && (
        <Choice
          label="Speaker"
          testid="speaker-select"
          devices={devices.speakers}
          value={values.speaker}
          onChange={(speaker) => onChange({ speaker })}
        />
      )}
      <div className="cb-sheet__row">
        <button type="button" className="slds-button slds-button_neutral" data-testid="ring-test" onClick={onRing}>
          <Icon name="volume" /> Play the ring tone
        </button>
        {canNotify() && !notify && (
          <button
            type="button"
            className="slds-button slds-button_neutral"
            data-testid="notify-allow"
            onClick={() => {
              void Notification.requestPermission().then(() => setNotify(notifyAllowed()));
            }}
          >
            Notify me of calls
          </button>
        )}
      </div>
      <button type="button" className="slds-button slds-button_text-destructive cb-wide" data-testid="logout" onClick={onLogout}>
        <Icon name="logout" /> Log out
      </button>
    </Sheet>
  );
}

interface ChoiceProps {
  label: string;
  testid: string;
  devices: Device[];
  value: string;
  onChange: (id: string) => void;
}

function Choice({ label, testid, devices, value, onChange }: ChoiceProps) {
  const id = useId();
  // A headset that is not plugged in now is still the chosen one.
  const known = value === '' || devices.some((d) => d.id === value);
  return (
    <div className="slds-form-element">
      <label className="slds-form-element__label" htmlFor={id}>
        {label}
      </label>
      <div className="slds-select_container">
        <select id={id} className="slds-select" data-testid={testid} value={value} onChange={(e) => onChange(e.target.value)}>
          <option value="">System default</option>
          {devices.map((d) => (
            <option key={d.id} value={d.id}>
              {d.label}
            </option>
          ))}
          {!known && <option value={value}>Not plugged in</option>}
        </select>
      </div>
    </div>
  );
}

/** Measures the chosen microphone while the sheet is open, and lists what is plugged in. */
function useMicrophone(device: string) {
  const [devices, setDevices] = useState<Devices>({ microphones: [], speakers: [] });
  const [level, setLevel] = useState(0);
  const [trouble, setTrouble] = useState<Trouble>();

  useEffect(() => {
    let gone = false;
    let stop: (() => void) | undefined;
    const list = () => {
      void listDevices().then((found) => {
        if (!gone) setDevices(found);
      });
    };
    measure(device, (value) => {
      if (!gone) setLevel(value);
    }).then(
      (stopMeasuring) => {
        stop = stopMeasuring;
        if (gone) {
          stopMeasuring();
          return;
        }
        setTrouble(undefined);
        list();
      },
      (error: unknown) => {
        if (!gone) setTrouble(microphoneTrouble(error));
      },
    );
    const media = navigator.mediaDevices as MediaDevices | undefined;
    media?.addEventListener('devicechange', list);
    return () => {
      gone = true;
      stop?.();
      media?.removeEventListener('devicechange', list);
    };
  }, [device]);

  return { devices, level, trouble };
}
