/** Our model on Xen's early boot beside Unicorn, from C and with hooks, on the same instructions. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Figure, interleaved, type Measured, type MeasureOptions, median } from './figure.ts';
import { goldenStretch } from './golden-stretch.ts';
import type { ModelAnswer, ModelTask } from './stretch-model-child.ts';
import type { ModelRate, StretchEnd } from './stretch-model.ts';
import { unicornRate, type UnicornRuns } from './unicorn-rate.ts';
import type { Runs } from './unicorn/stretch-file.ts';
import type { Stretch } from './unicorn/stretch.ts';

const ROUNDS = 3;
const OUR_RUNS: Runs = { warmUp: 300, measured: 300 };
const PEER_RUNS: Runs = { warmUp: 20, measured: 100 };
const CHILD = join(import.meta.dirname, 'stretch-model-child.ts');

/** Two models that ran the same code did not leave the same behind: then neither's time says anything. */
export class DisagreementError extends Error {
  override readonly name = 'DisagreementError';
}

export function sanitizerFigure(firmware: 'bios' | 'efi'): Figure {
  const name = `sanitizer/xen-${firmware}`;
  return {
    name,
    about: `the model on Xen’s 32-bit early boot (${firmware}), in million instructions/s, a repeated string instruction counted once; peer: Unicorn from C, with hooks`,
    measure: async (options) => measure(name, await goldenStretch(firmware), options),
  };
}

async function measure(
  name: string,
  stretch: Stretch,
  { rounds = ROUNDS, say }: MeasureOptions,
): Promise<Measured> {
  const unit = 'M instructions/s';
  const million = (seconds: number) => stretch.instructions / seconds / 1e6;
  say(
    `${name}: ${stretch.instructions} instructions, ${stretch.iterations} with each iteration of a repeat counted`,
  );
  const first = await unicornRate(stretch, PEER_RUNS);
  if (first.kind === 'unavailable') {
    say(`${name}: no peer: ${first.reason}`);
    const rates: number[] = [];
    for (let round = 0; round < rounds; round++)
      rates.push(million((await modelRateAlone(stretch, OUR_RUNS)).seconds));
    return { value: median(rates), unit };
  }
  say(`${name}: Unicorn calls its hooks ${first.hooked.instructions} + ${first.hooked.accesses} times a run`);
  const bare: number[] = [];
  const seen = await interleavedWithUnicorn(stretch, rounds, ({ seconds }) => bare.push(million(seconds)));
  return {
    ...{ value: million(seen.ours), unit, peer: `Unicorn ${first.version} from C, with hooks` },
    peerValue: million(seen.peers),
    parts: [
      {
        part: 'unhooked',
        value: million(seen.ours),
        unit,
        peer: `Unicorn ${first.version} from C, without`,
        peerValue: median(bare),
      },
    ],
  };
}

/** Both in turn, each in a new process; they must leave the same behind. */
function interleavedWithUnicorn(stretch: Stretch, rounds: number, onBare: (bare: UnicornRuns) => void) {
  let expected: StretchEnd | undefined;
  const agree = (who: string, end: StretchEnd) => {
    if (expected) requireAgreement(who, end, expected);
    expected ??= end;
  };
  const ours = async () => {
    const { seconds, end } = await modelRateAlone(stretch, OUR_RUNS);
    agree('our model', end);
    return seconds;
  };
  const peers = async () => {
    const measured = await unicornRate(stretch, PEER_RUNS);
    if (measured.kind === 'unavailable') throw new Error(measured.reason);
    agree('Unicorn with hooks', measured.hooked.end);
    agree('Unicorn without hooks', measured.bare.end);
    onBare(measured.bare);
    return measured.hooked.seconds;
  };
  return interleaved(rounds, ours, peers, () => undefined);
}

/** @throws DisagreementError */
export function requireAgreement(who: string, end: StretchEnd, expected: StretchEnd): void {
  const [seen, wanted] = [JSON.stringify(ordered(end)), JSON.stringify(ordered(expected))];
  if (seen !== wanted)
    throw new DisagreementError(
      `${who} ends the stretch as ${seen}, the model before it as ${wanted}: one of them is wrong, and nothing is measured`,
    );
}

const ordered = ({ general, eip, crc32 }: StretchEnd) => ({ general, eip, crc32 });

/** Our model in a process of its own. @throws where it does not run the stretch as it was recorded */
export async function modelRateAlone(stretch: Stretch, runs: Runs): Promise<ModelRate> {
  const child = fork(CHILD, { serialization: 'advanced' });
  const ended = once(child, 'exit').then(([code]) => ({ error: `its process ended with ${String(code)}` }));
  child.send({ stretch, runs } satisfies ModelTask);
  const message = once(child, 'message').then(([said]) => said as ModelAnswer);
  const answer = await Promise.race([message, ended]);
  if ('error' in answer) throw new Error(`our model was not measured: ${answer.error}`);
  return answer.rate;
}
