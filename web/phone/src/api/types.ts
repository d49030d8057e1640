// What the gateway's HTTP API speaks of, under the names the phone uses.

/** The four types of availability; every status a customer names is of one of them. */
export type AvailabilityType = 'available' | 'busy' | 'dnd' | 'offwork';

export interface Availability {
  type: AvailabilityType;
  since?: string;
  /** When it ends by itself; absent: it lasts until changed. */
  until?: string;
}

export interface User {
  id: string;
  name: string;
  extension: string;
  roles: string[];
}

export interface Login {
  token: string;
  expires_at: string;
  user: User;
}

export interface QueueMembership {
  name: string;
  active: boolean;
}

export interface Me extends User {
  availability: Availability;
  state?: string;
  queues?: QueueMembership[] | null;
}

export interface SipCredentials {
  uri: string;
  authorization_user: string;
  password: string;
  ws_url: string;
  expires_at: string;
  display_name?: string;
}

export interface Party {
  name?: string;
  /** E.164 where known; absent when withheld. */
  number?: string;
  agent?: string;
}

export interface Person {
  object: string;
  id: string;
  name: string;
  account_id?: string;
  account_name?: string;
  url?: string;
}

export interface Match {
  looked?: boolean;
  count?: number;
  people?: Person[] | null;
}

export interface Ending {
  by?: string;
  reason?: string;
  code?: number;
}

export type Direction = 'Inbound' | 'Outbound' | 'Internal';

export interface CallRecord {
  id: string;
  direction: Direction;
  customer: Party;
  dialled?: string;
  queue?: string;
  agent?: string;
  started: string;
  queued?: string;
  presented?: string;
  answered?: string;
  over?: string;
  match?: Match;
  ending?: Ending;
  talk_seconds?: number;
  wait_seconds?: number;
}

export type Moment =
  | 'began'
  | 'decided'
  | 'queued'
  | 'presented'
  | 'missed'
  | 'answered'
  | 'held'
  | 'resumed'
  | 'matched'
  | 'over';

export interface CallEvent {
  at: string;
  moment: Moment;
  agent?: string;
  record: CallRecord;
}

export interface AgentEvent {
  availability?: Availability;
  state?: string;
}
