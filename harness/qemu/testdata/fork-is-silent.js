#!/usr/bin/env node
// Can be frozen; a fork greets, and answers nothing that its loading needs.
import { isFork, live, migration, speakQmp } from './fake-qemu.js';
import { refusal } from './refusal.js';

speakQmp({ ...migration(), cont: refusal, ...(isFork ? { 'migrate-set-capabilities': null } : {}) });
live();
