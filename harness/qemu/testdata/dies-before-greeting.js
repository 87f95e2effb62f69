#!/usr/bin/env node
// Connects, as QEMU does before it opens its accelerator and drives, and then cannot go on.
import { qmp } from './fake-qemu.js';

qmp.once('connect', () => {
  process.stderr.write('qemu: failed to initialize kvm: Permission denied\n');
  process.exit(1);
});
