import { join } from 'node:path';
import t from 'tap';
import { liveGroups } from '../process/live-groups.ts';
import { bench, type Bench } from '../qemu/testdata/bench.ts';
import type { Instance, RunEvent } from './contract.ts';
import { planRun, type PlannedInstance, type PlanRequest } from './plan.ts';
import { fakeArtifacts, instance, MEMORY_MAP, SMALL } from './testdata/fake-run.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

async function plan(
  at: Bench,
  instances: readonly Instance[],
  { qemu = 'refuses', ...more }: Partial<PlanRequest> & { qemu?: string } = {},
): Promise<{ planned: readonly PlannedInstance[]; events: RunEvent[] }> {
  const events: RunEvent[] = [];
  const { planned } = await planRun({
    artifacts: await fakeArtifacts(at, qemu),
    instances,
    accelerator: 'tcg',
    cacheRoot: join(at.directory, 'cache'),
    kernelRelease: '6.1.0',
    runDirectory: join(at.directory, 'run'),
    scenarios: [SMALL],
    emit: (event) => void events.push(event),
    ...more,
  });
  return { planned, events };
}

const at = (address: number) => instance({ base: { kind: 'at', address } });

t.test('one survey for a machine, then expectations from its memory map', async (t) => {
  const here = bench(t);
  const instances = [at(0x3e00000), at(0x3fff000), at(0x301000), instance({ base: { kind: 'highest' } })];
  const { planned, events } = await plan(here, instances);
  t.match(planned, [
    { kind: 'ready', base: 0x3e00000, expectation: { kind: 'boots', base: 0x3e00000 } },
    { kind: 'ready', base: 0x3fff000, expectation: { kind: 'refused' } },
    { kind: 'ready', base: 0x301000, expectation: { kind: 'early-error', text: 'ERR: misaligned!' } },
    { kind: 'ready', base: 0x3e00000, expectation: { kind: 'boots' }, memoryMap: MEMORY_MAP },
  ]);
  t.match(planned[0], { spec: { accelerator: 'tcg', memoryMib: 64 }, loaderName: 'GRUB 2.06-fake' });
  t.strictSame(
    events.map(({ kind }) => kind),
    ['preparing', 'prepared'],
  );
  const again = await plan(here, instances, { qemu: 'exits-at-once' });
  t.strictSame(again.events, [], 'the next run remembers it');
  t.equal(again.planned.length, 4);
});

t.test('another amount of memory is another machine', async (t) => {
  const here = bench(t);
  const { events } = await plan(here, [at(0x3e00000), { ...at(0x3e00000), memoryMib: 128 }]);
  t.equal(events.filter(({ kind }) => kind === 'preparing').length, 2);
});

t.test('what is not there is a skip with its reason, and costs no machine', async (t) => {
  const here = bench(t);
  const { planned } = await plan(
    here,
    [
      instance({ firmware: 'efi' }),
      instance({ machine: 'pc' }),
      instance({ protocol: 'multiboot1', base: { kind: 'none' } }),
      instance({ grubVariant: 'no-relocation' }),
    ],
    { qemu: 'exits-at-once' },
  );
  t.match(planned, [
    { kind: 'skip', reason: 'there is no OVMF' },
    { kind: 'skip', reason: 'no firmware was looked for' },
    { kind: 'skip', reason: 'the image has no Multiboot 1 header' },
    { kind: 'skip', reason: 'it cannot be made' },
  ]);
});

t.test('a base that this machine has not is a skip, too', async (t) => {
  const { planned } = await plan(bench(t), [instance({ base: { kind: 'firmware-owned' } })]);
  t.match(planned, [{ kind: 'skip', reason: /memory map has no firmware-owned base/ }]);
});

t.test('a survey that fails breaks its own instances, with what QEMU said', async (t) => {
  const here = bench(t);
  const { planned } = await plan(here, [at(0x3e00000), at(0x4000000)], { qemu: 'exits-at-once' });
  t.match(planned, [
    { kind: 'broken', reason: /could not open disk image/ },
    { kind: 'broken', reason: /could not open disk image/ },
  ]);
});

t.test('the accelerator that was asked for is taken without a proof, and said', async (t) => {
  const here = bench(t);
  const artifacts = await fakeArtifacts(here, 'refuses');
  const { accelerators } = await planRun({
    ...{ artifacts, instances: [at(0x3e00000)], accelerator: 'kvm', kernelRelease: '6.1.0' },
    ...{ cacheRoot: join(here.directory, 'cache'), runDirectory: join(here.directory, 'run') },
    ...{ scenarios: [SMALL], emit: () => undefined },
  });
  t.strictSame(accelerators, { 'bios-q35': { accelerator: 'kvm', reason: 'asked for with --accel kvm' } });
});

t.test('abort ends the survey that is under way, and is no survey that failed', async (t) => {
  const here = bench(t);
  const controller = new AbortController();
  const emit = (): void => void setTimeout(() => controller.abort(), 200);
  const planning = plan(here, [at(0x3e00000)], { qemu: 'ignores-sigterm', signal: controller.signal, emit });
  await t.rejects(planning, { name: 'AbortError' });
  t.strictSame(liveGroups(), []);
  await t.rejects(plan(here, [at(0x3e00000)], { signal: AbortSignal.abort() }), { name: 'AbortError' });
});
