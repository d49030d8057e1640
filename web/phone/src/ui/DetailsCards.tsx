import type { ReactNode } from 'react';
import type { CallDetails, Colleague } from '../api/types';
import type { HostAdapter } from '../host/host';
import { showNumber } from '../phone/number';
import { agentName, attemptWords, between, capital, directionNames, endingWords, moment, result, spoken } from './callWords';
import { Icon } from './Icon';
import { PersonLink } from './Match';
import { shownName } from './names';

interface Props {
  call: CallDetails;
  colleagues: readonly Colleague[];
  host: HostAdapter;
}

/** The reader's own way to write dates. */
const locale = navigator.language;

export function DetailsCards({ call, colleagues, host }: Props) {
  return (
    <>
      <Head call={call} />
      <div className="cb-cards">
        <div className="cb-cards__column">
          {call.direction !== 'Internal' && <Who call={call} host={host} />}
          <Facts call={call} colleagues={colleagues} />
          <Times call={call} />
        </div>
        <div className="cb-cards__column">
          <Routing call={call} />
          <Attempts call={call} colleagues={colleagues} />
          <Segments call={call} colleagues={colleagues} />
          <Context call={call} />
        </div>
      </div>
    </>
  );
}

function Head({ call }: { call: CallDetails }) {
  const { name = '', number = '' } = call.customer;
  const shown = shownName(name, number, call.match);
  const { text, tone } = result(call);
  const icon = call.direction === 'Outbound' ? 'outbound' : tone === 'bad' ? 'missed' : 'incoming';
  return (
    <div className="cb-details__head">
      <span className="cb-details__icon" data-tone={tone}>
        <Icon name={icon} />
      </span>
      <div className="cb-details__who">
        <h3 data-testid="details-name">{shown}</h3>
        <p>
          {shown !== showNumber(number) && number !== '' && <span className="cb-nowrap">{showNumber(number)}</span>}
          <span className="cb-nowrap">{moment(call.started, locale)}</span>
        </p>
      </div>
      <span className="cb-badge" data-tone={tone} data-testid="details-result">
        {text}
      </span>
    </div>
  );
}

function Card({ title, testid, children }: { title: string; testid: string; children: ReactNode }) {
  return (
    <section className="cb-card" data-testid={testid}>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Facts({ call, colleagues }: Omit<Props, 'host'>) {
  const { ending, direction } = call;
  const number = (n: string | undefined) => showNumber(n ?? '');
  const code = ending?.code === undefined || ending.code === 0 ? '' : ` (SIP ${ending.code})`;
  const facts: [string, string][] = [
    ['Direction', directionNames[direction]],
    [direction === 'Internal' ? 'Called' : 'Customer', direction === 'Internal' ? (call.customer.name ?? '') : number(call.customer.number) || 'Number withheld'],
    ['Dialled number', number(call.dialled)],
    ['Number shown', number(call.shown)],
    ['Queue', call.queue ?? (direction === 'Inbound' ? 'None: direct' : '')],
    ['Waited in the queue', call.queued === undefined ? '' : spoken(call.wait_seconds)],
    ['Talk time', call.answered === undefined ? '' : spoken(call.talk_seconds)],
    [direction === 'Internal' ? 'Caller' : 'Agent', agentName(call.agent, colleagues)],
    ['Result', result(call).text],
    ['Ending', ending === undefined ? '' : endingWords(ending, direction) + code],
    ['Line', call.trunk ?? ''],
    ['Call id', call.id],
  ];
  return (
    <Card title="The call" testid="details-facts">
      <dl className="cb-facts">
        {facts
          .filter(([, value]) => value !== '')
          .map(([label, value]) => (
            <div key={label}>
              <dt>{label}</dt>
              <dd className={label === 'Call id' ? 'cb-facts__id' : undefined}>{value}</dd>
            </div>
          ))}
      </dl>
    </Card>
  );
}

function Times({ call }: { call: CallDetails }) {
  const times: [string, string | undefined][] = [
    ['Started', call.started],
    ['Entered the queue', call.queued],
    [call.direction === 'Outbound' ? 'Rang' : 'First rang at an agent', call.presented],
    ['Answered', call.answered],
    ['Over', call.over],
  ];
  return (
    <Card title="Times" testid="details-times">
      <ol className="cb-times">
        {times.map(([label, at]) => {
          const text = moment(at, locale, label === 'Started' ? undefined : call.started);
          if (text === '') return null;
          const after = label === 'Started' ? undefined : between(call.started, at);
          return (
            <li key={label}>
              <span>{label}</span>
              <time dateTime={at}>{text}</time>
              <span className="cb-soft">{after === undefined ? '' : `+${spoken(after)}`}</span>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}

function Who({ call, host }: Pick<Props, 'call' | 'host'>) {
  const people = call.match?.people ?? [];
  const more = (call.match?.count ?? people.length) - people.length;
  return (
    <Card title="In Salesforce" testid="details-match">
      {people.length === 0 && <p className="cb-soft">{nobody(call)}</p>}
      <ul className="cb-people">
        {people.map((person) => (
          <li key={person.id}>
            <PersonLink person={person} host={host} />
          </li>
        ))}
      </ul>
      {more > 0 && <p className="cb-soft">and {more} more</p>}
    </Card>
  );
}

function nobody({ customer, match, over }: CallDetails): string {
  if ((customer.number ?? '') === '') return 'The number was withheld, so nobody was looked up.';
  if (match?.looked === true) return 'Nobody has this number.';
  return over === undefined ? 'Not looked up yet.' : 'Salesforce did not say who has this number.';
}

function Routing({ call: { routing } }: { call: CallDetails }) {
  const asked = routing?.asked ?? '';
  const steps: [string, string][] = [
    ['The dial plan says', capital(routing?.plan ?? '')],
    ['Salesforce was asked', asked],
    [asked === '' ? 'Salesforce was not asked' : 'It answered', routing?.answered ?? ''],
    ['Decision', capital(routing?.done ?? '')],
  ];
  const told = steps.filter(([, text]) => text !== '');
  return (
    <Card title="Why it went there" testid="details-routing">
      {told.length === 0 ? (
        <p className="cb-soft">Nothing was written down about it.</p>
      ) : (
        <ol className="cb-steps">
          {told.map(([label, text]) => (
            <li key={label}>
              <strong>{label}</strong>
              <span>{text}</span>
            </li>
          ))}
        </ol>
      )}
      {routing !== undefined && routing.took_seconds > 0 && <p className="cb-soft">Decided in {spoken(routing.took_seconds)}</p>}
    </Card>
  );
}

function Attempts({ call, colleagues }: Omit<Props, 'host'>) {
  const { attempts, started } = call;
  if (attempts.length === 0) return null;
  return (
    <Card title="Where it rang" testid="details-attempts">
      <ol className="cb-lines">
        {attempts.map((a, i) => {
          // The last one may ring while this is read.
          const rings = call.over === undefined && call.answered === undefined && (a.outcome ?? '') === '' && i === attempts.length - 1;
          return (
            <li key={`${a.at} ${i}`} data-testid="details-attempt" data-outcome={a.outcome ?? ''}>
              <span className="cb-lines__top">
                <strong>{agentName(a.agent, colleagues) || showNumber(a.number ?? '') || 'Unknown'}</strong>
                <time dateTime={a.at}>{moment(a.at, locale, started)}</time>
              </span>
              <span>
                {rings ? 'Rings now' : `${attemptWords(a.outcome)} after ${spoken(a.took_seconds)}`}
                {a.agent !== undefined && (a.number ?? '') !== '' && ` · ${showNumber(a.number ?? '')}`}
              </span>
              {(a.why ?? '') !== '' && <span className="cb-soft">Why: {a.why}</span>}
            </li>
          );
        })}
      </ol>
    </Card>
  );
}

function Segments({ call, colleagues }: Omit<Props, 'host'>) {
  const { segments, started } = call;
  if (segments.length === 0) return null;
  return (
    <Card title="Conversation" testid="details-segments">
      <ol className="cb-lines">
        {segments.map((s, i) => {
          const length = between(s.from, s.to);
          return (
            <li key={`${s.from} ${i}`} data-testid="details-segment">
              <span className="cb-lines__top">
                <strong>{agentName(s.agent, colleagues)}</strong>
                <span className="cb-nowrap">
                  {moment(s.from, locale, started)} – {moment(s.to, locale, started) || 'now'}
                </span>
              </span>
              <span>
                {length === undefined ? 'Goes on' : spoken(length)}
                {s.held_seconds > 0 ? ` · ${spoken(s.held_seconds)} on hold` : ' · never on hold'}
                {(s.absences ?? []).map(({ from, to }) => ` · connection lost for ${spoken(between(from, to) ?? 0)}`)}
              </span>
            </li>
          );
        })}
      </ol>
    </Card>
  );
}

function Context({ call }: { call: CallDetails }) {
  const said = Object.entries(call.context ?? {});
  if (said.length === 0) return null;
  return (
    <Card title="Started from" testid="details-context">
      <dl className="cb-facts">
        {said.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </Card>
  );
}
