/** What the harness says of the specimen is what the specimen says of itself. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import * as places from './places.ts';

const source = readFileSync(new URL('../../specimens/sequences/places.h', import.meta.url), 'utf8');
const defined = new Map(
  [...source.matchAll(/^#define (\w+) (\w+)$/gm)].map(([, name, value]) => [name!, Number(value)]),
);

t.test('places.h and places.ts', (t) => {
  const { PLACES } = places;
  const pairs: readonly (readonly [string, number])[] = [
    ...Object.entries(PLACES).map(([name, offset]) => [name.toUpperCase(), offset] as const),
    ['REGION_BYTES', places.REGION_BYTES[32]],
    ['REGION_BYTES', places.REGION_BYTES[64]],
    ['LOW_PLACES', places.REGION_BYTES[16]],
    ['LOW_PLACES', places.LOW_PLACES],
    ['SCRATCH_BYTES', places.SCRATCH_BYTES],
    ['SCRATCH_MIDDLE', places.SCRATCH_MIDDLE],
    ['LOW_SCRATCH_SEGMENT', places.LOW_SCRATCH_SEGMENT],
    ['LOW_STACK_TOP', places.LOW_STACK_TOP],
  ];
  for (const [name, value] of pairs) t.equal(defined.get(name), value, name);
  t.end();
});
