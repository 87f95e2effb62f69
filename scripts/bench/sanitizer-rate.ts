/** Our model under every rule on Xen's early boot, and beside Unicorn, from C and with hooks, on the same instructions. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Figure, interleaved, type Measured, type MeasureOptions, median, type Part } from './figure.ts';
import { goldenBoot, type GoldenBoot } from './golden-boot.ts';
import type { ModelAnswer, ModelTask } from './stretch-model-child.ts';
import type { RunRate, StretchEnd } from './stretch-model.ts';
import { unicornRate, type UnicornRuns } from './unicorn-rate.ts';
import type { Runs } from './unicorn/stretch-file.ts';

const ROUNDS = 3;
const OUR_RUNS: Runs = { warmUp: 300, measured: 300 };
const PEER_RUNS: Runs = { warmUp: 20, measured: 100 };
const CHILD = join(import.meta.dirname, 'stretch-model-child.ts');
const unit = 'M instructions/s';

/** Two models that ran the same code did not leave the same behind: then neither's time says anything. */
export class DisagreementError extends Error {
  override readonly name = 'DisagreementError';
}

export function sanitizerFigure(firmware: 'bios' | 'efi'): Figure {
  const name = `sanitizer/xen-${firmware}`;
  return {
    name,
    about: `the model under every rule on Xen’s 32-bit early boot (${firmware}), in million instructions/s, a repeated string instruction counted once; peer: Unicorn from C, with hooks`,
    measure: async (options) => measure(name, await goldenBoot(firmware), options),
  };
}

async function measure(name: string, boot: GoldenBoot, options: MeasureOptions): Promise<Measured> {
  const { stretch, sanitized } = boot;
  const { rounds = ROUNDS, say } = options;
  say(
    `${name}: ${stretch.instructions} instructions, ${stretch.iterations} with each iteration of a repeat counted`,
  );
  const ours = () => modelRateAlone({ code: stretch, sanitized, runs: OUR_RUNS });
  const bare = () => modelRateAlone({ code: stretch, runs: OUR_RUNS });
  const whole = await medianRate(rounds, () =>
    modelRateAlone({ code: boot.whole, sanitized, runs: OUR_RUNS }),
  );
  const wholePart: Part = { part: 'whole', value: whole, unit };
  const first = await unicornRate(stretch, PEER_RUNS);
  if (first.kind === 'unavailable') {
    say(`${name}: no peer: ${first.reason}`);
    const without: Part = { part: 'without-rules', value: await medianRate(rounds, bare), unit };
    return { value: await medianRate(rounds, ours), unit, parts: [without, wholePart] };
  }
  say(`${name}: Unicorn calls its hooks ${first.hooked.instructions} + ${first.hooked.accesses} times a run`);
  const seen = await besideUnicorn(boot, rounds, ours, bare);
  const million = (seconds: number) => stretch.instructions / seconds / 1e6;
  return {
    ...{ value: million(seen.ours), unit, peer: `Unicorn ${first.version} from C, with hooks` },
    peerValue: million(seen.hooked),
    parts: [
      {
        ...{ part: 'without-rules', value: million(seen.bare), unit },
        ...{ peer: `Unicorn ${first.version} from C, without hooks`, peerValue: million(seen.unhooked) },
      },
      wholePart,
    ],
  };
}

async function medianRate(rounds: number, measureOnce: () => Promise<RunRate>): Promise<number> {
  const rates: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const { instructions, seconds } = await measureOnce();
    rates.push(instructions / seconds / 1e6);
  }
  return median(rates);
}

type MeasureOurs = () => Promise<RunRate>;

/** All in turn, each in a new process; they must leave the same behind. @returns seconds */
async function besideUnicorn({ stretch }: GoldenBoot, rounds: number, ours: MeasureOurs, bare: MeasureOurs) {
  let expected: StretchEnd | undefined;
  const agree = (who: string, end: StretchEnd | undefined) => {
    if (!end) throw new DisagreementError(`${who} says nothing of how it ends`);
    if (expected) requireAgreement(who, end, expected);
    expected ??= end;
  };
  const [withoutRules, unhooked]: [number[], UnicornRuns[]] = [[], []];
  const measureOurs = async () => {
    const [watched, plain] = [await ours(), await bare()];
    agree('our model', watched.end);
    agree('our model without rules', plain.end);
    withoutRules.push(plain.seconds);
    return watched.seconds;
  };
  const measureUnicorn = async () => {
    const measured = await unicornRate(stretch, PEER_RUNS);
    if (measured.kind === 'unavailable') throw new Error(measured.reason);
    agree('Unicorn with hooks', measured.hooked.end);
    agree('Unicorn without hooks', measured.bare.end);
    unhooked.push(measured.bare);
    return measured.hooked.seconds;
  };
  const seen = await interleaved(rounds, measureOurs, measureUnicorn, () => undefined);
  return {
    ...{ ours: seen.ours, hooked: seen.peers, bare: median(withoutRules) },
    unhooked: median(unhooked.map(({ seconds }) => seconds)),
  };
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

/** Our model in a process of its own. @throws where it does not run the code as it was recorded, or a rule is broken */
export async function modelRateAlone(task: ModelTask): Promise<RunRate> {
  const child = fork(CHILD, { serialization: 'advanced' });
  const ended = once(child, 'exit').then(([code]) => ({ error: `its process ended with ${String(code)}` }));
  child.send(task);
  const message = once(child, 'message').then(([said]) => said as ModelAnswer);
  const answer = await Promise.race([message, ended]);
  if ('error' in answer) throw new Error(`our model was not measured: ${answer.error}`);
  return answer.rate;
}
