/** CLAIM: findings of stores that only stored data go; what was learnt at one base is known at others. */
import t from 'tap';
import type { Finding } from './finding.ts';
import { KnownOrigins, PointerStores } from './pointer-stores.ts';
import type { Territory } from './territory.ts';

const territory = (loadBase: number): Territory => ({
  linkTime: { start: 0x20_0000, end: 0x20_3000 },
  loaded: { start: loadBase, end: loadBase + 0x3000 },
  owned: () => undefined,
});

const finding = (linear: bigint, change: Partial<Finding> = {}): Finding => ({
  ...{ rule: 'link-time-pointer', deed: 'store of a pointer', touched: 0x20_1234n, sizeBytes: 4, times: 3 },
  instruction: { linear, bitness: 32, bytes: Uint8Array.of(0x50) },
  ...change,
});

t.test('findings', (t) => {
  const stores = new PointerStores();
  stores.add(0x80_0000n, 0x20_1234, 4, 'data');
  stores.add(0x80_0004n, 0x20_1234, 4, 'data');
  stores.add(0x80_0004n, 0x20_1000, 8, 'data');
  stores.add(0x80_0004n, 0x20_1000, 8, 'address');
  stores.add(0x80_0004n, 0x20_1000, 8, 'data');
  const other = finding(0x80_0000n, { rule: 'foreign-write', deed: 'write' });
  const findings = [finding(0x80_0000n), finding(0x80_0004n), other];
  const left = stores.withoutData(findings, territory(0x80_0000));
  t.equal(left.length, 2);
  t.match(left[0], { touched: 0x20_1000n, expected: 0x80_1000n, sizeBytes: 8, times: 3 });
  t.equal(left[1], other);
  t.same(
    stores.all.map(({ origin, times }) => [origin, times]),
    [
      ['data', 1],
      ['data', 1],
      ['address', 3],
    ],
  );
  t.end();
});

t.test('a finding that the second run did not meet stays', (t) => {
  const findings = [finding(0x80_0000n)];
  t.same(new PointerStores().withoutData(findings, territory(0x80_0000)), findings);
  t.end();
});

t.test('known at another base', (t) => {
  const stores = new PointerStores();
  stores.add(0x80_0010n, 0x20_1234, 4, 'data');
  stores.add(0x7_0000n, 0x20_1000, 4, 'address');
  const known = new KnownOrigins();
  known.learn(stores, territory(0x80_0000));
  const there = territory(0x4000_0000);
  t.equal(known.of(0x4000_0010n, 0x20_1234, there), 'data', 'in the image it moves with it');
  t.equal(known.of(0x7_0000n, 0x20_1000, there), 'address', 'elsewhere it stays');
  t.equal(known.of(0x4000_0010n, 0x20_1235, there), undefined);
  t.equal(known.of(0x80_0010n, 0x20_1234, there), undefined);
  const again = new PointerStores();
  again.add(0x7_0000n, 0x20_1000, 4, 'data');
  known.learn(again, there);
  t.equal(known.of(0x7_0000n, 0x20_1000, there), 'address', 'once an address, always one');
  t.end();
});
