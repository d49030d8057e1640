import { useCallback, useEffect, useRef, useState } from 'react';
import type { HostAdapter } from '../host/host';
import type { Call } from '../phone/call';
import { showNumber } from '../phone/number';
import type { Phone } from '../phone/phone';
import { clock } from '../phone/time';
import { Icon, type IconName } from './Icon';
import { ToneKeys } from './Keypad';
import { Match } from './Match';
import { initials, shownName } from './names';
import { Notice } from './Notice';
import { useNow } from './use';

interface Props {
  call: Call;
  phone: Phone;
  host: HostAdapter;
  /** The socket is up: hold and resume can be asked for. */
  online: boolean;
  onRedial: (number: string) => void;
}

/** The call, whatever its phase: who it is, what can be done. */
export function CallCard({ call, phone, host, online, onRedial }: Props) {
  const name = shownName(call.name, call.number, call.match);
  const letters = initials(name);
  const second = name === showNumber(call.number) ? '' : showNumber(call.number);
  return (
    <section
      className="cb-call"
      aria-label={`${phaseText(call)}: ${name}`}
      data-testid="call"
      data-phase={call.phase}
      data-direction={call.direction}
      data-hold={call.hold}
      data-muted={call.muted}
      data-id={call.id}
    >
      <div className="cb-call__head">
        <span className="cb-call__phase">
          <PhaseIcon call={call} />
          {phaseText(call)}
        </span>
        <Timer call={call} />
      </div>
      <div className="cb-call__who">
        <span className="cb-face" aria-hidden="true">
          {letters === '' ? <Icon name="user" /> : letters}
        </span>
        <h2 data-testid="call-name">{name}</h2>
        <p className="cb-call__number" data-testid="call-number">
          {second}
        </p>
        <Route call={call} />
      </div>
      {showsMatch(call) && <Match match={call.match} withheld={call.number === ''} began={call.began} host={host} />}
      {call.trouble && <Notice trouble={call.trouble} />}
      {call.soundLost && (
        <p className="cb-strip" role="status">
          The sound is interrupted. Reconnecting your call…
        </p>
      )}
      {call.phase === 'returning' && (
        <p className="cb-strip cb-strip_calm" role="status">
          They hear music until you are back.
        </p>
      )}
      {call.heldThere && call.phase === 'talking' && <p className="cb-strip cb-strip_calm">They have put you on hold.</p>}
      <Actions call={call} phone={phone} online={online} onRedial={onRedial} />
    </section>
  );
}

/** A call that came in asks who it is; one that was placed only tells what is known. */
function showsMatch({ internal, direction, match }: Call): boolean {
  return !internal && (direction === 'in' || (match?.people?.length ?? 0) > 0);
}

/** Where the call came from, for a greeting by the right name. */
function Route({ call }: { call: Call }) {
  if (call.direction === 'out') return null;
  return (
    <span className="cb-queue" data-testid="call-queue" data-direct={call.queue === ''}>
      {call.queue === '' ? 'Direct' : call.queue}
    </span>
  );
}

function Timer({ call }: { call: Call }) {
  const running = call.phase !== 'over';
  const now = useNow(250, running);
  const from = call.answered > 0 ? call.answered : call.began;
  const to = running ? Math.max(now, from) : call.over;
  if (call.phase === 'over' && call.answered === 0) return null;
  return (
    <time className="cb-call__timer" data-testid="call-timer">
      {clock(to - from)}
    </time>
  );
}

function Actions({ call, phone, online, onRedial }: Omit<Props, 'host'>) {
  switch (call.phase) {
    case 'ringing':
    case 'answering':
      return <Ringing call={call} phone={phone} />;
    case 'calling':
    case 'alerting':
      return (
        <div className="cb-call__foot">
          <End phone={phone} text="Cancel" />
        </div>
      );
    case 'returning':
      return (
        <div className="cb-call__foot">
          <End phone={phone} text="End call" />
        </div>
      );
    case 'talking':
      return <Talking call={call} phone={phone} online={online} />;
    case 'over':
      return <Over call={call} phone={phone} onRedial={onRedial} />;
  }
}

function Ringing({ call, phone }: { call: Call; phone: Phone }) {
  const answer = useRef<HTMLButtonElement>(null);
  useEffect(() => answer.current?.focus(), [call.key]);
  const opening = call.phase === 'answering';
  return (
    <div className="cb-call__foot cb-call__foot_two">
      <button type="button" className="cb-round cb-round_end" data-testid="decline" disabled={opening} onClick={() => phone.decline()}>
        <Icon name="endCall" />
        <span>Decline</span>
      </button>
      <button
        ref={answer}
        type="button"
        className="cb-round cb-round_call cb-round_calling"
        data-testid="answer"
        aria-disabled={opening}
        onClick={() => void phone.answer()}
      >
        <Icon name="call" />
        <span>{opening ? 'Connecting…' : 'Answer'}</span>
      </button>
    </div>
  );
}

function Talking({ call, phone, online }: { call: Call; phone: Phone; online: boolean }) {
  const [keys, setKeys] = useState(false);
  const digit = useCallback((key: string) => phone.digit(key), [phone]);
  const held = call.hold === 'held' || call.hold === 'resuming';
  return (
    <>
      {keys && <ToneKeys digits={call.digits} onKey={digit} />}
      <div className="cb-call__tools">
        <Toggle
          icon={call.muted ? 'muted' : 'unmuted'}
          text={call.muted ? 'Unmute' : 'Mute'}
          testid="mute"
          on={call.muted}
          onClick={() => phone.toggleMute()}
        />
        <Toggle
          icon={held ? 'play' : 'pause'}
          text={held ? 'Resume' : 'Hold'}
          testid="hold"
          on={held}
          disabled={!online || call.hold === 'asking' || call.hold === 'resuming'}
          onClick={() => phone.toggleHold()}
        />
        <Toggle icon="keypad" text="Keypad" testid="keypad-toggle" on={keys} onClick={() => setKeys(!keys)} />
      </div>
      <div className="cb-call__foot">
        <End phone={phone} text="End call" />
      </div>
    </>
  );
}

function Over({ call, phone, onRedial }: { call: Call; phone: Phone; onRedial: (number: string) => void }) {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);
  return (
    <div className="cb-call__foot cb-call__foot_row">
      {call.number !== '' && (
        <button type="button" className="slds-button slds-button_neutral" data-testid="redial" onClick={() => onRedial(call.number)}>
          <Icon name="call" /> {call.direction === 'out' ? 'Call again' : 'Call back'}
        </button>
      )}
      <button ref={close} type="button" className="slds-button slds-button_brand" data-testid="dismiss" onClick={() => phone.dismiss()}>
        Close
      </button>
    </div>
  );
}

interface ToggleProps {
  icon: IconName;
  text: string;
  testid: string;
  on: boolean;
  disabled?: boolean;
  onClick: () => void;
}

function Toggle({ icon, text, testid, on, disabled = false, onClick }: ToggleProps) {
  return (
    <button type="button" className="cb-tool" data-testid={testid} aria-pressed={on} disabled={disabled} onClick={onClick}>
      <span className="cb-tool__disc">
        <Icon name={icon} />
      </span>
      <span>{text}</span>
    </button>
  );
}

function End({ phone, text }: { phone: Phone; text: string }) {
  return (
    <button type="button" className="cb-round cb-round_end cb-wide" data-testid="end" onClick={() => phone.end()}>
      <Icon name="endCall" />
      <span>{text}</span>
    </button>
  );
}

function PhaseIcon({ call }: { call: Call }) {
  if (call.phase === 'over') return <Icon name="endCall" />;
  return <Icon name={call.direction === 'in' ? 'incoming' : 'outbound'} />;
}

export function phaseText(call: Call): string {
  switch (call.phase) {
    case 'ringing':
      return 'Incoming call';
    case 'answering':
      return 'Connecting';
    case 'calling':
      return 'Calling';
    case 'alerting':
      return 'Ringing';
    case 'returning':
      return 'Reconnecting';
    case 'talking':
      if (call.soundLost) return 'Reconnecting';
      return call.hold === 'held' || call.hold === 'resuming' ? 'On hold' : call.muted ? 'Muted' : 'Connected';
    case 'over':
      return call.answered === 0 && call.direction === 'in' ? 'Missed call' : 'Call ended';
  }
}
