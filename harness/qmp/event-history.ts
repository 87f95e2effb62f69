import { type Deadline } from '../lifetime/deadline.ts';

/** An event of the machine (QEMU QMP Reference Manual). */
export interface QmpEvent {
  /** Counts from 1 in the order of arrival: what is later has more. */
  readonly sequence: number;
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** QEMU's clock, Unix time; undefined where QEMU could not tell it. */
  readonly timeMs: number | undefined;
}

export type QmpEventListener = (event: QmpEvent) => void;

/** An event's name, or a question asked of each event. */
export type QmpEventMatch = string | ((event: QmpEvent) => boolean);

const HISTORY_EVENTS = 1000;

/** The last events, those who listen and those who wait. */
export class EventHistory {
  readonly #events: QmpEvent[] = [];
  readonly #listeners = new Set<QmpEventListener>();
  #sequence = 0;

  /** The last 1,000 events, oldest first. */
  get events(): readonly QmpEvent[] {
    return this.#events;
  }

  /** The sequence number of the last event; 0 before the first. */
  get sequence(): number {
    return this.#sequence;
  }

  add(event: Omit<QmpEvent, 'sequence'>): void {
    const numbered = { ...event, sequence: ++this.#sequence };
    this.#events.push(numbered);
    if (this.#events.length > HISTORY_EVENTS) this.#events.shift();
    for (const listener of [...this.#listeners]) listener(numbered);
  }

  /** @returns how to stop listening. */
  listen(listener: QmpEventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The first event after `after` that matches, whether it has come already or not.
   * @param whenClosed gives a promise that rejects when no more events can come.
   * @throws DeadlineError, or what that promise rejects with.
   */
  async wait(
    match: QmpEventMatch,
    deadline: Deadline,
    after: number,
    whenClosed: () => Promise<never>,
  ): Promise<QmpEvent> {
    const matches = typeof match === 'string' ? (event: QmpEvent) => event.name === match : match;
    const past = this.#events.find((event) => event.sequence > after && matches(event));
    if (past) return past;
    let stop: (() => void) | undefined;
    const coming = new Promise<QmpEvent>((resolve, reject) => {
      stop = this.listen((event) => {
        try {
          if (matches(event)) resolve(event);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
    try {
      const what = typeof match === 'string' ? `QMP event ${match}` : 'a QMP event';
      return await deadline.wait(Promise.race([coming, whenClosed()]), what, () => this.#events.at(-1)?.name);
    } finally {
      stop?.();
    }
  }
}
