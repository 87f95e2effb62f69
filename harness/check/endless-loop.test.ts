import t from 'tap';
import { smallBoot } from './testdata/small-offline.ts';

const LOADED = 0x80_0000;

function loopOf(code: string, bound = 1000) {
  const { ending } = smallBoot({ code }).run({ loadBase: LOADED, bound });
  if (ending.kind !== 'endless') throw new Error(`it ended: ${ending.kind}`);
  return ending.loop.map(({ linear, times }) => [Number(linear) - LOADED, times]);
}

void t.test('each place of a loop, in the order of addresses, with how often', (t) => {
  // nop; 1: nop; nop; jmp 1b: the bound falls on its first instruction
  t.same(loopOf('90 90 90 ebfc', 1), [
    [1, 10923],
    [2, 10923],
    [3, 10922],
  ]);
  t.end();
});

void t.test('of a long loop those places that are met most', (t) => {
  const loop = loopOf(`${'90'.repeat(30)} ebe0`);
  t.equal(loop.length, 16);
  t.same(
    loop.map(([at]) => at),
    loop.map(([at]) => at).sort((a, b) => a! - b!),
  );
  t.equal(loop[0]?.[0], 0, 'its lowest among them');
  t.end();
});

void t.test('what ends after all is told as far as it went', (t) => {
  // mov $1000,%ecx; 1: loop 1b; hlt
  t.same(loopOf('b9 e8030000 e2fe f4', 500), [
    [5, 501],
    [7, 1],
  ]);
  t.end();
});
