import { useCallback, useEffect, useState } from 'react';
import type { HostAdapter } from '../host/host';
import type { Call } from '../phone/call';
import { busy } from '../phone/call';
import { WITHHELD } from '../phone/line';
import { AvailabilitySheet } from '../ui/AvailabilitySheet';
import { CallCard } from '../ui/CallCard';
import { Details } from '../ui/Details';
import { DevicesSheet } from '../ui/DevicesSheet';
import { Directory } from '../ui/Directory';
import { Header, type Sheet } from '../ui/Header';
import { Elsewhere } from '../ui/Elsewhere';
import { Dialer } from '../ui/Keypad';
import { LineBanner } from '../ui/LineBanner';
import { Login } from '../ui/Login';
import { shownName } from '../ui/names';
import { Notice } from '../ui/Notice';
import { announce } from '../ui/notify';
import { Reading } from './Reading';
import { Recent } from '../ui/Recent';
import { ShownNumber } from '../ui/ShownNumber';
import { Waiting } from '../ui/Waiting';
import { useStore } from '../ui/use';
import { type Address, detailsLink } from './address';
import type { Preferences } from './preferences';
import type { Session, Work } from './session';

interface Props {
  session: Session;
  address: Address;
  preferences: Preferences;
  host: HostAdapter;
}

export function App({ session, address, preferences, host }: Props) {
  const place = useStore(address);
  const state = useStore(session.state);
  switch (state.stage) {
    case 'login':
      return <Login busy={state.busy} trouble={state.trouble} purpose={place.name === 'call' ? 'see the call' : 'take calls'} onLogin={(user, password) => void session.login(user, password)} />;
    case 'opening':
      return <Waiting retrying={state.retrying} onLogout={() => void session.logout()} />;
    case 'reading':
      return <Reading name={state.me.name} session={session} address={address} host={host} />;
    case 'elsewhere':
      if (place.name === 'call') return <Reading name={state.name} session={session} address={address} host={host} />;
      return <Elsewhere name={state.name} onTakeOver={() => session.takeOver()} onLogout={() => void session.logout()} />;
    case 'work':
      return <Desk work={state.work} session={session} address={address} preferences={preferences} host={host} />;
  }
}

/** The phone of an agent who is logged in. */
function Desk({ work, session, address, preferences, host }: Props & { work: Work }) {
  const { me, phone, calls, colleagues } = work;
  const { line, call, trouble, returning } = useStore(phone.state);
  const place = useStore(address);
  const values = useStore(preferences);
  const [wanted, setSheet] = useState<Sheet>('none');
  // A call that rings takes the stage.
  const sheet = call?.phase === 'ringing' ? 'none' : wanted;
  const [number, setNumber] = useState('');
  const closeSheet = useCallback(() => setSheet('none'), []);

  useEffect(
    () =>
      host.onDial((to) => {
        setNumber(to);
        address.toPhone();
      }),
    [host, address],
  );
  useIncoming(call, host, address);
  useFirstClick(phone.tones);
  // A number that was taken from her is not shown any more.
  const shown = values.show === WITHHELD || me.display_numbers.some((d) => d.number === values.show) ? values.show : '';
  const dial = (to: string, name = '') => {
    setSheet('none');
    setNumber(to);
    void phone.dial(to, name, shown).then(() => {
      if (busy(phone.state.get().call)) setNumber('');
    });
  };
  const redial = (to: string, name = '') => {
    phone.dismiss();
    dial(to, name);
  };

  return (
    <div className={place.name === 'call' ? 'cb-desk cb-desk_wide' : 'cb-desk'} data-testid="desk">
      <Header me={me} line={line} call={call} sheet={sheet} onSheet={setSheet} />
      <LineBanner line={line} returning={returning} draining={work.draining} onTryNow={() => phone.tryNow()} />
      <Announcement call={call} />
      {sheet === 'availability' && (
        <AvailabilitySheet
          availability={me.availability}
          onChoose={(type, minutes) => void session.setAvailability(type, minutes)}
          onClose={closeSheet}
        />
      )}
      {sheet === 'devices' && (
        <DevicesSheet
          values={values}
          onChange={(part) => {
            preferences.change(part);
            if (part.microphone !== undefined) void phone.useMicrophone(part.microphone);
            if (part.speaker !== undefined) void phone.useSpeaker(part.speaker);
          }}
          onRing={() => phone.ringOnce()}
          onLogout={() => void session.logout()}
          onClose={closeSheet}
        />
      )}
      <main className="cb-main">
        <h1 className="slds-assistive-text">Cordboard phone</h1>
        {trouble && <Notice trouble={trouble} onDismiss={() => phone.dismissTrouble()} />}
        {work.trouble && <Notice trouble={work.trouble} onDismiss={() => session.dismissTrouble()} />}
        {place.name === 'call' ? (
          <Details key={place.id} id={place.id} load={session.details} host={host} onPhone={() => address.toPhone()} phone={busy(call) ? 'talking' : 'here'} />
        ) : call ? (
          <CallCard call={call} phone={phone} host={host} online={line.name === 'ready'} onRedial={redial} />
        ) : (
          <>
            <Dialer
              number={number}
              onNumber={setNumber}
              onCall={(to) => dial(to)}
              onTone={(key) => phone.tones.key(key)}
              last={calls.find((c) => c.direction === 'Outbound')?.customer.number ?? ''}
              disabled={line.name !== 'ready'}
              found={
                /\p{L}/u.test(number) && <Directory colleagues={colleagues} text={number} disabled={line.name !== 'ready'} onCall={dial} />
              }
            />
            <ShownNumber numbers={me.display_numbers} value={shown} onChange={(show) => preferences.change({ show })} />
            <h2 className="cb-main__title">Last calls</h2>
            <Recent calls={calls} me={me.id} colleagues={colleagues} onRedial={redial} disabled={line.name !== 'ready'} link={detailsLink} />
          </>
        )}
      </main>
    </div>
  );
}

/** Makes a ringing call seen from afar, and from the details of another one. */
function useIncoming(call: Call | null, host: HostAdapter, address: Address): void {
  const ringing = call?.phase === 'ringing' ? call : null;
  const text = ringing ? shownName(ringing.name, ringing.number, ringing.match) : '';
  const detail = ringing ? (ringing.queue === '' ? 'Direct' : ringing.queue) : '';
  const key = ringing?.key ?? '';
  useEffect(() => {
    if (key !== '') return announce(`Call: ${text}`, detail);
    return undefined;
  }, [key, text, detail]);
  useEffect(() => {
    if (key === '') return;
    address.toPhone();
    host.show();
  }, [key, host, address]);
}

/** Browsers let a page sound only after a click or a key. */
function useFirstClick(tones: { wake(): void }): void {
  useEffect(() => {
    const wake = () => tones.wake();
    addEventListener('pointerdown', wake);
    addEventListener('keydown', wake);
    return () => {
      removeEventListener('pointerdown', wake);
      removeEventListener('keydown', wake);
    };
  }, [tones]);
}

/** What a screen reader says when a call rings. */
function Announcement({ call }: { call: Call | null }) {
  const text =
    call?.phase === 'ringing'
      ? `Incoming call from ${shownName(call.name, call.number, call.match)}, ${call.queue === '' ? 'direct' : call.queue}`
      : '';
  return (
    <div className="slds-assistive-text" aria-live="assertive" data-testid="announcement">
      {text}
    </div>
  );
}
