import t from 'tap';
import type { ReadyInstance } from '../scenario/plan.ts';
import { applyDefect, type Workbench } from './apply-defect.ts';
import { DEFECTS } from './catalogue.ts';
import { runClean, tryDefects, type Trial, type TrialRequest } from './trials.ts';

const artifacts = { name: 'the ordinary artifacts' } as unknown as Workbench['artifacts'];
const bench = { artifacts } as Workbench;
const request = (directory: string, signal = new AbortController().signal): TrialRequest => ({
  bench,
  planned: new Map(),
  directory,
  jobs: 2,
  timeoutMs: 1000,
  signal,
});
const noLongMode = DEFECTS.filter(({ name }) => name === 'no-long-mode');

t.test('a defect of the machine changes that of the machine and nothing else', async (t) => {
  const planned = { base: 1, spec: { memoryMib: 2560, machine: 'q35' } } as unknown as ReadyInstance;
  const [defect] = noLongMode;
  if (!defect) throw new Error('no such defect');
  const broken = await applyDefect(defect, planned, bench);
  t.equal(broken.artifacts, artifacts);
  t.same(broken.planned, { base: 1, spec: { memoryMib: 2560, machine: 'q35', cpuFeatures: ['lm=off'] } });
  t.same(planned.spec, { memoryMib: 2560, machine: 'q35' }, 'the ordinary one stays so');
});

t.test('an instance that cannot be booted here proves nothing, and is told', async (t) => {
  const told: Trial[] = [];
  const [trial] = await tryDefects(noLongMode, request(t.testdir()), (each) => told.push(each));
  t.match(trial, { fate: 'broken', why: /cannot be booted here, so no-long-mode cannot be tried on it/ });
  t.strictSame(told, [trial]);
});

t.test('an interrupt ends it before the next machine', async (t) => {
  const signal = AbortSignal.abort(new Error('interrupted'));
  await t.rejects(
    tryDefects(noLongMode, request(t.testdir(), signal), () => t.fail('no trial ends')),
    {
      message: 'interrupted',
    },
  );
});

t.test('without instances there is no control', async (t) => {
  t.strictSame(await runClean(100, request(t.testdir()), () => t.fail('nothing is run')), []);
});
