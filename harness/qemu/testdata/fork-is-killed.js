#!/usr/bin/env node
// Can be frozen; a fork is killed as soon as it runs.
import { isFork, live, migration, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

speakQmp({ ...migration(), cont: isFork ? () => process.kill(process.pid, 'SIGKILL') : refusal });
live();
