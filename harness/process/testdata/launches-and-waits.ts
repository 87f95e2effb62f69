// A harness that is killed: launches `sleep`, says its number, takes a lock where asked to, and waits.
import { acquireLock } from '../lock.ts';
import { launchGroup } from '../process-group.ts';

const [stderrPath, lockPath] = process.argv.slice(2);
const group = await launchGroup('sleep', ['600'], { stderrPath: stderrPath! });
if (lockPath !== undefined) await acquireLock(lockPath);
console.log(`launched ${group.pid}`);
setInterval(() => {}, 1000);
