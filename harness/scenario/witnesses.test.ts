import t from 'tap';
import type { LoaderReport } from '../grub/console.ts';
import type { GuestView } from '../guest/guest-view.ts';
import type { InstanceDriver } from './instance-driver.ts';
import { LayoutOracle } from './layout-oracle.ts';
import { areWordsJudged, sessionDriver } from './witnesses.ts';

const report = {} as LoaderReport;
const guest = {} as GuestView;
const seen = [{ ok: false, text: 'looked at' }];
const driver: InstanceDriver = {
  ...{ layout: new LayoutOracle(), notPossible: [], landmarks: [], ends: { fault: 'panic' } },
  stops: () => [{ name: 'entry', address: 1n }],
  observe: () => Promise.resolve(seen),
  own: { name: 'console', observe: () => seen },
  inspections: () => [],
};

t.test('all of them', async (t) => {
  t.equal(sessionDriver(driver, 'all'), driver);
  t.ok(areWordsJudged('all'));
});

t.test('without the layout the guest is stopped and looked at all the same', async (t) => {
  const fewer = sessionDriver(driver, 'but-layout');
  t.match(fewer, { ends: driver.ends, inspections: undefined });
  t.strictSame(fewer.stops(report), driver.stops(report));
  t.equal(await fewer.observe('entry', guest, report), seen);
  t.ok(areWordsJudged('but-layout'));
});

t.test('the console alone: it is stopped nowhere', async (t) => {
  const fewer = sessionDriver(driver, 'console');
  t.match(fewer, { ends: driver.ends, inspections: undefined });
  t.strictSame(fewer.stops(report), []);
  t.strictSame(await fewer.observe('entry', guest, report), []);
  t.notOk(areWordsJudged('console'));
});
