// What went wrong, in words an agent understands, with what to do about it. No SIP numbers, no exception names.

export interface Trouble {
  /** Stable, for tests and styling. */
  kind: TroubleKind;
  title: string;
  advice: string;
}

export type TroubleKind =
  | 'microphone-missing'
  | 'microphone-denied'
  | 'microphone-taken'
  | 'microphone-failed'
  | 'insecure-page'
  | 'not-registered'
  | 'registration-refused'
  | 'login-refused'
  | 'login-too-often'
  | 'server-gone'
  | 'session-over'
  | 'bad-number'
  | 'call-failed'
  | 'sound-blocked'
  | 'sound-lost'
  | 'request-failed'
  | 'no-such-call';

/** What navigator.mediaDevices.getUserMedia threw. */
export function microphoneTrouble(error: unknown): Trouble {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
      return {
        kind: 'microphone-denied',
        title: 'The microphone is blocked',
        advice: 'Allow it for this page: click the icon left of the address, then Microphone, Allow.',
      };
    case 'NotFoundError':
    case 'DevicesNotFoundError':
      return {
        kind: 'microphone-missing',
        title: 'No microphone found',
        advice: 'Plug in a headset, then try again.',
      };
    case 'OverconstrainedError':
      return {
        kind: 'microphone-missing',
        title: 'The chosen microphone is gone',
        advice: 'Plug it in again, or choose another one under Devices.',
      };
    case 'NotReadableError':
    case 'AbortError':
      return {
        kind: 'microphone-taken',
        title: 'The microphone cannot be opened',
        advice: 'Another program may be using it. Close that, or choose another microphone under Devices.',
      };
    case 'InsecurePage':
      return {
        kind: 'insecure-page',
        title: 'This page may not use the microphone',
        advice: 'Browsers allow it on https pages only. Ask your administrator for the https address.',
      };
    default:
      return {
        kind: 'microphone-failed',
        title: 'The microphone does not work',
        advice: 'Choose another one under Devices, or restart the browser.',
      };
  }
}

/** Why a call did not come about, from the final SIP response (RFC 3261 section 21) or JsSIP's cause. */
export function callTrouble(status: number | undefined, cause: string): Trouble {
  const [title, advice] = callWords(status, cause);
  return { kind: 'call-failed', title, advice };
}

function callWords(status: number | undefined, cause: string): [string, string] {
  switch (status) {
    case 486:
    case 600:
      return ['Busy', 'They are on another call.'];
    case 603:
    case 607:
      return ['Declined', 'They did not take the call.'];
    case 408:
      return ['No answer', 'Nobody answered in time.'];
    case 480:
      return ['Not reachable', 'Their phone is off, or nobody answers it now.'];
    case 404:
    case 410:
    case 484:
    case 604:
      return ['No such number', 'Check the digits and the country code.'];
    case 401:
    case 403:
    case 407:
      return ['Not allowed', 'You may not call this number. Ask your administrator.'];
    case 415:
    case 488:
    case 606:
      return ['No common sound format', 'The two phones could not agree. Tell your administrator.'];
    case 500:
    case 502:
    case 504:
      return ['The call failed', 'The line answered with an error. Try again in a moment.'];
    case 503:
      return ['All lines are busy', 'Try again in a moment.'];
    default:
      return causeWords(cause);
  }
}

function causeWords(cause: string): [string, string] {
  switch (cause) {
    case 'Connection Error':
      return ['The connection was lost', 'The phone is reconnecting. Then call again.'];
    case 'Request Timeout':
      return ['No answer from the server', 'Try again in a moment.'];
    case 'User Denied Media Access':
    case 'WebRTC Error':
    case 'Bad Media Description':
    case 'Incompatible SDP':
    case 'Missing SDP':
      return ['The sound could not be set up', 'Check your headset under Devices and try again.'];
    case 'RTP Timeout':
      return ['The sound was lost', 'Nothing was heard for a while, so the call was ended.'];
    default:
      return ['The call failed', 'Try again in a moment.'];
  }
}

/** Why the phone is not registered, from the registrar's answer. */
export function registrationTrouble(status: number | undefined): Trouble {
  if (status === 401 || status === 403 || status === 407)
    return {
      kind: 'registration-refused',
      title: 'The phone was not let in',
      advice: 'New credentials are being fetched. If this stays, log out and in again.',
    };
  return {
    kind: 'not-registered',
    title: 'Calls cannot reach you now',
    advice: 'The phone could not register. It tries again by itself.',
  };
}

/** Why a login did not work. */
export function loginTrouble(status: number | undefined, retryAfter: number): Trouble {
  switch (status) {
    case undefined:
      return { kind: 'server-gone', title: 'The server does not answer', advice: 'Check your network connection and try again.' };
    case 400:
    case 401:
    case 403:
    case 422:
      return { kind: 'login-refused', title: 'Wrong user name or password', advice: 'Check both and try again.' };
    case 429:
      return {
        kind: 'login-too-often',
        title: 'Too many attempts',
        advice: retryAfter > 0 ? `Wait ${retryAfter} seconds, then try again.` : 'Wait a minute, then try again.',
      };
    default:
      return { kind: 'request-failed', title: 'Login is not possible now', advice: 'The server has a problem. Try again in a moment.' };
  }
}

/** Why a call's details cannot be shown, from the API's status; none: it did not answer. */
export function detailsTrouble(status: number | undefined): Trouble {
  switch (status) {
    case undefined:
      return { kind: 'server-gone', title: 'The server does not answer', advice: 'Check your network connection and try again.' };
    case 401:
      return sessionOver;
    case 403:
    case 404:
    case 422:
      return {
        kind: 'no-such-call',
        title: 'This call cannot be shown',
        advice: 'There is no such call, or you had no part in it. Supervisors can see the calls of all agents.',
      };
    case 429:
      return { kind: 'request-failed', title: 'Too many questions at once', advice: 'Wait a minute, then try again.' };
    default:
      return { kind: 'request-failed', title: 'The call cannot be shown now', advice: 'The server has a problem. Try again in a moment.' };
  }
}

/** Why a number cannot be dialled. */
export function numberTrouble(why: 'empty' | 'letters' | 'too-long'): Trouble {
  switch (why) {
    case 'empty':
      return { kind: 'bad-number', title: 'Enter a number first', advice: 'Type it, paste it, or choose a call below.' };
    case 'letters':
      return { kind: 'bad-number', title: 'This is not a telephone number', advice: 'Digits, a plus in front, * and # can be dialled.' };
    case 'too-long':
      return { kind: 'bad-number', title: 'This number is too long', advice: 'Check that only one number was pasted.' };
  }
}

/** The phone was asked to call while it is not connected. */
export const notRegistered: Trouble = {
  kind: 'not-registered',
  title: 'The phone is not connected',
  advice: 'Wait until the dot at the top is green, then call again.',
};

/** A call that was to come back did not. */
export const notReturned: Trouble = {
  kind: 'call-failed',
  title: 'The call could not be brought back',
  advice: 'The customer has hung up or is served by a colleague.',
};

export const sessionOver: Trouble = {
  kind: 'session-over',
  title: 'You have been logged out',
  advice: 'Your session is over. Log in again to go on.',
};

export const sessionOverSoon: Trouble = {
  kind: 'session-over',
  title: 'You will be logged out after this call',
  advice: 'Your session is over, but the call goes on. Then log in again.',
};

export const soundBlocked: Trouble = {
  kind: 'sound-blocked',
  title: 'The browser keeps the sound off',
  advice: 'Click anywhere on the page to hear the caller.',
};

export const soundLost: Trouble = {
  kind: 'sound-lost',
  title: 'The sound is interrupted',
  advice: 'The network has changed or is down. The phone is reconnecting your call.',
};

export const requestFailed: Trouble = {
  kind: 'request-failed',
  title: 'That did not work',
  advice: 'The server did not accept it. Try again in a moment.',
};
