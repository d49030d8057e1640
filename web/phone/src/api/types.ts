// What the gateway's HTTP API speaks of, under the names the phone uses. The shapes are generated from the gateway's own
// description (`npm run types`); this file only shortens their names.
import type { components } from './schema';

type Shapes = components['schemas'];

/** Which of the four kinds of calls reach the agent; every status a customer names is of one of these types. */
export type AvailabilityType = Availability['type'];
export type Availability = Shapes['Availability'];
export type User = Shapes['User'];
export type Login = Shapes['Login'];
export type Me = Shapes['Me'];
export type SipCredentials = Shapes['SIPCredentials'];
export type Colleague = Shapes['Colleague'];
export type Party = Shapes['Party'];
export type Person = Shapes['Person'];
export type Match = Shapes['Match'];
export type CallRecord = Shapes['CallSummary'];
/** Everything known of one call. */
export type CallDetails = Shapes['Call'];
export type Calls = Shapes['CallsOutputBody'];
export type Hello = Shapes['Hello'];
export type CallEvent = Shapes['CallEvent'];
export type AgentEvent = Shapes['AgentEvent'];
export type GatewayEvent = Shapes['GatewayEvent'];
export type Reconnect = Shapes['Reconnect'];
