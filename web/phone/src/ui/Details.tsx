import { type ReactNode, useEffect, useRef, useState } from 'react';
import { Refused } from '../api/client';
import type { CallDetails, Colleague } from '../api/types';
import type { HostAdapter } from '../host/host';
import { detailsTrouble, type Trouble } from '../phone/trouble';
import { DetailsCards } from './DetailsCards';
import { Icon } from './Icon';
import { Notice } from './Notice';

/** Known of a call, with the agents whose names it needs. */
interface Known {
  call: CallDetails;
  colleagues: readonly Colleague[];
}

interface Props {
  /** Empty: the link could not be read. */
  id: string;
  load: (id: string) => Promise<Known>;
  host: HostAdapter;
  /** Where this tab's phone is: on a call, here, or nowhere. */
  phone: 'talking' | 'here' | 'none';
  onPhone: () => void;
}

/** A call that goes on is read again after so many milliseconds. */
const AGAIN_MS = 5_000;

/** Everything known of one call. It reads, and touches neither line nor call. */
export function Details({ id, load, host, phone, onPhone }: Props) {
  const { known, trouble, again } = useKnown(id, load);
  const title = useRef<HTMLHeadingElement>(null);
  // A screen reader goes on at the new page, not in the list that is gone.
  useEffect(() => title.current?.focus(), []);
  return (
    <div className="cb-details" data-testid="details" data-id={id} data-state={known ? 'shown' : trouble ? 'trouble' : 'loading'}>
      <div className="cb-details__bar" data-talking={phone === 'talking'}>
        <button type="button" className="slds-button slds-button_neutral" data-testid="to-phone" onClick={onPhone}>
          <Icon name={phone === 'none' ? 'call' : 'back'} /> {phone === 'none' ? 'Open the phone' : 'Back to the phone'}
        </button>
        {phone === 'talking' && <span role="status">You are on a call</span>}
      </div>
      <h2 ref={title} tabIndex={-1} className="cb-details__title">
        Call details
      </h2>
      {trouble && (
        <Notice trouble={trouble}>
          {trouble.kind !== 'no-such-call' && (
            <Again onClick={again}>Try again</Again>
          )}
        </Notice>
      )}
      {known && <DetailsCards call={known.call} colleagues={known.colleagues} host={host} />}
      {!known && !trouble && <div className="cb-spinner cb-details__wait" role="status" aria-label="Loading the call" />}
    </div>
  );
}

function Again({ onClick, children }: { onClick: () => void; children: ReactNode }) {
  return (
    <span>
      <button type="button" className="slds-button" data-testid="details-again" onClick={onClick}>
        {children}
      </button>
    </span>
  );
}

function useKnown(id: string, load: Props['load']) {
  const [known, setKnown] = useState<Known>();
  const [trouble, setTrouble] = useState<Trouble | undefined>(id === '' ? detailsTrouble(404) : undefined);
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((n) => n + 1);

  useEffect(() => {
    if (id === '') return;
    let gone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    load(id).then(
      (found) => {
        if (gone) return;
        setKnown(found);
        setTrouble(undefined);
        if (found.call.over === undefined) timer = setTimeout(() => setTurn((n) => n + 1), AGAIN_MS);
      },
      (error: unknown) => {
        if (!gone) setTrouble(detailsTrouble(error instanceof Refused ? error.status : undefined));
      },
    );
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [id, load, turn]);

  return { known, trouble, again };
}
