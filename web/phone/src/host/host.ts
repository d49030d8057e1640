/** Something Salesforce has a page for. */
export interface RecordLink {
  /** Contact, Account, Lead, Case, Task … */
  object: string;
  id: string;
  /** Where a browser shows it; empty when the gateway does not know the org's address. */
  url: string;
}

/**
 * The page around the phone. Inside Salesforce it can be told to open records and to show the phone; alone there is a
 * browser and nothing else. Implementations: `none` here; for Open CTI, the utility bar and Salesforce Voice to come.
 */
export interface HostAdapter {
  readonly name: 'none' | 'opencti' | 'utility' | 'scv';
  /** Shows a record to the agent. To be called in a click where the host is a browser tab. */
  popRecord(record: RecordLink): void;
  /** Brings the phone before the agent's eyes: a call rings. */
  show(): void;
  /** Asks for calls that the host wants dialled (click-to-dial). Returns what ends it. */
  onDial(dial: (number: string) => void): () => void;
}
