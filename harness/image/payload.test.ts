import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import t from 'tap';
import { extract } from 'tar-stream';
import { encodeEnvironmentBlock } from './environment-block.ts';
import { choiceVariables, MAX_MODULES, packPayload, type Payload, PayloadError } from './payload.ts';

const survey: Payload = { choice: { choice: 'here', mode: 'survey' } };
const kernel = Buffer.from('kernel bytes');

async function unpack(tar: Buffer): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for await (const entry of Readable.from([tar]).pipe(extract()))
    files[entry.header.name] = await buffer(entry);
  return files;
}

t.test('a survey needs a choice and nothing else', async (t) => {
  const files = await unpack(await packPayload(survey));
  const variables = { choice: 'here', mode: 'survey', protocol: 'multiboot2', arguments: '', modules: '0' };
  t.strictSame(files, { 'choice.env': encodeEnvironmentBlock(variables) });
});

t.test('kernel and modules lie beside the choice, byte for byte', async (t) => {
  const files = await unpack(
    await packPayload({
      choice: { choice: 'x', mode: 'boot', protocol: 'multiboot1', arguments: 'console=com1 loglvl=all' },
      kernel,
      modules: [{ bytes: Buffer.from([1, 2]), arguments: 'root=/dev/x' }, { bytes: new Uint8Array(700) }],
    }),
  );
  t.strictSame(Object.keys(files), ['choice.env', 'kernel', 'module-0', 'module-1']);
  t.strictSame(files['kernel'], kernel);
  t.strictSame(files['module-0'], Buffer.from([1, 2]));
  t.strictSame(files['module-1'], Buffer.alloc(700));
  const block = files['choice.env']?.toString('latin1') ?? '';
  for (const line of [
    'protocol=multiboot1',
    'arguments=console=com1 loglvl=all',
    'modules=2',
    'module_0_arguments=root=/dev/x',
  ])
    t.match(block, `\n${line}\n`);
});

t.test('a payload is at least 1 MiB, so that SeaBIOS gives it a geometry, and whole sectors', async (t) => {
  t.equal((await packPayload(survey)).length, 1024 * 1024);
  const large = await packPayload({
    choice: { choice: 'x', mode: 'boot' },
    kernel: new Uint8Array(3_000_001),
  });
  t.ok(large.length > 3_000_001);
  t.equal(large.length % 512, 0);
});

t.test('equal payloads give equal bytes', async (t) => {
  const digest = async () =>
    createHash('sha256')
      .update(await packPayload({ ...survey, kernel }))
      .digest('hex');
  const first = await digest();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  t.equal(await digest(), first);
});

t.test('grub.cfg asks for exactly the variables a payload sets', async (t) => {
  const text = await readFile(new URL('../../grub-configs/grub.cfg', import.meta.url), 'utf8');
  const listed = /load_env --file \S+((?:\s|\\|\w)+)\nthen/.exec(text)?.[1]?.match(/\w+/g) ?? [];
  const modules = Array.from({ length: MAX_MODULES }, () => ({ bytes: kernel }));
  t.strictSame(listed.sort(), Object.keys(choiceVariables({ ...survey, modules })).sort());
});

t.test('load.cfg hands over as many modules as a payload may hold', async (t) => {
  const text = await readFile(new URL('../../grub-configs/load.cfg', import.meta.url), 'utf8');
  const calls = [...text.matchAll(/^add_module (\d+) \$module_(\d+)_arguments$/gm)].map((m) => [m[1], m[2]]);
  t.strictSame(
    calls,
    Array.from({ length: MAX_MODULES }, (_, n) => [String(n), String(n)]),
  );
});

t.test('what GRUB would alter or leave out is refused', async (t) => {
  const boot = { choice: 'x', mode: 'boot' } as const;
  const refused: [string, Payload, RegExp][] = [
    ['quotes', { choice: { ...boot, arguments: 'a "b c"' }, kernel }, /arguments of the kernel/],
    ['two spaces', { choice: { ...boot, arguments: 'a  b' }, kernel }, /arguments of the kernel/],
    ['a backslash', { choice: { ...boot, arguments: 'a\\b' }, kernel }, /arguments of the kernel/],
    ['a space at the end', { choice: { ...boot, arguments: 'a ' }, kernel }, /arguments of the kernel/],
    ['a newline', { choice: boot, kernel, modules: [{ bytes: kernel, arguments: 'a\nb' }] }, /of module 0/],
    ['no kernel', { choice: boot }, /without a kernel/],
    ['a long choice', { choice: { choice: 'x'.repeat(63), mode: 'survey' } }, /one line/],
    ['an empty choice', { choice: { choice: '', mode: 'survey' } }, /one line/],
    [
      'nine modules',
      { ...survey, modules: Array.from({ length: 9 }, () => ({ bytes: kernel })) },
      /9 modules/,
    ],
    [
      'a module beside kfreebsd',
      { choice: { choice: 'x', mode: 'boot', protocol: 'kfreebsd' }, kernel, modules: [{ bytes: kernel }] },
      /modules with kfreebsd/,
    ],
  ];
  for (const [what, payload, message] of refused)
    await t.rejects(packPayload(payload), { name: 'PayloadError', message }, what);
  t.ok(new PayloadError('x') instanceof Error);
});
