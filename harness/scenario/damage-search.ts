/** Memory that nobody owns has changed: which instruction did it is asked of a second boot of the same instance. */
import { join } from 'node:path';
import type { BootRecord } from '../boot/boot-record.ts';
import type { BootSession } from '../boot/boot-session.ts';
import type { FrozenMachine } from '../boot/frozen-machine.ts';
import { findWriter } from '../boot/writer-search.ts';
import { Deadline } from '../lifetime/deadline.ts';
import { makeFolder } from '../workdir/run-folder.ts';
import type { Artifacts } from './artifacts.ts';
import type { LayoutOracle } from './layout-oracle.ts';
import type { ReadyInstance } from './plan.ts';
import { symboliser, symbolStart } from './symboliser.ts';
import { driverOf } from './instance-pieces.ts';
import { loadBaseOf } from './instance-driver.ts';
import type { SubjectFacts } from '../subject/loaded-subject.ts';

const isLayout = ({ name }: { readonly name: string }): boolean => name.startsWith('layout at ');

/** Whether a look at the layout found something wrong. */
export function layoutFailed({ checkpoints }: BootRecord): boolean {
  return checkpoints.some(
    (checkpoint) => isLayout(checkpoint) && checkpoint.observations.some(({ ok }) => !ok),
  );
}

/** What a second boot needs of the instance's run. */
export interface SearchedRun {
  readonly planned: ReadyInstance;
  readonly artifacts: Artifacts;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly onPhase: (phase: string) => void;
}

/** What the second boot is made from; the first one's machine is still there. */
export interface FirstBoot {
  readonly payload: string;
  readonly directory: string;
  readonly session: BootSession;
  /** What both are forks of. */
  readonly from: FrozenMachine | undefined;
}

/** The record with the writer of the first damage beside it; as it is where nothing was damaged. */
export async function withWriter(
  run: SearchedRun,
  facts: SubjectFacts,
  boot: FirstBoot,
  layout: LayoutOracle,
  record: BootRecord,
): Promise<BootRecord> {
  const [damage] = layout.record?.damages ?? [];
  if (!damage) return record;
  // It may spin in a panic, and would share its processor with the second boot; it is looked at later as it stands.
  await boot.session.machine.qmp.execute('stop').catch(() => undefined);
  const text = await searched(run, facts, boot, damage.start, record).catch(
    (error: unknown) => `the second boot failed: ${error instanceof Error ? error.message : String(error)}`,
  );
  const last = record.checkpoints.findLastIndex(
    (each) => isLayout(each) && each.observations.some(({ ok }) => !ok),
  );
  const checkpoints = record.checkpoints.map((checkpoint, i) =>
    i === last
      ? { ...checkpoint, observations: [...checkpoint.observations, { ok: false, text }] }
      : checkpoint,
  );
  return { ...record, checkpoints };
}

/** Its own evidence goes below the instance's. */
async function searched(
  run: SearchedRun,
  facts: SubjectFacts,
  { payload, directory, from }: FirstBoot,
  address: number,
  record: BootRecord,
): Promise<string> {
  run.onPhase('second boot, with a watchpoint');
  const folder = join(directory, 'watchpoint');
  await makeFolder(folder);
  const loadBase = loadBaseOf(record.loader, facts);
  const writer = await findWriter({
    boot: {
      qemu: run.artifacts.qemu.path,
      spec: { ...run.planned.spec, payload },
      directory: folder,
      deadline: Deadline.in(run.timeoutMs),
      driver: driverOf(run.planned, run.artifacts.disassembler),
      signal: run.signal,
      from,
    },
    address,
    disassembler: run.artifacts.disassembler,
    codeStart: symbolStart(facts, loadBase),
    symbolise: symboliser(facts, loadBase),
  });
  return writer === undefined ? 'a second boot with a watchpoint there met no write' : `written by ${writer}`;
}
