import { useEffect } from 'react';
import type { HostAdapter } from '../host/host';
import mark from '../ui/cordboard.svg';
import { Details } from '../ui/Details';
import { Icon } from '../ui/Icon';
import { useStore } from '../ui/use';
import type { Address } from './address';
import type { Session } from './session';

interface Props {
  /** The agent who reads. */
  name: string;
  session: Session;
  address: Address;
  host: HostAdapter;
}

/** A tab that shows a call and is no phone: the way here is a link, from Salesforce mostly. */
export function Reading({ name, session, address, host }: Props) {
  const place = useStore(address);
  useEffect(() => {
    const before = document.title;
    document.title = 'Call details · Cordboard';
    return () => {
      document.title = before;
    };
  }, []);
  if (place.name !== 'call') return null;
  return (
    <div className="cb-desk cb-desk_wide" data-testid="reading">
      <header className="cb-header">
        <div className="cb-header__who">
          <img src={mark} alt="" width="36" height="36" />
          <span className="cb-header__names">
            <span className="cb-header__name">Cordboard</span>
            <span className="cb-header__line">{name}</span>
          </span>
        </div>
        <button
          type="button"
          className="slds-button cb-plain cb-plain_inverse"
          data-testid="logout"
          aria-label="Log out"
          title="Log out"
          onClick={() => void session.logout()}
        >
          <Icon name="logout" />
        </button>
      </header>
      <main className="cb-main">
        <h1 className="slds-assistive-text">Cordboard</h1>
        <Details key={place.id} id={place.id} load={session.details} host={host} phone="none" onPhone={() => address.toPhone()} />
      </main>
    </div>
  );
}
