/** The worker of `loadbase check --mutants`. */
import type { CheckedImageData } from '../checker.ts';
import { type MutantJob, mutantJobs, type MutantResult } from './mutant-job.ts';
import { serveJobs } from './serve-jobs.ts';

serveJobs<CheckedImageData, MutantJob, MutantResult>((data) => Promise.resolve(mutantJobs(data)));
