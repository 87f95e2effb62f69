import t from 'tap';
import { jsonList, VectorFileError } from './json-list.ts';

async function elements(text: string, chunkBytes = 4096): Promise<unknown[]> {
  const bytes = Buffer.from(text);
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, i) =>
    bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes),
  );
  const found: unknown[] = [];
  for await (const element of jsonList(chunks, 'a.json')) found.push(element);
  return found;
}

t.test('elements of any kind, cut anywhere', async (t) => {
  const list = [{ a: '[}"\\\\]' }, [1, [2], {}], 'x,]\\', 3, null, true, { é: ['"', '\\"', '],['] }];
  for (const text of [
    JSON.stringify(list),
    JSON.stringify(list, undefined, 2),
    `\ufeff ${JSON.stringify(list)}\n`,
  ])
    for (const size of [1, 2, 3, 7, 4096]) t.same(await elements(text, size), list, `chunks of ${size}`);
  t.same(await elements(' [ \n ] '), []);
});

t.test('what is no list is named', async (t) => {
  for (const [text, message] of [
    ['', 'a.json is empty; expected a JSON list of vectors'],
    ['  ', 'a.json is empty; expected a JSON list of vectors'],
    ['hello', 'a.json is no JSON list of vectors: it begins with "hello"'],
    ['{"a":1}', 'a.json is no JSON list of vectors: it begins with "{\\"a\\":1}"'],
    ['[{"a":1},', 'a.json ends within entry 1: the file was cut short'],
    ['[{"a":"', 'a.json ends within entry 0: the file was cut short'],
    ['[{"a":1}] x', 'a.json goes on behind the end of its list: "x"'],
    ['[1,]', /^a\.json: entry 1 is no JSON: /],
    ['[,1]', /^a\.json: entry 0 is no JSON: /],
    ['[1,{"a":}]', /^a\.json: entry 1 is no JSON: /],
    ['[1 2]', /^a\.json: entry 0 is no JSON: /],
    [`[${'['.repeat(100)}`, 'a.json: entry 0 is nested deeper than 64'],
  ] as const)
    await t.rejects(elements(text), { name: 'VectorFileError', message }, text.slice(0, 20));
});

t.test('bytes that are no UTF-8, and an element without end', async (t) => {
  const bad = jsonList([Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])], 'a.json');
  await t.rejects(bad.next(), { name: 'VectorFileError', message: /entry 0 is no JSON/ });
  function* endless() {
    yield Buffer.from('["');
    for (;;) yield Buffer.alloc(1024 * 1024, 'x');
  }
  await t.rejects(
    jsonList(endless(), 'a.json').next(),
    new VectorFileError('a.json: entry 0 is longer than 16777216 bytes'),
  );
});
