/** CLAIM: the screen and the JSON say how many forgotten bases were noticed, and name each that was not. */
import t from 'tap';
import { type Killed, scoreJudgements } from '../check/mutation-score.ts';
import type { Mutant } from '../check/mutants.ts';
import { Pipe, Screen } from '../report/testdata/screen.ts';
import { Page } from './check-page.ts';
import type { CheckedMutants } from './checked.ts';
import { mutantsJson } from './mutant-json.ts';
import { mutantProgress } from './mutant-progress.ts';
import { mutantLines } from './mutant-report.ts';

const mutant = (linkTime: number): Mutant => ({
  ...{ kind: 'operand', linkTime, bitness: 32, count: 1, symbol: 'setup+0x4', copiedTo: [] },
  ...{ original: 'lea 0x46ae10(%esi),%ecx', mutated: 'lea 0x46ae10,%ecx' },
  edit: { bytes: Uint8Array.of(0x8d, 0x0d) },
});
const killed: Killed = { by: 'link-time-read', loadBase: 0x3e00000, visibility: 'silent' };
const place = { kind: 'computed', linkTime: 0x3fc328, original: 'add $1,%eax' } as const;

function mutants(survives: boolean, because?: string): CheckedMutants {
  const score = scoreJudgements({
    entry: 'bios',
    judgements: Array.from({ length: 200 }, (_, n) => ({
      mutant: mutant(n),
      killed: survives && n === 7 ? undefined : killed,
    })),
    explanations: because === undefined ? [] : [{ symbol: 'setup', because }],
    dead: [{ ...place, reason: 'nothing reads it' }],
    unmade: [
      { ...place, reason: 'no room' },
      { ...place, reason: 'no room' },
    ],
  });
  return { scores: [score], refused: [], durationMs: 12_345 };
}

function text(what: CheckedMutants): string {
  const page = new Page(new Pipe());
  mutantLines(page, what);
  t.ok(
    page.lines.every((line) => line.length <= 100),
    'no wide lines',
  );
  return page.lines.join('\n');
}

t.test('all noticed', (t) => {
  const shown = text(mutants(false));
  t.match(shown, /^bios {2}200 of 200 noticed, 100\.0 %; 200 of them would boot as if nothing were wrong$/m);
  t.match(shown, /^ {6}by kind: operand 200\/200$/m);
  t.match(shown, /^ {6}not counted: 1 place that compute/m);
  t.match(shown, /^ {6}no mutant could be made of 2 more places/m);
  t.match(shown, /^✓ 200 of 200 noticed, 100\.0 %/m);
  t.end();
});

t.test('a survivor', (t) => {
  const explained = text(mutants(true, 'the loop has one entry'));
  t.match(explained, /not noticed: lea 0x46ae10\(%esi\),%ecx at setup\+0x4 as lea/);
  t.match(explained, /equivalent:\s+the\s+loop\s+has\s+one\s+entry/);
  t.match(explained, /^✓ 199 of 200 noticed, 99\.5 %/m);
  const unexplained = text(mutants(true));
  t.match(unexplained, /unexplained/);
  t.match(unexplained, /^✗ 199 of 200 noticed, 99\.5 %; 1 unexplained/m);
  t.end();
});

t.test('refused', (t) => {
  const reason = 'the image itself does not hold at 0x3e00000; mend that first';
  const shown = text({ scores: [], refused: [{ entry: 'efi', reason }], durationMs: 1 });
  t.match(shown, /^efi {3}✗ the image itself does not hold/m);
  t.match(shown, /^✗ 0 of 0 noticed/m);
  t.end();
});

t.test('JSON', (t) => {
  t.match(JSON.parse(JSON.stringify(mutantsJson(mutants(true)))), {
    ...{ durationMs: 12_345, leastScore: 0.99, refused: [] },
    entries: [
      {
        ...{ entry: 'bios', total: 200, killed: 199, score: 0.995, silent: 199 },
        survivors: [{ linkTime: '0x00000007', bytes: '8d0d', because: null }],
        dead: [{ linkTime: '0x003fc328', reason: 'nothing reads it' }],
        unmade: [{}, {}],
      },
    ],
  });
  t.end();
});

t.test('a live line on a terminal', async (t) => {
  const screen = new Screen(80, 24);
  const until = async (text: RegExp) => {
    while (!text.test(screen.text)) await new Promise((resolve) => setTimeout(resolve, 1));
  };
  const progress = mutantProgress(screen, { now: () => 0, redrawMs: 1 });
  await until(/^mutants: looking for what uses the base · 0 s$/);
  progress.made(280);
  progress.judged({ mutant: mutant(1), killed });
  progress.judged({ mutant: mutant(2), killed: undefined });
  await until(/^mutants: 2 of 280 judged · 1 not noticed · 0 s$/);
  progress.close();
  t.equal(screen.text, '');
  const pipe = new Pipe();
  mutantProgress(pipe).close();
  t.equal(pipe.text, '');
});
