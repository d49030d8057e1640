import { useState } from 'react';
import { Icon } from './Icon';

interface Props {
  name: string;
  onTakeOver: () => void;
  onLogout: () => void;
}

/** Another tab is this agent's phone already. */
export function Elsewhere({ name, onTakeOver, onLogout }: Props) {
  const [asked, setAsked] = useState(false);
  return (
    <main className="cb-login" data-testid="elsewhere">
      <span className="cb-face">
        <Icon name="call" />
      </span>
      <h1 className="cb-login__title">Open in another tab</h1>
      <p className="cb-login__lead">{name}, your phone is in another tab of this browser.</p>
      <button
        type="button"
        className="slds-button slds-button_brand"
        data-testid="take-over"
        onClick={() => {
          setAsked(true);
          onTakeOver();
        }}
      >
        Use the phone here
      </button>
      {asked && (
        <p className="cb-login__lead" role="status">
          If this does not change, you are on a call there. End that first.
        </p>
      )}
      <button type="button" className="slds-button" data-testid="logout" onClick={onLogout}>
        Log out of this tab
      </button>
    </main>
  );
}
