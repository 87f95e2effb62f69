#!/usr/bin/env node
// Can be frozen; a fork closes its monitor, says why it cannot load and is gone.
import { live, migration, qmp, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

speakQmp({
  ...migration(),
  cont: refusal,
  'migrate-incoming': () => {
    qmp.end();
    process.stderr.write(
      "qemu-system-x86_64: Unknown savevm section or instance 'PIIX3' 0\nload of migration failed\n",
    );
    setTimeout(() => process.exit(1), 100);
  },
});
live();
