/**
 * How fast early boot is captured. Steps are counted as the machine counts them, each iteration of a repeated string
 * instruction by itself: gdb's `stepi` stops at each.
 */
import type { CaptureWay } from '../../harness/capture/capture.ts';
import { captureBoot, gdbStepRate } from './captured-boot.ts';
import { type Figure, interleaved, type Measured, type MeasureOptions, median } from './figure.ts';
import { prepareInstance, withFolder } from './prepared-run.ts';

const PEER = 'gdb stepi';
/** Before the first repeated string instruction: the peer's best. */
const GDB_STEPS = 2000;

interface Compared {
  readonly firmware: 'bios' | 'efi';
  readonly way: CaptureWay;
  readonly rounds: number;
}

export const captureLogBios = captureRate('capture-log-bios', { firmware: 'bios', way: 'log', rounds: 5 });
export const captureLogEfi = captureRate('capture-log-efi', { firmware: 'efi', way: 'log', rounds: 5 });
export const captureStep = captureRate('capture-step', { firmware: 'bios', way: 'step', rounds: 1 });

function captureRate(name: string, compared: Compared): Figure {
  return {
    name,
    about: `${instanceOf(compared)} captured ${compared.way === 'log' ? 'by QEMU’s log' : 'by stepping'}, model and memory comparison included; peer: ${PEER} from the same entry`,
    measure: (options) => withFolder((folder) => measure(compared, folder, options)),
  };
}

function instanceOf({ firmware }: Compared): string {
  return `xen-early-boot~${firmware}~base-0x03e00000`;
}

async function measure(
  compared: Compared,
  folder: string,
  { rounds = compared.rounds, say }: MeasureOptions,
): Promise<Measured> {
  const prepared = await prepareInstance(instanceOf(compared), folder, say);
  let round = 0;
  const instructions: number[] = [];
  const ours = async () => {
    const { totals, recordingMs } = (await captureBoot(prepared, compared.way, folder, round++)).captured;
    instructions.push(perSecond(totals.steps, recordingMs));
    return perSecond(totals.guestSteps, recordingMs);
  };
  const peers = () => gdbStepRate(prepared, GDB_STEPS, folder, round++);
  const seen = await interleaved(rounds, ours, peers, (our, peer) =>
    say(`${compared.way}: ${our.toFixed(0)} steps/s, gdb ${peer.toFixed(0)}`),
  );
  const peer = { unit: 'steps/s', peer: PEER, peerValue: seen.peers } as const;
  return {
    ...{ value: seen.ours, ...peer },
    parts: [{ part: 'repeats-count-once', value: median(instructions.slice(1)), ...peer }],
  };
}

function perSecond(steps: number, ms: number): number {
  return (steps / ms) * 1000;
}
