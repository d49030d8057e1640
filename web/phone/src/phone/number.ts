// What a person pastes or types, as a number that can be dialled.

export type Dialled = { ok: true; number: string } | { ok: false; why: 'empty' | 'letters' | 'too-long' };

/** E.164 allows 15 digits; national prefixes and feature codes may come on top. */
const LONGEST = 20;

/**
 * Cleans up a number: blanks, brackets, dashes, the marks that spreadsheets and web pages hide in a copied number, a
 * tel: or sip: in front, an extension behind. "00" in front becomes "+", and the "(0)" of "+358 (0)40" is dropped.
 * A number without a country code stays as it is: the gateway's dial plan knows the country, the page does not.
 */
export function cleanNumber(input: string): Dialled {
  let s = input.normalize('NFKC').replace(/[\p{Cf}\s]/gu, '');
  s = s.replace(/^(tel|callto|sips?):/i, '').replace(/@.*$/, '');
  s = s.replace(/[;?].*$/, '').replace(/(?<=\d)(ext\.?|x|#ext)\d+$/i, '');
  s = unescape(s);
  s = s.replace(/\p{Nd}/gu, westernDigit);
  s = s.replace(/(?<=^(\+|00)[\d./\p{Pd}]*)\(0\)/u, '');
  s = s.replace(/[().,/'’\p{Pd}_]/gu, '');
  if (s === '') return { ok: false, why: 'empty' };
  if (!/^\+?[\d*#]+$/.test(s)) return { ok: false, why: 'letters' };
  if (/^00\d{6,}$/.test(s)) s = `+${s.slice(2)}`;
  if (s.replace(/\D/g, '').length > LONGEST) return { ok: false, why: 'too-long' };
  return { ok: true, number: s };
}

/** Percent escapes of a tel: link. */
function unescape(s: string): string {
  try {
    return decodeURIComponent(s).replace(/\s/g, '');
  } catch {
    return s;
  }
}

/** Any script's decimal digit as 0-9: the ten digits of a script lie in a row, zero first (Unicode, general category Nd). */
function westernDigit(digit: string): string {
  let code = digit.codePointAt(0) ?? 0;
  let value = 0;
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - 1))) {
    code--;
    value++;
  }
  return String(value);
}

/** Country codes of one and of two digits (ITU-T E.164); all others have three. */
const SHORT_CODES =
  /^\+(1|7|20|27|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[1246]|9[0-58])/;

/** A number for the eye: "+358 293 000 100". What is not in international form stays as it is. */
export function showNumber(number: string): string {
  if (!/^\+\d{7,15}$/.test(number)) return number;
  const code = SHORT_CODES.exec(number)?.[0] ?? number.slice(0, 4);
  return [code, ...groups(number.slice(code.length))].join(' ');
}

/** Digits in threes, the last group up to four. */
function groups(digits: string): string[] {
  const out: string[] = [];
  let rest = digits;
  while (rest.length > 4) {
    out.push(rest.slice(0, 3));
    rest = rest.slice(3);
  }
  return [...out, rest];
}
