import type { Match } from '../api/types';
import { showNumber } from '../phone/number';

/** One or two letters for a name; none for a number. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = words[0]?.[0] ?? '';
  const last = words.length > 1 ? (words.at(-1)?.[0] ?? '') : '';
  return /^\p{L}/u.test(first) ? (first + last).toUpperCase() : '';
}

/** Whom to show: the one Salesforce knows, else the name the network gave, else the number, else that it was withheld. */
export function shownName(name: string, number: string, match: Match | undefined): string {
  const people = match?.people ?? [];
  const only = people.length === 1 && (match?.count ?? 1) === 1 ? people[0] : undefined;
  if (only) return only.name;
  if (name !== '') return name;
  if (number !== '') return showNumber(number);
  return 'Number withheld';
}
