import t from 'tap';
import { LATE_AFTER_MS, MAX_PASSES, Schedule } from './schedule.ts';
import {
  brokenRules,
  endMsOf,
  play,
  startsOf,
  type Occurrence,
  type VirtualTask,
} from './testdata/virtual-run.ts';

const MANY = { jobs: 2, memoryMib: Number.POSITIVE_INFINITY };
/** Longer than any test's other tasks together; shorter would be late by less. */
const HANG_MS = 10_000_000;

const task = (name: string, lastsMs: number, more: Partial<VirtualTask> = {}): VirtualTask => ({
  ...{ name, lastsMs, typicalMs: lastsMs, assumedMs: 1000, memoryMib: 100 },
  ...more,
});
const tasks = (count: number, lastsMs: number, more: Partial<VirtualTask> = {}) =>
  Array.from({ length: count }, (_, i) => task(`task-${i}`, lastsMs, more));
const hanging = (name: string) => task(name, HANG_MS, { typicalMs: 100_000 });

/** Numerical Recipes' linear congruential generator: the same tasks each time. */
function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomTasks(seed: number): VirtualTask[] {
  const roll = dice(seed);
  return Array.from({ length: 3 + roll(40) }, (_, i) => {
    const lastsMs = 10 + roll(3000);
    const group = ['bios', 'efi', undefined][roll(3)];
    return {
      ...{ name: `task-${i}`, lastsMs, assumedMs: 1000, memoryMib: 64 * (1 + roll(20)) },
      ...(roll(2) === 0 ? { typicalMs: lastsMs } : {}),
      ...(group === undefined ? {} : { group }),
    };
  });
}

t.test('whatever is run: never more than the slots and the memory, each once, groups first', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const all = randomTasks(seed);
    const limits = { jobs: 1 + (seed % 4), memoryMib: 500 + 100 * (seed % 15) };
    const { trace } = await play(all, { limits, prepareFails: seed % 2 === 0 });
    t.strictSame(brokenRules(all, trace, limits), [], `seed ${seed}`);
    t.strictSame((await play(all, { limits, prepareFails: seed % 2 === 0 })).trace, trace, 'and again');
  }
});

t.test('some hang: as many again may run, and each is still run once', async (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const roll = dice(seed);
    const all = randomTasks(seed).map((each) => (roll(6) === 0 ? { ...each, lastsMs: 70_000 } : each));
    const limits = { jobs: 1 + (seed % 3), memoryMib: 4000 };
    const { trace } = await play(all, { limits });
    t.strictSame(brokenRules(all, trace, limits, LATE_AFTER_MS), [], `seed ${seed}`);
  }
});

t.test('a schedule that does not know a rule is found out by it', async (t) => {
  const all = randomTasks(7);
  const limits = { jobs: 2, memoryMib: 1500 };
  const rulesBroken = async (played: VirtualTask[], with_ = limits) =>
    brokenRules(all, (await play(played, { limits: with_ })).trace, limits);
  t.strictSame(await rulesBroken(all), []);
  t.strictSame(await rulesBroken(all, { ...limits, jobs: 5 }), ['more than the slots']);
  t.strictSame(await rulesBroken(all, { jobs: 9, memoryMib: 9000 }), [
    'more than the memory',
    'more than the slots',
    'more than the slots and overtime',
  ]);
  t.strictSame(await rulesBroken(all, { ...limits, memoryMib: 9000 }), ['more than the memory']);
  const ungrouped = all.map(({ group: _, ...rest }) => rest);
  t.strictSame(await rulesBroken(ungrouped), ['a task before its preparation']);
  t.strictSame(await rulesBroken(all.slice(1)), ['a task not run exactly once']);
  t.strictSame(await rulesBroken([...all, ...all.slice(0, 1)]), ['a task not run exactly once']);
  const { trace } = await play(all, { limits });
  const twice = [...trace, ...trace.filter(({ kind }) => kind === 'prepare')];
  t.strictSame(brokenRules(all, twice, limits), ['a group prepared twice']);
});

t.test('the longest first; what nobody knows counts as long; alike ones in the plan’s order', async (t) => {
  const { typicalMs: _, ...unknown } = task('unknown', 10);
  const all = [task('short', 10), task('a', 300), task('b', 300), task('long', 2000), unknown];
  const { trace } = await play(all, { limits: { ...MANY, jobs: 1 } });
  t.strictSame(startsOf(trace), ['long', 'unknown', 'a', 'b', 'short']);
});

t.test('a hang in each slot delays the others by its lateness, not by its end', async (t) => {
  const all = [hanging('hang-1'), hanging('hang-2'), ...tasks(20, 300)];
  const lastEnd = (trace: readonly Occurrence[]) =>
    Math.max(...all.slice(2).map(({ name }) => endMsOf(trace, name)));
  // Known to take 100 s; five times that is late.
  t.equal(lastEnd((await play(all, { limits: MANY })).trace), 500_000 + 3000);
  const fresh = all.map(({ typicalMs: _, ...rest }) => rest);
  t.equal(
    lastEnd((await play(fresh, { limits: MANY })).trace),
    LATE_AFTER_MS + 3000,
    'as none ended yet, five times what was assumed, at least 10 s',
  );
  const withoutOvertime = all.map((each) => ({ ...each, typicalMs: HANG_MS }));
  t.ok(lastEnd((await play(withoutOvertime, { limits: MANY })).trace) > HANG_MS, 'and without it, they wait');
});

t.test('what is usual in this run is the measure for what nobody knows', async (t) => {
  const { typicalMs: _, ...hang } = { ...task('hang', HANG_MS), assumedMs: 1 };
  const slow = [...tasks(5, 4000, { memoryMib: 1 }), hang, ...[1, 2].map((i) => task(`after-${i}`, 0.5))];
  const { trace } = await play(slow, { limits: { ...MANY, jobs: 1 } });
  t.equal(endMsOf(trace, 'after-1'), 20_000 + 5 * 4000 + 0.5);
});

t.test('at most as many hangs as slots are in overtime', async (t) => {
  const all = [...[1, 2, 3, 4].map((i) => hanging(`hang-${i}`)), ...tasks(3, 10)];
  const { trace } = await play(all, { limits: MANY });
  t.ok(endMsOf(trace, 'task-0') > HANG_MS, 'two in overtime and two in the slots: nobody else');
  t.strictSame(brokenRules(all, trace, MANY, 500_000), []);
});

t.test('the group with the most work behind it is prepared first; others run meanwhile', async (t) => {
  const all = [
    task('alone', 900),
    ...[1, 2].map((i) => task(`few-${i}`, 200, { group: 'few' })),
    ...[1, 2, 3, 4, 5, 6].map((i) => task(`many-${i}`, 200, { group: 'many' })),
  ];
  const { trace } = await play(all, { limits: MANY, prepareMs: 500 });
  t.strictSame(startsOf(trace).slice(0, 4), ['many', 'alone', 'few', 'many-1']);
  t.strictSame(brokenRules(all, trace, MANY), []);
});

t.test('those that wait for a preparation occupy no slot', async (t) => {
  const all = [
    ...tasks(3, 1000).map((each) => ({ ...each, group: 'slow to freeze' })),
    ...[1, 2, 3].map((i) => task(`free-${i}`, 50)),
  ];
  const { trace } = await play(all, { limits: MANY, prepareMs: 5000 });
  t.ok(endMsOf(trace, 'free-3') < 5000);
});

t.test('a preparation that hangs gives its slot back, too', async (t) => {
  const all = [task('grouped', 10_000, { group: 'frozen' }), task('free', 10)];
  const { trace } = await play(all, { limits: { ...MANY, jobs: 1 }, prepareMs: HANG_MS });
  t.equal(endMsOf(trace, 'free'), 25_010);
  t.ok(endMsOf(trace, 'grouped') > HANG_MS);
});

t.test('a small one may pass by a big one that does not fit, but not for ever', async (t) => {
  const small = Array.from({ length: 40 }, (_, i) => task(`small-${i}`, 100 + 7 * i, { memoryMib: 400 }));
  const all = [task('first', 9000, { memoryMib: 400 }), task('big', 8000, { memoryMib: 900 }), ...small];
  const limits = { jobs: 2, memoryMib: 1000 };
  const { trace } = await play(all, { limits });
  const before = startsOf(trace).slice(0, startsOf(trace).indexOf('big'));
  t.equal(before[1], 'small-39', 'it passed');
  t.equal(before.length, 1 + MAX_PASSES);
  t.strictSame(brokenRules(all, trace, limits), []);
});

t.test('a hang holds its memory, but does not make the small ones wait for the big one', async (t) => {
  const hang = { ...hanging('hang'), typicalMs: 5000, memoryMib: 400 };
  const small = Array.from({ length: 3 * MAX_PASSES }, (_, i) => task(`small-${i}`, 10, { memoryMib: 400 }));
  const all = [hang, task('big', 4000, { memoryMib: 900 }), ...small];
  const { trace } = await play(all, { limits: { jobs: 2, memoryMib: 1000 } });
  t.ok(Math.max(...small.map(({ name }) => endMsOf(trace, name))) < 60_000);
  t.ok(endMsOf(trace, 'big') > HANG_MS, 'it does after the hang');
});

t.test('what needs more than there is runs alone', async (t) => {
  const all = [task('huge', 100, { memoryMib: 5000 }), ...tasks(4, 50)];
  const limits = { jobs: 3, memoryMib: 250 };
  const { trace } = await play(all, { limits });
  t.strictSame(brokenRules(all, trace, limits), []);
});

t.test('nothing starts after an abort, and all that runs is awaited', async (t) => {
  const controller = new AbortController();
  const tell = ({ what, name }: Occurrence) => {
    if (what === 'end' && name === 'task-1') controller.abort();
  };
  const { trace, error } = await play(tasks(10, 100), { limits: MANY, controller, tell });
  t.strictSame(startsOf(trace), ['task-0', 'task-1', 'task-2']);
  t.equal(trace.length, 6);
  t.equal(error, undefined);
  controller.abort();
  t.strictSame((await play(tasks(2, 1), { limits: MANY, controller })).trace, []);
});

t.test('a task that is rejected ends all, with its error', async (t) => {
  const tell = ({ what, name }: Occurrence) => {
    if (what === 'end' && name === 'task-0') throw new Error('the disk is full');
  };
  const { trace, error } = await play(tasks(10, 100), { limits: MANY, tell });
  t.match(error, { message: 'the disk is full' });
  t.strictSame(startsOf(trace), ['task-0', 'task-1']);
  t.equal(trace.length, 4, 'the other one was awaited');
});

t.test('nothing to do; an end of what does not run', async (t) => {
  t.strictSame((await play([], { limits: MANY })).trace, []);
  t.throws(() => new Schedule([], MANY).end({ kind: 'prepare', group: 'x' }, 0), /"x".* does not run/);
});
