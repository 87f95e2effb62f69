import t from 'tap';
import type { InstanceResult } from './contract.ts';
import {
  CONSOLE_MAY_DIFFER,
  consoleDifferences,
  differences,
  layoutDifferences,
  MAY_DIFFER,
} from './same-verdict.ts';

/** With every field there is: the compiler asks for those that are added later. */
const COLD: Required<InstanceResult> = {
  name: 'xen-early-boot~efi~base-any',
  scenario: 'xen-early-boot',
  firmware: 'efi',
  base: '0x03e00000',
  expected: 'boots',
  verdict: 'crash',
  reason: 'a triple fault',
  note: 'known',
  durationMs: 5000,
  partsMs: { firmware: 4000, subject: 1000 },
  loadBaseAddress: '0x03e00000',
  accelerator: 'tcg',
  start: 'cold',
  checkpoints: [
    { name: 'entry', ok: true, detail: 'all as it should be' },
    { name: 'base computed', ok: false, detail: '%esi is 0' },
  ],
  notPossible: ['no symbols'],
  evidence: { serial: 'x/serial.log', layout: 'x/layout.json' },
  repeat: 'npx loadbase run x --cold',
  death: {
    kind: 'triple-fault',
    text: 'a triple fault at 0',
    lastLandmark: 'loaded',
    mode: null,
    pc: '0x0',
    place: null,
    registers: { eax: '0' },
  },
  excerpt: ['loadbase: loaded'],
};
const FORK: InstanceResult = {
  ...COLD,
  start: 'fork',
  durationMs: 300,
  partsMs: { restore: 100, subject: 200 },
  repeat: 'npx loadbase run x',
};

type Path = readonly string[];

/** Every value in it that has no further values. */
function leaves(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, each]) => leaves(each, [...path, name]));
}

function changed<Value>(
  value: Value,
  path: Path,
  change: (of: Record<string, unknown>, name: string) => void,
) {
  const copy = structuredClone(value);
  const last = path.at(-1) ?? '';
  const of = path
    .slice(0, -1)
    .reduce((node, name) => node[name] as Record<string, unknown>, copy as Record<string, unknown>);
  change(of, last);
  return copy;
}

t.test('the same result, but for what may differ', async (t) => {
  t.strictSame(differences(COLD, FORK), []);
  t.strictSame(differences(FORK, COLD), []);
});

t.test('every field is compared, down to the last: another value, none, one more', async (t) => {
  const paths = leaves(FORK).filter(([field = '']) => !Object.hasOwn(MAY_DIFFER, field));
  t.equal(new Set(paths.map(([field]) => field)).size, Object.keys(FORK).length - 3, 'all but three fields');
  for (const path of paths) {
    const where = path.join('.');
    const other = changed(
      FORK,
      path,
      (of, name) => (of[name] = typeof of[name] === 'boolean' ? !of[name] : 'other'),
    );
    t.match(differences(COLD, other), [`${where}: cold `], `${where} is other`);
    if (path.length === 1) continue;
    const less = changed(FORK, path, (of, name) => delete of[name]);
    t.match(
      differences(COLD, less),
      [new RegExp(`^${where}: cold .+, as a fork nothing$`)],
      `${where} is not there`,
    );
    const more = changed(FORK, path, (of) => (of['100'] = 'more'));
    t.match(differences(COLD, more), [/\.100: cold nothing, as a fork "more"$/], `${where} has a neighbour`);
  }
});

t.test('a field that a result is without is no other than one that says something', async (t) => {
  for (const field of ['note', 'death', 'excerpt', 'verdict'] as const) {
    const { [field]: _, ...rest } = FORK;
    t.match(differences(COLD, rest as InstanceResult), [`${field}: cold `]);
    t.match(differences({ ...rest, repeat: COLD.repeat } as InstanceResult, FORK), [
      `${field}: cold nothing, as a fork `,
    ]);
  }
});

t.test('a field nobody knew of is compared, too', async (t) => {
  const more = { ...FORK, colour: 'red' } as InstanceResult;
  t.strictSame(differences(COLD, more), ['colour: cold nothing, as a fork "red"']);
});

t.test('what may differ does, and nothing else of its kind', async (t) => {
  t.strictSame(Object.keys(MAY_DIFFER), ['durationMs', 'partsMs', 'start'], 'a longer list needs a thought');
  t.strictSame(differences({ ...COLD, durationMs: 1 }, { ...FORK, durationMs: 2 }), []);
  const shown = (mark: string) => ({ excerpt: ['', `loadbase: choice ${mark} x`] });
  t.strictSame(differences({ ...COLD, ...shown('00a1b2') }, { ...FORK, ...shown('ffeedd') }), []);
  t.match(differences({ ...COLD, ...shown('00a1b2') }, { ...FORK, ...shown('ffeedd y') }), ['excerpt.1: ']);
  t.match(differences(COLD, { ...FORK, repeat: 'npx loadbase run x --colder' }), ['repeat: ']);
  t.match(differences(COLD, { ...FORK, repeat: 'npx loadbase run y' }), ['repeat: ']);
});

t.test('witnesses in another order are another boot', async (t) => {
  t.ok(differences(COLD, { ...FORK, checkpoints: COLD.checkpoints.toReversed() }).length > 0);
});

t.test('many differences are counted', async (t) => {
  const many = Array.from({ length: 20 }, (_, n) => String(n));
  const found = differences({ ...COLD, excerpt: many }, { ...FORK, excerpt: many.map((n) => `${n}!`) });
  t.equal(found.length, 9);
  t.equal(found.at(-1), 'and 12 more');
});

t.test('layouts: each number and each owner', async (t) => {
  const layout = {
    maps: {
      entry: {
        regions: [{ start: 0, end: 4096, use: 'free', label: 'conv-mem' }],
        parts: [{ start: 0, end: 16, owner: 'Xen', name: 'image' }],
      },
    },
    watched: [{ start: 16, end: 4096 }],
    damages: [],
  };
  t.strictSame(layoutDifferences(layout, structuredClone(layout)), []);
  for (const path of leaves(layout).filter(({ length }) => length > 1)) {
    const other = changed(layout, path, (of, name) => (of[name] = -1));
    t.match(layoutDifferences(layout, other), [`layout.${path.join('.')}: cold `]);
  }
  const damaged = { ...layout, damages: [{ start: 1, end: 2, before: '00', after: 'ff' }] };
  t.match(layoutDifferences(layout, damaged), ['layout.damages.0: cold nothing, as a fork {"start":1']);
  t.match(layoutDifferences(undefined, layout), ['layout: cold nothing, as a fork {']);
  t.match(layoutDifferences({ list: [] }, { list: {} }), ['layout.list: cold [], as a fork {}']);
});

t.test('consoles: each line but marks and clocks', async (t) => {
  const lines = (mark: string, clock: string) => [
    'loadbase: ready',
    `loadbase: choice ${mark} x~efi~base-any`,
    'loadbase: loaded',
    `(XEN) Detected ${clock} MHz processor.`,
    '(XEN) Xen image load base address: 0x3c00000',
    '(XEN) ****************************************',
    '(XEN) Panic on CPU 0:',
    '(XEN) dom0 kernel not specified. Check bootloader configuration',
    '',
  ];
  const cold = lines('00a1b2', '2596.121');
  const fork = lines('ffeedd', '2596.122');
  const differ = (fork: readonly string[]) => consoleDifferences(cold.join('\n'), fork.join('\n'));
  t.strictSame(differ(fork), []);
  for (const [n, line] of fork.entries()) {
    if (line === '') continue;
    t.match(differ(fork.with(n, `${line}.`)), [`console.${n}: cold `], line);
    t.match(differ(fork.toSpliced(n, 1)), [`console.${n}: cold `], `without ${line}`);
    if (!line.includes('dom0')) t.match(differ(fork.toSpliced(n, 0, line)), ['console.'], `${line} twice`);
  }
  t.match(
    differ(fork.slice(0, -2)),
    [/^console\.7: .+ as a fork nothing$/, /^console\.8: /],
    'the end is missing',
  );
  t.match(differ(fork.with(1, 'loadbase: choice ffeed x~efi~base-any')), ['console.1: '], 'no mark of ours');
  t.strictSame(
    differ([...fork.slice(0, -1), '(XEN) ******']),
    [],
    'what was still heard after the last word',
  );
  t.match(differ([...fork.slice(0, -2), '(XEN) another panic', '']), ['console.7: ']);
  t.equal(CONSOLE_MAY_DIFFER.length, 3, 'a longer list needs a thought');
});
