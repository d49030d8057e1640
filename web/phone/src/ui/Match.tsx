import type { Match as CrmMatch, Person } from '../api/types';
import type { HostAdapter } from '../host/host';
import { Icon } from './Icon';
import { useNow } from './use';

interface Props {
  match: CrmMatch | undefined;
  /** Nothing to look up: the number is withheld. */
  withheld: boolean;
  /** When the call began, milliseconds of the epoch. */
  began: number;
  host: HostAdapter;
}

/** How long an answer is worth waiting for on the screen, milliseconds; it is still shown when it comes later. */
const PATIENCE_MS = 6_000;

/** Whom Salesforce knows under the caller's number: one, several, none, or not asked yet. */
export function Match({ match, withheld, began, host }: Props) {
  const people = match?.people ?? [];
  const now = useNow(1_000, match === undefined);
  if (match === undefined && !withheld && now < began + PATIENCE_MS)
    return (
      <p className="cb-match cb-match_none" data-testid="call-match" data-count="">
        Looking up the number…
      </p>
    );
  if (people.length === 0)
    return (
      <p className="cb-match cb-match_none" data-testid="call-match" data-count={0}>
        Unknown caller
      </p>
    );
  const count = match?.count ?? people.length;
  return (
    <div className="cb-match" data-testid="call-match" data-count={count}>
      {people.length > 1 && <h3 className="cb-match__title">{summary(people)}</h3>}
      <ul>
        {people.map((person) => (
          <li key={person.id}>
            <PersonLink person={person} host={host} />
          </li>
        ))}
      </ul>
    </div>
  );
}

/** A record of Salesforce, and the way to it. */
export function PersonLink({ person, host }: { person: Person; host: HostAdapter }) {
  const { object, id, name, account_name = '', url = '' } = person;
  const inside = (
    <>
      <span className="cb-object" data-object={object} aria-hidden="true">
        <Icon name={object === 'Account' ? 'groups' : 'user'} />
      </span>
      <span className="cb-person__text">
        <strong>{name}</strong>
        <span>{account_name === '' ? object : `${object} · ${account_name}`}</span>
      </span>
    </>
  );
  if (url === '')
    return (
      <span className="cb-person" data-testid="call-match-person">
        {inside}
      </span>
    );
  return (
    <a
      className="cb-person"
      data-testid="call-match-link"
      data-object={object}
      href={url}
      target="_blank"
      rel="noopener noreferrer"
      title={`Open ${name} in a new tab`}
      onClick={(event) => {
        // In a plain tab the link itself is right: middle click and copying its address go on working.
        if (host.name === 'none') return;
        event.preventDefault();
        host.popRecord({ object, id, url });
      }}
    >
      {inside}
      <Icon name="newWindow" className="cb-person__open" />
    </a>
  );
}

/** "3 contacts, 1 account" */
export function summary(people: readonly Person[]): string {
  const counts = new Map<string, number>();
  for (const { object } of people) counts.set(object, (counts.get(object) ?? 0) + 1);
  return [...counts].map(([object, n]) => `${n} ${object.toLowerCase()}${n === 1 ? '' : 's'}`).join(', ');
}
