/** CLAIM: what comes after an abort is not taken for what would have come without it. */
import t from 'tap';
import { untilAborted } from './until-aborted.ts';

async function* parts(): AsyncGenerator<string, void> {
  yield 'first';
  yield 'died';
}

async function taken(
  signal: AbortSignal | undefined,
  onPart: () => void = () => undefined,
): Promise<string[]> {
  const all: string[] = [];
  for await (const part of untilAborted(parts(), signal)) {
    all.push(part);
    onPart();
  }
  return all;
}

t.test('without an abort all parts come', async (t) => {
  t.same(await taken(undefined), ['first', 'died']);
  t.same(await taken(new AbortController().signal), ['first', 'died']);
});

t.test('after one the next part is not given', async (t) => {
  const controller = new AbortController();
  let seen = 0;
  await t.rejects(
    taken(controller.signal, () => {
      seen++;
      controller.abort(new Error('Ctrl-C'));
    }),
    { message: 'Ctrl-C' },
  );
  t.equal(seen, 1);
});
