// A harness that dies and leaves its socket folder behind.
import { createSocketFolder } from '../socket-folder.ts';

const folder = await createSocketFolder(process.argv[2]);
process.stdout.write(folder.path, () => process.kill(process.pid, 'SIGKILL'));
