import { join } from 'node:path';
import t from 'tap';
import { hostMemory, memoryBudgetMib, parseMemAvailable } from './memory-budget.ts';

t.test('a share of the available memory, and no more than /dev/shm can bear', async (t) => {
  t.equal(memoryBudgetMib({ availableMib: 8000, sharedRoomMib: 8000 }, 2560), 6400);
  t.equal(memoryBudgetMib({ availableMib: 8000, sharedRoomMib: 3900 }, 2560), 6240);
  t.equal(memoryBudgetMib({ availableMib: 8000, sharedRoomMib: undefined }, 2560), 6400);
  t.equal(
    memoryBudgetMib({ availableMib: 8000, sharedRoomMib: 64 }, 2560),
    6400,
    'a container’s 64 MiB hold no machine, so none is there',
  );
});

t.test('what the kernel says', async (t) => {
  t.equal(parseMemAvailable('MemTotal:  9 kB\nMemFree: 1 kB\nMemAvailable:   2048 kB\n'), 2);
  t.equal(parseMemAvailable('MemTotal:  9 kB\n'), undefined);
  const here = await hostMemory();
  t.ok(here.availableMib > 0);
  const folder = t.testdir({ meminfo: 'MemAvailable: 1024 kB\n' });
  const told = await hostMemory(join(folder, 'meminfo'), join(folder, 'none'));
  t.strictSame(told, { availableMib: 1, sharedRoomMib: undefined });
  t.ok((await hostMemory(join(folder, 'none'), folder)).availableMib > 0, 'guessed');
});
