#!/usr/bin/env node
// Takes every command, does nothing, and does not go when asked to.
import { live, migration, speakQmp } from './fake-qemu.js';

process.on('SIGTERM', () => {});
speakQmp(migration());
live();
