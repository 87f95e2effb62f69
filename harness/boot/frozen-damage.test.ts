/** What lies in the cache under a frozen machine's name and is none: told once, made anew. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { forge, stock } from './testdata/frozen-stock.ts';

// One bench at a time: it is the process's folder for temporary files that each sets.
t.jobs = 1;

/** Damages that the entry's own sums show. */
const damages: Readonly<Record<string, readonly [RegExp, (entry: string) => void]>> = {
  'a truncated file': [
    /console has 3 bytes, not \d+/,
    (entry) => writeFileSync(join(entry, 'console'), 'loa'),
  ],
  'a directory in place of a file': [
    /devices has \d+ bytes, not 7/,
    (entry) => {
      rmSync(join(entry, 'devices'));
      mkdirSync(join(entry, 'devices'));
    },
  ],
  'garbage of the same size': [
    /extents.json does not have its SHA-256 sum/,
    (entry) => {
      const path = join(entry, 'extents.json');
      writeFileSync(path, '!'.repeat(statSync(path).size));
    },
  ],
  'the manifest of another': [
    /manifest.json is another entry's/,
    (entry) => {
      const path = join(entry, 'manifest.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/"digest": "./, '"digest": "x'));
    },
  ],
  'a file in place of the folder': [
    /something that is no folder has its name/,
    (entry) => {
      rmSync(entry, { recursive: true });
      writeFileSync(entry, '');
    },
  ],
};
for (const [name, [reason, damage]] of Object.entries(damages))
  t.test(`${name}: told once, made anew`, async (t) => {
    const at = stock(t);
    await at.machines.find(at.wanted);
    const [entry = ''] = at.entries();
    damage(entry);
    const later = at.again();
    t.ok(await later.machines.find(later.wanted));
    t.equal(later.boots(), 1);
    const told = later.progress.filter(({ state }) => state === 'notice');
    t.match(told, [
      { task: /^frozen-bios-/, detail: /^the cached result is damaged \(.*\) and has to be built again$/ },
    ]);
    t.match(told[0]?.detail, reason);
    t.equal(told.length, 1);
    const last = at.again();
    t.ok(await last.machines.find(last.wanted));
    t.equal(last.boots(), 0);
  });

const forgeries: readonly (readonly [string, string, RegExp])[] = [
  ['extents.json', '[{', /its extents.json is no JSON/],
  ['extents.json', '{}', /its extents.json is no list/],
  ['extents.json', '["low"]', /names no addresses/],
  ['extents.json', '[{"start":0,"end":1e9}]', /names places that no machine of this memory size has/],
  ['extents.json', '[{"start":0,"end":4096}]', /is of 4096 bytes, where its ram has 0/],
  ['ram', 'more', /is of 0 bytes, where its ram has 4/],
];
t.test('what is of no use although its sums are right is told once and made anew', async (t) => {
  const at = stock(t);
  await at.machines.find(at.wanted);
  const [entry = ''] = at.entries();
  for (const [file, content, reason] of forgeries) {
    forge(entry, file, content);
    const later = at.again();
    t.ok(await later.machines.find(later.wanted), content);
    t.equal(later.boots(), 1);
    t.match(later.notices, [/^the frozen bios-q35-iso-64 is of no use \(.*\); it is made anew$/]);
    t.match(later.notices[0], reason);
    t.equal(later.notices.length, 1);
  }
});
