/** CLAIM: an unknown kernel is looked at where it is entered; then its expected line, or time alive, ends its boot. */
import t from 'tap';
import { kernelDriver } from './kernel-driver.ts';
import { factsOf, guestAtEntry, INFORMATION, LOAD_BASE, REPORT } from './testdata/kernel-at-entry.ts';

t.test('with an expected line that is its one end', async (t) => {
  const driver = kernelDriver(factsOf(), /^Welcome/);
  t.match(driver.landmarks, [{ name: 'a line like ^Welcome', phase: 'subject', pattern: /^Welcome/ }]);
  t.strictSame(driver.ends, { 'a line like ^Welcome': 'expected' });
  t.equal(driver.settled, undefined, 'being alive is not enough');
  t.strictSame(driver.own.observe(['hello', 'Welcome home', 'Welcome again'], REPORT), [
    { ok: true, text: 'it said “Welcome home”' },
  ]);
});

t.test('without one it has booted when it lives for some time after its entry', async (t) => {
  const driver = kernelDriver(factsOf(), undefined);
  t.strictSame([driver.landmarks, driver.ends], [[], {}]);
  let settled: string | undefined;
  void driver.settled?.then((text) => (settled = text));
  const soon = () => new Promise((resolve) => setImmediate(resolve));
  await soon();
  t.equal(settled, undefined, 'it was never entered');
  await driver.observe('entry', guestAtEntry(), REPORT);
  await soon();
  t.equal(settled, undefined, 'it has only been entered');
  t.match(driver.own.observe([], REPORT), [{ ok: true, text: 'still running 3 s after its entry' }]);
});

t.test('its entry, wherever it was put', async (t) => {
  const driver = kernelDriver(factsOf(), undefined);
  t.strictSame(driver.stops(REPORT), [{ name: 'entry', address: BigInt(LOAD_BASE) }]);
  t.strictSame(driver.stops({ ...REPORT, loadBase: undefined }), [{ name: 'entry', address: 0x20_0000n }]);
  t.strictSame(driver.notPossible, []);
});

t.test('a good hand-over: entry, rules and layout agree', async (t) => {
  const driver = kernelDriver(factsOf(), undefined);
  const guest = guestAtEntry();
  const wrong = (observations: readonly { readonly ok: boolean }[]) => observations.filter(({ ok }) => !ok);
  t.strictSame(wrong(await driver.observe('entry', guest, REPORT)), []);
  const inspections = driver.inspections?.('entry', guest, REPORT) ?? [];
  t.strictSame(
    inspections.map(({ name }) => name),
    ['rules at entry', 'layout at entry'],
  );
  for (const inspection of inspections) {
    const observations = await inspection.inspect();
    t.ok(observations.length > 0, inspection.name);
    t.strictSame(wrong(observations), [], inspection.name);
  }
  t.notOk(driver.layout.isPending, 'its memory is its own affair');
  t.notOk('endInspections' in driver);
});

t.test('each of them notices what is its own', async (t) => {
  const guest = guestAtEntry();
  guest.write(LOAD_BASE + 0x10, Uint8Array.of(0xcc));
  guest.set.rax = 0x2bad_b002n;
  guest.writeU32(INFORMATION, 16);
  const driver = kernelDriver(factsOf(), undefined);
  const texts = (observations: readonly { readonly ok: boolean; readonly text: string }[]) =>
    observations.filter(({ ok }) => !ok).map(({ text }) => text);
  const entry = texts(await driver.observe('entry', guest, REPORT));
  t.match(entry[0], /magic/);
  t.match(entry[1], /^at 0x00600010 stands cc/);
  t.match(entry[2], /^boot information cannot be read/);
  const [rules, layout] = driver.inspections?.('entry', guest, REPORT) ?? [];
  t.match(texts((await rules?.inspect()) ?? []).join(' '), /entry-magic.*tag-within-total/);
  await t.rejects(async () => void (await layout?.inspect()), { name: 'BootInformationError' });
});
