/** Every defect on every of its instances, several at once; then ordinary instances, which must not be complained about. */
import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import type { InstanceResult } from '../scenario/contract.ts';
import { failedOutcome } from '../scenario/instance-result.ts';
import type { ReadyInstance } from '../scenario/plan.ts';
import { Forks } from '../scenario/forks.ts';
import { runInstance } from '../scenario/run-instance.ts';
import type { Witnesses } from '../scenario/witnesses.ts';
import type { ToolchainContext } from '../toolchain/toolchain-context.ts';
import { applyDefect, type Prepared, type Workbench } from './apply-defect.ts';
import type { Defect } from './defect.ts';
import { judgeTrial, type TrialJudgement } from './judge-trial.ts';

export interface TrialRequest {
  readonly bench: Workbench;
  /** Ordinary instances by name. */
  readonly planned: ReadonlyMap<string, ReadyInstance>;
  /** Evidence of what was not as it should be stays here. */
  readonly directory: string;
  /** Of ordinary machines, on which ordinary and patched images are booted alike; absent: every boot is cold. */
  readonly forks?: Forks | undefined;
  readonly jobs: number;
  readonly timeoutMs: number;
  /** Default: all. */
  readonly witnesses?: Witnesses;
  readonly signal: AbortSignal;
}

/** One defect on one instance. */
export interface Trial extends TrialJudgement {
  readonly defect: Defect;
  readonly instance: string;
  readonly verdict: InstanceResult['verdict'];
  readonly reason: string;
  readonly start?: InstanceResult['start'];
  readonly durationMs: number;
}

/** @throws the signal's reason on abort. */
export async function tryDefects(
  defects: readonly Defect[],
  request: TrialRequest,
  onTrial: (trial: Trial) => void,
): Promise<Trial[]> {
  const limit = pLimit(request.jobs);
  const all = defects.flatMap((defect) => defect.instances.map((instance) => ({ defect, instance })));
  return Promise.all(
    all.map(({ defect, instance }) =>
      limit(async () => {
        request.signal.throwIfAborted();
        const trial = await tryDefect(defect, instance, request);
        request.signal.throwIfAborted();
        onTrial(trial);
        return trial;
      }),
    ),
  );
}

async function tryDefect(defect: Defect, instance: string, request: TrialRequest): Promise<Trial> {
  const directory = join(request.directory, defect.name);
  const started = performance.now();
  const result = await prepare(defect, instance, request).then(
    (prepared) => runBroken(defect, prepared, directory, request),
    (error: unknown): ReturnType<typeof failedOutcome> & Pick<InstanceResult, 'start'> =>
      failedOutcome(error, 'tcg'),
  );
  const { verdict, reason, start } = result;
  const judgement = judgeTrial(defect.expected, result);
  if (judgement.fate === 'killed') await forget(directory, instance);
  const durationMs = performance.now() - started;
  return { ...judgement, defect, instance, verdict, reason, ...(start ? { start } : {}), durationMs };
}

/**
 * As a user's run would boot it. A defect of the machine is there from its reset on, and so are its boots; a broken GRUB
 * has a frozen machine that nobody needs a second time, in a cache of its own that goes away.
 */
async function runBroken(
  { make }: Defect,
  prepared: Prepared,
  directory: string,
  request: TrialRequest,
): Promise<InstanceResult> {
  if (!request.forks || make.depth === 'machine')
    return runPrepared(prepared, directory, { ...request, forks: undefined });
  if (make.depth === 'image') return runPrepared(prepared, directory, request);
  const cacheRoot = join(directory, `frozen-${prepared.planned.instance.name}`);
  try {
    const forks = ownForks(prepared, cacheRoot, request.bench.context);
    return await runPrepared(prepared, directory, { ...request, forks });
  } finally {
    await rm(cacheRoot, { recursive: true, force: true });
  }
}

function ownForks({ artifacts }: Prepared, cacheRoot: string, context: ToolchainContext): Forks {
  return new Forks(artifacts, {
    context: { ...context, cacheRoot, onProgress: () => undefined },
    evidence: (name) => join(cacheRoot, name),
    onNotice: (detail) =>
      context.onProgress({ task: 'frozen machine', step: 'freeze', state: 'notice', detail }),
  });
}

/** Evidence of what went as it should; the folder above goes with its last. */
async function forget(directory: string, instance: string): Promise<void> {
  await rm(join(directory, instance), { recursive: true, force: true });
  await rmdir(directory).catch(() => undefined);
}

async function prepare(
  defect: Defect,
  instance: string,
  { planned, bench }: TrialRequest,
): Promise<Prepared> {
  const ordinary = planned.get(instance);
  if (!ordinary)
    throw new Error(`${instance} cannot be booted here, so ${defect.name} cannot be tried on it`);
  return applyDefect(defect, ordinary, bench);
}

function runPrepared(prepared: Prepared, directory: string, request: TrialRequest): Promise<InstanceResult> {
  return runInstance({
    ...prepared,
    runDirectory: directory,
    forks: request.forks,
    timeoutMs: request.timeoutMs,
    ...(request.witnesses ? { witnesses: request.witnesses } : {}),
    repeat: '',
    signal: request.signal,
    onPhase: () => undefined,
  });
}

/** Ordinary instances: the map's, again and again, until there are `count`. @throws the signal's reason on abort. */
export async function runClean(
  count: number,
  request: TrialRequest,
  onResult: (result: InstanceResult) => void,
): Promise<InstanceResult[]> {
  const limit = pLimit(request.jobs);
  const ordinary = [...request.planned.values()];
  const { artifacts } = request.bench;
  const runs = Array.from({ length: ordinary.length === 0 ? 0 : count }, (_, i) => i);
  return Promise.all(
    runs.map((i) =>
      limit(async () => {
        request.signal.throwIfAborted();
        const planned = ordinary[i % ordinary.length] as ReadyInstance;
        const directory = join(request.directory, `clean-${Math.floor(i / ordinary.length) + 1}`);
        const result = await runPrepared({ planned, artifacts }, directory, request);
        request.signal.throwIfAborted();
        if (result.verdict === 'pass') await forget(directory, result.name);
        onResult(result);
        return result;
      }),
    ),
  );
}
