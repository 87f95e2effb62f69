/** The ways a machine stops being of interest, whichever witness says so first. */
import type { ProcessExit } from '../process/spawn-group.ts';
import type { Machine } from '../qemu/launch.ts';
import type { QmpEvent } from '../qmp/event-history.ts';

/**
 * `paused`: the guest rang pvpanic and QEMU holds it; `reset`: a reset or triple fault (QMP cannot tell which);
 * `shutdown`: the guest switched itself off; `internal-error`: QEMU or its accelerator gave up; `qemu-exit`: the
 * process ended.
 */
export type MachineEnd =
  | { readonly kind: 'paused' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'shutdown' }
  | { readonly kind: 'internal-error'; readonly detail: string }
  | { readonly kind: 'qemu-exit'; readonly exit: ProcessExit; readonly stderr: string };

/** What one QMP event means for the machine; undefined: nothing. */
export function endFromEvent(event: QmpEvent): MachineEnd | undefined {
  switch (event.name) {
    case 'GUEST_PANICKED':
      return { kind: 'paused' };
    case 'RESET':
      return event.data['guest'] === true ? { kind: 'reset' } : undefined;
    case 'SHUTDOWN':
      return endFromShutdown(event.data);
    default:
      return undefined;
  }
}

/** Source: QEMU qapi/run-state.json, ShutdownCause. What the host did (a signal, `quit`) ends in the process's exit. */
function endFromShutdown({ guest, reason }: QmpEvent['data']): MachineEnd | undefined {
  if (reason === 'host-error')
    return { kind: 'internal-error', detail: 'QEMU met an error that it cannot go on from' };
  if (guest !== true) return undefined;
  return reason === 'guest-reset' ? { kind: 'reset' } : { kind: 'shutdown' };
}

/** QEMU that gave up stays stopped. */
const STAYS_STOPPED_MS = 50;

/** Watches a machine; each kind of end can be awaited again after it was taken. */
export class MachineWatch implements Disposable {
  readonly #machine: Machine;
  readonly #unsubscribe: () => void;
  #pending: MachineEnd[] = [];
  #stopped: NodeJS.Timeout | undefined;
  #waiting: ((end: MachineEnd) => void) | undefined;

  constructor(machine: Machine) {
    this.#machine = machine;
    this.#unsubscribe = machine.qmp.onEvent((event) => {
      const end = endFromEvent(event);
      if (end) this.#report(end);
      else this.#heard(event.name);
    });
    void machine.process.exited.then((exit) =>
      this.#report({ kind: 'qemu-exit', exit, stderr: machine.process.stderrTail() }),
    );
  }

  /** The next end, once. */
  next(): Promise<MachineEnd> {
    const first = this.#pending.shift();
    if (first) return Promise.resolve(first);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#stopped);
    this.#unsubscribe();
  }

  /** Most stops are a debugger's, over in a moment; asking after each would cost more than the stop. */
  #heard(name: string): void {
    if (name !== 'STOP' && name !== 'RESUME') return;
    clearTimeout(this.#stopped);
    if (name === 'STOP') this.#stopped = setTimeout(() => this.#askWhyStopped(), STAYS_STOPPED_MS);
  }

  #report(end: MachineEnd): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(end);
    else this.#pending.push(end);
  }

  /** A stop has no reason of its own in QMP; only the run state tells an accelerator's failure. */
  #askWhyStopped(): void {
    this.#machine.qmp.execute('query-status').then(
      (status) => {
        const runState = (status as { status?: string }).status;
        if (runState === 'internal-error' || runState === 'io-error')
          this.#report({ kind: 'internal-error', detail: `QEMU is in run state ${runState}` });
      },
      () => undefined,
    );
  }
}
